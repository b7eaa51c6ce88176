package io.streamhouse.broker.group;

import io.streamhouse.broker.group.GroupRequest.Protocol;
import io.streamhouse.metadata.PartitionId;
import java.util.Collection;
import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// A member of a [ConsumerGroup], confined to it.
final class ConsumerMember {

  /// No deadline.
  static final long NEVER = Long.MAX_VALUE;

  /// How far a member is on its way to its target.
  enum Progress {
    /// It has what was its target at its epoch.
    STABLE,
    /// It is to give partitions up, and has not said that it did.
    UNREVOKED,
    /// It has given up what it must, and waits for partitions that others still have.
    UNRELEASED
  }

  final String id;
  @Nullable String instanceId;
  @Nullable String rackId;
  String clientId = "";
  String clientHost = "";
  int rebalanceTimeoutMillis;
  SortedSet<String> topics = new TreeSet<>();

  /// A regular expression for topics that it reads besides, empty if there is none.
  String pattern = "";

  /// What it wishes the group to be assigned by, null if it does not care.
  @Nullable String assignor;

  /// What it said in the classic protocol; null if it speaks the consumer protocol.
  @Nullable Classic classic;

  int epoch;
  int previousEpoch = -1;
  Progress progress = Progress.STABLE;

  /// What it may own, each with the member epoch since which it may.
  SortedMap<PartitionId, Integer> assigned = new TreeMap<>();

  /// What it is to give up and may still own, likewise.
  SortedMap<PartitionId, Integer> revoking = new TreeMap<>();

  /// When its session ends.
  long sessionEndNanos = NEVER;

  /// When it must have given up what it is to give up.
  long revokeEndNanos = NEVER;

  /// When it must have joined again, after it was told to; of the classic protocol only.
  long joinEndNanos = NEVER;

  /// When it must have asked for its assignment, after it joined; likewise.
  long syncEndNanos = NEVER;

  /// What a member of the classic protocol said when it joined.
  ///
  /// @param protocols what it speaks, the preferred first; not empty
  record Classic(int sessionTimeoutMillis, List<Protocol> protocols) {

    Classic {
      protocols = List.copyOf(protocols);
      if (protocols.isEmpty()) {
        throw new IllegalArgumentException("no protocol");
      }
    }

    /// The one it is told that the group uses: what it prefers. The coordinator assigns, so that
    /// members need not agree.
    Protocol protocol() {
      return protocols.getFirst();
    }
  }

  ConsumerMember(String id) {
    this.id = id;
  }

  /// The next time at which it is out, unless it does something before.
  long deadlineNanos() {
    return Math.min(
        Math.min(sessionEndNanos, revokeEndNanos), Math.min(joinEndNanos, syncEndNanos));
  }

  /// The epoch since which it may own a partition, null if it may not.
  @Nullable Integer since(PartitionId partition) {
    var epoch = assigned.get(partition);
    return epoch == null ? revoking.get(partition) : epoch;
  }

  /// Whether it has nothing of what it was to give up; not if it does not say.
  boolean gaveUp(Collection<PartitionId> revoked, @Nullable Collection<PartitionId> owned) {
    return owned != null && revoked.stream().noneMatch(owned::contains);
  }

  void advance(int next) {
    if (epoch != next) {
      previousEpoch = epoch;
      epoch = next;
    }
  }
}
