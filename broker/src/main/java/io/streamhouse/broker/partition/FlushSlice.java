package io.streamhouse.broker.partition;

import io.streamhouse.protocol.RecordBatches;
import java.io.IOException;
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
    List<TailBatch> batches,
    List<ProducerEntry> producers,
    boolean snapshot) {

  long sizeInBytes() {
    long bytes = 0;
    for (var batch : batches) {
      bytes += batch.header().sizeInBytes();
    }
    return bytes;
  }

  /// Memory its batches take.
  long cost() {
    return sizeInBytes() + (long) batches.size() * TailBatch.OVERHEAD_BYTES;
  }

  /// All its batches, in memory; blocks if some are only in the log. The caller releases them.
  List<RecordBatches> load() throws IOException {
    var loaded = partition.load(batches);
    if (loaded == null) {
      throw new IOException("the log has let go of batches of " + partition.id());
    }
    return loaded;
  }

  /// Releases it if its partition is led here no more.
  ///
  /// @return whether it was
  boolean droppedIfClosed() {
    boolean closed = partition.closed();
    if (closed) {
      release();
    }
    return closed;
  }

  void release() {
    batches.forEach(TailBatch::release);
  }
}
