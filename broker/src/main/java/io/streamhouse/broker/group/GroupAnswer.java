package io.streamhouse.broker.group;

import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.PartitionId;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The answer to a [GroupRequest]: the record named after it, or [Failed].
public sealed interface GroupAnswer {

  /// @param skipAssignment the leader computes no assignment: the stored one still holds (KIP-814)
  /// @param members for the leader only; empty for others
  record Joined(
      String memberId,
      int generation,
      String protocolType,
      String protocol,
      String leader,
      boolean skipAssignment,
      List<JoinedMember> members)
      implements GroupAnswer {}

  record JoinedMember(String memberId, @Nullable String instanceId, Bytes metadata) {}

  record Synced(String protocolType, String protocol, Bytes assignment) implements GroupAnswer {}

  record Alive() implements GroupAnswer {}

  /// @param failures per member in the order asked, empty where it left
  record Left(List<Optional<GroupFailure>> failures) implements GroupAnswer {}

  record Committed() implements GroupAnswer {}

  /// To a heartbeat of a consumer group.
  ///
  /// @param memberEpoch to send from now on, or the negative one that was sent
  /// @param assignment what the member may own from now on, empty if as it was last told
  record Beaten(
      String memberId,
      int memberEpoch,
      int heartbeatIntervalMillis,
      Optional<Set<PartitionId>> assignment)
      implements GroupAnswer {}

  record Fetched(Map<PartitionId, CommittedOffset> offsets) implements GroupAnswer {}

  /// @param protocol null unless the group is stable
  /// @param members with empty metadata and assignments unless the group is stable
  record Described(
      GroupState state,
      String protocolType,
      @Nullable String protocol,
      List<DescribedMember> members)
      implements GroupAnswer {}

  record DescribedMember(
      String memberId,
      @Nullable String instanceId,
      String clientId,
      String clientHost,
      Bytes metadata,
      Bytes assignment) {}

  /// @param assignor what the group is assigned by
  record ConsumersDescribed(
      ConsumerGroupState state,
      int groupEpoch,
      int assignmentEpoch,
      String assignor,
      List<DescribedConsumer> members)
      implements GroupAnswer {}

  /// @param topics the names it subscribed to
  /// @param pattern the regular expression it subscribed to besides, empty if none
  /// @param assigned what it may own now
  /// @param target what it is to own once all have given up what they must
  /// @param classic whether it speaks the classic protocol
  record DescribedConsumer(
      String memberId,
      @Nullable String instanceId,
      @Nullable String rackId,
      int memberEpoch,
      String clientId,
      String clientHost,
      List<String> topics,
      String pattern,
      Set<PartitionId> assigned,
      Set<PartitionId> target,
      boolean classic) {}

  record Deleted() implements GroupAnswer {}

  /// @param subscribed partitions that were kept since members read their topics
  record OffsetsDeleted(Set<PartitionId> subscribed) implements GroupAnswer {}

  /// @param memberId the id to use from now on, or the one that was refused
  record Failed(GroupFailure failure, String memberId) implements GroupAnswer {

    Failed(GroupFailure failure) {
      this(failure, "");
    }
  }
}
