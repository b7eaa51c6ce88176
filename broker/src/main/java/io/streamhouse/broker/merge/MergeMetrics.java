package io.streamhouse.broker.merge;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;

/// What merging does, as metrics.
public final class MergeMetrics {

  private MergeMetrics() {}

  public static void register(MeterRegistry meters, Merger merger) {
    FunctionCounter.builder("streamhouse.merge.objects", merger, Merger::objects)
        .description("Objects made of segments that were merged.")
        .register(meters);
    FunctionCounter.builder("streamhouse.merge.segments", merger, Merger::segments)
        .description("Segments that larger ones took the place of.")
        .register(meters);
    FunctionCounter.builder("streamhouse.merge.merged", merger, Merger::bytes)
        .baseUnit("bytes")
        .description("Bytes of segments that larger ones took the place of.")
        .register(meters);
    FunctionCounter.builder("streamhouse.merge.refused", merger, Merger::refused)
        .description(
            "Merged segments that were not put in place, because the lease was lost or the log"
                + " start moved meanwhile.")
        .register(meters);
    FunctionCounter.builder("streamhouse.merge.failed", merger, Merger::failures)
        .description("Steps of merging that failed; what they were for is tried again.")
        .register(meters);
    Gauge.builder("streamhouse.merge.behind", merger, one -> one.behind().size())
        .baseUnit("partitions")
        .description("Partitions that have had too many segments for too long.")
        .register(meters);
  }
}
