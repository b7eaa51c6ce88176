package io.streamhouse.compat.cluster;

import java.time.Duration;
import java.util.Collection;
import java.util.List;

/// Durations, in order.
record Percentiles(List<Duration> sorted) {

  static Percentiles of(Collection<Duration> durations) {
    return new Percentiles(durations.stream().sorted().toList());
  }

  boolean isEmpty() {
    return sorted.isEmpty();
  }

  /// The least duration that so many of a hundred do not exceed.
  Duration at(double percent) {
    int rank = (int) Math.ceil(percent / 100 * sorted.size());
    return sorted.get(Math.max(0, rank - 1));
  }

  @Override
  public String toString() {
    return sorted.isEmpty()
        ? "none"
        : "p50 %d ms, p99 %d ms, max %d ms of %d"
            .formatted(at(50).toMillis(), at(99).toMillis(), at(100).toMillis(), sorted.size());
  }
}
