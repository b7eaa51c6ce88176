package io.streamhouse.protocol;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;

/// Looks at the records inside one batch, which decompresses it: for lookups by time and for topics
/// that store batches otherwise than they were sent, never on the normal path. Keep it off event
/// loops.
public final class BatchContents {

  /// What a batch may decompress to when it is rewritten, in bytes: a small batch must not fill the
  /// agent's memory.
  private static final long REWRITE_LIMIT_BYTES = 256L << 20;

  private BatchContents() {}

  /// A record's place and time, as readers see it.
  public record RecordTime(long offset, long timestamp) {}

  /// The first record at or beyond `fromOffset` with a timestamp ≥ `timestamp`.
  public static Optional<RecordTime> firstAtOrAfter(
      RecordBatch batch, long timestamp, long fromOffset) {
    try (var records = kafkaBatch(batch.bytes()).skipKeyValueIterator(BufferSupplier.NO_CACHING)) {
      while (records.hasNext()) {
        var record = records.next();
        if (record.offset() >= fromOffset && record.timestamp() >= timestamp) {
          return Optional.of(new RecordTime(record.offset(), record.timestamp()));
        }
      }
    }
    return Optional.empty();
  }

  /// Whether a record in the single batch has no key.
  public static boolean anyKeyless(RecordBatches batches) {
    return measure(batches);
  }

  /// Goes through all records of the single batch, keeping none, and so before any memory is taken
  /// as large as the batch says its records are.
  ///
  /// @return whether a record has no key
  /// @throws ContentsTooLarge beyond the limit for rewriting
  private static boolean measure(RecordBatches batches) {
    boolean keyless = false;
    long bytes = 0;
    try (var records =
        kafkaBatch(batches.bytes()).skipKeyValueIterator(BufferSupplier.NO_CACHING)) {
      while (records.hasNext()) {
        var record = records.next();
        keyless |= !record.hasKey();
        bytes += record.sizeInBytes();
        if (bytes > REWRITE_LIMIT_BYTES) {
          throw new ContentsTooLarge();
        }
      }
    }
    return keyless;
  }

  /// A batch whose records are more than an agent would hold in memory to rewrite them.
  public static final class ContentsTooLarge extends RuntimeException {
    ContentsTooLarge() {
      super("batch decompresses to more than " + REWRITE_LIMIT_BYTES + " bytes");
    }
  }

  /// The single batch stored with another codec: same records, headers, timestamps and producer.
  ///
  /// @param codec id as in the batch header
  /// @param level 0 means the codec's default
  /// @return a batch in memory of its own
  /// @throws ContentsTooLarge if its records are too many to hold
  public static RecordBatches recompress(RecordBatches batches, int codec, int level) {
    measure(batches);
    var from = batches.single();
    var batch = kafkaBatch(batches.bytes());
    var builder =
        MemoryRecords.builder(
            ByteBuffer.allocate(Math.max(1024, batches.sizeInBytes())),
            (byte) 2,
            compression(codec, level),
            TimestampType.CREATE_TIME,
            from.baseOffset(),
            from.maxTimestamp(),
            from.producerId(),
            from.producerEpoch(),
            from.baseSequence(),
            from.isTransactional(),
            from.leaderEpoch());
    try (var records = batch.streamingIterator(BufferSupplier.NO_CACHING)) {
      while (records.hasNext()) {
        var record = records.next();
        builder.appendWithOffset(
            record.offset(), record.timestamp(), record.key(), record.value(), record.headers());
      }
    }
    return RecordBatches.of(builder.build().buffer());
  }

  private static Compression compression(int codec, int level) {
    return switch (CompressionType.forId(codec)) {
      case NONE -> Compression.NONE;
      case GZIP ->
          level == 0 ? Compression.gzip().build() : Compression.gzip().level(level).build();
      case SNAPPY -> Compression.snappy().build();
      case LZ4 -> level == 0 ? Compression.lz4().build() : Compression.lz4().level(level).build();
      case ZSTD ->
          level == 0 ? Compression.zstd().build() : Compression.zstd().level(level).build();
    };
  }

  private static MutableRecordBatch kafkaBatch(ByteBuffer bytes) {
    return MemoryRecords.readableRecords(bytes).batches().iterator().next();
  }
}
