package io.streamhouse.broker.read;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;

/// What reads of logs ask of the metadata store.
public final class ReadMetrics {

  private ReadMetrics() {}

  public static void register(MeterRegistry meters, RowCounters counters) {
    FunctionCounter.builder("streamhouse.segment.rows.hits", counters, RowCounters::hits)
        .description("Reads of committed records that knew where their segment is.")
        .register(meters);
    FunctionCounter.builder("streamhouse.segment.rows.misses", counters, RowCounters::misses)
        .description("Reads of committed records that asked the metadata store for it.")
        .register(meters);
  }
}
