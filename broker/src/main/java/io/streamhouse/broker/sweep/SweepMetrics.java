package io.streamhouse.broker.sweep;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;

/// What the sweeper does, as metrics.
public final class SweepMetrics {

  private SweepMetrics() {}

  public static void register(MeterRegistry meters, Sweeper sweeper) {
    FunctionCounter.builder("streamhouse.sweep.deleted", sweeper, Sweeper::deleted)
        .description("Objects deleted because nothing referred to them any more.")
        .register(meters);
    FunctionCounter.builder("streamhouse.sweep.failed", sweeper, Sweeper::failed)
        .description("Deletions of objects that failed; they are tried again.")
        .register(meters);
    Gauge.builder("streamhouse.sweep.stopped", sweeper, one -> one.whyStopped() == null ? 0 : 1)
        .description("1 while nothing is deleted because the database seems an older one.")
        .register(meters);
  }
}
