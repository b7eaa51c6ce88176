package io.streamhouse.protocol;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.apache.kafka.common.record.internal.DefaultRecord;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.utils.BufferSupplier;
import org.jspecify.annotations.Nullable;

/// The records of one batch, one after another, decompressed as they are asked for.
///
/// Trusts no size it reads: Kafka's own iterators allocate what a record claims to be and snappy
/// what a block claims to become, a few bytes thus gigabytes. Here memory grows with bytes that
/// really are there, and those are limited. Not thread-safe.
final class RecordReader implements AutoCloseable {

  /// Snappy's densest element: 64 bytes from three.
  private static final int SNAPPY_MAX_RATIO = 32;

  private static final byte[] SNAPPY_FRAMED = {(byte) 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
  private static final int SNAPPY_HEADER_BYTES = 16;

  private final RecordBatch batch;
  private final long limitBytes;
  private final InputStream records;
  private long readBytes;
  private int next;

  /// @param limitBytes what all records together may come to
  /// @throws BrokenContents if the contents cannot be decompressed
  RecordReader(RecordBatch batch, long limitBytes) {
    this.batch = batch;
    this.limitBytes = limitBytes;
    var bytes = batch.bytes();
    if (batch.compression() == 2) {
      checkSnappy(bytes.slice(RecordBatch.HEADER_BYTES, bytes.limit() - RecordBatch.HEADER_BYTES));
    }
    try {
      var opened =
          (DefaultRecordBatch) MemoryRecords.readableRecords(bytes).batches().iterator().next();
      this.records = opened.recordInputStream(BufferSupplier.NO_CACHING);
    } catch (RuntimeException e) {
      throw new BrokenContents("records cannot be decompressed", e);
    }
  }

  /// The next record, in memory of its own; null after the last.
  ///
  /// @throws BrokenContents if it cannot be read, or the header promised another number of records
  @Nullable Record next() {
    try {
      if (next == batch.recordCount()) {
        if (records.read() >= 0) {
          throw new BrokenContents("bytes behind the last of %d records".formatted(next));
        }
        return null;
      }
      var record = read();
      if (record.offset() != batch.baseOffset() + next) {
        throw new BrokenContents(
            "record %d has offset %d in a batch from %d"
                .formatted(next, record.offset(), batch.baseOffset()));
      }
      next++;
      return record;
    } catch (BrokenContents e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new BrokenContents(
          "record %d of %d cannot be read".formatted(next, batch.recordCount()), e);
    }
  }

  private DefaultRecord read() throws IOException {
    var length = new byte[5];
    int lengthBytes = 0;
    int raw = 0;
    int last;
    do {
      last = records.read();
      if (last < 0) {
        throw new EOFException("end of records");
      }
      if (lengthBytes == length.length) {
        throw new BrokenContents("length of record %d is longer than 5 bytes".formatted(next));
      }
      raw |= (last & 0x7f) << (7 * lengthBytes);
      length[lengthBytes++] = (byte) last;
    } while ((last & 0x80) != 0);
    int size = (raw >>> 1) ^ -(raw & 1);
    if (size < 0 || size > limitBytes) {
      throw new BrokenContents(
          "record %d claims %d bytes, allowed are %d".formatted(next, size, limitBytes));
    }
    if (size > limitBytes - readBytes) {
      throw new BatchContents.ContentsTooLarge(limitBytes);
    }
    // Grows as bytes arrive, whatever was claimed.
    var body = records.readNBytes(size);
    if (body.length < size) {
      throw new EOFException("record of %d bytes has %d".formatted(size, body.length));
    }
    readBytes += size;
    var whole =
        ByteBuffer.allocate(lengthBytes + size).put(length, 0, lengthBytes).put(body).flip();
    return DefaultRecord.readFrom(
        whole,
        batch.baseOffset(),
        batch.baseTimestamp(),
        batch.baseSequence(),
        batch.isLogAppendTime() ? batch.maxTimestamp() : null);
  }

  @Override
  public void close() {
    try {
      records.close();
    } catch (IOException e) {
      throw new BrokenContents("records cannot be closed", e);
    }
  }

  /// Refuses blocks that claim to become more than snappy can make of them.
  private static void checkSnappy(ByteBuffer bytes) {
    if (bytes.remaining() < SNAPPY_HEADER_BYTES || !startsFramed(bytes)) {
      checkSnappyBlock(bytes);
      return;
    }
    bytes.position(bytes.position() + SNAPPY_HEADER_BYTES);
    while (bytes.remaining() >= Integer.BYTES) {
      if (bytes.remaining() >= SNAPPY_HEADER_BYTES && startsFramed(bytes)) {
        // Streams may be concatenated.
        bytes.position(bytes.position() + SNAPPY_HEADER_BYTES);
        continue;
      }
      int size = bytes.getInt();
      if (size < 0 || size > bytes.remaining()) {
        throw new BrokenContents(
            "snappy block of %d bytes where %d are left".formatted(size, bytes.remaining()));
      }
      checkSnappyBlock(bytes.slice(bytes.position(), size));
      bytes.position(bytes.position() + size);
    }
  }

  private static boolean startsFramed(ByteBuffer bytes) {
    return bytes
        .slice(bytes.position(), SNAPPY_FRAMED.length)
        .equals(ByteBuffer.wrap(SNAPPY_FRAMED));
  }

  /// A block begins with its uncompressed length, an unsigned varint.
  private static void checkSnappyBlock(ByteBuffer block) {
    long claimed = 0;
    for (int i = 0; i < 5 && i < block.remaining(); i++) {
      int next = block.get(block.position() + i);
      claimed |= (next & 0x7fL) << (7 * i);
      if (next >= 0) {
        break;
      }
    }
    if (claimed > (long) block.remaining() * SNAPPY_MAX_RATIO) {
      throw new BrokenContents(
          "snappy block of %d bytes claims to become %d".formatted(block.remaining(), claimed));
    }
  }
}
