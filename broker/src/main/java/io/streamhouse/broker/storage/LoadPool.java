package io.streamhouse.broker.storage;

import io.streamhouse.metadata.PartitionId;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;

/// Runs loads on virtual threads, so many at once, of which one partition has at most a quarter:
/// one whose objects are slow, or that has more to catch up with than others, leaves the rest of
/// the places to them. Partitions that wait take turns.
///
/// Thread-safe. Bounded by whoever admits reads, not here.
final class LoadPool implements AutoCloseable {

  private final int most;
  private final int mostOfOne;
  private final Object lock = new Object();

  // Guarded by `lock`.
  private final Map<PartitionId, Integer> running = new HashMap<>();
  private final LinkedHashMap<PartitionId, ArrayDeque<Runnable>> waiting = new LinkedHashMap<>();
  private int all;
  private boolean closed;

  LoadPool(int most) {
    this.most = most;
    this.mostOfOne = Math.max(1, most / 4);
  }

  /// Runs `load` now, or when it is the partition's turn.
  ///
  /// @throws RejectedExecutionException if the pool is closed
  void execute(PartitionId partition, Runnable load) {
    synchronized (lock) {
      if (closed) {
        throw new RejectedExecutionException("closed");
      }
      if (!mayRun(partition)) {
        waiting.computeIfAbsent(partition, _ -> new ArrayDeque<>()).add(load);
        return;
      }
      enter(partition);
    }
    start(partition, load);
  }

  private boolean mayRun(PartitionId partition) {
    return all < most && running.getOrDefault(partition, 0) < mostOfOne;
  }

  private void enter(PartitionId partition) {
    all++;
    running.merge(partition, 1, Integer::sum);
  }

  private void start(PartitionId partition, Runnable load) {
    Thread.ofVirtual()
        .name("segment-load")
        .start(() -> {
          try {
            load.run();
          } finally {
            leave(partition);
          }
        });
  }

  private void leave(PartitionId partition) {
    PartitionId next = null;
    Runnable load = null;
    synchronized (lock) {
      all--;
      running.computeIfPresent(partition, (_, count) -> count == 1 ? null : count - 1);
      for (var entry : waiting.entrySet()) {
        if (mayRun(entry.getKey())) {
          next = entry.getKey();
          load = entry.getValue().poll();
          break;
        }
      }
      if (next == null || load == null) {
        return;
      }
      // To the end of the line, if it has more.
      var rest = waiting.remove(next);
      if (rest != null && !rest.isEmpty()) {
        waiting.put(next, rest);
      }
      enter(next);
    }
    start(next, load);
  }

  /// Loads that run or wait.
  int now() {
    synchronized (lock) {
      return all + waiting.values().stream().mapToInt(ArrayDeque::size).sum();
    }
  }

  /// What waits still runs; nothing new does.
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
    }
  }
}
