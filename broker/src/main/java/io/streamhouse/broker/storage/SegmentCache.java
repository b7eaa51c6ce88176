package io.streamhouse.broker.storage;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.SegmentDamaged;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Reads segments through memory: their blocks, and what is needed to find blocks, each bounded by
/// bytes. However many ask for a block that is not there, it is loaded once.
///
/// Thread-safe; nothing blocks. Answers complete at once when everything is in memory, otherwise on
/// the virtual thread that loaded what was missing. So many loads run at once and so many reads
/// wait for them; beyond that a read that would have to wait fails, and the client comes again.
///
/// What is damaged fails the reads that need it and is not kept, so each of them says so anew.
///
/// Blocks are heap memory although writing them to a socket copies them once more: a block may be
/// part of answers when it is evicted, so either each answer counts references to it or the garbage
/// collector frees it. For heap memory the collector knows the price of waiting; direct buffers it
/// does not see fill up, and evicting them would give nothing back until it happens to run.
public final class SegmentCache implements AutoCloseable {

  private final ObjectStore store;
  private final LoadOnce<SegmentKey, SegmentReader> readers;
  private final LoadOnce<BlockKey, ByteBuffer> blocks;
  private final Semaphore waiting;
  private final ThreadPoolExecutor loaders;
  private final CacheCounters counters = new CacheCounters();

  private record SegmentKey(String object, long position) {}

  private record BlockKey(String object, long segmentPosition, int index) {}

  /// @param blockBytes for decompressed blocks
  /// @param readerBytes for the indexes of open segments
  /// @param loads how many at once
  /// @param waitingReads how many wait for those
  public record Limits(long blockBytes, long readerBytes, int loads, int waitingReads) {

    public static final Limits DEFAULT = new Limits(64L << 20, 8L << 20, 16, 4096);

    public Limits {
      if (blockBytes < 0 || readerBytes < 0 || loads < 1 || waitingReads < 1) {
        throw new IllegalArgumentException(
            "cache of %d and %d bytes, %d loads, %d waiting"
                .formatted(blockBytes, readerBytes, loads, waitingReads));
      }
    }
  }

  public SegmentCache(ObjectStore store, Limits limits) {
    this.store = store;
    // Maintenance on the thread that causes it: short, and one thread pool less.
    this.readers =
        new LoadOnce<>(
            Caffeine.newBuilder()
                .executor(Runnable::run)
                .maximumWeight(limits.readerBytes)
                .weigher((SegmentKey _, SegmentReader reader) -> saturated(reader.memoryBytes()))
                .build());
    this.blocks =
        new LoadOnce<>(
            Caffeine.newBuilder()
                .executor(Runnable::run)
                .maximumWeight(limits.blockBytes)
                .weigher((BlockKey _, ByteBuffer block) -> block.capacity())
                .build());
    this.waiting = new Semaphore(limits.waitingReads);
    this.loaders =
        new ThreadPoolExecutor(
            limits.loads,
            limits.loads,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(limits.waitingReads),
            Thread.ofVirtual().name("segment-load-", 0).factory());
    loaders.allowCoreThreadTimeOut(true);
  }

  /// Whole batches from the one that holds `offset` on (the next one, where offsets are sparse): up
  /// to `maxBytes`, but at least one. May stop earlier, at the end of a block; never goes beyond
  /// the segment.
  public CompletableFuture<SegmentRead> read(Segment row, long offset, int maxBytes) {
    var admission = new Admission();
    return answer(
        admission,
        open(row, admission)
            .thenCompose(reader -> collect(new Walk(row, reader, admission, offset, maxBytes))));
  }

  /// Whole batches of one block, from the first on that holds an offset at or above `fromOffset`
  /// and a record with a timestamp ≥ `timestamp`; nothing if the segment has none.
  ///
  /// That record may still be below `fromOffset`. Who does not find what is wanted in these batches
  /// asks again from their end.
  public CompletableFuture<SegmentRead> readAtTimestamp(
      Segment row, long timestamp, long fromOffset) {
    var admission = new Admission();
    return answer(
        admission,
        open(row, admission)
            .thenCompose(reader -> {
              int byTime = reader.blockForTimestamp(timestamp);
              int first = Math.max(byTime, reader.blockFor(fromOffset));
              return byTime < 0
                  ? CompletableFuture.completedFuture(List.of())
                  : search(row, reader, admission, first, timestamp, fromOffset);
            }));
  }

  /// The segment's reader, whose own methods go past this cache and block. Fails with an
  /// [IOException]: [SegmentDamaged] also where the segment is not the one the row says.
  public CompletableFuture<SegmentReader> open(Segment row) {
    var admission = new Admission();
    return open(row, admission).whenComplete((_, _) -> admission.leave());
  }

  public CacheCounters counters() {
    return counters;
  }

