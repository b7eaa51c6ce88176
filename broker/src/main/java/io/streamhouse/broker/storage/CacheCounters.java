package io.streamhouse.broker.storage;

import java.util.concurrent.atomic.LongAdder;

/// What the segment cache did since it was made.
public final class CacheCounters {

  final LongAdder hits = new LongAdder();
  final LongAdder misses = new LongAdder();
  final LongAdder loads = new LongAdder();
  final LongAdder loadedBytes = new LongAdder();
  final LongAdder failures = new LongAdder();
  final LongAdder ahead = new LongAdder();
  final LongAdder grouped = new LongAdder();

  CacheCounters() {}

  /// Blocks that were in memory when asked for.
  public long hits() {
    return hits.sum();
  }

  /// Blocks that were not, those being loaded already included.
  public long misses() {
    return misses.sum();
  }

  /// Blocks loaded before anybody asked for them.
  public long ahead() {
    return ahead.sum();
  }

  /// Small segments taken from what was read of their object for several at once.
  public long grouped() {
    return grouped.sum();
  }

  /// Reads begun on the object store or the disk cache: of blocks, adjacent ones at once, of
  /// segments' ends, and of small segments, alone or with others.
  public long loads() {
    return loads.sum();
  }

  /// Bytes of blocks loaded, decompressed.
  public long loadedBytes() {
    return loadedBytes.sum();
  }

  /// Reads that failed.
  public long failures() {
    return failures.sum();
  }
}
