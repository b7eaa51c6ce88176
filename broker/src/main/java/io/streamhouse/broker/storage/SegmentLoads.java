package io.streamhouse.broker.storage;

import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import io.streamhouse.broker.storage.SegmentCache.Limits;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.protocol.BatchMemory;
import io.streamhouse.segment.RangeReader;
import io.streamhouse.segment.SegmentDamaged;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/// Gets blocks and open segments into memory: from the disk cache if it has them, else from the
/// object store, adjacent blocks with one read, and small segments of one object with one read too,
/// see [SegmentWindows]. What came from the store and proved intact is kept on disk; what is
/// damaged is kept nowhere, but for windows, of which each segment is checked when it is opened.
///
/// Reads ahead for readers that go on from block to block, within bytes of their own: where those
/// are taken, or the pool is closed, it does nothing. Thread-safe; nothing blocks its caller.
final class SegmentLoads implements AutoCloseable {

  /// A segment as small as this is read whole when it is opened: one read instead of two or more.
  private static final int SMALL_BYTES = 1 << 18;

  private final ObjectStore store;
  private final @Nullable DiskCache disk;
  private final Limits limits;
  private final CacheCounters counters;
  private final LoadOnce<SegmentKey, SegmentReader> readers;
  private final LoadOnce<BlockKey, BatchMemory> blocks;
  private final SegmentWindows windows;
  private final LoadPool pool;
  private final Semaphore aheadKib;
  private volatile boolean closed;

  private record SegmentKey(String object, long position) {}

  private record BlockKey(String object, long segmentPosition, int index) {}

  SegmentLoads(ObjectStore store, @Nullable DiskCache disk, Limits limits, CacheCounters counters) {
    this.store = store;
    this.disk = disk;
    this.limits = limits;
    this.counters = counters;
    // Maintenance on the thread that causes it: short, and one thread pool less.
    this.readers =
        new LoadOnce<>(
            Caffeine.newBuilder()
                .executor(Runnable::run)
                .maximumWeight(limits.readerBytes())
                .weigher((SegmentKey _, SegmentReader reader) -> saturated(reader.memoryBytes()))
                .build());
    this.blocks =
        new LoadOnce<>(
            Caffeine.newBuilder()
                .executor(Runnable::run)
                .maximumWeight(limits.blockBytes())
                .weigher((BlockKey _, BatchMemory block) -> block.sizeInBytes())
                .removalListener(
                    (@Nullable BlockKey _, @Nullable BatchMemory block, RemovalCause _) -> {
                      if (block != null) {
                        block.release();
                      }
                    })
                .build());
    this.windows = new SegmentWindows(store, disk, counters);
    this.pool = new LoadPool(limits.loads());
    // What was read ahead must not push out what it was read ahead of.
    this.aheadKib = new Semaphore(saturated(limits.blockBytes() >> 12));
  }

  /// An open segment, if it is in memory.
  @Nullable SegmentReader readerInMemory(Segment row) {
    return readers.loaded().getIfPresent(segmentKey(row));
  }

  /// A segment that is being opened for others; null if it is not.
  @Nullable CompletableFuture<SegmentReader> opening(Segment row) {
    return readers.underWay(segmentKey(row));
  }

  /// Opens a segment. Fails with [SegmentDamaged] also where it is not the one the row says.
  CompletableFuture<SegmentReader> open(Segment row) {
    var key = segmentKey(row);
    return readers.get(
        key, claim -> pool.execute(row.partition(), () -> openInto(row, key, claim)));
  }

  /// A block's batches, if they are in memory. They may leave it at any moment: whoever wants them
  /// tries to take a reference, and asks again where that fails.
  @Nullable BatchMemory inMemory(Segment row, int index) {
    return blocks.loaded().getIfPresent(blockKey(row, index));
  }

  /// A block that is being loaded for others, as [#block]; null if it is not.
  @Nullable CompletableFuture<BatchMemory> loading(Segment row, int index) {
    return blocks.underWay(blockKey(row, index));
  }

  /// A block's batches; those who walk them need not check where they are. They are referred to
  /// while the answer completes, and otherwise as what is [#inMemory].
  CompletableFuture<BatchMemory> block(Segment row, SegmentReader reader, int index) {
    return blocks.get(
        blockKey(row, index),
        claim -> {
          var claims = List.of(new Claim(index, claim));
          pool.execute(row.partition(), () -> load(row, reader, claims));
        });
  }

