package io.streamhouse.broker.sweep;

import java.time.Duration;

/// When objects are deleted.
///
/// @param grace how long an object stays once nothing refers to it, so that whoever looked it up
///   before can finish
/// @param uploadTimeout the longest an upload may go on after its session is over; after twice that
///   the key is deleted once more
/// @param tracked due objects in memory, at most
/// @param perPass keys deleted in one pass, at most
public record SweepOptions(Duration grace, Duration uploadTimeout, int tracked, int perPass) {

  public static SweepOptions of(Duration grace) {
    return new SweepOptions(grace, Duration.ofMinutes(5), 20_000, 5_000);
  }

  /// From one pass to the next: often beside the grace, seldom beside what a look costs.
  public Duration pause() {
    long millis = Math.clamp(grace.toMillis() / 10, 100, 10_000);
    return Duration.ofMillis(millis);
  }
}
