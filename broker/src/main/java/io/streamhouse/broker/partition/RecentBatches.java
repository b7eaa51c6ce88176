package io.streamhouse.broker.partition;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// Which batches stay in their tails although committed segments hold them, for readers of the
/// newest records: of all partitions together up to so many bytes, and none for long. The oldest go
/// first, whosever they are, so that a reader of ten thousand partitions is as far from falling out
/// of memory as a reader of one.
///
/// What is noted of each commit stays for as long as its batches might, though their partition is
/// closed meanwhile: at most what is committed in [#LONGEST].
///
/// Thread-safe; calls partitions, so nobody holds a partition's lock who calls [#keep] or
/// [#expire].
final class RecentBatches {

  /// Memory is not for those that nobody reads.
  static final Duration LONGEST = Duration.ofSeconds(30);

  private final long limit;
  private final AtomicLong bytes = new AtomicLong();
  private final ArrayDeque<Kept> kept = new ArrayDeque<>();

  /// What one commit left in a tail.
  private record Kept(Partition partition, long endOffset, long nanos) {}

  /// @param limit in bytes
  RecentBatches(long limit) {
    this.limit = limit;
  }

  /// Counts what a commit left in the tail of `partition`, below `endOffset`.
  void keep(Partition partition, long endOffset, long size, long nowNanos) {
    bytes.addAndGet(size);
    synchronized (kept) {
      kept.add(new Kept(partition, endOffset, nowNanos));
    }
    while (bytes.get() > limit) {
      var oldest = takeOldest();
      if (oldest == null) {
        return;
      }
      oldest.partition.dropRecent(oldest.endOffset);
    }
  }

  private @Nullable Kept takeOldest() {
    synchronized (kept) {
      return kept.poll();
    }
  }

  /// Counts off what a partition dropped.
  void dropped(long size) {
    bytes.addAndGet(-size);
  }

  /// Lets go of what is older than [#LONGEST]; to be called now and then.
  void expire(long nowNanos) {
    for (var old = takeExpired(nowNanos); old != null; old = takeExpired(nowNanos)) {
      old.partition.dropRecent(old.endOffset);
    }
  }

  private @Nullable Kept takeExpired(long nowNanos) {
    synchronized (kept) {
      var oldest = kept.peek();
      return oldest != null && nowNanos - oldest.nanos >= LONGEST.toNanos() ? kept.poll() : null;
    }
  }

  long bytes() {
    return bytes.get();
  }
}
