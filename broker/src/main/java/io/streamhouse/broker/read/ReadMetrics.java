package io.streamhouse.broker.read;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;

/// What reads of logs ask of the metadata store.
public final class ReadMetrics {

  private ReadMetrics() {}

  public static void register(MeterRegistry meters, SegmentRows rows) {
    FunctionCounter.builder("streamhouse.segment.rows.hits", rows, SegmentRows::hits)
        .description("Reads of committed records that knew where their segment is.")
        .register(meters);
    FunctionCounter.builder("streamhouse.segment.rows.misses", rows, SegmentRows::misses)
        .description("Reads of committed records that asked the metadata store for it.")
        .register(meters);
    Gauge.builder("streamhouse.segment.rows", rows, SegmentRows::size)
        .description("Segments that are known without asking the metadata store.")
        .register(meters);
  }
}
