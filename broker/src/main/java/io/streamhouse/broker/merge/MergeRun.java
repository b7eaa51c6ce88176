package io.streamhouse.broker.merge;

import io.streamhouse.broker.partition.Partition;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.Segment;
import java.util.List;

/// Segments of one partition that are to become one.
///
/// @param lease under which they were chosen, and will be replaced
/// @param rows contiguous, by base offset; not empty
/// @param first whether no segment comes before them
record MergeRun(Partition partition, Lease<PartitionId> lease, List<Segment> rows, boolean first) {

  /// From so many bytes on a segment gets an object of its own: a request for so much costs nothing
  /// beside the bytes, and an object of one partition goes when its segment does.
  static final long OWN_OBJECT_BYTES = 8 << 20;

  MergeRun {
    rows = List.copyOf(rows);
  }

  long baseOffset() {
    return rows.getFirst().baseOffset();
  }

  long endOffset() {
    return rows.getLast().endOffset();
  }

  long bytes() {
    return rows.stream().mapToLong(Segment::length).sum();
  }

  long records() {
    return rows.stream().mapToLong(Segment::records).sum();
  }

  long maxTimestamp() {
    return rows.stream().mapToLong(Segment::maxTimestamp).max().orElse(-1);
  }

  boolean own() {
    return bytes() >= OWN_OBJECT_BYTES;
  }
}
