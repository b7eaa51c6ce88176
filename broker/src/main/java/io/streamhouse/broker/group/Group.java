package io.streamhouse.broker.group;

import io.streamhouse.metadata.GroupStore.CommittedOffset;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// A group of either protocol, as its shard sees it: a state machine without threads, clocks or
/// I/O. Confined to its shard's loop.
interface Group {

  /// Handles a member's request. It is answered among the effects of this call or of a later one.
  ///
  /// @param request names it in the answer; not negative, never used before
  List<GroupEffect> handle(long request, GroupRequest.OfMember event, Now now);

  /// Lets time-outs happen that are due.
  List<GroupEffect> pass(Now now);

  /// What must outlive this coordinator.
  Stored stored();

  /// As ListGroups names the protocol of the group.
  String type();

  /// What members use the group for; empty if that was never said.
  String protocolType();

  /// As clients see it.
  String stateText();

  /// Whether it has no members, so that it may be deleted, or become one of the other protocol.
  boolean isEmpty();

  /// Nobody is in it, comes, or ever was.
  boolean unused();

  /// Answers DescribeGroups.
  GroupAnswer describe();

  /// Answers ConsumerGroupDescribe.
  GroupAnswer describeConsumers();

  /// The topics that members read, whose offsets are not to be deleted; empty if that is not known.
  Optional<Set<String>> readTopics();

  /// Since when an offset has been of no use, in wall milliseconds; empty while all of them are.
  Optional<ToLongFunction<CommittedOffset>> offsetsAgeSince();

  /// Why offsets are not for the asker to see, if so.
  ///
  /// @param memberId null if no member asks
  Optional<GroupFailure> refusesFetch(@Nullable String memberId, int memberEpoch);

  /// An immutable picture of a group.
  interface Stored {

    /// The bytes to store, the first of which tells what kind of group it is.
    ByteBuffer encode();
  }
}
