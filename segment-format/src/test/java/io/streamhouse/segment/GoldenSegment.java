package io.streamhouse.segment;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// The segment of which `segment-v1*.seg` are copies: one block of each kind and every section.
final class GoldenSegment {

  static final long BASE_OFFSET = 5_000_000_000L;
  static final int BLOCK_BYTES = 400;

  /// Three blocks: text, chance, text.
  static final List<byte[]> BATCHES = batches();

  static final ProducerState PRODUCERS =
      new ProducerState(
          true,
          List.of(
              new ProducerSnapshot(
                  42,
                  (short) 3,
                  1_700_000_000_005L,
                  List.of(
                      new ProducerSnapshot.Batch(
                          Integer.MAX_VALUE - 1, 1, BASE_OFFSET, 1_700_000_000_000L),
                      new ProducerSnapshot.Batch(2, 9, BASE_OFFSET + 10, 1_700_000_000_005L)),
                  BASE_OFFSET + 10),
              new ProducerSnapshot(Long.MAX_VALUE, Short.MAX_VALUE, -1, List.of(), -1)));

  static final List<AbortedTransaction> ABORTED =
      List.of(
          new AbortedTransaction(42, BASE_OFFSET - 7, BASE_OFFSET + 3, BASE_OFFSET - 7),
          new AbortedTransaction(43, BASE_OFFSET, BASE_OFFSET + 20, BASE_OFFSET + 4));

  private GoldenSegment() {}

  static SegmentContent write(@Nullable BlockCompressor compressor) {
    var writer = new SegmentWriter(7, compressor, BLOCK_BYTES);
    long offset = BASE_OFFSET;
    for (int i = 0; i < BATCHES.size(); i++) {
      // Time goes back in the middle, as it may.
      long timestamp = 1_700_000_000_000L + (i < 4 ? i * 10L : 15);
      writer.add(ByteBuffer.wrap(BATCHES.get(i)), offset, offset + 5, timestamp, 5, false);
      offset += 5;
    }
    writer.producers(PRODUCERS);
    writer.aborted(ABORTED);
    return writer.finish();
  }

  private static List<byte[]> batches() {
    var chance = new Random(1);
    var batches = new ArrayList<byte[]>();
    for (int i = 0; i < 6; i++) {
      var batch = new byte[200];
      for (int j = 0; j < batch.length; j++) {
        batch[j] = (byte) (i / 2 == 1 ? chance.nextInt() : "streamhouse ".charAt(j % 12) + i);
      }
      batches.add(batch);
    }
    return List.copyOf(batches);
  }

  /// Writes the files anew, for a new format version: into the directory named.
  static void main(String[] args) throws IOException {
    var directory = Path.of(args[0]);
    Files.write(directory.resolve("segment-v1.seg"), SegmentBytes.of(write(null).buffers()));
    Files.write(
        directory.resolve("segment-v1-lz4.seg"),
        SegmentBytes.of(write(new BlockCompressor()).buffers()));
  }
}
