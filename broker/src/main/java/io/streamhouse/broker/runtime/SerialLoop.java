package io.streamhouse.broker.runtime;

import java.time.Duration;
import java.util.concurrent.Executor;

/// Runs tasks one at a time, in the order given: the only "run this later". Production drives it
/// with a thread, simulations with a simulated clock.
public interface SerialLoop extends Executor {

  /// Runs `task` after everything given before it.
  @Override
  void execute(Runnable task);

  /// Runs `task` once, not before `delay` has passed; never, if the loop is closed by then.
  ///
  /// @return cancels the task if it has not begun
  Cancellation after(Duration delay, Runnable task);

  interface Cancellation {
    void cancel();
  }
}
