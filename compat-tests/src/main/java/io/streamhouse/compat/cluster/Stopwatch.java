package io.streamhouse.compat.cluster;

import java.time.Duration;

/// The time since it was made: the one clock of a run.
final class Stopwatch {

  private final long begun = System.nanoTime();

  long nanos() {
    return System.nanoTime() - begun;
  }

  Duration elapsed() {
    return Duration.ofNanos(nanos());
  }

  @Override
  public String toString() {
    return "%8.2f s".formatted(nanos() / 1e9);
  }
}
