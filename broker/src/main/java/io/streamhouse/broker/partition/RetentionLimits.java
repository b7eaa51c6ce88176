package io.streamhouse.broker.partition;

/// How much of a log is kept. Negative means no limit.
///
/// @param millis how long, by the largest timestamp of a segment
/// @param bytes of segments, as stored
public record RetentionLimits(long millis, long bytes) {

  /// Everything is kept.
  public static final RetentionLimits NONE = new RetentionLimits(-1, -1);

  boolean any() {
    return millis >= 0 || bytes >= 0;
  }
}
