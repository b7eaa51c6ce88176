package io.streamhouse.broker.group;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;

/// How many groups are coordinated here. Their loop alone knows, so what is told is as of the time
/// it was asked before.
public final class GroupMetrics {

  private final GroupCoordinator coordinator;
  private final String type;
  private volatile int last;

  private GroupMetrics(GroupCoordinator coordinator, String type) {
    this.coordinator = coordinator;
    this.type = type;
  }

  public static void register(MeterRegistry meters, GroupCoordinator coordinator) {
    for (var type : List.of(ClassicGroup.TYPE, ConsumerGroup.TYPE)) {
      Gauge.builder("streamhouse.groups", new GroupMetrics(coordinator, type), GroupMetrics::count)
          .strongReference(true)
          .tag("type", type)
          .description("Groups this agent coordinates, as of the scrape before.")
          .register(meters);
    }
    FunctionCounter.builder(
            "streamhouse.groups.offsets.expired", coordinator, GroupCoordinator::expiredOffsets)
        .description(
            "Committed offsets let go since the start: kept long enough, or of deleted topics.")
        .register(meters);
  }

  private double count() {
    var _ = coordinator.count().thenAccept(counts -> last = counts.getOrDefault(type, 0));
    return last;
  }
}
