package io.streamhouse.protocol;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/// Record batches made by Apache Kafka's classes, and ways to break them.
final class BatchBytes {

  static final int MAGIC = 16;
  static final int CRC = 17;
  static final int ATTRIBUTES = 21;
  static final int LAST_OFFSET_DELTA = 23;
  static final int PRODUCER_ID = 43;
  static final int PRODUCER_EPOCH = 51;
  static final int BASE_SEQUENCE = 53;
  static final int RECORD_COUNT = 57;

  private BatchBytes() {}

  /// A batch as a producer without idempotence sends it.
  static ByteBuffer of(CompressionType codec, SimpleRecord... records) {
    return copy(MemoryRecords.withRecords(Compression.of(codec).build(), records).buffer());
  }

  static ByteBuffer idempotent(long producerId, int epoch, int sequence, SimpleRecord... records) {
    return copy(
        MemoryRecords.withIdempotentRecords(
                Compression.NONE, producerId, (short) epoch, sequence, records)
            .buffer());
  }

  static ByteBuffer transactional(
      long producerId, int epoch, int sequence, SimpleRecord... records) {
    return copy(
        MemoryRecords.withTransactionalRecords(
                Compression.NONE, producerId, (short) epoch, sequence, records)
            .buffer());
  }

  static SimpleRecord[] records(int count) {
    var records = new SimpleRecord[count];
    for (int i = 0; i < count; i++) {
      records[i] =
          new SimpleRecord(
              1000 + i, ("k" + i).getBytes(java.nio.charset.StandardCharsets.UTF_8), new byte[i]);
    }
    return records;
  }

  /// Corrects the CRC, where there is room for one.
  static ByteBuffer sealed(ByteBuffer batch) {
    if (batch.limit() >= RecordBatch.HEADER_BYTES) {
      var crc = new CRC32C();
      crc.update(batch.slice(ATTRIBUTES, batch.limit() - ATTRIBUTES));
      batch.putInt(CRC, (int) crc.getValue());
    }
    return batch;
  }

  static ByteBuffer copy(ByteBuffer bytes) {
    return ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
  }
}
