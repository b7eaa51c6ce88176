package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Producers of a partition as of a segment's end offset: the section's content. Also what is kept
/// of producers when the log start passes the segments that said it.
///
/// | field           | type | notes                                                       |
/// |-----------------|------|-------------------------------------------------------------|
/// | kind            | u8   | 0 delta, 1 full                                             |
/// | count           | i32  | of producers                                                |
/// | each producerId | i64  |                                                             |
/// | producerEpoch   | i16  |                                                             |
/// | batches         | u8   | at most 5                                                   |
/// | lastTimestamp   | i64  | ms                                                          |
/// | currentTxnFirstOffset | i64 | -1 for none                                            |
/// | each batch      | 24 B | baseSequence i32, lastSequence i32, baseOffset i64, timestamp i64 |
///
/// @param full all producers known, so that nothing older need be read; otherwise only those that
///   wrote in this segment
public record ProducerState(boolean full, List<ProducerSnapshot> producers) {

  private static final int PRODUCER_BYTES = 27;
  private static final int BATCH_BYTES = 24;

  public ProducerState {
    producers = List.copyOf(producers);
  }

  /// @throws IllegalArgumentException if there are too many producers
  public ByteBuffer encode() {
    long size = 5;
    for (var producer : producers) {
      size += PRODUCER_BYTES + (long) BATCH_BYTES * producer.batches().size();
    }
    if (size > SegmentFormat.MAX_SECTION_BYTES) {
      throw new IllegalArgumentException(
          "state of %d producers takes %d bytes, the limit is %d"
              .formatted(producers.size(), size, SegmentFormat.MAX_SECTION_BYTES));
    }
    var bytes = ByteBuffer.allocate((int) size);
    bytes.put((byte) (full ? 1 : 0)).putInt(producers.size());
    for (var producer : producers) {
      bytes.putLong(producer.producerId()).putShort(producer.producerEpoch());
      bytes.put((byte) producer.batches().size());
      bytes.putLong(producer.lastTimestamp()).putLong(producer.currentTxnFirstOffset());
      for (var batch : producer.batches()) {
        bytes.putInt(batch.baseSequence()).putInt(batch.lastSequence());
        bytes.putLong(batch.baseOffset()).putLong(batch.timestamp());
      }
    }
    return bytes.flip();
  }

  /// What [#encode] made.
  ///
  /// @param where it was found, for messages
  public static ProducerState decode(String where, ByteBuffer bytes) throws SegmentDamaged {
    return decode(new SectionCursor(where, 0, bytes));
  }

  static ProducerState decode(SectionCursor in) throws SegmentDamaged {
    var bytes = in.need(5, "kind and count");
    int kind = bytes.get();
    in.check(kind == 0 || kind == 1, "kind 0 or 1", kind);
    int count = bytes.getInt();
    in.check(
        count >= 0 && count <= bytes.remaining() / PRODUCER_BYTES,
        "at most " + bytes.remaining() / PRODUCER_BYTES + " producers",
        count);
    var producers = new ArrayList<ProducerSnapshot>(count);
    for (int i = 0; i < count; i++) {
      in.need(PRODUCER_BYTES, "producer");
      long id = bytes.getLong();
      in.check(id >= 0, "a producer id", id);
      short epoch = bytes.getShort();
      int batchCount = Byte.toUnsignedInt(bytes.get());
      in.check(batchCount <= ProducerSnapshot.MAX_BATCHES, "at most 5 batches", batchCount);
      long lastTimestamp = bytes.getLong();
      long firstOffset = bytes.getLong();
      in.check(firstOffset >= -1, "an offset or -1", firstOffset);
      in.need(batchCount * BATCH_BYTES, "batches");
      var batches = new ArrayList<ProducerSnapshot.Batch>(batchCount);
      for (int j = 0; j < batchCount; j++) {
        int baseSequence = bytes.getInt();
        int lastSequence = bytes.getInt();
        long baseOffset = bytes.getLong();
        in.check(baseSequence >= 0 && lastSequence >= 0, "sequences", baseSequence);
        in.check(baseOffset >= 0, "an offset", baseOffset);
        batches.add(
            new ProducerSnapshot.Batch(baseSequence, lastSequence, baseOffset, bytes.getLong()));
      }
      producers.add(new ProducerSnapshot(id, epoch, lastTimestamp, batches, firstOffset));
    }
    in.end();
    return new ProducerState(kind == 1, producers);
  }
}
