package io.streamhouse.broker.partition;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;

/// What retention dropped, as metrics.
public final class RetentionMetrics {

  private RetentionMetrics() {}

  public static void register(MeterRegistry meters, Retention retention) {
    FunctionCounter.builder("streamhouse.retention.segments", retention, Retention::expiredSegments)
        .description("Segments dropped because of retention.ms or retention.bytes.")
        .register(meters);
    FunctionCounter.builder("streamhouse.retention.dropped", retention, Retention::expiredBytes)
        .baseUnit("bytes")
        .description("Bytes of segments dropped because of retention.ms or retention.bytes.")
        .register(meters);
  }
}
