package io.streamhouse.broker.storage;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.RecordBatches;
import java.util.List;

/// What came of reading a segment.
public sealed interface SegmentRead {

  /// Whole batches in offset order, which whoever gets them releases; empty where the segment has
  /// none in the range asked for.
  record Found(List<RecordBatches> batches) implements SegmentRead {
    public Found {
      batches = List.copyOf(batches);
    }
  }

  /// As many reads wait as may; nothing is wrong with the segment.
  record Busy() implements SegmentRead {}

  /// Damaged or unreadable.
  record Failed(Failure.Storage failure) implements SegmentRead {}
}
