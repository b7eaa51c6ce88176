package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCounted;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// A read-only sequence of whole record batches in one piece of memory; never decompresses.
///
/// The memory belongs either to the garbage collector or is counted: a network frame, or
/// [BatchMemory]. Whoever keeps the batches beyond the call they were passed in calls [#retain]
/// once and [#release] once; for memory of the collector both do nothing. [#stamp] is the only
/// change ever made to the bytes, before anyone else can see them.
public final class RecordBatches implements Iterable<RecordBatch> {

  /// A record without key, value and headers: seven fields of one byte.
  private static final int MIN_RECORD_BYTES = 7;

  public static final RecordBatches EMPTY = new RecordBatches(ByteBuffer.allocate(0), null);

  /// Requests of clients with default settings are smaller, and whole requests are kept together.
  private static final int DETACH_FRAME_BYTES = 2 << 20;

  private static final int DETACH_FACTOR = 8;

  private final ByteBuffer buffer;
  private final @Nullable ReferenceCounted owner;

  RecordBatches(ByteBuffer buffer, @Nullable ReferenceCounted owner) {
    this.buffer = buffer.slice();
    this.owner = owner;
  }

  /// Batches from `buffer`'s position to its limit, in memory of the garbage collector.
  public static RecordBatches of(ByteBuffer buffer) {
    return new RecordBatches(buffer, null);
  }

  public int sizeInBytes() {
    return buffer.limit();
  }

  public boolean isEmpty() {
    return buffer.limit() == 0;
  }

  /// The bytes, read-only, from position 0; shares memory.
  public ByteBuffer bytes() {
    return buffer.asReadOnlyBuffer();
  }

  /// The batches in `[from, to)` of these bytes; shares memory and owner.
  ///
  /// @param from position of a batch's first byte
  /// @param to position after a batch's last byte
  public RecordBatches slice(int from, int to) {
    return new RecordBatches(buffer.slice(from, to - from), owner);
  }

  public RecordBatches retain() {
    if (owner != null) {
      owner.retain();
    }
    return this;
  }

  public void release() {
    if (owner != null) {
      owner.release();
    }
  }

  /// These batches, or a copy of them where keeping them would keep a buffer many times their size:
  /// a small batch that came in a huge request. The caller owns no reference to the result.
  public RecordBatches detached() {
    if (!(owner instanceof ByteBuf frame)
        || frame.capacity() < DETACH_FRAME_BYTES
        || frame.capacity() / DETACH_FACTOR < buffer.limit()) {
      return this;
    }
    return of(ByteBuffer.allocate(buffer.limit()).put(buffer.duplicate().rewind()).flip());
  }

  /// Whether keeping these batches keeps memory of which they take less than half: they came in one
  /// request with others.
  public boolean sharesFrame() {
    return owner instanceof ByteBuf frame && frame.capacity() / 2 > buffer.limit();
  }

  /// The same batches in memory of their own, to which the caller has the reference.
  ///
  /// @throws IOException if there is none
  public RecordBatches copy() throws IOException {
    var memory = BatchMemory.allocate(buffer.limit());
    memory.bytes().put(buffer.duplicate().rewind());
    return memory.batches();
  }

  /// The only batch, for callers that checked with [#defect].
  public RecordBatch single() {
    return new RecordBatch(buffer, 0);
  }

