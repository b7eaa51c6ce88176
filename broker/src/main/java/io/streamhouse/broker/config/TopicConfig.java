package io.streamhouse.broker.config;

import java.util.Map;

/// A topic's settings in force: its own over the agent's defaults. Resolve once for each change,
/// not for each request.
///
/// @param maxMessageBytes largest batch, as it comes
/// @param timestampBeforeMaxMillis how far a timestamp may lie behind the clock; Long.MAX_VALUE: no
///   limit
/// @param timestampAfterMaxMillis how far it may be ahead
/// @param deleteOld whether retention by age and size applies
/// @param compactKeys whether the newest record of each key is kept; records then need keys
/// @param retentionMillis -1: for ever
/// @param retentionBytes -1: no limit
public record TopicConfig(
    int maxMessageBytes,
    TimestampType timestampType,
    long timestampBeforeMaxMillis,
    long timestampAfterMaxMillis,
    Compression compression,
    boolean deleteOld,
    boolean compactKeys,
    long retentionMillis,
    long retentionBytes,
    int segmentBytes,
    long segmentMillis,
    long deleteRetentionMillis,
    long minCompactionLagMillis,
    long maxCompactionLagMillis,
    int minInsyncReplicas,
    boolean uncleanLeaderElection,
    Durability durability) {

  /// The group of agents that is to lead a topic's partitions; empty where it names none.
  ///
  /// @param own what was set for the topic
  public static String leaderGroup(Map<String, String> own) {
    return own.getOrDefault(TopicConfigs.LEADER_GROUP.name(), "");
  }

  /// The settings of a topic.
  ///
  /// A value stored for the topic that this version does not take counts as not set, since refusing
  /// it now would take the topic away.
  ///
  /// @param own what was set for the topic
  public static TopicConfig resolve(Map<String, String> own, TopicDefaults defaults) {
    var values = new Values(own, defaults);
    var policy = values.get(TopicConfigs.CLEANUP_POLICY);
    var codec = values.get(TopicConfigs.COMPRESSION_TYPE);
    int level =
        switch (codec) {
          case GZIP -> values.get(TopicConfigs.GZIP_LEVEL);
          case LZ4 -> values.get(TopicConfigs.LZ4_LEVEL);
          case ZSTD -> values.get(TopicConfigs.ZSTD_LEVEL);
          case PRODUCER, UNCOMPRESSED, SNAPPY -> 0;
        };
    return new TopicConfig(
        values.get(TopicConfigs.MAX_MESSAGE_BYTES),
        values.get(TopicConfigs.TIMESTAMP_TYPE),
        values.get(TopicConfigs.TIMESTAMP_BEFORE_MAX_MS),
        values.get(TopicConfigs.TIMESTAMP_AFTER_MAX_MS),
        new Compression(codec, level),
        policy.contains("delete"),
        policy.contains("compact"),
        values.get(TopicConfigs.RETENTION_MS),
        Math.max(-1, values.get(TopicConfigs.RETENTION_BYTES)),
        values.get(TopicConfigs.SEGMENT_BYTES),
        values.get(TopicConfigs.SEGMENT_MS),
        values.get(TopicConfigs.DELETE_RETENTION_MS),
        values.get(TopicConfigs.MIN_COMPACTION_LAG_MS),
        values.get(TopicConfigs.MAX_COMPACTION_LAG_MS),
        values.get(TopicConfigs.MIN_INSYNC_REPLICAS),
        values.get(TopicConfigs.UNCLEAN_LEADER_ELECTION),
        values.get(TopicConfigs.DURABILITY));
  }

  private record Values(Map<String, String> own, TopicDefaults defaults) {

    <T> T get(Setting<T> setting) {
      String value = own.get(setting.name());
      if (value != null) {
        try {
          return setting.parse(value);
        } catch (BadValue e) {
          // Stored by a version that took it; the default is in force.
        }
      }
      return setting.valueOf(defaults.value(setting));
    }
  }
}
