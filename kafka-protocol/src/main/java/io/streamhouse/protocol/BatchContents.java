package io.streamhouse.protocol;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;

/// Looks at the records inside one batch, which decompresses it: for lookups by time and for topics
/// that store batches otherwise than they were sent, never on the normal path. Keep it off event
/// loops.
///
/// What a batch decompresses to is limited, since a small one must not fill the agent's memory.
/// Records that cannot be read, or exceed the limit, are [BrokenContents].
public final class BatchContents {

  /// What the records of one batch may come to in bytes.
  static final long LIMIT_BYTES = 256L << 20;

  private BatchContents() {}

  /// A batch whose records are more than an agent would hold in memory to rewrite them.
  public static final class ContentsTooLarge extends BrokenContents {
    ContentsTooLarge(long limitBytes) {
      super("batch decompresses to more than " + limitBytes + " bytes");
    }
  }

  /// A record's place and time, as readers see it.
  public record RecordTime(long offset, long timestamp) {}

  /// The first record at or beyond `fromOffset` with a timestamp ≥ `timestamp`.
  ///
  /// @throws BrokenContents if a record up to that one cannot be read
  public static Optional<RecordTime> firstAtOrAfter(
      RecordBatch batch, long timestamp, long fromOffset) {
    try (var records = new RecordReader(batch, LIMIT_BYTES)) {
      for (var record = records.next(); record != null; record = records.next()) {
        if (record.offset() >= fromOffset && record.timestamp() >= timestamp) {
          return Optional.of(new RecordTime(record.offset(), record.timestamp()));
        }
      }
    }
    return Optional.empty();
  }

  /// Whether a record in the single batch has no key.
  ///
  /// @throws BrokenContents if a record up to that one cannot be read
  public static boolean anyKeyless(RecordBatches batches) {
    try (var records = new RecordReader(batches.single(), LIMIT_BYTES)) {
      for (var record = records.next(); record != null; record = records.next()) {
        if (!record.hasKey()) {
          return true;
        }
      }
    }
    return false;
  }

  /// The single batch stored with another codec: same records, headers, timestamps and producer.
  ///
  /// @param codec id as in the batch header
  /// @param level 0 means the codec's default
  /// @return a batch in memory of its own
  /// @throws BrokenContents if the records cannot be read; as [ContentsTooLarge] if they are too
  ///   many to hold
  public static RecordBatches recompress(RecordBatches batches, int codec, int level) {
    return recompress(batches, codec, level, LIMIT_BYTES);
  }

  static RecordBatches recompress(RecordBatches batches, int codec, int level, long limitBytes) {
    var from = batches.single();
    // Any negative id is no producer, as for Kafka; its builder knows -1 only.
    boolean idempotent = from.hasProducerId();
    try (var records = new RecordReader(from, limitBytes);
        var builder =
            MemoryRecords.builder(
                ByteBuffer.allocate(Math.max(1024, batches.sizeInBytes())),
                (byte) 2,
                compression(codec, level),
                TimestampType.CREATE_TIME,
                from.baseOffset(),
                from.maxTimestamp(),
                idempotent ? from.producerId() : -1,
                idempotent ? from.producerEpoch() : (short) -1,
                idempotent ? from.baseSequence() : -1,
                from.isTransactional(),
                from.leaderEpoch())) {
      for (var record = records.next(); record != null; record = records.next()) {
        // -1 is no timestamp; nothing else below 0 can be written.
        if (record.timestamp() < RecordBatch.NO_TIMESTAMP) {
          throw new BrokenContents("a record with timestamp " + record.timestamp());
        }
        builder.appendWithOffset(
            record.offset(), record.timestamp(), record.key(), record.value(), record.headers());
      }
      return RecordBatches.of(builder.build().buffer());
    }
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
}
