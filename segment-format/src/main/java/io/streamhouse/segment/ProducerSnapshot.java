package io.streamhouse.segment;

import java.util.List;

/// What one idempotent producer wrote last to a partition, as of a segment's end offset.
///
/// @param lastTimestamp largest record timestamp of its last batch, ms
/// @param batches its latest batches, oldest first, at most [#MAX_BATCHES]
/// @param currentTxnFirstOffset where its open transaction begins, or -1
public record ProducerSnapshot(
    long producerId,
    short producerEpoch,
    long lastTimestamp,
    List<Batch> batches,
    long currentTxnFirstOffset) {

  /// As many as a producer may have in flight, so that a retry is always among them.
  public static final int MAX_BATCHES = 5;

  public ProducerSnapshot {
    batches = List.copyOf(batches);
    if (producerId < 0 || batches.size() > MAX_BATCHES || currentTxnFirstOffset < -1) {
      throw new IllegalArgumentException(
          "producer %d with %d batches, transaction from %d"
              .formatted(producerId, batches.size(), currentTxnFirstOffset));
    }
  }

  /// @param lastSequence below `baseSequence` where sequences wrapped from 2^31-1 to 0
  /// @param timestamp largest record timestamp, ms
  public record Batch(int baseSequence, int lastSequence, long baseOffset, long timestamp) {
    public Batch {
      if (baseSequence < 0 || lastSequence < 0 || baseOffset < 0) {
        throw new IllegalArgumentException(
            "sequences %d to %d at offset %d".formatted(baseSequence, lastSequence, baseOffset));
      }
    }
  }
}
