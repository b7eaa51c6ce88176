package io.streamhouse.broker.partition;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.WalDamaged;
import java.io.IOException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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

  private static final Logger log = LoggerFactory.getLogger(FlushSlice.class);

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

  /// All its batches, in memory; blocks if some are only in the log. The caller releases them. What
  /// the log cannot give back closes the partition: the others must not wait for it.
  List<RecordBatches> load() throws IOException {
    List<RecordBatches> loaded;
    try {
      loaded = partition.load(batches);
    } catch (WalDamaged damaged) {
      log.error("a partition closes: its tail cannot be read back", damaged);
      partition.close(new Failure.Storage(String.valueOf(damaged.getMessage())));
      throw damaged;
    }
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
