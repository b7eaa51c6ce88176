package io.streamhouse.broker.group;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.config.MigrationPolicy;
import java.util.List;

/// What groups are held to.
///
/// @param maxSize members a group may have
/// @param maxPromisedIds member ids a group gives out that were not used yet
/// @param maxGroups groups one shard holds in memory
record GroupLimits(
    long initialDelayNanos,
    int minSessionMillis,
    int maxSessionMillis,
    int maxSize,
    int maxPromisedIds,
    int maxGroups) {

  /// What a consumer group is held to: the coordinator decides, not the client.
  ///
  /// @param sessionMillis a member that is silent for so long is out
  /// @param heartbeatMillis how often members are to send heartbeats
  /// @param assignmentMillis least time between two distributions of partitions
  /// @param maxSize members a group may have
  /// @param assignors to choose from, the default first; not empty
  /// @param classic of members of the classic protocol in it
  record Consumers(
      int sessionMillis,
      int heartbeatMillis,
      int assignmentMillis,
      int maxSize,
      List<Assignor> assignors,
      Classic classic) {

    Consumers {
      assignors = List.copyOf(assignors);
      if (assignors.isEmpty()) {
        throw new IllegalArgumentException("no assignor");
      }
    }

    static Consumers of(AgentConfig.Groups groups, AgentConfig.Consumers config) {
      return new Consumers(
          Math.toIntExact(config.sessionTimeout().toMillis()),
          Math.toIntExact(config.heartbeatInterval().toMillis()),
          Math.toIntExact(config.assignmentInterval().toMillis()),
          config.maxSize(),
          config.assignors().stream().map(name -> Assignor.named(name).orElseThrow()).toList(),
          new Classic(
              config.migration(),
              groups.maxSize(),
              Math.toIntExact(groups.minSessionTimeout().toMillis()),
              Math.toIntExact(groups.maxSessionTimeout().toMillis())));
    }
  }

  /// What holds for members of the classic protocol in a consumer group, and for the classic group
  /// it may become.
  ///
  /// @param maxSize members a classic group may have
  record Classic(MigrationPolicy policy, int maxSize, int minSessionMillis, int maxSessionMillis) {}

  static GroupLimits of(AgentConfig.Groups config) {
    return new GroupLimits(
        config.initialRebalanceDelay().toNanos(),
        Math.toIntExact(config.minSessionTimeout().toMillis()),
        Math.toIntExact(config.maxSessionTimeout().toMillis()),
        config.maxSize(),
        10_000,
        100_000);
  }
}
