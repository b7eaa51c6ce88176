package io.streamhouse.compat.micro;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/// Batches as a producer sends them: records of 100 bytes of something like JSON, uncompressed,
/// some 16 KB in a batch.
final class SampleBatches {

  static final int RECORDS_PER_BATCH = 150;

  private SampleBatches() {}

  /// Batches with offsets from 0 on, together about `bytes` long.
  static List<ByteBuffer> of(long bytes) {
    var random = new Random(1);
    var batches = new ArrayList<ByteBuffer>();
    long sum = 0;
    while (sum < bytes) {
      var batch = batch(random, (long) batches.size() * RECORDS_PER_BATCH);
      sum += batch.remaining();
      batches.add(batch);
    }
    return batches;
  }

  static ByteBuffer batch(Random random, long baseOffset) {
    var records = new SimpleRecord[RECORDS_PER_BATCH];
    for (int i = 0; i < records.length; i++) {
      var text =
          "{\"user\":%d,\"event\":\"%s\",\"page\":\"/products/%d\",\"ms\":%d,\"session\":\"%x\"}"
              .formatted(
                  random.nextInt(1_000_000),
                  random.nextBoolean() ? "view" : "click",
                  random.nextInt(10_000),
                  1_700_000_000_000L + random.nextInt(1_000_000),
                  random.nextLong());
      var value = (text + " ".repeat(100)).substring(0, 100).getBytes(StandardCharsets.US_ASCII);
      records[i] = new SimpleRecord(1_700_000_000_000L, value);
    }
    return MemoryRecords.withRecords(baseOffset, Compression.NONE, records).buffer();
  }
}
