package io.streamhouse.metadata;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What Kafka keeps in `__consumer_offsets`: group state, and committed offsets by topic id.
public interface GroupStore {

  /// Which of these shards have groups, so that a new coordinator of many reads only those. A read,
  /// not fenced, as [#load] is.
  Set<Integer> inhabited(List<Lease<Integer>> shards);

  /// Every group of a shard and its offsets, by name, for its new coordinator. A read, so not
  /// fenced: its local deadline tells a coordinator whether to trust it.
  List<StoredGroup> load(Lease<Integer> shard);

  /// @param state opaque to the store; no bytes when only offsets were ever committed
  record StoredGroup(String group, ByteBuffer state, Map<PartitionId, CommittedOffset> offsets) {}

  /// Writes changes, of many groups in one transaction: of each shard all of them, or none if its
  /// lease is no longer held. Offsets of topics that no longer exist are left out, and a group of
  /// which nothing is known any more is there no more.
  ///
  /// @param changes of each lease once
  /// @return the leases that are not held
  Set<Lease<Integer>> write(List<ShardChanges> changes);

  /// @param groups by name
  record ShardChanges(Lease<Integer> shard, SortedMap<String, GroupChange> groups) {

    public ShardChanges {
      groups = Collections.unmodifiableSortedMap(new TreeMap<>(groups));
    }
  }

  /// What is to become of one group, in this order.
  ///
  /// @param forget the group and all its offsets go first
  /// @param state as it is from now on, null to leave it; the caller's buffer is left alone
  /// @param commits offsets to set, none of which is among the deletions
  /// @param deletions offsets that go
  record GroupChange(
      boolean forget,
      @Nullable ByteBuffer state,
      SortedMap<PartitionId, CommittedOffset> commits,
      SortedSet<PartitionId> deletions) {

    public GroupChange {
      commits = Collections.unmodifiableSortedMap(new TreeMap<>(commits));
      deletions = Collections.unmodifiableSortedSet(new TreeSet<>(deletions));
      if (!Collections.disjoint(commits.keySet(), deletions)) {
        throw new IllegalArgumentException("both set and deleted: " + commits + deletions);
      }
    }

    private static GroupChange of(boolean forget, @Nullable ByteBuffer state) {
      return new GroupChange(forget, state, new TreeMap<>(), new TreeSet<>());
    }
  }

  /// @param leaderEpoch of the last record consumed, if the client knew it
  /// @param commitMillis wall time of the commit
  /// @param expireMillis wall time at which it is over, if the client said so
  record CommittedOffset(
      long offset,
      Optional<Integer> leaderEpoch,
      @Nullable String metadata,
      long commitMillis,
      Optional<Long> expireMillis) {

    public CommittedOffset(
        long offset, Optional<Integer> leaderEpoch, @Nullable String metadata, long commitMillis) {
      this(offset, leaderEpoch, metadata, commitMillis, Optional.empty());
    }
  }

  /// Writes a group's state, before the reply that reveals it; false when fenced.
  default boolean save(Lease<Integer> shard, String group, ByteBuffer state) {
    return write(shard, group, GroupChange.of(false, state));
  }

  /// Commits offsets of one group; false when fenced.
  default boolean commitOffsets(
      Lease<Integer> shard, String group, Map<PartitionId, CommittedOffset> offsets) {
    return write(
        shard, group, new GroupChange(false, null, new TreeMap<>(offsets), new TreeSet<>()));
  }

  /// Removes offsets of a group; false when fenced.
  default boolean deleteOffsets(Lease<Integer> shard, String group, List<PartitionId> partitions) {
    return write(
        shard, group, new GroupChange(false, null, new TreeMap<>(), new TreeSet<>(partitions)));
  }

  /// Removes a group and all its offsets; false when fenced.
  default boolean deleteGroup(Lease<Integer> shard, String group) {
    return write(shard, group, GroupChange.of(true, null));
  }

  private boolean write(Lease<Integer> shard, String group, GroupChange change) {
    var changes = new TreeMap<String, GroupChange>();
    changes.put(group, change);
    return write(List.of(new ShardChanges(shard, changes))).isEmpty();
  }
}
