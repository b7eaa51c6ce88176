package io.streamhouse.protocol;

import java.nio.ByteBuffer;

/// A view on the header of one record batch, version 2 (magic 2), as the producer sent it.
///
/// | field                | at | type | notes                                             |
/// |----------------------|----|------|---------------------------------------------------|
/// | baseOffset           |  0 | i64  | stamped by the log; outside the CRC               |
/// | batchLength          |  8 | i32  | bytes after this field                            |
/// | partitionLeaderEpoch | 12 | i32  | stamped by the log; outside the CRC               |
/// | magic                | 16 | i8   | 2                                                 |
/// | crc                  | 17 | u32  | CRC-32C of everything after it                    |
/// | attributes           | 21 | i16  | codec 0–2, timestamp type 3, txn 4, control 5     |
/// | lastOffsetDelta      | 23 | i32  |                                                   |
/// | baseTimestamp        | 27 | i64  | ms                                                |
/// | maxTimestamp         | 35 | i64  | ms                                                |
/// | producerId           | 43 | i64  | -1 without idempotence                            |
/// | producerEpoch        | 51 | i16  |                                                   |
/// | baseSequence         | 53 | i32  |                                                   |
/// | recordCount          | 57 | i32  | records follow, compressed as attributes say      |
///
/// Immutable view; valid as long as the memory under it is.
public final class RecordBatch {

  /// Bytes of the header, up to the first record.
  public static final int HEADER_BYTES = 61;

  /// Bytes before `partitionLeaderEpoch`: those that `batchLength` does not count.
  public static final int LOG_OVERHEAD_BYTES = 12;

  /// The timestamp of a record that has none.
  static final long NO_TIMESTAMP = -1;

  /// Where every format since magic 0 says which it is.
  static final int MAGIC_POSITION = 16;

  private final ByteBuffer buffer;
  private final int position;

  /// @param position where the batch begins in `buffer`, absolute
  RecordBatch(ByteBuffer buffer, int position) {
    this.buffer = buffer;
    this.position = position;
  }

  public long baseOffset() {
    return buffer.getLong(position);
  }

  /// Size in bytes, header included.
  public int sizeInBytes() {
    return LOG_OVERHEAD_BYTES + buffer.getInt(position + 8);
  }

  public int leaderEpoch() {
    return buffer.getInt(position + 12);
  }

  public byte magic() {
    return buffer.get(position + MAGIC_POSITION);
  }

  public int crc() {
    return buffer.getInt(position + 17);
  }

  public short attributes() {
    return buffer.getShort(position + 21);
  }

  /// Codec id: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
  public int compression() {
    return attributes() & 0x07;
  }

  public boolean isLogAppendTime() {
    return (attributes() & 0x08) != 0;
  }

  public boolean isTransactional() {
    return (attributes() & 0x10) != 0;
  }

  public boolean isControl() {
    return (attributes() & 0x20) != 0;
  }

  public int lastOffsetDelta() {
    return buffer.getInt(position + 23);
  }

  /// One past the last offset.
  public long endOffset() {
    return baseOffset() + lastOffsetDelta() + 1;
  }

  public long baseTimestamp() {
    return buffer.getLong(position + 27);
  }

  public long maxTimestamp() {
    return buffer.getLong(position + 35);
  }

  public long producerId() {
    return buffer.getLong(position + 43);
  }

  public boolean hasProducerId() {
    return producerId() >= 0;
  }

  public short producerEpoch() {
    return buffer.getShort(position + 51);
  }

  public int baseSequence() {
    return buffer.getInt(position + 53);
  }

  /// Sequence of the last record; sequences wrap from 2^31-1 to 0.
  public int lastSequence() {
    return baseSequence() < 0
        ? baseSequence()
        : (int) (((long) baseSequence() + lastOffsetDelta()) & 0x7fff_ffffL);
  }

  public int recordCount() {
    return buffer.getInt(position + 57);
  }

  /// The whole batch, read-only, from position 0 to its size.
  public ByteBuffer bytes() {
    return buffer.slice(position, sizeInBytes()).asReadOnlyBuffer();
  }
}
