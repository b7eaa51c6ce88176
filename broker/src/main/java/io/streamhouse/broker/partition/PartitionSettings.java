package io.streamhouse.broker.partition;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import org.jspecify.annotations.Nullable;

/// What a topic's configuration asks of each batch, and of the log they make. Immutable; replaced
/// as a whole when the configuration changes.
///
/// @param maxMessageBytes largest batch accepted, as stored
/// @param logAppendTime stamp batches with the time of their append
/// @param timestampBeforeMaxMillis how far a create time may lie in the past
/// @param timestampAfterMaxMillis how far a create time may lie in the future
/// @param compression codec id batches are stored with, or [#AS_PRODUCED]
/// @param compressionLevel for that codec
/// @param keysRequired the topic is compacted: a record without key could never be
/// @param segmentBytes of batches that a segment may hold, but for one batch that is larger
/// @param retention what is dropped from the log's start
/// @param objectDurable an acknowledgement means that the batch is in a committed object
public record PartitionSettings(
    int maxMessageBytes,
    boolean logAppendTime,
    long timestampBeforeMaxMillis,
    long timestampAfterMaxMillis,
    int compression,
    int compressionLevel,
    boolean keysRequired,
    int segmentBytes,
    RetentionLimits retention,
    boolean objectDurable) {

  /// `compression.type=producer`: batches stay as they were sent.
  public static final int AS_PRODUCED = -1;

  /// Kafka's defaults.
  public static final PartitionSettings DEFAULT =
      new PartitionSettings(
          1_048_588,
          false,
          Long.MAX_VALUE,
          3_600_000,
          AS_PRODUCED,
          0,
          false,
          1 << 30,
          RetentionLimits.NONE,
          false);

  boolean recompresses(RecordBatch batch) {
    return compression != AS_PRODUCED && batch.compression() != compression;
  }

  /// Why a batch is refused on sight. Leaves compressed records alone unless a key is required.
  @Nullable Failure refuses(RecordBatches batches, long nowMillis) {
    if (batches.sizeInBytes() > maxMessageBytes) {
      return new Failure.MessageTooLarge(batches.sizeInBytes(), maxMessageBytes);
    }
    var batch = batches.single();
    if (!logAppendTime) {
      long newest = batch.maxTimestamp();
      if (newest - nowMillis > timestampAfterMaxMillis) {
        return new Failure.InvalidTimestamp(
            "timestamp %d is more than message.timestamp.after.max.ms=%d ahead of now"
                .formatted(newest, timestampAfterMaxMillis));
      }
      long oldest = batch.baseTimestamp();
      if (oldest >= 0 && nowMillis - oldest > timestampBeforeMaxMillis) {
        return new Failure.InvalidTimestamp(
            "timestamp %d is more than message.timestamp.before.max.ms=%d behind now"
                .formatted(oldest, timestampBeforeMaxMillis));
      }
    }
    return null;
  }
}
