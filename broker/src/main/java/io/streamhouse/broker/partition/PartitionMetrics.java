package io.streamhouse.broker.partition;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;

/// What is led here and what of it is not in an object yet.
public final class PartitionMetrics {

  private PartitionMetrics() {}

  public static void register(MeterRegistry meters, PartitionLeases leases) {
    FunctionCounter.builder("streamhouse.tails.lost", leases, PartitionLeases::tailsLost)
        .description("Partitions taken without their tails (unclean.leader.election.enable).")
        .register(meters);
  }

  public static void register(MeterRegistry meters, Leadership leadership, TailBudget budget) {
    Gauge.builder("streamhouse.partitions.led", leadership, one -> one.all().size())
        .description("Partitions whose leases this agent holds.")
        .register(meters);
    Gauge.builder("streamhouse.partitions.waiting", leadership, PartitionMetrics::waiting)
        .description("Partitions placed here that nobody can lead until a log is there again.")
        .register(meters);
    Gauge.builder("streamhouse.flush.lag", leadership, PartitionMetrics::oldestUnflushedSeconds)
        .baseUnit("seconds")
        .description("Age of the oldest record that is in no object yet.")
        .register(meters);
    Gauge.builder("streamhouse.tail", budget, TailBudget::used)
        .baseUnit("bytes")
        .description("Records in memory that are in no object yet.")
        .register(meters);
    Gauge.builder("streamhouse.tail.limit", budget, TailBudget::limit)
        .baseUnit("bytes")
        .description("How many there may be (streamhouse.tail.max.bytes); then produce is refused.")
        .register(meters);
    Gauge.builder("streamhouse.tail.recent", budget, TailBudget::recentBytes)
        .baseUnit("bytes")
        .description("Records in memory that are in objects already, for readers of the newest.")
        .register(meters);
    Gauge.builder("streamhouse.tail.evicted", leadership, PartitionMetrics::evictedBytes)
        .baseUnit("bytes")
        .description("Records in no object yet that are in the write-ahead log only.")
        .register(meters);
    Gauge.builder("streamhouse.producers", leadership, PartitionMetrics::producers)
        .description("Idempotent producers whose last batches are remembered, in each partition.")
        .register(meters);
  }

  private static double waiting(Leadership leadership) {
    return leadership.waiting().values().stream().mapToInt(List::size).sum();
  }

  private static double producers(Leadership leadership) {
    long producers = 0;
    for (var partition : leadership.all()) {
      producers += partition.rememberedProducers();
    }
    return producers;
  }

  private static double evictedBytes(Leadership leadership) {
    long bytes = 0;
    for (var partition : leadership.all()) {
      bytes += partition.evictedBytes();
    }
    return bytes;
  }

  public static void register(MeterRegistry meters, Flusher flusher) {
    FunctionCounter.builder("streamhouse.flush.objects", flusher, Flusher::committed)
        .description("Objects uploaded and committed.")
        .register(meters);
    FunctionCounter.builder("streamhouse.flush.failures", flusher, Flusher::failures)
        .description("Steps of a flush that failed and are taken again.")
        .register(meters);
    Gauge.builder("streamhouse.flush.in.flight", flusher, Flusher::flying)
        .description("Objects on their way into the store.")
        .register(meters);
  }

  private static double oldestUnflushedSeconds(Leadership leadership) {
    long oldest = 0;
    for (var partition : leadership.all()) {
      oldest = Math.max(oldest, partition.unflushedNanos().orElse(0));
    }
    return oldest / 1e9;
  }
}
