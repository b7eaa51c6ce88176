package io.streamhouse.broker.group;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;

/// How many groups are coordinated here. Their loop alone knows, so what is told is as of the time
/// it was asked before.
public final class GroupMetrics {

  private final GroupCoordinator coordinator;
  private volatile int last;

  private GroupMetrics(GroupCoordinator coordinator) {
    this.coordinator = coordinator;
  }

  public static void register(MeterRegistry meters, GroupCoordinator coordinator) {
    Gauge.builder("streamhouse.groups", new GroupMetrics(coordinator), GroupMetrics::count)
        .strongReference(true)
        .description("Groups this agent coordinates, as of the scrape before.")
        .register(meters);
  }

  private double count() {
    var _ = coordinator.count().thenAccept(count -> last = count);
    return last;
  }
}
