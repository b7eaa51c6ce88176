package io.streamhouse.broker.runtime;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.PriorityQueue;

/// A [SerialLoop] driven by hand, in one fixed order: by due time, then by the order given.
public final class SimulatedLoop implements SerialLoop {

  private final TimeSource time;
  private final ArrayDeque<Runnable> ready = new ArrayDeque<>();
  private final PriorityQueue<Delayed> delayed = new PriorityQueue<>();
  private long order;

  public SimulatedLoop(TimeSource time) {
    this.time = time;
  }

  @Override
  public synchronized void execute(Runnable task) {
    ready.addLast(task);
  }

  @Override
  public synchronized Cancellation after(Duration delay, Runnable task) {
    var entry = new Delayed(time.nanos() + delay.toNanos(), order++, task);
    delayed.add(entry);
    return () -> {
      synchronized (this) {
        delayed.remove(entry);
      }
    };
  }

  /// Runs one task that is ready or due.
  ///
  /// @return false when there is none
  public boolean step() {
    Runnable task;
    synchronized (this) {
      while (!delayed.isEmpty() && delayed.peek().dueNanos <= time.nanos()) {
        ready.addLast(delayed.remove().task);
      }
      task = ready.pollFirst();
    }
    if (task == null) {
      return false;
    }
    task.run();
    return true;
  }

  /// Runs until nothing is ready or due.
  public void drain() {
    for (int i = 0; step(); i++) {
      if (i > 1_000_000) {
        throw new IllegalStateException("tasks without end");
      }
    }
  }

  private record Delayed(long dueNanos, long order, Runnable task) implements Comparable<Delayed> {
    @Override
    public int compareTo(Delayed other) {
      return dueNanos != other.dueNanos
          ? Long.compare(dueNanos, other.dueNanos)
          : Long.compare(order, other.order);
    }
  }
}
