package io.streamhouse.broker.group;

import io.streamhouse.broker.config.AgentConfig;

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
