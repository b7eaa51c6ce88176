package io.streamhouse.broker.partition;

import io.streamhouse.broker.partition.Flusher.Progress;
import io.streamhouse.broker.runtime.TimeSource;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/// The thread that pumps a [Flusher]: at once while there is work, else when told of some or when
/// time may have made some due.
public final class FlushDriver implements AutoCloseable {

  private static final Duration IDLE = Duration.ofMillis(100);

  private final Flusher flusher;
  private final FlushSignal signal;
  private final TimeSource time;
  private final Thread thread;
  private volatile boolean stopped;

  /// @param onError told of an error in our own code, on the driver's thread
  public FlushDriver(
      Flusher flusher, FlushSignal signal, TimeSource time, Consumer<Throwable> onError) {
    this.flusher = flusher;
    this.signal = signal;
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
    signal.onSignal(() -> LockSupport.unpark(thread));
    thread.start();
  }

  private void pump() {
    while (!stopped) {
      if (flusher.step() != Progress.WORKED) {
        LockSupport.parkNanos(this, flusher.pauseNanos(IDLE.toNanos()));
      }
    }
  }

  /// Ends the thread, then flushes on the calling one until nothing is left or the time is over.
  ///
  /// @return whether everything durable is flushed
  public boolean finish(Duration limit) {
    close();
    var caller = Thread.currentThread();
    signal.onSignal(() -> LockSupport.unpark(caller));
    long deadline = time.nanos() + limit.toNanos();
    while (time.nanos() < deadline) {
      signal.requested(true);
      switch (flusher.step()) {
        case WORKED -> {}
        case WAITING -> LockSupport.parkNanos(this, flusher.pauseNanos(IDLE.toNanos()));
        case IDLE -> {
          return true;
        }
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