  /// Loads what a reader will want who goes on at block `from`, unless most of it is there.
  ///
  /// @param next the segment after this one, if it is known
  void ahead(Segment row, SegmentReader reader, int from, @Nullable Segment next) {
    if (limits.aheadBytes() == 0) {
      return;
    }
    long window = 0;
    long there = 0;
    int end = from;
    boolean gap = false;
    while (end < reader.blocks().size() && window < limits.aheadBytes()) {
      window += reader.blocks().get(end).rawLength();
      gap |= !blocks.has(blockKey(row, end));
      there = gap ? there : window;
      end++;
    }
    // In few large reads and not in many small ones: not before half of the window is used up.
    if (gap && there <= limits.aheadBytes() / 2) {
      loadAhead(row, reader, from, end);
    }
    if (next != null && window < limits.aheadBytes() && !readers.has(segmentKey(next))) {
      var _ =
          open(next)
              .thenAccept(opened -> {
                if (next.length() > SMALL_BYTES) {
                  ahead(next, opened, 0, null);
                }
              });
    }
  }

  private void loadAhead(Segment row, SegmentReader reader, int from, int end) {
    var claims = new ArrayList<Claim>();
    int kib = 0;
    for (int index = from; index < end; index++) {
      int needed = (reader.blocks().get(index).rawLength() >> 10) + 1;
      if (blocks.has(blockKey(row, index))) {
        continue;
      }
      if (!aheadKib.tryAcquire(needed)) {
        break;
      }
      var claim = blocks.claim(blockKey(row, index));
      if (claim == null) {
        aheadKib.release(needed);
      } else {
        kib += needed;
        claims.add(new Claim(index, claim));
      }
    }
    if (claims.isEmpty()) {
      return;
    }
    int taken = kib;
    try {
      pool.execute(
          row.partition(),
          () -> {
            try {
              load(row, reader, claims);
              counters.ahead.add(claims.size());
            } finally {
              aheadKib.release(taken);
            }
          });
    } catch (RejectedExecutionException closed) {
      aheadKib.release(taken);
      claims.forEach(claim -> fail(row, claim, closed));
    }
  }

  /// Bytes of blocks held now.
  long blockBytes() {
    return blocks.loaded().policy().eviction().orElseThrow().weightedSize().orElse(0);
  }

  /// Loads that run or wait now.
  int now() {
    return pool.now();
  }

  @Override
  public void close() {
    closed = true;
    pool.close();
    blocks.loaded().invalidateAll();
  }

  // Below here on threads of the pool.

  /// A block to be loaded, and those who wait for it.
  private record Claim(int index, CompletableFuture<BatchMemory> future) {}

  private void openInto(Segment row, SegmentKey key, CompletableFuture<SegmentReader> claim) {
    try {
      var reader = readers.arrived(key);
      if (reader != null) {
        readers.answer(key, claim, reader);
        return;
      }
      readers.keep(key, claim, openNow(row));
    } catch (Throwable failure) {
      // Whoever waits learns of it, whatever it is; nothing may stay pending.
      readers.fail(key, claim, failure);
    }
  }

  private SegmentReader openNow(Segment row) throws IOException {
    var bytes = windows.read(row);
    if (bytes == null) {
      return openAlone(row);
    }
    try {
      return openNow(row, new OpeningRanges(row, bytes));
    } catch (SegmentDamaged inWindow) {
      var alone = openAlone(row);
      // So the store has it right.
      windows.forget(row);
      return alone;
    }
  }

  private SegmentReader openAlone(Segment row) throws IOException {
    counters.loads.increment();
    return openNow(row, new OpeningRanges(row));
  }

  private SegmentReader openNow(Segment row, OpeningRanges ranges) throws IOException {
    var reader = SegmentReader.open(row.object(), ranges, row.position(), row.length());
    var header = reader.header();
    if (header.baseOffset() != row.baseOffset() || header.endOffset() != row.endOffset()) {
      throw SegmentDamaged.other(
          row.object(),
          row.position(),
          "offsets [%d, %d) of %s".formatted(row.baseOffset(), row.endOffset(), row.partition()),
          "offsets [%d, %d)".formatted(header.baseOffset(), header.endOffset()));
    }
    ranges.opened(reader);
    return reader;
  }

