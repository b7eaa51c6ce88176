package io.streamhouse.broker.storage;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.protocol.BatchMemory;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.SegmentDamaged;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/// Reads segments through memory: their blocks, and what is needed to find blocks, each bounded by
/// bytes. However many ask for a block that is not there, it is loaded once.
///
/// Thread-safe; nothing blocks. Answers complete at once when everything is in memory, otherwise on
/// the virtual thread that loaded what was missing. So many loads run at once, few of them of one
/// partition, and so many reads wait for them; beyond that a read that would have to wait is told
/// so, and the client comes again. Reads that wait for what is being loaded for others already are
/// counted apart: however often somebody asks again, this keeps nobody from beginning a load. Where
/// someone reads on from block to block, the next ones are loaded in advance, see [SegmentLoads].
///
/// What is damaged fails the reads that need it and is not kept, so each of them says so anew.
///
/// Blocks lie outside the heap, from where sockets take them without a copy. Of each the cache has
/// a reference, and each answer it is part of has one: what is evicted is free as soon as the last
/// of those answers is sent.
public final class SegmentCache implements AutoCloseable {

  /// How often a read asks for a block again that left memory before it could be taken, which takes
  /// a load and an eviction between two instructions.
  private static final int MOST_LOST = 100;

  /// A piece of an answer that is less than this part of its block is copied: it would keep the
  /// whole block in memory until its answer is sent.
  private static final int COPIED_PART = 8;

  /// Reads that may wait for loads of others, for each that may wait for its own: a consumer that
  /// reads ahead in some partitions asks again for those it waits for with each of its fetches.
  private static final int JOINERS = 4;

  private final SegmentLoads loads;

  private final Semaphore waiting;
  private final Semaphore joining;
  private final CacheCounters counters = new CacheCounters();

  /// @param blockBytes for decompressed blocks
  /// @param readerBytes for the indexes of open segments
  /// @param loads how many at once
  /// @param waitingReads how many reads wait for those they began
  /// @param aheadBytes loaded in advance for one who reads on; 0: nothing
  public record Limits(
      long blockBytes, long readerBytes, int loads, int waitingReads, long aheadBytes) {

    public static final Limits DEFAULT = of(64L << 20);

    public Limits {
      if (blockBytes < 0 || readerBytes < 0 || loads < 1 || waitingReads < 1 || aheadBytes < 0) {
        throw new IllegalArgumentException(
            "cache of %d and %d bytes, %d loads, %d waiting, %d ahead"
                .formatted(blockBytes, readerBytes, loads, waitingReads, aheadBytes));
      }
    }

    /// Eight blocks ahead hide a round trip to a bucket from a reader of some 50 MB/s.
    public static Limits of(long blockBytes) {
      return new Limits(blockBytes, 8L << 20, 32, 4096, Math.min(8L << 20, blockBytes / 8));
    }
  }

  /// @param disk null: nothing is kept on disk
  public SegmentCache(ObjectStore store, @Nullable DiskCache disk, Limits limits) {
    this.loads = new SegmentLoads(store, disk, limits, counters);
    this.waiting = new Semaphore(limits.waitingReads);
    this.joining =
        new Semaphore((int) Math.min(Integer.MAX_VALUE, JOINERS * (long) limits.waitingReads));
  }

  /// Whole batches from the one that holds `offset` on (the next one, where offsets are sparse): up
  /// to `maxBytes`, but at least one. May stop earlier, at the end of a block; never goes beyond
  /// the segment.
  public CompletableFuture<SegmentRead> read(Segment row, long offset, int maxBytes) {
    return read(row, null, offset, maxBytes);
  }

  /// As [#read(Segment, long, int)].
  ///
  /// @param next the segment after this one if it is known, to be read ahead
  public CompletableFuture<SegmentRead> read(
      Segment row, @Nullable Segment next, long offset, int maxBytes) {
    var admission = new Admission();
    return answer(
        admission,
        open(row, admission)
            .thenCompose(
                reader -> collect(new Walk(row, next, reader, admission, offset, maxBytes))));
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
                  : search(row, reader, admission, first, timestamp, fromOffset, MOST_LOST);
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
    return loads.blockBytes();
  }

  /// Loads that run or wait now.
  int loadsNow() {
    return loads.now();
  }

  @Override
  public void close() {
    loads.close();
  }

  private CompletableFuture<SegmentReader> open(Segment row, Admission admission) {
    var inMemory = loads.readerInMemory(row);
    if (inMemory != null) {
      return CompletableFuture.completedFuture(inMemory);
    }
    var others = loads.opening(row);
    if (others != null) {
      return admission.join() ? others : tooMany();
    }
    return admission.take() ? loads.open(row) : tooMany();
  }

  private CompletableFuture<BatchMemory> block(
      Segment row, SegmentReader reader, Admission admission, int index) {
    var inMemory = loads.inMemory(row, index);
    if (inMemory != null) {
      counters.hits.increment();
      return CompletableFuture.completedFuture(inMemory);
    }
    counters.misses.increment();
    var others = loads.loading(row, index);
    if (others != null) {
      return admission.join() ? others : tooMany();
    }
    return admission.take() ? loads.block(row, reader, index) : tooMany();
  }

  private static final class TooManyReads extends IOException {
    TooManyReads() {
      super("as many segment reads are waiting as may");
    }
  }

  private static IOException lost() {
    return new IOException("a block left memory before it could be read");
  }

  private static <T> CompletableFuture<T> tooMany() {
    return CompletableFuture.failedFuture(new TooManyReads());
  }

  /// A read's place among those that may wait for a load of their own, taken when it first begins
  /// one, and among those that wait for a load of others. Confined to the chain of stages that
  /// carries the read. Since a read waits for one load at a time, places also bound the queue of
  /// loads.
  private final class Admission {

