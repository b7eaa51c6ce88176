package io.streamhouse.broker.group;

/// Why a group request was refused. `broker.api` turns each into Kafka's error code.
public enum GroupFailure {
  /// Another agent has this group's shard, or nobody known.
  NOT_COORDINATOR,
  /// This agent has the shard and is reading it.
  LOADING,
  /// The metadata store does not answer, or a limit is reached: try again later.
  NOT_AVAILABLE,
  INVALID_GROUP_ID,
  GROUP_NOT_FOUND,
  GROUP_NOT_EMPTY,
  GROUP_FULL,
  UNKNOWN_MEMBER,
  /// Join again with the member id in the answer (KIP-394).
  MEMBER_ID_REQUIRED,
  /// Another member took this `group.instance.id` over (KIP-345).
  FENCED_INSTANCE,
  ILLEGAL_GENERATION,
  REBALANCING,
  INCONSISTENT_PROTOCOL,
  INVALID_SESSION_TIMEOUT,
  /// Offsets of a topic that members read are not to be deleted.
  SUBSCRIBED
}