  /// Bytes of blocks held now.
  public long blockBytes() {
    return blocks.loaded.policy().eviction().orElseThrow().weightedSize().orElse(0);
  }

  @Override
  public void close() {
    loaders.shutdown();
  }

  private SegmentReader openNow(Segment row) throws IOException {
    var reader =
        SegmentReader.open(
            row.object(),
            (position, length) -> store.get(row.object(), position, length),
            row.position(),
            row.length());
    var header = reader.header();
    if (header.baseOffset() != row.baseOffset() || header.endOffset() != row.endOffset()) {
      throw SegmentDamaged.other(
          row.object(),
          row.position(),
          "offsets [%d, %d) of %s".formatted(row.baseOffset(), row.endOffset(), row.partition()),
          "offsets [%d, %d)".formatted(header.baseOffset(), header.endOffset()));
    }
    return reader;
  }

  private CompletableFuture<SegmentReader> open(Segment row, Admission admission) {
    var key = new SegmentKey(row.object(), row.position());
    return readers.get(key, admission, () -> openNow(row));
  }

  private CompletableFuture<ByteBuffer> block(
      Segment row, SegmentReader reader, Admission admission, int index) {
    var key = new BlockKey(row.object(), row.position(), index);
    var inMemory = blocks.loaded.getIfPresent(key);
    if (inMemory != null) {
      counters.hits.increment();
      return CompletableFuture.completedFuture(inMemory);
    }
    counters.misses.increment();
    return blocks.get(key, admission, () -> checked(row, reader, index));
  }

  /// Reads a block and checks that its batches are where the index says, so that nobody who walks
  /// them needs to.
  private ByteBuffer checked(Segment row, SegmentReader reader, int index) throws IOException {
    var block = reader.readBlock(index);
    var entry = reader.blocks().get(index);
    long next = entry.firstOffset();
    long end =
        index + 1 < reader.blocks().size()
            ? reader.blocks().get(index + 1).firstOffset()
            : reader.header().endOffset();
    try {
      for (var batch : RecordBatches.of(block)) {
        boolean first = next == entry.firstOffset();
        if (first ? batch.baseOffset() != next : batch.baseOffset() < next) {
          throw misplaced(row, entry, "a batch at " + next, "one at " + batch.baseOffset());
        }
        if (batch.endOffset() <= batch.baseOffset() || batch.endOffset() > end) {
          throw misplaced(
              row, entry, "batches that end by " + end, "one that ends at " + batch.endOffset());
        }
        next = batch.endOffset();
      }
    } catch (IllegalStateException unwalkable) {
      throw misplaced(row, entry, "whole batches", String.valueOf(unwalkable.getMessage()));
    }
    counters.loadedBytes.add(block.capacity());
    return block;
  }

  private static SegmentDamaged misplaced(
      Segment row, SegmentReader.Block entry, String expected, String found) {
    return SegmentDamaged.other(row.object(), row.position() + entry.position(), expected, found);
  }

  private interface Load<T> {
    T run() throws IOException;
  }

  /// A read's place among those that may wait; taken when it first has to. Confined to the chain of
  /// stages that carries the read. Since a read waits for one load at a time, places also bound the
  /// queue of loads.
  private final class Admission {

    private boolean taken;

    boolean take() {
      taken = taken || waiting.tryAcquire();
      return taken;
    }

    void leave() {
      if (taken) {
        taken = false;
        waiting.release();
      }
    }
  }

  /// A cache of which each missing value is loaded once, however many want it.
  ///
  /// A value is in the cache, and a failure forgotten, before anyone hears of it: whoever comes
  /// again after a failure causes a new load.
  private final class LoadOnce<K, V> {

    private final Cache<K, V> loaded;
    private final ConcurrentMap<K, CompletableFuture<V>> loading = new ConcurrentHashMap<>();

    LoadOnce(Cache<K, V> loaded) {
      this.loaded = loaded;
    }

    CompletableFuture<V> get(K key, Admission admission, Load<V> load) {
      var value = loaded.getIfPresent(key);
      if (value != null) {
        return CompletableFuture.completedFuture(value);
      }
      if (!admission.take()) {
        return CompletableFuture.failedFuture(
            new IOException("as many segment reads are waiting as may"));
      }
      var mine = new CompletableFuture<V>();
      var others = loading.putIfAbsent(key, mine);
      if (others != null) {
        return others;
      }
      try {
        loaders.execute(() -> run(key, mine, load));
      } catch (RejectedExecutionException closed) {
        loading.remove(key, mine);
        mine.completeExceptionally(new IOException("the segment cache is closed", closed));
      }
      return mine;
    }

