package io.streamhouse.protocol;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// Waits for what another thread is about to do.
final class Eventually {

  private static final int MAX_LOOKS = 20_000;

  private Eventually() {}

  static void assertEventually(String what, BooleanSupplier condition) {
    for (int i = 0; i < MAX_LOOKS; i++) {
      if (condition.getAsBoolean()) {
        return;
      }
      LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
    }
    throw new AssertionError("never: " + what);
  }
}
