package io.streamhouse.broker.api;

import io.streamhouse.broker.config.AgentConfig;

/// What this agent's configuration says about creating, deleting and describing topics.
///
/// @param autoCreate `auto.create.topics.enable`
/// @param deletionAllowed `delete.topic.enable`
/// @param defaultPartitions `num.partitions`
/// @param defaultReplication `default.replication.factor`, only ever told, since storage is
///   replicated by the object store
/// @param partitionLimit partitions in one DescribeTopicPartitions answer
record TopicRules(
    boolean autoCreate,
    boolean deletionAllowed,
    int defaultPartitions,
    short defaultReplication,
    int partitionLimit) {

  /// The most partitions one request may create, Apache Kafka's own limit: it bounds the
  /// transaction, the image's growth per request and the time other clients wait behind it.
  static final int MOST_PARTITIONS_PER_REQUEST = 10_000;

  /// Partitions in one DescribeTopicPartitions answer, whatever the client asks: Kafka's default.
  private static final int PARTITIONS_PER_ANSWER = 2_000;

  TopicRules {
    if (defaultPartitions < 1 || defaultReplication < 1 || partitionLimit < 1) {
      throw new IllegalArgumentException(
          defaultPartitions + " partitions, limit " + partitionLimit);
    }
  }

  static TopicRules of(AgentConfig config) {
    return new TopicRules(
        config.topics().autoCreate(),
        config.topics().deletable(),
        config.topics().partitions(),
        config.topics().replicationFactor(),
        PARTITIONS_PER_ANSWER);
  }
}
