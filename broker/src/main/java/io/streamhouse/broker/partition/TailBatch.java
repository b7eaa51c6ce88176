package io.streamhouse.broker.partition;

import io.streamhouse.broker.wal.WalPlace;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/// A batch of a tail: in memory, or only its header there and all of it in the write-ahead log.
///
/// @param batches the batch, or its header
/// @param place where all of it is; null while it is in memory only
public record TailBatch(RecordBatches batches, @Nullable WalPlace place) {

  /// What a batch costs in memory beyond its bytes: views, reference counts, its place in a tail.
  /// Without it a flood of tiny batches would fill the heap long before the budget.
  static final int OVERHEAD_BYTES = 400;

  /// What is left when only the header is kept.
  static final int EVICTED_BYTES = 250;

  /// A batch in memory.
  public static TailBatch of(RecordBatches batches) {
    return new TailBatch(batches, null);
  }

  /// Only the header of `batch`, copied.
  static TailBatch evicted(ByteBuffer batch, WalPlace place) {
    var header = new byte[RecordBatch.HEADER_BYTES];
    batch.get(batch.position(), header);
    return new TailBatch(RecordBatches.of(ByteBuffer.wrap(header)), place);
  }

  /// Its header.
  public RecordBatch header() {
    return batches.single();
  }

  /// Whether all of it is in memory.
  boolean inMemory() {
    return batches.sizeInBytes() == header().sizeInBytes();
  }

  /// Memory it takes.
  int cost() {
    return inMemory() ? batches.sizeInBytes() + OVERHEAD_BYTES : EVICTED_BYTES;
  }

  TailBatch retain() {
    batches.retain();
    return this;
  }

  public void release() {
    batches.release();
  }
}
