package io.streamhouse.broker.merge;

import io.streamhouse.protocol.RecordBatches;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// What tells whether two runs of batches are the same: where they begin and end, how many there
/// are, and a checksum of all their bytes. Checks on the way that each batch has the checksum its
/// producer gave it, and continues the one before. Confined to its caller.
final class Fingerprint {

  /// Where the part of a batch begins that its checksum covers.
  private static final int CHECKED_POSITION = 21;

  private final CRC32C crc = new CRC32C();
  private final long baseOffset;
  private long endOffset;
  private long records;
  private long batches;
  private long bytes;
  private @Nullable String problem;

  /// @param baseOffset of the first batch
  Fingerprint(long baseOffset) {
    this.baseOffset = baseOffset;
    this.endOffset = baseOffset;
  }

  /// Takes in whole batches, between position and limit, which do not move.
  void add(ByteBuffer block) {
    for (var batch : RecordBatches.of(block.duplicate())) {
      if (batch.baseOffset() != endOffset && problem == null) {
        problem = "a batch at offset %d behind %d".formatted(batch.baseOffset(), endOffset);
      }
      var checked = new CRC32C();
      checked.update(batch.bytes().position(CHECKED_POSITION));
      if ((int) checked.getValue() != batch.crc() && problem == null) {
        problem = "a batch at offset %d with another checksum".formatted(batch.baseOffset());
      }
      endOffset = batch.endOffset();
      records += batch.recordCount();
      batches++;
    }
    bytes += block.remaining();
    crc.update(block.duplicate());
  }

  long endOffset() {
    return endOffset;
  }

  long records() {
    return records;
  }

  /// What is wrong with the batches themselves; null if nothing is.
  @Nullable String problem() {
    return problem;
  }

  @Override
  public String toString() {
    return "offsets [%d,%d), %d records in %d batches of %d bytes, crc %08x"
        .formatted(baseOffset, endOffset, records, batches, bytes, (int) crc.getValue());
  }

  boolean sameAs(Fingerprint other) {
    return baseOffset == other.baseOffset
        && endOffset == other.endOffset
        && records == other.records
        && batches == other.batches
        && bytes == other.bytes
        && crc.getValue() == other.crc.getValue();
  }
}
