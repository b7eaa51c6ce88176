package io.streamhouse.broker.group;

import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.PartitionId;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What can be asked about one group. Member ids are empty where a member has none yet; instance
/// ids are `group.instance.id`, null for dynamic members.
public sealed interface GroupRequest {

  /// What members ask: decided by the group's state machine alone.
  sealed interface OfMember extends GroupRequest {}

  /// @param newMemberId to use if this member is new; never used before
  /// @param requireKnownId a new dynamic member must come back with its id (JoinGroup 4 and later)
  /// @param canSkipAssignment the client knows `SkipAssignment` (JoinGroup 9 and later)
  /// @param protocols what the member speaks, the preferred first
  record Join(
      String memberId,
      @Nullable String instanceId,
      String newMemberId,
      boolean requireKnownId,
      boolean canSkipAssignment,
      String clientId,
      String clientHost,
      int sessionTimeoutMillis,
      int rebalanceTimeoutMillis,
      String protocolType,
      List<Protocol> protocols,
      String reason)
      implements OfMember {

    public Join {
      protocols = List.copyOf(protocols);
    }
  }

  /// @param metadata the member's subscription, for the leader to read
  record Protocol(String name, Bytes metadata) {

    /// Their names; whoever looks for those that many speak must not go through lists, which a
    /// request may make as long as it likes.
    static Set<String> names(List<Protocol> protocols) {
      var names = HashSet.<String>newHashSet(protocols.size());
      protocols.forEach(one -> names.add(one.name));
      return names;
    }
  }

  /// @param protocolType as the member believes, null if it does not say
  /// @param assignments by member id; only the leader's count
  record Sync(
      String memberId,
      @Nullable String instanceId,
      int generation,
      @Nullable String protocolType,
      @Nullable String protocol,
      Map<String, Bytes> assignments)
      implements OfMember {}

  record Heartbeat(String memberId, @Nullable String instanceId, int generation)
      implements OfMember {}

  record Leave(List<Leaver> members) implements OfMember {

    public Leave {
      members = List.copyOf(members);
    }
  }

  /// @param memberId empty to name a static member by its instance id alone
  record Leaver(String memberId, @Nullable String instanceId, String reason) {}

  /// @param generation the member epoch in a consumer group; negative from a consumer that assigns
  ///   its partitions itself
  /// @param knowsEpochs the client tells member epochs from generations (OffsetCommit 9 and later)
  record Commit(
      String memberId,
      @Nullable String instanceId,
      int generation,
      boolean knowsEpochs,
      Map<PartitionId, CommittedOffset> offsets)
      implements OfMember {

    Commit(
        String memberId,
        @Nullable String instanceId,
        int generation,
        Map<PartitionId, CommittedOffset> offsets) {
      this(memberId, instanceId, generation, true, offsets);
    }
  }

  /// What a member of a consumer group sends again and again: that it lives, what it wants, what it
  /// has (KIP-848).
  ///
  /// @param memberEpoch as it was last told; [#JOIN], [#LEAVE] and [#LEAVE_FOR_A_WHILE] are no
  ///   epochs
  /// @param rebalanceTimeoutMillis how long it may take to give partitions up, negative if as
  ///   before
  /// @param topics what it reads, null if as before
  /// @param pattern a regular expression for what it reads besides, empty for nothing, null if as
  ///   before; a valid one
  /// @param assignor what it wishes the group to be assigned by, null if as before
  /// @param owned the partitions it has, null if nothing changed since it last said
  record ConsumerHeartbeat(
      String memberId,
      @Nullable String instanceId,
      @Nullable String rackId,
      int memberEpoch,
      String clientId,
      String clientHost,
      int rebalanceTimeoutMillis,
      @Nullable Set<String> topics,
      @Nullable String pattern,
      @Nullable String assignor,
      @Nullable Set<PartitionId> owned)
      implements OfMember {

    ConsumerHeartbeat(
        String memberId,
        @Nullable String instanceId,
        @Nullable String rackId,
        int memberEpoch,
        String clientId,
        String clientHost,
        int rebalanceTimeoutMillis,
        @Nullable Set<String> topics,
        @Nullable String assignor,
        @Nullable Set<PartitionId> owned) {
      this(
          memberId,
          instanceId,
          rackId,
          memberEpoch,
          clientId,
          clientHost,
          rebalanceTimeoutMillis,
          topics,
          null,
          assignor,
          owned);
    }

    public static final int JOIN = 0;
    public static final int LEAVE = -1;

    /// A static member that will be back before its session ends.
    public static final int LEAVE_FOR_A_WHILE = -2;
  }

  /// @param partitions empty for all the group has
  /// @param memberId null if no member asks
  /// @param memberEpoch negative if no member asks
  record Fetch(Optional<Set<PartitionId>> partitions, @Nullable String memberId, int memberEpoch)
      implements GroupRequest {

    Fetch(Optional<Set<PartitionId>> partitions) {
      this(partitions, null, -1);
    }
  }

  record Describe() implements GroupRequest {}

  /// As [Describe], of a consumer group.
  record DescribeConsumer() implements GroupRequest {}

  /// Removes the group with its offsets, if it has no members.
  record Delete() implements GroupRequest {}

  /// @param partitions with the name of each topic, which members may be subscribed to
  record DeleteOffsets(Map<PartitionId, String> partitions) implements GroupRequest {}
}
