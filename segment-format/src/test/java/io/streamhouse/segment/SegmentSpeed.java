package io.streamhouse.segment;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// How fast segments are written and read, in memory: not a test, but a main to be run by hand, of
/// less than 20 seconds. One thread; 64 MB in batches of 16 KB with records of 100 bytes, in JSON.
final class SegmentSpeed {

  private static final int RECORDS = 160;
  private static final int BATCHES = 4096;
  private static final long ROUNDS_NANOS = 3_000_000_000L;

  private SegmentSpeed() {}

  static void main(String[] args) throws IOException {
    var batches = batches();
    for (var compressor : new BlockCompressor[] {null, new BlockCompressor()}) {
      var name = compressor == null ? "none" : "lz4";
      measure("write " + name, () -> write(compressor, batches).length());
      var segment = SegmentBytes.of(write(compressor, batches).buffers());
      System.out.printf("%s: %d bytes%n", name, segment.length);
      measure("read and check " + name, () -> read(segment));
    }
  }

  private interface Round {
    /// @return something that depends on all of the work
    long run() throws IOException;
  }

  private static void measure(String what, Round round) throws IOException {
    long result = round.run() + round.run();
    long start = System.nanoTime();
    int rounds = 0;
    while (System.nanoTime() - start < ROUNDS_NANOS) {
      result += round.run();
      rounds++;
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    double records = (double) rounds * BATCHES * RECORDS;
    System.out.printf(
        "%s: %.0f MB/s, %.1f M records/s (%d rounds, %x)%n",
        what, records * 100 / 1e6 / seconds, records / 1e6 / seconds, rounds, result);
  }

  private static SegmentContent write(
      @Nullable BlockCompressor compressor, List<ByteBuffer> batches) {
    var writer = new SegmentWriter(1, compressor);
    long offset = 0;
    for (var batch : batches) {
      writer.add(batch, offset, offset + RECORDS, offset, RECORDS, false);
      offset += RECORDS;
    }
    return writer.finish();
  }

  private static long read(byte[] segment) throws IOException {
    // Each read copies, as one from a file does.
    var reader = SegmentReader.open("speed", SegmentBytes.reader(segment), 0, segment.length);
    long bytes = 0;
    for (int i = 0; i < reader.blocks().size(); i++) {
      bytes += reader.readBlock(i).remaining();
    }
    return bytes;
  }

  private static List<ByteBuffer> batches() {
    var random = new Random(1);
    var batches = new ArrayList<ByteBuffer>(BATCHES);
    for (int i = 0; i < BATCHES; i++) {
      var batch = ByteBuffer.allocate(RECORDS * 100);
      for (int j = 0; j < RECORDS; j++) {
        var record =
            "{\"user\":%d,\"event\":\"%s\",\"page\":\"/products/%d\",\"ms\":%d,\"session\":\"%x\"}"
                .formatted(
                    random.nextInt(1_000_000),
                    random.nextBoolean() ? "view" : "click",
                    random.nextInt(10_000),
                    1_700_000_000_000L + random.nextInt(1_000_000),
                    random.nextLong());
        batch.put((record + " ".repeat(100)).getBytes(StandardCharsets.US_ASCII), 0, 100);
      }
      batches.add(batch.flip());
    }
    return batches;
  }
}
