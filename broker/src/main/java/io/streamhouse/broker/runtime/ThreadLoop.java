package io.streamhouse.broker.runtime;

import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// A [SerialLoop] on one daemon thread of its own. A task that throws is an error in our own code:
/// it goes to `onError`, which decides whether the process may live on.
public final class ThreadLoop implements SerialLoop, AutoCloseable {

  private final ScheduledThreadPoolExecutor executor;
  private final Consumer<Throwable> onError;

  public ThreadLoop(String name, Consumer<Throwable> onError) {
    this.onError = onError;
    this.executor =
        new ScheduledThreadPoolExecutor(
            1, task -> Thread.ofPlatform().name(name).daemon().unstarted(task));
    executor.setRemoveOnCancelPolicy(true);
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  @Override
  public void execute(Runnable task) {
    try {
      executor.execute(guarded(task));
    } catch (RejectedExecutionException closed) {
      // Whoever still has an answer to hand over as the loop closes is too late.
    }
  }

  @Override
  public Cancellation after(Duration delay, Runnable task) {
    try {
      var future = executor.schedule(guarded(task), delay.toNanos(), TimeUnit.NANOSECONDS);
      return () -> future.cancel(false);
    } catch (RejectedExecutionException closed) {
      // A task that was running as the loop closed asks for its next turn: there is none, as there
      // is none for those that waited already.
      return () -> {};
    }
  }

  private Runnable guarded(Runnable task) {
    return () -> {
      try {
        task.run();
      } catch (Throwable thrown) {
        onError.accept(thrown);
      }
    };
  }

  /// Runs what was given before, but nothing that waits for its time; waits for it, bounded.
  @Override
  public void close() {
    executor.shutdown();
    try {
      if (!executor.awaitTermination(10, TimeUnit.SECONDS)) {
        executor.shutdownNow();
      }
    } catch (InterruptedException interrupted) {
      executor.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
