package io.streamhouse.broker.runtime;

/// The only time there is: simulated in simulations.
public interface TimeSource {

  /// Monotonic nanoseconds, for time-outs and leases; only differences mean anything.
  long nanos();

  /// Wall-clock milliseconds since the epoch, for what users see.
  long wallMillis();

  /// The machine's clocks.
  static TimeSource system() {
    return new SystemTime();
  }
}
