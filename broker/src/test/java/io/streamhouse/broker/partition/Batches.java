package io.streamhouse.broker.partition;

import io.streamhouse.protocol.RecordBatches;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/// Record batches as a producer would send them.
public final class Batches {

  private Batches() {}

  public static RecordBatches plain(long timestamp, String... values) {
    return RecordBatches.of(
        MemoryRecords.withRecords(Compression.NONE, records(timestamp, values)).buffer());
  }

  public static RecordBatches idempotent(
      long producerId, int epoch, int sequence, long timestamp, String... values) {
    return RecordBatches.of(
        MemoryRecords.withIdempotentRecords(
                Compression.NONE, producerId, (short) epoch, sequence, records(timestamp, values))
            .buffer());
  }

  /// The same bytes in memory of their own, as a retry would bring them.
  public static RecordBatches copy(RecordBatches batches) {
    var bytes = ByteBuffer.allocate(batches.sizeInBytes());
    return RecordBatches.of(bytes.put(batches.bytes()).flip());
  }

  /// Values of all records, in order.
  public static List<String> values(List<RecordBatches> batches) {
    var values = new ArrayList<String>();
    for (var piece : batches) {
      for (var record : MemoryRecords.readableRecords(piece.bytes()).records()) {
        values.add(StandardCharsets.UTF_8.decode(record.value()).toString());
      }
    }
    return values;
  }

  private static SimpleRecord[] records(long timestamp, String... values) {
    var records = new SimpleRecord[values.length];
    for (int i = 0; i < values.length; i++) {
      records[i] = new SimpleRecord(timestamp, values[i].getBytes(StandardCharsets.UTF_8));
    }
    return records;
  }
}
