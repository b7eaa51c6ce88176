package io.streamhouse.metadata;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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

  /// Writes a group's state, before the reply that reveals it; false when fenced.
  boolean save(Lease<Integer> shard, String group, ByteBuffer state);

  /// Commits offsets of one group; false when fenced. Offsets of topics that no longer exist are
  /// left out.
  boolean commitOffsets(
      Lease<Integer> shard, String group, Map<PartitionId, CommittedOffset> offsets);

  /// @param leaderEpoch of the last record consumed, if the client knew it
  /// @param commitMillis wall time of the commit
  record CommittedOffset(
      long offset, Optional<Integer> leaderEpoch, @Nullable String metadata, long commitMillis) {}

  /// Removes offsets of a group; false when fenced.
  boolean deleteOffsets(Lease<Integer> shard, String group, List<PartitionId> partitions);

  /// Removes a group and all its offsets; false when fenced.
  boolean deleteGroup(Lease<Integer> shard, String group);
}