  /// Ranges of a segment's object. While the segment is being opened it remembers what it read:
  /// that is kept on disk once it proved right, and the blocks of a small segment are taken from
  /// it.
  private final class OpeningRanges implements RangeReader {

    private final Segment row;
    private volatile @Nullable ByteBuffer whole;
    private volatile @Nullable List<Fetched> fetched = new ArrayList<>();

    private record Fetched(long position, ByteBuffer bytes) {}

    /// @param whole the segment, as it was read with others
    OpeningRanges(Segment row, ByteBuffer whole) {
      this.row = row;
      this.whole = whole;
    }

    OpeningRanges(Segment row) throws IOException {
      this.row = row;
      if (row.length() <= SMALL_BYTES) {
        whole = fetch(row.position(), (int) row.length());
      }
    }

    @Override
    public ByteBuffer read(long position, int length) throws IOException {
      var bytes = whole;
      return bytes == null
          ? fetch(position, length)
          : within(bytes, row.position(), position, length);
    }

    private ByteBuffer fetch(long position, int length) throws IOException {
      var remembered = fetched;
      if (disk == null || remembered == null) {
        return store.get(row.object(), position, length);
      }
      var kept = disk.get(row.object(), position, length);
      if (kept != null) {
        return kept;
      }
      var bytes = store.get(row.object(), position, length);
      if (bytes.remaining() == length) {
        remembered.add(new Fetched(position, bytes.duplicate()));
      }
      return bytes;
    }

    void opened(SegmentReader reader) {
      var remembered = fetched;
      if (disk != null && remembered != null) {
        remembered.forEach(range -> disk.put(row.object(), range.position, range.bytes));
      }
      var bytes = whole;
      if (bytes != null) {
        for (int index = 0; index < reader.blocks().size(); index++) {
          keepBlock(row, reader, index, bytes);
        }
      }
      fetched = null;
      whole = null;
    }
  }

  /// @param segment all of it
  private void keepBlock(Segment row, SegmentReader reader, int index, ByteBuffer segment) {
    var future = blocks.claim(blockKey(row, index));
    if (future == null) {
      return;
    }
    var claim = new Claim(index, future);
    try {
      var entry = reader.blocks().get(index);
      var stored = memory(entry.storedLength());
      try {
        var bytes = within(segment, 0, entry.position(), entry.storedLength());
        // Where it is damaged, whoever wants it has it read from the store.
        var _ = settle(row, reader, claim, stored, stored.bytes().put(bytes).flip());
      } finally {
        stored.release();
      }
    } catch (Throwable failure) {
      fail(row, claim, failure);
    }
  }

  private void load(Segment row, SegmentReader reader, List<Claim> claims) {
    try {
      var missing = new ArrayList<Claim>();
      for (var claim : claims) {
        var arrived = blocks.arrived(blockKey(row, claim.index));
        if (arrived != null && arrived.tryRetain()) {
          blocks.answer(blockKey(row, claim.index), claim.future, arrived);
          arrived.release();
        } else if (!fromDisk(row, reader, claim)) {
          missing.add(claim);
        }
      }
      for (int from = 0; from < missing.size(); ) {
        int to = from + 1;
        while (to < missing.size() && missing.get(to).index == missing.get(to - 1).index + 1) {
          to++;
        }
        fromStore(row, reader, missing.subList(from, to));
        from = to;
      }
    } catch (Throwable failure) {
      claims.forEach(claim -> fail(row, claim, failure));
    }
  }

  private boolean fromDisk(Segment row, SegmentReader reader, Claim claim) throws IOException {
    if (disk == null) {
      return false;
    }
    var entry = reader.blocks().get(claim.index);
    var stored = memory(entry.storedLength());
    try {
      if (!disk.get(row.object(), row.position() + entry.position(), stored.bytes())) {
        return false;
      }
      counters.loads.increment();
      var _ = settle(row, reader, claim, stored, stored.bytes());
      return true;
    } finally {
      stored.release();
    }
  }