    private boolean taken;
    private boolean joined;

    boolean take() {
      taken = taken || waiting.tryAcquire();
      return taken;
    }

    boolean join() {
      joined = joined || (!taken && joining.tryAcquire());
      return taken || joined;
    }

    void leave() {
      if (taken) {
        taken = false;
        waiting.release();
      }
      if (joined) {
        joined = false;
        joining.release();
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
    if (walk.failure != null) {
      return CompletableFuture.failedFuture(walk.failure);
    }
    if (walk.sequential) {
      loads.ahead(walk.row, walk.reader, walk.index, walk.next);
    }
    return CompletableFuture.completedFuture(walk.found);
  }

  private CompletableFuture<List<RecordBatches>> search(
      Segment row,
      SegmentReader reader,
      Admission admission,
      int first,
      long timestamp,
      long fromOffset,
      int tries) {
    for (int i = first; i < reader.blocks().size(); i++) {
      if (reader.blocks().get(i).maxTimestamp() < timestamp) {
        continue;
      }
      int index = i;
      var taken =
          block(row, reader, admission, i)
              .thenApply(memory -> fromTimestamp(memory, timestamp, fromOffset));
      boolean goOn =
          taken.isDone()
              && !taken.isCompletedExceptionally()
              && taken.join().filter(List::isEmpty).isPresent();
      if (!goOn) {
        return taken.thenCompose(found -> {
          if (found.isEmpty()) {
            return tries == 0
                ? CompletableFuture.failedFuture(lost())
                : search(row, reader, admission, index, timestamp, fromOffset, tries - 1);
          }
          return found.get().isEmpty()
              ? search(row, reader, admission, index + 1, timestamp, fromOffset, tries)
              : CompletableFuture.completedFuture(found.get());
        });
      }
    }
    return CompletableFuture.completedFuture(List.of());
  }

  /// @return empty where the block left memory before it could be taken
  private static Optional<List<RecordBatches>> fromTimestamp(
      BatchMemory block, long timestamp, long fromOffset) {
    if (!block.tryRetain()) {
      return Optional.empty();
    }
    var batches = block.batches();
    int position = 0;
    for (var batch : batches) {
      if (batch.maxTimestamp() >= timestamp && batch.endOffset() > fromOffset) {
        return Optional.of(List.of(piece(batches, position, batches.sizeInBytes())));
      }
      position += batch.sizeInBytes();
    }
    batches.release();
    return Optional.of(List.of());
  }

  /// Part of a block as part of an answer, which takes over the reference to the block.
  private static RecordBatches piece(RecordBatches block, int from, int to) {
    var piece = block.slice(from, to);
    if (to - from >= block.sizeInBytes() / COPIED_PART) {
      return piece;
    }
    var copy = ByteBuffer.allocate(to - from).put(piece.bytes()).flip();
    block.release();
    return RecordBatches.of(copy);
  }

  private CompletableFuture<SegmentRead> answer(
      Admission admission, CompletableFuture<List<RecordBatches>> batches) {
    return batches.handle((found, failure) -> {
      admission.leave();
      if (failure == null) {
        return new SegmentRead.Found(found);
      }
      if (cause(failure) instanceof TooManyReads) {
        return new SegmentRead.Busy();
      }
      counters.failures.increment();
      return new SegmentRead.Failed(new Failure.Storage(describe(failure)));
    });
  }

  private static Throwable cause(Throwable failure) {
    var cause = failure;
    while (cause instanceof CompletionException && cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause;
  }

  private static String describe(Throwable failure) {
    var cause = cause(failure);
    return cause instanceof SegmentDamaged ? String.valueOf(cause.getMessage()) : cause.toString();
  }

  /// One read on its way through blocks. Confined to the chain of stages that carries it.
  private final class Walk {

    private final Segment row;
    private final @Nullable Segment next;
    private final SegmentReader reader;
    private final Admission admission;
    private final long offset;

    /// Whether somebody reads from block to block: the one before was read lately, or there is
    /// none.
    private final boolean sequential;

    private final List<RecordBatches> found = new ArrayList<>();
    private int room;
    private int index;
    private int timesLost;
    private boolean full;
    private @Nullable Throwable failure;

    Walk(
        Segment row,
        @Nullable Segment next,
        SegmentReader reader,
        Admission admission,
        long offset,
        int maxBytes) {
      this.row = row;
      this.next = next;
      this.reader = reader;
      this.admission = admission;
      this.offset = offset;
      this.room = maxBytes;
      this.index = Math.max(0, reader.blockFor(offset));
      this.sequential = index == 0 || loads.inMemory(row, index - 1) != null;
    }

    boolean wantsMore() {
      if (full || failure != null || index >= reader.blocks().size()) {
        return false;
      }
      // Worth waiting for a further block only if all of it goes into this answer.
      return found.isEmpty() || room >= reader.blocks().get(index).rawLength() || inMemory();
    }

    private boolean inMemory() {
      return room > 0 && loads.inMemory(row, index) != null;
    }

    /// Takes what fits of a block.
    Walk take(@Nullable BatchMemory block, @Nullable Throwable thrown) {
      if (block == null) {
        // What was read before it is good; the next read gets the failure.
        failure = found.isEmpty() ? thrown : null;
        full = true;
        return this;
      }
      if (!block.tryRetain()) {
        // Asked for again, as long as that is sensible.
        return ++timesLost < MOST_LOST ? this : take(null, lost());
      }
      var batches = block.batches();
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
        found.add(piece(batches, from, to));
      } else {
        batches.release();
      }
      index++;
      return this;
    }
  }
}
