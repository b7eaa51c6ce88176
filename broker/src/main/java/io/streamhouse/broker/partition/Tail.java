package io.streamhouse.broker.partition;

import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The batches of one partition that no committed segment holds yet, and perhaps some before them
/// that were committed lately, in offset order, without gaps. Owns one reference to each. Guarded
/// by its partition's lock.
final class Tail {

  private @Nullable RecordBatches[] ring = new RecordBatches[16];
  private long[] ends = new long[16];
  private long[] nanos = new long[16];
  private int first;
  private int size;
  private long start;
  private long bytes;

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

  /// What a batch costs in memory beyond its bytes: views, reference counts, its place here.
  /// Without it a flood of tiny batches would fill the heap long before the budget.
  static final int BATCH_OVERHEAD_BYTES = 400;

  /// What `batch` is counted as.
  static int cost(RecordBatches batch) {
    return batch.sizeInBytes() + BATCH_OVERHEAD_BYTES;
  }

  /// Memory the batches take.
  long bytes() {
    return bytes;
  }

  /// Adds a stamped batch and takes a reference to it.
  ///
  /// @param nowNanos when, for [#addedNanos]
  void add(RecordBatches batch, long nowNanos) {
    var header = batch.single();
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
    bytes += cost(batch);
  }

  /// Whole batches from the one that holds `offset`, none beyond `endLimit`, up to `maxBytes` but
  /// at least one. The caller gets a reference to each.
  List<RecordBatches> read(long offset, long endLimit, long maxBytes) {
    var found = new ArrayList<RecordBatches>();
    long taken = 0;
    for (int i = indexOf(offset); i < size && ends[at(i)] <= endLimit; i++) {
      var batch = get(i);
      taken += batch.sizeInBytes();
      if (taken > maxBytes && !found.isEmpty()) {
        break;
      }
      found.add(batch.retain());
    }
    return found;
  }

  /// As [#read], but stopping where the leader epoch changes.
  List<RecordBatches> readOneEpoch(long offset, long endLimit, long maxBytes) {
    var found = new ArrayList<RecordBatches>();
    long taken = 0;
    for (int i = indexOf(offset); i < size && ends[at(i)] <= endLimit; i++) {
      var batch = get(i);
      taken += batch.sizeInBytes();
      if (!found.isEmpty()
          && (taken > maxBytes
              || batch.single().leaderEpoch() != found.getFirst().single().leaderEpoch())) {
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
    return get(i).single();
  }

  RecordBatches get(int i) {
    var batch = ring[at(i)];
    if (i >= size || batch == null) {
      throw new IndexOutOfBoundsException(i);
    }
    return batch;
  }

  int batches() {
    return size;
  }

  /// Memory the batches that end at or below `offset` take.
  long bytesBelow(long offset) {
    long sum = 0;
    for (int i = 0; i < size && ends[at(i)] <= offset; i++) {
      sum += cost(get(i));
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
      bytes -= cost(batch);
      ring[first] = null;
      first = (first + 1) & (ring.length - 1);
      size--;
      batch.release();
    }
    if (size == 0) {
      start = Math.max(start, offset);
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

  private void grow() {
    var batches = new RecordBatches[ring.length * 2];
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