  /// Loads blocks that lie one after the other, each into memory of its own: a view of more would
  /// keep its neighbours' memory after they went.
  private void fromStore(Segment row, SegmentReader reader, List<Claim> claims) {
    long start = row.position() + reader.blocks().get(claims.getFirst().index).position();
    counters.loads.increment();
    var stored = new ArrayList<BatchMemory>(claims.size());
    try {
      var into = new ArrayList<ByteBuffer>(claims.size());
      for (var claim : claims) {
        var block = memory(reader.blocks().get(claim.index).storedLength());
        stored.add(block);
        into.add(block.bytes());
      }
      store.read(row.object(), start, into);
      for (int i = 0; i < claims.size(); i++) {
        var bytes = into.get(i).flip();
        boolean intact = settle(row, reader, claims.get(i), stored.get(i), bytes);
        if (intact && disk != null) {
          var entry = reader.blocks().get(claims.get(i).index);
          disk.put(row.object(), row.position() + entry.position(), bytes);
        }
      }
    } catch (IOException failure) {
      claims.forEach(claim -> fail(row, claim, failure));
    } finally {
      stored.forEach(BatchMemory::release);
    }
  }

  /// Memory for a block. Where readers hold too much, what only the cache holds is given up.
  private BatchMemory memory(int bytes) throws IOException {
    try {
      return BatchMemory.allocate(bytes);
    } catch (IOException full) {
      blocks.loaded().invalidateAll();
      return BatchMemory.allocate(bytes);
    }
  }

  /// Ends a claim, well or badly.
  ///
  /// @param stored the block as the object has it, or was meant to have it
  /// @param bytes what was read of it; untouched
  /// @return whether the block is what it should be
  private boolean settle(
      Segment row, SegmentReader reader, Claim claim, BatchMemory stored, ByteBuffer bytes) {
    try {
      reader.check(claim.index, bytes);
      var entry = reader.blocks().get(claim.index);
      if (!entry.compressed()) {
        checkBatches(row, reader, claim.index, stored);
        keep(row, claim, stored);
        return true;
      }
      var raw = memory(entry.rawLength());
      try {
        reader.decompress(claim.index, bytes, raw.bytes());
        checkBatches(row, reader, claim.index, raw);
        keep(row, claim, raw);
        return true;
      } finally {
        raw.release();
      }
    } catch (IOException | RuntimeException damaged) {
      fail(row, claim, damaged);
      return false;
    }
  }

  /// The cache takes a reference of its own.
  private void keep(Segment row, Claim claim, BatchMemory block) {
    block.retain();
    blocks.keep(blockKey(row, claim.index), claim.future, block);
    if (closed) {
      blocks.loaded().invalidateAll();
    }
  }

  private void fail(Segment row, Claim claim, Throwable failure) {
    blocks.fail(blockKey(row, claim.index), claim.future, failure);
  }

  /// Checks that a block's batches are where the index says, so that nobody who walks them needs
  /// to.
  private void checkBatches(Segment row, SegmentReader reader, int index, BatchMemory block)
      throws SegmentDamaged {
    var entry = reader.blocks().get(index);
    long next = entry.firstOffset();
    long end =
        index + 1 < reader.blocks().size()
            ? reader.blocks().get(index + 1).firstOffset()
            : reader.header().endOffset();
    try {
      for (var batch : block.batches()) {
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
    counters.loadedBytes.add(block.sizeInBytes());
  }

  private static SegmentDamaged misplaced(
      Segment row, SegmentReader.Block entry, String expected, String found) {
    return SegmentDamaged.other(row.object(), row.position() + entry.position(), expected, found);
  }

  /// What `bytes`, which begin at `start` of the object, have of a range; fewer where they end.
  private static ByteBuffer within(ByteBuffer bytes, long start, long position, int length) {
    int from = (int) Math.min(position - start, bytes.remaining());
    int available = Math.min(length, bytes.remaining() - from);
    return bytes.slice(bytes.position() + from, available);
  }

  private static SegmentKey segmentKey(Segment row) {
    return new SegmentKey(row.object(), row.position());
  }

  private static BlockKey blockKey(Segment row, int index) {
    return new BlockKey(row.object(), row.position(), index);
  }

  private static int saturated(long weight) {
    return (int) Math.min(weight, Integer.MAX_VALUE);
  }
}
