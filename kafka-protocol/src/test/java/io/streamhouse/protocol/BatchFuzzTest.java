package io.streamhouse.protocol;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;

/// Whatever bytes a producer sends as its batch, they are refused for a defect or can be walked,
/// read and rewritten; only [BrokenContents] comes of contents that cannot.
///
/// A longer run: `JAZZER_FUZZ=1 mvn -pl kafka-protocol test -Dtest=BatchFuzzTest#resealedBytes`
class BatchFuzzTest {

  private static final int LIMIT_BYTES = 4 << 20;

  @FuzzTest(maxDuration = "15m")
  void bytes(byte[] batch) {
    read(ByteBuffer.wrap(batch.clone()));
  }

  /// With a length and a CRC that match, which no mutation would get past.
  @FuzzTest(maxDuration = "15m")
  void resealedBytes(byte[] batch) {
    var bytes = ByteBuffer.wrap(batch.clone());
    if (bytes.limit() >= RecordBatch.HEADER_BYTES) {
      bytes.putLong(0, 0).putInt(8, bytes.limit() - RecordBatch.LOG_OVERHEAD_BYTES);
    }
    read(BatchBytes.sealed(bytes));
  }

  private static void read(ByteBuffer bytes) {
    var batches = RecordBatches.of(bytes);
    if (batches.defect().isPresent()) {
      return;
    }
    int count = 0;
    for (var batch : batches) {
      check(batch.sizeInBytes() == bytes.limit(), "size");
      check(batch.endOffset() == batch.recordCount(), "end offset");
      check(!batch.hasProducerId() || batch.lastSequence() >= 0, "last sequence");
      count++;
    }
    check(count == 1, "one batch");
    try {
      var unused = BatchContents.anyKeyless(batches);
      unused |= BatchContents.firstAtOrAfter(batches.single(), 0, 0).isPresent();
      var stored = BatchContents.recompress(batches, 0, 0, LIMIT_BYTES);
      check(stored.defect().isEmpty(), "rewritten batch is sound: " + unused);
      check(stored.single().recordCount() == batches.single().recordCount(), "records kept");
    } catch (BrokenContents expected) {
      // What contents that cannot be read must come to.
    }
    batches.stampLogAppendTime(1);
    batches.stamp(7, 1);
    check(batches.single().isLogAppendTime(), "stamped");
  }

  private static void check(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }
}
