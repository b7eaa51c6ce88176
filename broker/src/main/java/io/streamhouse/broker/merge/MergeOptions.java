package io.streamhouse.broker.merge;

import java.time.Duration;

/// When and how much is merged.
///
/// @param targetBytes a segment of so many is left alone
/// @param maxBytes none becomes larger by merging
/// @param bytesPerSecond of segments that are merged, at most
/// @param age how long what was flushed together with other partitions stays in its object
/// @param pause between objects, unless a partition has too many segments
/// @param compress blocks that are put together anew and came uncompressed
public record MergeOptions(
    long targetBytes,
    long maxBytes,
    long bytesPerSecond,
    Duration age,
    Duration pause,
    boolean compress) {

  /// With one object in five seconds at most that is not full, requests cost nothing that counts.
  private static final Duration PAUSE = Duration.ofSeconds(5);

  public static MergeOptions of(
      long targetBytes, long maxBytes, long bytesPerSecond, Duration age, boolean compress) {
    return new MergeOptions(targetBytes, maxBytes, bytesPerSecond, age, PAUSE, compress);
  }

  MergeLimits limits() {
    return new MergeLimits(targetBytes, maxBytes, Long.MAX_VALUE);
  }
}
