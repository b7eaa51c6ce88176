package io.streamhouse.compat.groups;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// One thread for all members of all groups: their sockets and their timers. Only [#execute] and
/// [#close] may be called from elsewhere.
final class EventLoop implements AutoCloseable {

  private static final int READ_BYTES = 1 << 18;

  private final Selector selector;
  private final PriorityQueue<Timer> timers = new PriorityQueue<>();
  private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
  private final ByteBuffer readBuffer = ByteBuffer.allocateDirect(READ_BYTES);
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private final Thread thread;
  private volatile boolean closed;
  private long sequence;

  /// What becomes of a socket's events.
  interface Channel {
    void ready(SelectionKey key, ByteBuffer readBuffer);
  }

  static final class Timer implements Comparable<Timer> {
    private final long nanos;
    private final long sequence;
    private final Runnable task;
    private boolean cancelled;

    private Timer(long nanos, long sequence, Runnable task) {
      this.nanos = nanos;
      this.sequence = sequence;
      this.task = task;
    }

    void cancel() {
      cancelled = true;
    }

    @Override
    public int compareTo(Timer other) {
      int byTime = Long.signum(nanos - other.nanos);
      return byTime != 0 ? byTime : Long.compare(sequence, other.sequence);
    }
  }

  EventLoop() {
    try {
      selector = Selector.open();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    thread = Thread.ofPlatform().name("group-load").unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  Selector selector() {
    return selector;
  }

  Timer after(long millis, Runnable task) {
    var timer = new Timer(System.nanoTime() + millis * 1_000_000, sequence++, task);
    timers.add(timer);
    return timer;
  }

  void execute(Runnable task) {
    tasks.add(task);
    selector.wakeup();
  }

  /// What ended the loop before its time, or null.
  @Nullable Throwable failure() {
    return failure.get();
  }

  private void run() {
    try {
      while (!closed) {
        turn();
      }
    } catch (Throwable thrown) {
      failure.set(thrown);
    } finally {
      for (var key : selector.keys()) {
        try {
          key.channel().close();
        } catch (IOException e) {
          // Nothing is lost with it.
        }
      }
    }
  }

  private void turn() throws IOException {
    var next = timers.peek();
    long waitMillis =
        next == null ? 100 : Math.clamp((next.nanos - System.nanoTime()) / 1_000_000, 0, 100);
    if (waitMillis == 0) {
      selector.selectNow();
    } else {
      selector.select(waitMillis);
    }
    var selected = selector.selectedKeys();
    for (var key : selected) {
      if (key.isValid()) {
        ((Channel) key.attachment()).ready(key, readBuffer);
      }
    }
    selected.clear();
    for (var task = tasks.poll(); task != null; task = tasks.poll()) {
      task.run();
    }
    long now = System.nanoTime();
    for (var due = timers.peek(); due != null && due.nanos - now <= 0; due = timers.peek()) {
      timers.poll();
      if (!due.cancelled) {
        due.task.run();
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    selector.wakeup();
    try {
      thread.join(10_000);
      selector.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
