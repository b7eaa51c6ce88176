package io.streamhouse.broker.partition;

import io.streamhouse.broker.wal.WalPlace;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The batches of one partition that no committed segment holds yet, and perhaps some before them
/// that were committed lately, in offset order, without gaps. Owns one reference to each. Guarded
/// by its partition's lock.
final class Tail {

  private static final int SMALL = 16;

  private @Nullable TailBatch[] ring = new TailBatch[SMALL];
  private long[] ends = new long[SMALL];
  private long[] nanos = new long[SMALL];
  private int first;
  private int size;
  private long start;
  private long bytes;

  /// Bytes of batches of which only the header is in memory.
  private long evictedBytes;

  /// Nothing below can be evicted any more.
  private long evictedEnd;

  /// @param start offset of the next batch added to an empty tail
  Tail(long start) {
    this.start = start;
  }

  /// The first offset in here, or that would be.
  long start() {
    return start;
  }

  long end() {
    return size == 0 ? start : ends[at(size - 1)];
  }

  /// What `batch` is counted as.
  static int cost(RecordBatches batch) {
    return batch.sizeInBytes() + TailBatch.OVERHEAD_BYTES;
  }

  /// Memory the batches take.
  long bytes() {
    return bytes;
  }

  /// Adds a stamped batch and takes a reference to it.
  ///
  /// @param nowNanos when, for [#addedNanos]
  void add(TailBatch batch, long nowNanos) {
    var header = batch.header();
    if (header.baseOffset() != end()) {
      throw new IllegalStateException(
          "batch at " + header.baseOffset() + " after a tail that ends at " + end());
    }
    if (size == ring.length) {
      grow();
    }
    ring[at(size)] = batch.retain();
    ends[at(size)] = header.endOffset();
    nanos[at(size)] = nowNanos;
    size++;
    bytes += batch.cost();
    if (!batch.inMemory()) {
      evictedBytes += header.sizeInBytes();
    }
  }

  /// Notes where the batch that ends at `endOffset` is in the log, if it is here still.
  void placed(long endOffset, WalPlace place) {
    int i = indexOf(endOffset - 1);
    if (i < size && ends[at(i)] == endOffset && get(i).place() == null) {
      ring[at(i)] = new TailBatch(get(i).batches(), place);
    }
  }

  /// Keeps only the header of the oldest batch at or beyond `offset` that is in memory, if it is in
  /// the log.
  ///
  /// @return memory released; 0 when there is no such batch
  int evict(long offset) {
    for (int i = indexOf(Math.max(offset, evictedEnd)); i < size; i++) {
      var batch = get(i);
      if (batch.place() == null) {
        return 0;
      }
      evictedEnd = ends[at(i)];
      if (batch.inMemory()) {
        var header = TailBatch.evicted(batch.batches().bytes(), batch.place());
        int released = batch.cost() - header.cost();
        ring[at(i)] = header;
        bytes -= released;
        evictedBytes += header.header().sizeInBytes();
        batch.release();
        return released;
      }
    }
    return 0;
  }

  /// Bytes of batches of which only the header is in memory.
  long evictedBytes() {
    return evictedBytes;
  }

  /// Batches from the one that holds `offset` on, none beyond `endLimit`, up to `maxBytes` but at
  /// least one, up to the first that is not in memory. The caller gets a reference to each.
  List<RecordBatches> read(long offset, long endLimit, long maxBytes) {
    var found = new ArrayList<RecordBatches>();
    long taken = 0;
    for (int i = indexOf(offset); i < size && ends[at(i)] <= endLimit; i++) {
      var batch = get(i);
      taken += batch.header().sizeInBytes();
      if (!batch.inMemory() || (taken > maxBytes && !found.isEmpty())) {
        break;
      }
      found.add(batch.batches().retain());
    }
    return found;
  }

  /// As [#read], but of those that are not in memory, up to the first that is.
  List<TailBatch> readEvicted(long offset, long endLimit, long maxBytes) {
    var found = new ArrayList<TailBatch>();
    long taken = 0;
    for (int i = indexOf(offset); i < size && ends[at(i)] <= endLimit; i++) {
      var batch = get(i);
      taken += batch.header().sizeInBytes();
      if (batch.inMemory() || (taken > maxBytes && !found.isEmpty())) {
        break;
      }
      found.add(batch);
    }
    return found;
  }

