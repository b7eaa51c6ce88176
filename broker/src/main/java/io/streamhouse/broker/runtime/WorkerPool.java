package io.streamhouse.broker.runtime;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/// A few daemon threads for work that blocks or computes, with a bounded queue. Threads that are
/// idle for a minute end. Above the bound a task is refused with a [RejectedExecutionException],
/// which fails the stage it belongs to.
public final class WorkerPool implements Executor, AutoCloseable {

  private final ThreadPoolExecutor executor;

  /// @param queued tasks that may wait
  public WorkerPool(String name, int threads, int queued) {
    var number = new AtomicInteger();
    this.executor =
        new ThreadPoolExecutor(
            threads,
            threads,
            1,
            TimeUnit.MINUTES,
            new LinkedBlockingQueue<>(queued),
            task ->
                Thread.ofPlatform()
                    .name(name + "-" + number.incrementAndGet())
                    .daemon()
                    .unstarted(task));
    executor.allowCoreThreadTimeOut(true);
  }

  @Override
  public void execute(Runnable task) {
    executor.execute(task);
  }

  /// Lets queued tasks finish, bounded.
  @Override
  public void close() {
    executor.shutdown();
    try {
      if (!executor.awaitTermination(5, TimeUnit.SECONDS)) {
        executor.shutdownNow();
      }
    } catch (InterruptedException interrupted) {
      executor.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
