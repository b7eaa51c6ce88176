package io.streamhouse.broker.partition;

import java.util.concurrent.atomic.AtomicLong;

/// Memory all partitions' unflushed batches may take together, in bytes. At the limit appends are
/// refused, retriably.
public final class TailBudget {

  private final long limit;
  private final AtomicLong used = new AtomicLong();
  private final RecentBatches recent;

  /// @param limit in bytes
  /// @param recentLimit what committed batches may take on top of it
  public TailBudget(long limit, long recentLimit) {
    this.limit = limit;
    this.recent = new RecentBatches(recentLimit);
  }

  boolean tryReserve(int bytes) {
    if (used.addAndGet(bytes) > limit) {
      used.addAndGet(-bytes);
      return false;
    }
    return true;
  }

  /// Counts batches that must be taken: those replayed.
  void reserve(long bytes) {
    used.addAndGet(bytes);
  }

  void release(long bytes) {
    used.addAndGet(-bytes);
  }

  /// As [#tryReserve], for batches that can only be released by a commit: they leave room for those
  /// that are in the log too, so that `local` topics go on when nothing can be committed.
  boolean tryReserveUnlogged(int bytes) {
    return used.get() + bytes <= limit - limit / 8 && tryReserve(bytes);
  }

  /// Whether batches that are in the log should leave memory.
  boolean pressed() {
    return used.get() > limit - limit / 4;
  }

  /// Batches that are committed.
  RecentBatches recent() {
    return recent;
  }

  /// Lets go of committed batches that were in memory for long enough; to be called now and then.
  public void expireRecent(long nowNanos) {
    recent.expire(nowNanos);
  }

  /// Bytes of batches in memory that are committed.
  public long recentBytes() {
    return recent.bytes();
  }

  public long used() {
    return used.get();
  }

  public long limit() {
    return limit;
  }
}