  /// As [#read], in memory or not, but stopping where the leader epoch changes.
  List<TailBatch> readOneEpoch(long offset, long endLimit, long maxBytes) {
    var found = new ArrayList<TailBatch>();
    long taken = 0;
    for (int i = indexOf(offset); i < size && ends[at(i)] <= endLimit; i++) {
      var batch = get(i);
      taken += batch.header().sizeInBytes();
      if (!found.isEmpty()
          && (taken > maxBytes
              || batch.header().leaderEpoch() != found.getFirst().header().leaderEpoch())) {
        break;
      }
      found.add(batch.retain());
    }
    return found;
  }

  /// When the batch that holds `offset` was added; `otherwise` when none does.
  long addedNanos(long offset, long otherwise) {
    int i = indexOf(offset);
    return i < size ? nanos[at(i)] : otherwise;
  }

  /// The header of the batch at index `i`, oldest first.
  RecordBatch header(int i) {
    return get(i).header();
  }

  TailBatch get(int i) {
    var batch = ring[at(i)];
    if (i >= size || batch == null) {
      throw new IndexOutOfBoundsException(i);
    }
    return batch;
  }

  int batches() {
    return size;
  }

  /// Memory the batches from the one that holds `from` on take, none beyond `to`.
  long bytesBetween(long from, long to) {
    long sum = 0;
    for (int i = indexOf(from); i < size && ends[at(i)] <= to; i++) {
      sum += get(i).cost();
    }
    return sum;
  }

  /// Has those batches keep no memory but their own, since the rest of the requests they came in
  /// may be gone by now.
  ///
  /// @return false where one is only a header, or there is no memory
  boolean separate(long from, long to) {
    for (int i = indexOf(from); i < size && ends[at(i)] <= to; i++) {
      var batch = get(i);
      if (!batch.inMemory()) {
        return false;
      }
      if (batch.batches().sharesFrame()) {
        try {
          ring[at(i)] = new TailBatch(batch.batches().copy(), batch.place());
        } catch (IOException none) {
          return false;
        }
        batch.release();
      }
    }
    return true;
  }

  /// Bytes of the batches that begin at or beyond `offset`, wherever they are.
  long sizeFrom(long offset) {
    long sum = 0;
    for (int i = indexOf(offset); i < size; i++) {
      sum += get(i).header().sizeInBytes();
    }
    return sum;
  }

  /// Releases every batch that ends at or below `offset`.
  ///
  /// @return bytes released
  long dropBelow(long offset) {
    long before = bytes;
    while (size > 0 && ends[first] <= offset) {
      var batch = get(0);
      start = ends[first];
      bytes -= batch.cost();
      if (!batch.inMemory()) {
        evictedBytes -= batch.header().sizeInBytes();
      }
      ring[first] = null;
      first = (first + 1) & (ring.length - 1);
      size--;
      batch.release();
    }
    if (size == 0) {
      start = Math.max(start, offset);
      shrink();
    }
    return before - bytes;
  }

  /// Index of the first batch that ends beyond `offset`.
  int indexOf(long offset) {
    int low = 0;
    int high = size;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (ends[at(middle)] <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private int at(int i) {
    return (first + i) & (ring.length - 1);
  }

  /// An empty tail is not to remember how long it once was.
  private void shrink() {
    if (ring.length > 8 * SMALL) {
      ring = new TailBatch[SMALL];
      ends = new long[SMALL];
      nanos = new long[SMALL];
      first = 0;
    }
  }

  private void grow() {
    var batches = new TailBatch[ring.length * 2];
    var offsets = new long[ring.length * 2];
    var times = new long[ring.length * 2];
    for (int i = 0; i < size; i++) {
      batches[i] = ring[at(i)];
      offsets[i] = ends[at(i)];
      times[i] = nanos[at(i)];
    }
    Arrays.fill(ring, null);
    ring = batches;
    ends = offsets;
    nanos = times;
    first = 0;
  }
}
