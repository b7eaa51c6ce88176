package io.streamhouse.broker;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.streamhouse.metadata.TransactionObserver;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/// Times of the metadata store's transactions, by name. Stands here and not beside the store, since
/// its module knows no metrics.
final class MetadataMetrics implements TransactionObserver {

  /// Fine about ten milliseconds, within which all but one of a hundred are to be.
  private static final Duration[] BUCKETS = {
    Duration.ofMillis(1),
    Duration.ofMillis(2),
    Duration.ofMillis(5),
    Duration.ofMillis(10),
    Duration.ofMillis(20),
    Duration.ofMillis(50),
    Duration.ofMillis(100),
    Duration.ofMillis(500),
    Duration.ofSeconds(2),
    Duration.ofSeconds(10)
  };

  private final MeterRegistry meters;
  private final ConcurrentHashMap<String, Times> transactions = new ConcurrentHashMap<>();

  private record Times(Timer all, Counter failed) {}

  MetadataMetrics(MeterRegistry meters) {
    this.meters = meters;
  }

  @Override
  public void ended(String name, long nanos, boolean failed) {
    var times = transactions.computeIfAbsent(name, this::times);
    times.all().record(nanos, TimeUnit.NANOSECONDS);
    if (failed) {
      times.failed().increment();
    }
  }

  private Times times(String name) {
    return new Times(
        Timer.builder("streamhouse.metadata.transaction")
            .tag("transaction", name)
            .description("Transactions of the metadata store, waiting and retries included.")
            .serviceLevelObjectives(BUCKETS)
            .register(meters),
        Counter.builder("streamhouse.metadata.failures")
            .tag("transaction", name)
            .description("Transactions rolled back, or whose outcome is unknown.")
            .register(meters));
  }
}
