package io.streamhouse.broker.read;

import java.util.concurrent.atomic.LongAdder;

/// How often readers needed to know where a committed segment is, and the metadata store had to be
/// asked. Thread-safe.
public final class RowCounters {

  final LongAdder hits = new LongAdder();
  final LongAdder misses = new LongAdder();

  /// Rows of segments that were known.
  public long hits() {
    return hits.sum();
  }

  /// Rows that were asked for.
  public long misses() {
    return misses.sum();
  }
}
