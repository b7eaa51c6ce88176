package io.streamhouse.broker.read;

import io.streamhouse.broker.runtime.Stages;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.Segment;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// Where the committed segments of partitions are, as far as this agent committed them or readers
/// asked lately. Rows of committed segments never change, so a known one is true until retention
/// removes it, and serves until the object goes that it points to, should another segment have
/// taken its place.
///
/// All partitions together have so many rows. New ones take the place of those of partitions that
/// nobody read for a while, else of those of their own partition, but never of others in use: a
/// reader that goes round more partitions than there is room for would otherwise throw out each
/// just before it is read again.
///
/// Thread-safe.
public final class SegmentRows {

  /// Memory a row takes, with the key of its object.
  private static final int ROW_BYTES = 300;

  /// Rows of one partition; whoever reads through a long one has no use for its beginning.
  private static final int MOST_OF_ONE = 256;

  /// Rows read at once: a sequential reader asks the metadata store once per so many segments.
  private static final int PAGE = 32;

  /// How long rows are in use after they were asked for.
  static final Duration IN_USE = Duration.ofSeconds(30);

  private static final long NEVER = Long.MIN_VALUE / 2;

  private final SegmentManifest manifest;
  private final Executor blocking;
  private final int most;
  private final TimeSource time;
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();

  /// The one that was asked for longest ago first. Guarded by `this`, as is what is in it.
  private final LinkedHashMap<PartitionId, Known> partitions = new LinkedHashMap<>(16, 0.75f, true);

  private int size;

  private static final class Known {
    final TreeMap<Long, Segment> rows = new TreeMap<>();
    long usedNanos = NEVER;

    /// Completes once the metadata store has answered who asked last; null when nobody waits.
    @Nullable CompletableFuture<Void> asked;
  }

  /// @param blocking runs metadata reads
  /// @param most rows kept; what is not is asked for each time
  public SegmentRows(SegmentManifest manifest, Executor blocking, int most, TimeSource time) {
    this.manifest = manifest;
    this.blocking = blocking;
    this.most = most;
    this.time = time;
  }

  /// So many rows as an eighth of the heap holds.
  public static int mostInHeap(long heapBytes) {
    return (int) Math.min(Integer.MAX_VALUE, heapBytes / 8 / ROW_BYTES);
  }

  /// The segment of `partition` that holds `offset`; null in the stage when there is none.
  CompletableFuture<@Nullable Segment> holding(PartitionId partition, long offset) {
    var mine = new CompletableFuture<Void>();
    CompletableFuture<Void> others;
    synchronized (this) {
      var known = known(partition, offset);
      if (known != null) {
        hits.increment();
        return CompletableFuture.completedFuture(known);
      }
      var rows = partitions.computeIfAbsent(partition, _ -> new Known());
      rows.usedNanos = time.nanos();
      others = rows.asked;
      if (others == null) {
        rows.asked = mine;
      }
    }
    if (others == null) {
      return ask(partition, offset).whenComplete((_, why) -> answered(partition, mine, why));
    }
    // A fetch that does not wait for a slow answer comes again before it is there. Of several that
    // the answer does not help one asks next; where there was none, nobody asks at once.
    return others.thenCompose(_ -> holding(partition, offset));
  }

  private CompletableFuture<@Nullable Segment> ask(PartitionId partition, long offset) {
    misses.increment();
    return Stages.supply(
        blocking,
        () -> {
          var found = manifest.segments(partition, offset, PAGE);
          keep(partition, found);
          return found.isEmpty() || found.getFirst().baseOffset() > offset
              ? null
              : found.getFirst();
        });
  }

  private void answered(
      PartitionId partition, CompletableFuture<Void> asked, @Nullable Throwable why) {
    synchronized (this) {
      var known = partitions.get(partition);
      if (known != null) {
        // At worst another's, if this was forgotten meanwhile: then one more asks.
        known.asked = null;
      }
    }
    if (why == null) {
      asked.complete(null);
    } else {
      asked.completeExceptionally(why);
    }
  }

  /// The segment after `row`, if it is known.
  synchronized @Nullable Segment after(Segment row) {
    var known = partitions.get(row.partition());
    return known == null ? null : known.rows.get(row.endOffset());
  }

  private synchronized @Nullable Segment known(PartitionId partition, long offset) {
    var known = partitions.get(partition);
    if (known == null) {
      return null;
    }
    known.usedNanos = time.nanos();
    var floor = known.rows.floorEntry(offset);
    return floor != null && offset < floor.getValue().endOffset() ? floor.getValue() : null;
  }

  private synchronized void keep(PartitionId partition, List<Segment> found) {
    var known = partitions.computeIfAbsent(partition, _ -> new Known());
    known.usedNanos = time.nanos();
    if (known.rows.size() + found.size() > MOST_OF_ONE) {
      size -= known.rows.size();
      known.rows.clear();
    }
    makeRoom(partition, found.size());
    if (size + found.size() > most) {
      // Whoever reads on has no use for what is behind.
      size -= known.rows.size();
      known.rows.clear();
    }
    for (var segment : found) {
      // Those it was merged from would stand before the offsets that only it is known for.
      var replaced = known.rows.subMap(segment.baseOffset(), segment.endOffset());
      size -= replaced.size();
      replaced.clear();
      if (size < most) {
        known.rows.put(segment.baseOffset(), segment);
        size++;
      }
    }
  }

  /// Takes in a segment that this agent committed, of new records or in the place of others. Of
  /// what readers use nothing goes for it but the beginning of its own partition.
  synchronized void add(Segment row) {
    var known = partitions.computeIfAbsent(row.partition(), _ -> new Known());
    var replaced = known.rows.subMap(row.baseOffset(), row.endOffset());
    size -= replaced.size();
    replaced.clear();
    makeRoom(row.partition(), 1);
    boolean full = size >= most;
    if ((full || known.rows.size() >= MOST_OF_ONE) && known.rows.pollFirstEntry() != null) {
      size--;
    }
    if (size < most) {
      known.rows.put(row.baseOffset(), row);
      size++;
    }
  }

  /// Drops partitions that nobody reads, but not `partition`, until there is room for `rows` more.
  private void makeRoom(PartitionId partition, int rows) {
    var eldest = partitions.entrySet().iterator();
    long now = time.nanos();
    while (size + rows > most && eldest.hasNext()) {
      var one = eldest.next();
      boolean used = now - one.getValue().usedNanos < IN_USE.toNanos();
      if (used || one.getKey().equals(partition)) {
        return;
      }
      size -= one.getValue().rows.size();
      eldest.remove();
    }
  }

  /// Drops what is known of a partition, such as a row that pointed to an object that is gone.
  synchronized void forget(PartitionId partition) {
    var known = partitions.remove(partition);
    size -= known == null ? 0 : known.rows.size();
  }

  /// Drops what is known of partitions that are not `wanted` any more.
  void prune(Predicate<PartitionId> wanted) {
    for (var partition : partitions()) {
      if (!wanted.test(partition)) {
        forget(partition);
      }
    }
  }

  private synchronized List<PartitionId> partitions() {
    return List.copyOf(partitions.keySet());
  }

  /// How many rows are known.
  public synchronized int size() {
    return size;
  }

  /// How often a row was needed that was known.
  public long hits() {
    return hits.sum();
  }

  /// How often a row was asked for.
  public long misses() {
    return misses.sum();
  }
}
