package io.streamhouse.segment;

import java.nio.ByteBuffer;

/// What a segment says about itself.
///
/// @param compression what its blocks may be stored with; each block names its own
/// @param leaderEpoch of its first batch; later ones have it too, or in a merged segment a higher
///   one
/// @param baseOffset first offset of its range
/// @param endOffset one past its last offset
/// @param records how many it holds
/// @param maxTimestamp largest timestamp of any record, ms; -1 where none has one
public record SegmentHeader(
    SegmentCompression compression,
    int leaderEpoch,
    long baseOffset,
    long endOffset,
    long records,
    long maxTimestamp) {

  public SegmentHeader {
    if (baseOffset < 0 || endOffset <= baseOffset || leaderEpoch < 0 || records < 0) {
      throw new IllegalArgumentException(
          "segment [%d, %d) with %d records of leader epoch %d"
              .formatted(baseOffset, endOffset, records, leaderEpoch));
    }
  }

  /// The 64 bytes of [SegmentFormat].
  ByteBuffer encode() {
    var bytes = ByteBuffer.allocate(SegmentFormat.HEADER_BYTES);
    bytes.putInt(SegmentFormat.MAGIC);
    bytes.putShort(SegmentFormat.VERSION);
    bytes.putShort((short) compression.code);
    bytes.putInt(leaderEpoch).putInt(0);
    bytes.putLong(baseOffset).putLong(endOffset).putLong(records).putLong(maxTimestamp);
    bytes.position(SegmentFormat.HEADER_BYTES - 4);
    bytes.putInt(SegmentFormat.crc(bytes.slice(0, SegmentFormat.HEADER_BYTES - 4)));
    return bytes.flip();
  }
}
