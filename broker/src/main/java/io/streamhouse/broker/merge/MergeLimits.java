package io.streamhouse.broker.merge;

import io.streamhouse.broker.partition.PartitionSettings;

/// How large one partition's segments are to become.
///
/// @param targetBytes a segment of so many is left alone
/// @param maxBytes none becomes larger by merging
/// @param spreadMillis from the oldest segment that goes into one to the newest, by their largest
///   timestamps; what retention drops by time stays at most that much longer. Not kept to where the
///   partition would have too many segments
record MergeLimits(long targetBytes, long maxBytes, long spreadMillis) {

  /// Retention by time or size drops a log in at least about so many steps.
  private static final int RETENTION_STEPS = 8;

  MergeLimits {
    if (targetBytes < 1 || maxBytes < 2 * targetBytes || spreadMillis < 0) {
      throw new IllegalArgumentException(
          "segments of %d to %d bytes that spread over %d ms"
              .formatted(targetBytes, maxBytes, spreadMillis));
    }
  }

  /// What the agent's limits become for a topic: its `segment.bytes` holds for merged segments,
  /// too, and what it keeps is dropped in steps that are small beside it.
  MergeLimits within(PartitionSettings settings) {
    long max = Math.max(2, Math.min(maxBytes, settings.segmentBytes()));
    if (settings.retention().bytes() > 0) {
      max = Math.clamp(settings.retention().bytes() / RETENTION_STEPS, 2, max);
    }
    long spread =
        settings.retention().millis() < 0
            ? spreadMillis
            : Math.min(spreadMillis, settings.retention().millis() / RETENTION_STEPS);
    return new MergeLimits(Math.min(targetBytes, Math.max(1, max / 4)), max, spread);
  }
}
