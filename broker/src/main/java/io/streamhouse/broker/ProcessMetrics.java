package io.streamhouse.broker;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import org.jspecify.annotations.Nullable;

/// The JVM's and the process's own figures, under the names Micrometer gives them everywhere
/// (`jvm_…`, `process_…`, `system_…`). Bound when somebody asks for the first time: the JVM's
/// management classes take longer to load than a start may.
final class ProcessMetrics implements AutoCloseable {

  private final MeterRegistry meters;
  private @Nullable JvmGcMetrics collections;

  ProcessMetrics(MeterRegistry meters) {
    this.meters = meters;
  }

  synchronized void bind() {
    if (collections != null) {
      return;
    }
    collections = new JvmGcMetrics();
    collections.bindTo(meters);
    new JvmMemoryMetrics().bindTo(meters);
    new JvmThreadMetrics().bindTo(meters);
    new ProcessorMetrics().bindTo(meters);
    new UptimeMetrics().bindTo(meters);
    new FileDescriptorMetrics().bindTo(meters);
  }

  @Override
  public synchronized void close() {
    if (collections != null) {
      collections.close();
    }
  }
}
