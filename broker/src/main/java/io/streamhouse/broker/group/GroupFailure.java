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
  /// There is such a group, but of the other protocol.
  WRONG_PROTOCOL,
  GROUP_NOT_EMPTY,
  GROUP_FULL,
  UNKNOWN_MEMBER,
  /// Join again with the member id in the answer (KIP-394).
  MEMBER_ID_REQUIRED,
  /// Another member took this `group.instance.id` over (KIP-345).
  FENCED_INSTANCE,
  ILLEGAL_GENERATION,
  /// The member is not where it believes: it gives everything up and joins again (KIP-848).
  FENCED_EPOCH,
  /// The member has moved on from this epoch, or is not there yet.
  STALE_EPOCH,
  /// The `group.instance.id` has another owner, who has not left.
  UNRELEASED_INSTANCE,
  /// The client is too old for what this group needs.
  UNSUPPORTED_VERSION,
  REBALANCING,
  INCONSISTENT_PROTOCOL,
  INVALID_SESSION_TIMEOUT,
  /// Offsets of a topic that members read are not to be deleted.
  SUBSCRIBED
}
