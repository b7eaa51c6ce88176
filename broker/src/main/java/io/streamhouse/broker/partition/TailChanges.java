package io.streamhouse.broker.partition;

import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.ReentrantLock;

/// Changes which log the rows of partitions name: what comes while one transaction is under way
/// goes into the next, since after an adoption, or when a load ends, thousands come at once.
/// Thread-safe.
final class TailChanges {

  /// In one go, so that the first of many need not wait for all.
  private static final int MOST_AT_ONCE = 1000;

  private final PartitionLeases leases;
  private final Executor blocking;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by lock. At most one for each partition waits, or is under way.
  private final ArrayDeque<Change> setting = new ArrayDeque<>();
  private final ArrayDeque<Change> clearing = new ArrayDeque<>();
  private boolean running;

  private record Change(Lease<PartitionId> lease, boolean ours, CompletableFuture<Boolean> held) {}

  TailChanges(PartitionLeases leases, Executor blocking) {
    this.leases = leases;
    this.blocking = blocking;
  }

  /// Has the partition's row name this agent's log, or none; false when fenced.
  CompletableFuture<Boolean> change(Lease<PartitionId> lease, boolean ours) {
    var change = new Change(lease, ours, new CompletableFuture<>());
    boolean start;
    lock.lock();
    try {
      (ours ? setting : clearing).add(change);
      start = !running;
      running = true;
    } finally {
      lock.unlock();
    }
    if (start) {
      try {
        blocking.execute(this::run);
      } catch (RejectedExecutionException full) {
        refuse(full);
      }
    }
    return change.held;
  }

  private void run() {
    while (true) {
      List<Change> taken;
      lock.lock();
      try {
        // Appends wait for these.
        taken = take(setting.isEmpty() ? clearing : setting);
        if (taken.isEmpty()) {
          running = false;
          return;
        }
      } finally {
        lock.unlock();
      }
      carryOut(taken);
    }
  }

  private static List<Change> take(ArrayDeque<Change> waiting) {
    var taken = new ArrayList<Change>();
    while (!waiting.isEmpty() && taken.size() < MOST_AT_ONCE) {
      taken.add(waiting.removeFirst());
    }
    return taken;
  }

  /// Changes that all set, or all clear.
  private void carryOut(List<Change> changes) {
    HashSet<Lease<PartitionId>> held;
    try {
      var of = changes.stream().map(Change::lease).toList();
      held = new HashSet<>(leases.changeTails(of, changes.getFirst().ours));
    } catch (Throwable failed) {
      changes.forEach(change -> change.held.completeExceptionally(failed));
      return;
    }
    changes.forEach(change -> change.held.complete(held.contains(change.lease)));
  }

  private void refuse(RejectedExecutionException full) {
    var refused = new ArrayList<Change>();
    lock.lock();
    try {
      refused.addAll(setting);
      refused.addAll(clearing);
      setting.clear();
      clearing.clear();
      running = false;
    } finally {
      lock.unlock();
    }
    refused.forEach(change -> change.held.completeExceptionally(full));
  }
}
