package io.streamhouse.broker.group;

import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.PartitionId;
import java.util.Map;

/// What a group's state machine wants done, in this order.
sealed interface GroupEffect {

  /// Store the group as it is now, before any answer that follows.
  record Save() implements GroupEffect {}

  /// Store offsets, before any answer that follows.
  record Commit(Map<PartitionId, CommittedOffset> offsets) implements GroupEffect {}

  /// Answer a request, this one or one that was waiting.
  record Answer(long request, GroupAnswer answer) implements GroupEffect {}

  /// Let the group know when this time has come; an earlier wish still counts.
  record WakeAt(long nanos) implements GroupEffect {}
}
