package io.streamhouse.broker.partition;

import io.streamhouse.broker.partition.Flusher.Progress;
import io.streamhouse.broker.runtime.TimeSource;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/// The thread that pumps a [Flusher]: at once while there is work, after a growing pause while the
/// stores do not answer.
public final class FlushDriver implements AutoCloseable {

  private static final Duration IDLE = Duration.ofMillis(100);
  private static final Duration FIRST_RETRY = Duration.ofMillis(100);
  private static final Duration LAST_RETRY = Duration.ofSeconds(10);

  private final Flusher flusher;
  private final TimeSource time;
  private final Thread thread;
  private volatile boolean stopped;

  /// @param onError told of an error in our own code, on the driver's thread
  public FlushDriver(Flusher flusher, TimeSource time, Consumer<Throwable> onError) {
    this.flusher = flusher;
    this.time = time;
    this.thread =
        Thread.ofPlatform()
            .name("flusher")
            .daemon()
            .unstarted(() -> {
              try {
                pump();
              } catch (Throwable thrown) {
                onError.accept(thrown);
              }
            });
    thread.start();
  }

  /// Begins a flush now, whatever is unflushed.
  public void request() {
    flusher.request();
    LockSupport.unpark(thread);
  }

  private void pump() {
    var retry = FIRST_RETRY;
    while (!stopped) {
      switch (flusher.step()) {
        case WORKED -> retry = FIRST_RETRY;
        case IDLE -> LockSupport.parkNanos(this, IDLE.toNanos());
        case RETRY -> {
          pause(retry);
          var doubled = retry.multipliedBy(2);
          retry = doubled.compareTo(LAST_RETRY) < 0 ? doubled : LAST_RETRY;
        }
      }
    }
  }

  /// Waits the whole time whatever is requested meanwhile: those who ask do so because the stores
  /// do not answer.
  private void pause(Duration duration) {
    long until = time.nanos() + duration.toNanos();
    for (long left = duration.toNanos(); left > 0 && !stopped; left = until - time.nanos()) {
      LockSupport.parkNanos(this, left);
    }
  }

  /// Ends the thread, then flushes on the calling one until nothing is left or the time is over.
  ///
  /// @return whether everything durable is flushed
  public boolean finish(Duration limit) {
    close();
    long deadline = time.nanos() + limit.toNanos();
    while (time.nanos() < deadline) {
      flusher.request();
      var progress = flusher.step();
      if (progress == Progress.IDLE) {
        return true;
      }
      if (progress == Progress.RETRY) {
        LockSupport.parkNanos(this, FIRST_RETRY.toNanos());
      }
    }
    return false;
  }

  @Override
  public void close() {
    stopped = true;
    LockSupport.unpark(thread);
    try {
      if (!thread.join(Duration.ofSeconds(30))) {
        throw new IllegalStateException("the flusher does not stop");
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
