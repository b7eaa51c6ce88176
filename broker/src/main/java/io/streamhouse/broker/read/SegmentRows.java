package io.streamhouse.broker.read;

import io.streamhouse.broker.runtime.Stages;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.Segment;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/// Where a partition's committed segments are, as far as readers asked lately. Rows of committed
/// segments never change, so a cached one is true until retention removes it, and serves until the
/// object goes that it points to, should another segment have taken its place. Thread-safe.
final class SegmentRows {

  /// Rows kept; what is dropped is asked for again.
  private static final int CACHED = 256;

  /// Rows read at once: a sequential reader asks the metadata store once per so many segments.
  private static final int PAGE = 32;

  private final PartitionId partition;
  private final SegmentManifest manifest;
  private final Executor blocking;
  private final RowCounters counters;
  private final TreeMap<Long, Segment> rows = new TreeMap<>();

  SegmentRows(
      PartitionId partition, SegmentManifest manifest, Executor blocking, RowCounters counters) {
    this.partition = partition;
    this.manifest = manifest;
    this.blocking = blocking;
    this.counters = counters;
  }

  /// The segment that holds `offset`; null in the stage when there is none.
  CompletableFuture<@Nullable Segment> holding(long offset) {
    var cached = cached(offset);
    if (cached != null) {
      counters.hits.increment();
      return CompletableFuture.completedFuture(cached);
    }
    counters.misses.increment();
    return Stages.supply(
        blocking,
        () -> {
          keep(manifest.segments(partition, offset, PAGE));
          return cached(offset);
        });
  }

  /// The segment after `row`, if it was read lately.
  synchronized @Nullable Segment after(Segment row) {
    return rows.get(row.endOffset());
  }

  private synchronized @Nullable Segment cached(long offset) {
    var floor = rows.floorEntry(offset);
    return floor != null && offset < floor.getValue().endOffset() ? floor.getValue() : null;
  }

  private synchronized void keep(List<Segment> found) {
    if (rows.size() + found.size() > CACHED) {
      rows.clear();
    }
    for (var segment : found) {
      // Those it was merged from would stand before the offsets that only it is known for.
      rows.subMap(segment.baseOffset(), segment.endOffset()).clear();
      rows.put(segment.baseOffset(), segment);
    }
  }

  /// Drops what is known: a row pointed to an object that is gone.
  synchronized void forget() {
    rows.clear();
  }
}
