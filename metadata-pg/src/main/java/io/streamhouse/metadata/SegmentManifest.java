package io.streamhouse.metadata;

import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// Which objects exist and which ranges of which partitions they hold.
public interface SegmentManifest {

  /// Registers an object before its upload, state `pending`, so that a crash leaves no orphan.
  /// Idempotent. It may be abandoned as soon as the session is over.
  void registerObject(UUID incarnation, UUID objectId, String key);

  /// Commits an uploaded object: one transaction that makes its segments part of their partitions.
  ///
  /// Per segment, the fence `incarnation = … AND lease_epoch = … AND committed_end = baseOffset`
  /// refuses a zombie, a gap and an overlap; refused segments do not hold up the others.
  /// Idempotent: sent again after an unknown outcome, it answers what the first one did. An object
  /// that was abandoned meanwhile commits nothing: its segments are fenced.
  List<CommitResult> commit(UUID objectId, List<NewSegment> segments);

  /// @param leaderEpoch of the batches in it, where it was merged of the first: at most the
  ///   lease's, below it for a tail that was replayed; its first segment gives `partition_epochs` a
  ///   row
  /// @param position of the segment's first byte in the object
  /// @param length of the segment in bytes
  /// @param records how many records it holds
  /// @param maxTimestamp largest record timestamp in it, ms
  record NewSegment(
      Lease<PartitionId> lease,
      int leaderEpoch,
      long baseOffset,
      long endOffset,
      long position,
      long length,
      long records,
      long maxTimestamp) {

    public NewSegment {
      if (leaderEpoch < 0 || leaderEpoch > lease.epoch()) {
        throw new IllegalArgumentException(
            "leader epoch " + leaderEpoch + " under lease epoch " + lease.epoch());
      }
      if (baseOffset < 0 || endOffset <= baseOffset || position < 0 || length <= 0) {
        throw new IllegalArgumentException(
            "segment [" + baseOffset + ", " + endOffset + ") at " + position + "+" + length);
      }
    }
  }

  /// What became of one segment, in the order given.
  sealed interface CommitResult {
    record Committed(long committedEnd) implements CommitResult {}

    /// The lease is not ours any more.
    record Fenced() implements CommitResult {}

    record TopicGone() implements CommitResult {}

    /// The segment does not begin where the committed log ends: a bug; the partition closes.
    record Gap(long committedEnd) implements CommitResult {}
  }

  /// Puts merged segments in the place of those they were made of: one transaction.
  ///
  /// Per replacement, the fence `incarnation = … AND lease_epoch = …` refuses a zombie, and the
  /// rows to be replaced must be there exactly as given; refused replacements do not hold up the
  /// others. Where epochs begin stays as it is. The objects of replaced rows lose what referred to
  /// them; at none they are due. Idempotent, as [#commit] is; an object of which no replacement was
  /// made is due, too.
  List<ReplaceResult> replace(UUID objectId, List<Replacement> replacements);

  /// @param rows contiguous, by base offset, as they were read
  /// @param by covers the same range; its leader epoch is that of the first of the rows
  record Replacement(List<Segment> rows, NewSegment by) {

    public Replacement {
      rows = List.copyOf(rows);
      var next = by.baseOffset();
      for (var row : rows) {
        if (row.baseOffset() != next || !row.partition().equals(by.lease().key())) {
          throw new IllegalArgumentException(row + " where offset " + next + " of " + by + " is");
        }
        next = row.endOffset();
      }
      if (next != by.endOffset()) {
        throw new IllegalArgumentException("rows up to " + next + " replaced by " + by);
      }
    }
  }

  /// What became of one replacement, in the order given.
  sealed interface ReplaceResult {
    record Replaced() implements ReplaceResult {}

    /// The lease is not ours any more, or its topic is gone.
    record Fenced() implements ReplaceResult {}

    /// The rows are not there as they were: the log start has passed one of them.
    record Changed() implements ReplaceResult {}
  }

  /// Committed segments that end after `fromOffset`, by base offset.
  List<Segment> segments(PartitionId partition, long fromOffset, int limit);

  /// Committed segments that end at or before `endOffset`, the newest first.
  List<Segment> segmentsBefore(PartitionId partition, long endOffset, int limit);

  /// The first committed segment that may hold a record with timestamp ≥ `timestamp`, at or after
  /// `fromOffset`.
  Optional<Segment> segmentAtTimestamp(PartitionId partition, long timestamp, long fromOffset);

  /// The committed segment with the largest `maxTimestamp` (the first of equals) among those that
  /// end after `fromOffset`.
  Optional<Segment> segmentWithMaxTimestamp(PartitionId partition, long fromOffset);

  /// How many bytes the committed segments take that end after `fromOffset`.
  long storedBytes(PartitionId partition, long fromOffset);

  /// How many bytes the committed segments take of every partition that a session holds; partitions
  /// without any are not in it.
  ///
  /// @param topics of which topics; null for all
  Map<PartitionId, Long> storedBytes(UUID incarnation, @Nullable Collection<UUID> topics);

  /// @param object key in the object store
  record Segment(
      PartitionId partition,
      long baseOffset,
      long endOffset,
      UUID objectId,
      String object,
      long position,
      long length,
      long records,
      long maxTimestamp) {}

  /// Where each leader epoch of a partition begins, as far as it is committed, by epoch.
  List<EpochStart> epochs(PartitionId partition);

  record EpochStart(int epoch, long startOffset) {}

  /// Raises the log start offset (DeleteRecords, retention); segments wholly below it go. An offset
  /// at or below the present start changes nothing.
  ///
  /// @param producers what is known of producers from batches below `logStart`, in the caller's
  ///   format; takes the place of what was given before, null for nothing
  /// @return false when fenced
  /// @throws IllegalArgumentException if `logStart` is above the committed end: flush first
  boolean raiseLogStart(Lease<PartitionId> lease, long logStart, @Nullable ByteBuffer producers);

  /// The producers that were given when the log start was raised last.
  Optional<ByteBuffer> logStartProducers(PartitionId partition);

  /// Objects to delete, marked abandoned: pending ones of sessions that are over, and those nothing
  /// refers to any more; the same ones until they are forgotten.
  ///
  /// @param after only those with a higher sequence; below 1 for all
  /// @param limit at most as many, the lowest sequence first
  List<DueObject> dueForDeletion(long after, int limit);

  /// @param sequence rises with registration
  record DueObject(long sequence, UUID objectId, String key) {}

  /// Forgets abandoned objects whose keys are deleted; does nothing to any other. Idempotent.
  void forgetObjects(Collection<UUID> objectIds);
}