  /// What is wrong with these bytes as one producer's batch for one partition, if anything.
  ///
  /// Checks length, magic, codec, CRC-32C and that the header is consistent; leaves records alone,
  /// since decompressing to look at each doubles the cost of a compressed batch.
  public Optional<BatchDefect> defect() {
    if (buffer.limit() < RecordBatch.HEADER_BYTES) {
      // A record of an older format may well be shorter than the header of today's.
      return Optional.of(
          isEmpty()
              ? BatchDefect.BATCH_COUNT
              : isOldFormat() ? BatchDefect.UNSUPPORTED_MAGIC : BatchDefect.CORRUPT);
    }
    var batch = single();
    if (batch.magic() != 2) {
      return Optional.of(isOldFormat() ? BatchDefect.UNSUPPORTED_MAGIC : BatchDefect.CORRUPT);
    }
    int size = batch.sizeInBytes();
    if (size < RecordBatch.HEADER_BYTES || size > buffer.limit()) {
      return Optional.of(BatchDefect.CORRUPT);
    }
    if (size < buffer.limit()) {
      return Optional.of(BatchDefect.BATCH_COUNT);
    }
    if (crcOf(0, size) != batch.crc()) {
      return Optional.of(BatchDefect.CORRUPT);
    }
    if (batch.isControl()) {
      return Optional.of(BatchDefect.CONTROL_BATCH);
    }
    if (batch.compression() > 4) {
      return Optional.of(BatchDefect.UNSUPPORTED_COMPRESSION);
    }
    return isConsistent(batch) ? Optional.empty() : Optional.of(BatchDefect.INVALID_RECORD);
  }

  /// Whether these bytes are of magic 0 or 1: the magic byte is where today's is.
  private boolean isOldFormat() {
    if (buffer.limit() <= RecordBatch.MAGIC_POSITION) {
      return false;
    }
    byte magic = single().magic();
    return magic == 0 || magic == 1;
  }

  /// Whether the header of a producer's batch agrees with itself. As Kafka's log validator, and
  /// beyond it: no transaction without a producer, which nothing would ever end, and no more
  /// uncompressed records than there are bytes for, which would burn offsets.
  private static boolean isConsistent(RecordBatch batch) {
    int count = batch.recordCount();
    long recordBytes = batch.sizeInBytes() - (long) RecordBatch.HEADER_BYTES;
    return batch.baseOffset() == 0
        && count > 0
        && batch.lastOffsetDelta() == count - 1
        && (batch.compression() != 0 || (long) count * MIN_RECORD_BYTES <= recordBytes)
        && !batch.isLogAppendTime()
        && (batch.hasProducerId()
            ? batch.producerEpoch() >= 0 && batch.baseSequence() >= 0
            : !batch.isTransactional());
  }

  /// Writes base offset and leader epoch into the single batch; both lie outside its CRC.
  public RecordBatch stamp(long baseOffset, int leaderEpoch) {
    buffer.putLong(0, baseOffset);
    buffer.putInt(12, leaderEpoch);
    return single();
  }

  /// Marks the single batch as stamped by the log: `message.timestamp.type=LogAppendTime`. Readers
  /// take each record's timestamp from the header then, so records are left alone.
  public void stampLogAppendTime(long millis) {
    var batch = single();
    buffer.putShort(21, (short) (batch.attributes() | 0x08));
    buffer.putLong(35, millis);
    buffer.putInt(17, crcOf(0, batch.sizeInBytes()));
  }

  /// Walks whole batches; a trailing fragment or a broken length is an [IllegalStateException],
  /// since only checked bytes get here.
  @Override
  public Iterator<RecordBatch> iterator() {
    return new Iterator<>() {
      private int position;

      @Override
      public boolean hasNext() {
        return position < buffer.limit();
      }

      @Override
      public RecordBatch next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        var batch = new RecordBatch(buffer, position);
        int remaining = buffer.limit() - position;
        if (remaining < RecordBatch.HEADER_BYTES
            || batch.sizeInBytes() < RecordBatch.HEADER_BYTES
            || batch.sizeInBytes() > remaining) {
          throw new IllegalStateException(
              "record batch at " + position + " does not fit its " + buffer.limit() + " bytes");
        }
        position += batch.sizeInBytes();
        return batch;
      }
    };
  }

  private int crcOf(int position, int size) {
    var crc = new CRC32C();
    crc.update(buffer.slice(position + 21, size - 21));
    return (int) crc.getValue();
  }
}
