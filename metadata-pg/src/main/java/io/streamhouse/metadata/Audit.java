package io.streamhouse.metadata;

import io.streamhouse.metadata.Leases.Tail;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/// Every row as it stands, for whoever checks them against each other and against the object store;
/// and the one repair that only the database can make. Reads come in pages; each page is of one
/// moment, two pages need not be.
public interface Audit {

  /// @param after the last one of the page before; empty for the first page
  List<AuditedPartition> partitions(Optional<PartitionId> after, int limit);

  /// A partition's row, if it has one.
  Optional<AuditedPartition> partition(PartitionId partition);

  /// @param topic its topic's name; empty if there is no such topic
  /// @param leaseEpoch the last one given, -1 before the first
  record AuditedPartition(
      PartitionId id,
      Optional<String> topic,
      int leaseEpoch,
      long logStart,
      long committedEnd,
      Optional<Tail> tail) {}

  /// Topics that do not have just the partitions from 0 to their number.
  List<String> topicsMissingPartitions(int limit);

  /// Rows of segments or epochs whose partition has no row.
  List<PartitionId> strays(int limit);

  /// Segments that end after `fromOffset`, by end.
  List<AuditedSegment> segments(PartitionId partition, long fromOffset, int limit);

  /// @param object its key; empty if there is no such object
  record AuditedSegment(
      long baseOffset,
      long endOffset,
      int leaderEpoch,
      UUID objectId,
      Optional<String> object,
      long position,
      long length,
      long records,
      long maxTimestamp) {}

  /// Objects with a sequence above `after`, by it.
  List<AuditedObject> objects(long after, int limit);

  /// Those there are of these.
  List<AuditedObject> objects(Collection<UUID> objectIds);

  /// @param segments how many refer to it, as counted in its row
  /// @param referring how many do
  record AuditedObject(
      long sequence, UUID objectId, String key, ObjectState state, int segments, int referring) {}

  /// What an object's row says it is.
  enum ObjectState {
    PENDING,
    COMMITTED,
    ABANDONED
  }

  /// The logs of all agents that ever had a session.
  Set<UUID> wals();

  /// Committed offsets of partitions that there are not.
  List<DanglingOffset> danglingOffsets(int limit);

  record DanglingOffset(String group, PartitionId partition) {}

  /// Sets the count and the state of an object that is not pending to what its segments say. Only
  /// while no agent runs: a commit under way would not be counted.
  ///
  /// @return whether there is such an object
  boolean recount(UUID objectId);
}
