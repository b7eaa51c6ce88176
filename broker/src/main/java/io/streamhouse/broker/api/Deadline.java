package io.streamhouse.broker.api;

import io.streamhouse.broker.runtime.SerialLoop;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;

/// Bounds how long a request waits for something, by the injected time.
final class Deadline {

  private Deadline() {}

  /// `work`, or a [TimeoutException] once `timeout` has passed; what `work` yields after that is
  /// dropped, so it must own nothing. The timer goes as soon as either is known.
  static <T> CompletableFuture<T> within(
      SerialLoop timers, Duration timeout, CompletableFuture<T> work) {
    if (work.isDone()) {
      return work;
    }
    var bounded = new CompletableFuture<T>();
    var timer =
        timers.after(
            timeout, () -> bounded.completeExceptionally(new TimeoutException("after " + timeout)));
    var _ =
        work.whenComplete((value, thrown) -> {
          timer.cancel();
          if (thrown != null) {
            bounded.completeExceptionally(thrown);
          } else {
            bounded.complete(value);
          }
        });
    return bounded;
  }
}
