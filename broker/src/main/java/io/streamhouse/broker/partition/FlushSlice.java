package io.streamhouse.broker.partition;

import io.streamhouse.protocol.RecordBatches;
import java.util.List;

/// A run of one partition's tail on its way into a segment. Owns a reference to each batch until
/// [#release].
///
/// @param leaderEpoch of all its batches
/// @param producers those that wrote in it, or with `snapshot` all known as of its end
record FlushSlice(
    Partition partition,
    int leaderEpoch,
    long baseOffset,
    long endOffset,
    List<RecordBatches> batches,
    List<ProducerEntry> producers,
    boolean snapshot) {

  long sizeInBytes() {
    long bytes = 0;
    for (var batch : batches) {
      bytes += batch.sizeInBytes();
    }
    return bytes;
  }

  /// Memory its batches take.
  long cost() {
    return sizeInBytes() + (long) batches.size() * Tail.BATCH_OVERHEAD_BYTES;
  }

  void release() {
    batches.forEach(RecordBatches::release);
  }
}