    private void run(K key, CompletableFuture<V> future, Load<V> load) {
      try {
        // Loaded by someone else between the look into the cache and the entry in `loading`?
        var value = loaded.getIfPresent(key);
        if (value == null) {
          counters.loads.increment();
          value = load.run();
          loaded.put(key, value);
        }
        loading.remove(key, future);
        future.complete(value);
      } catch (Throwable failure) {
        // Whoever waits learns of it, whatever it is; nothing may stay pending.
        loading.remove(key, future);
        future.completeExceptionally(failure);
      }
    }
  }

  /// Goes on with `walk` for as long as blocks are in memory, then when the next one is.
  private CompletableFuture<List<RecordBatches>> collect(Walk walk) {
    while (walk.wantsMore()) {
      var taken = block(walk.row, walk.reader, walk.admission, walk.index).handle(walk::take);
      if (!taken.isDone()) {
        return taken.thenCompose(this::collect);
      }
    }
    return walk.failure == null
        ? CompletableFuture.completedFuture(walk.found)
        : CompletableFuture.failedFuture(walk.failure);
  }

  private CompletableFuture<List<RecordBatches>> search(
      Segment row,
      SegmentReader reader,
      Admission admission,
      int first,
      long timestamp,
      long fromOffset) {
    for (int i = first; i < reader.blocks().size(); i++) {
      if (reader.blocks().get(i).maxTimestamp() < timestamp) {
        continue;
      }
      int next = i + 1;
      var block = block(row, reader, admission, i);
      var found = block.thenApply(bytes -> fromTimestamp(bytes, timestamp, fromOffset));
      if (!found.isDone()) {
        return found.thenCompose(batches ->
            batches.isEmpty()
                ? search(row, reader, admission, next, timestamp, fromOffset)
                : CompletableFuture.completedFuture(batches));
      }
      if (found.isCompletedExceptionally() || !found.join().isEmpty()) {
        return found;
      }
    }
    return CompletableFuture.completedFuture(List.of());
  }

  private static List<RecordBatches> fromTimestamp(
      ByteBuffer block, long timestamp, long fromOffset) {
    var batches = RecordBatches.of(block);
    int position = 0;
    for (var batch : batches) {
      if (batch.maxTimestamp() >= timestamp && batch.endOffset() > fromOffset) {
        return List.of(batches.slice(position, batches.sizeInBytes()));
      }
      position += batch.sizeInBytes();
    }
    return List.of();
  }

  private CompletableFuture<SegmentRead> answer(
      Admission admission, CompletableFuture<List<RecordBatches>> batches) {
    return batches.handle((found, failure) -> {
      admission.leave();
      if (failure == null) {
        return new SegmentRead.Found(found);
      }
      counters.failures.increment();
      return new SegmentRead.Failed(new Failure.Storage(describe(failure)));
    });
  }

  private static String describe(Throwable failure) {
    var cause = failure;
    while (cause instanceof CompletionException && cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause instanceof SegmentDamaged ? String.valueOf(cause.getMessage()) : cause.toString();
  }

  private static int saturated(long weight) {
    return (int) Math.min(weight, Integer.MAX_VALUE);
  }

  /// One read on its way through blocks. Confined to the chain of stages that carries it.
  private final class Walk {

    private final Segment row;
    private final SegmentReader reader;
    private final Admission admission;
    private final long offset;
    private final List<RecordBatches> found = new ArrayList<>();
    private int room;
    private int index;
    private boolean full;
    private @Nullable Throwable failure;

    Walk(Segment row, SegmentReader reader, Admission admission, long offset, int maxBytes) {
      this.row = row;
      this.reader = reader;
      this.admission = admission;
      this.offset = offset;
      this.room = maxBytes;
      this.index = Math.max(0, reader.blockFor(offset));
    }

    boolean wantsMore() {
      if (full || failure != null || index >= reader.blocks().size()) {
        return false;
      }
      // Worth waiting for a further block only if all of it goes into this answer.
      return found.isEmpty() || room >= reader.blocks().get(index).rawLength() || inMemory();
    }

    private boolean inMemory() {
      return room > 0
          && blocks.loaded.getIfPresent(new BlockKey(row.object(), row.position(), index)) != null;
    }

    /// Takes what fits of a block.
    Walk take(@Nullable ByteBuffer block, @Nullable Throwable thrown) {
      if (block == null) {
        // What was read before it is good; the next read gets the failure.
        failure = found.isEmpty() ? thrown : null;
        full = true;
        return this;
      }
      var batches = RecordBatches.of(block);
      int from = -1;
      int to = 0;
      for (var batch : batches) {
        int size = batch.sizeInBytes();
        if (batch.endOffset() > offset) {
          boolean first = found.isEmpty() && from < 0;
          if (size > room && !first) {
            full = true;
            break;
          }
          from = from < 0 ? to : from;
          room -= size;
        }
        to += size;
      }
      if (from >= 0) {
        found.add(batches.slice(from, to));
      }
      index++;
      return this;
    }
  }
}
