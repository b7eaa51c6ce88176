package io.streamhouse.broker.runtime;

import java.time.Duration;

/// Time that stands still until told to pass. The wall clock can be set apart from the monotonic
/// one, as on a machine that was suspended.
public final class SimulatedTime implements TimeSource {

  private long nanos = 1_000_000_000L;
  private long wallMillis = 1_700_000_000_000L;

  @Override
  public synchronized long nanos() {
    return nanos;
  }

  @Override
  public synchronized long wallMillis() {
    return wallMillis;
  }

  public synchronized void pass(Duration elapsed) {
    nanos += elapsed.toNanos();
    wallMillis += elapsed.toMillis();
  }

  /// The machine was asleep: only the wall clock moved.
  public synchronized void sleepMachine(Duration elapsed) {
    wallMillis += elapsed.toMillis();
  }
}
