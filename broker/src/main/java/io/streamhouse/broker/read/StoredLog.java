package io.streamhouse.broker.read;

import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.partition.Refused;
import io.streamhouse.broker.partition.TailBatch;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.Stages;
import io.streamhouse.broker.storage.SegmentCache;
import io.streamhouse.broker.storage.SegmentRead;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.EpochStart;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.protocol.BatchContents;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The log of a partition led here: its tail in memory, everything before it in committed segments.
final class StoredLog implements LogReader {

  /// How often a lookup begins again because a flush was committed meanwhile. Flushes are seconds
  /// apart, lookups take milliseconds.
  private static final int MOST_LOOKS = 8;

  private static final CompletableFuture<ReadResult> NOTHING =
      CompletableFuture.completedFuture(new ReadResult.Read(List.of()));

  private final Partition partition;
  private final SegmentManifest manifest;
  private final SegmentCache segments;
  private final Executor blocking;
  private final Executor searching;
  private final SegmentRows rows;

  /// @param blocking for metadata
  /// @param searching for lookups, which wait for segments too
  StoredLog(
      Partition partition,
      SegmentManifest manifest,
      SegmentCache segments,
      Executor blocking,
      Executor searching,
      SegmentRows rows) {
    this.partition = partition;
    this.manifest = manifest;
    this.segments = segments;
    this.blocking = blocking;
    this.searching = searching;
    this.rows = rows;
  }

  @Override
  public long startOffset() {
    return partition.logStart();
  }

  @Override
  public long endOffset() {
    return partition.highWatermark();
  }

  @Override
  public long lastStableOffset() {
    return partition.highWatermark();
  }

  @Override
  public int leaderEpoch() {
    return partition.lease().epoch();
  }

  @Override
  public boolean inTail(long offset) {
    return offset >= partition.tailStart();
  }

  @Override
  public CompletableFuture<ReadResult> read(long offset, int maxBytes, long endLimit) {
    // Out of range is said, and the tail served, only while this agent surely leads; committed
    // ranges are true whoever leads.
    if (offset < partition.logStart() || offset >= partition.committedEnd()) {
      var failure = partition.notLeading();
      if (failure == null && (offset < partition.logStart() || offset > endOffset())) {
        failure = new Failure.OffsetOutOfRange(offset, partition.logStart(), endOffset());
      }
      if (failure != null) {
        return CompletableFuture.completedFuture(new ReadResult.Failed(failure));
      }
      // Where most of a consumer's many partitions are at any moment.
      if (offset == endOffset()) {
        return NOTHING;
      }
    }
    return tailOrCommitted(offset, maxBytes, endLimit, MOST_LOOKS);
  }

  private CompletableFuture<ReadResult> tailOrCommitted(
      long offset, int maxBytes, long endLimit, int looks) {
    var tail = partition.readTail(offset, endLimit, maxBytes);
    if (tail == null) {
      return committed(offset, maxBytes, endLimit);
    }
    var inLog =
        tail.isEmpty() ? partition.tailInLog(offset, endLimit, maxBytes) : List.<TailBatch>of();
    if (inLog.isEmpty()) {
      return CompletableFuture.completedFuture(new ReadResult.Read(tail));
    }
    return Stages.supply(blocking, () -> load(inLog))
        .thenCompose(loaded -> {
          if (!loaded.isEmpty()) {
            return CompletableFuture.completedFuture(new ReadResult.Read(loaded));
          }
          return looks > 0
              ? tailOrCommitted(offset, maxBytes, endLimit, looks - 1)
              : CompletableFuture.failedFuture(new Refused(new Failure.OffsetNotAvailable()));
        })
        .exceptionally(thrown -> failed(offset, thrown));
  }

  /// The whole batches; none if the log has let go of one meanwhile, since it is committed.
  private List<RecordBatches> load(List<TailBatch> inLog) {
    try {
      var loaded = partition.load(inLog);
      return loaded == null ? List.of() : loaded;
    } catch (IOException failed) {
      throw new Refused(new Failure.Storage(failed.toString()));
    }
  }

  /// The whole batch, which the caller releases instead.
  private RecordBatches whole(TailBatch batch) {
    try {
      var loaded = load(List.of(batch));
      if (loaded.isEmpty()) {
        throw new Refused(new Failure.OffsetNotAvailable());
      }
      return loaded.getFirst();
    } finally {
      batch.release();
    }
  }

  private CompletableFuture<ReadResult> committed(long offset, int maxBytes, long endLimit) {
    return rows.holding(partition.id(), offset)
        .thenCompose(segment ->
            segment == null
                ? CompletableFuture.completedFuture(gone(offset))
                : read(segment, offset, maxBytes)
                    .thenCompose(read -> again(segment, offset, maxBytes, read))
                    .thenApply(read -> result(offset, endLimit, read)))
        .exceptionally(thrown -> failed(offset, thrown));
  }

  private CompletableFuture<SegmentRead> read(Segment segment, long offset, int maxBytes) {
    return segments.read(segment, rows.after(segment), offset, maxBytes);
  }

  /// A row that is known from before may be of a segment that was merged into another since, whose
  /// object is deleted by now: then the other one is read.
  private CompletableFuture<SegmentRead> again(
      Segment segment, long offset, int maxBytes, SegmentRead read) {
    if (!(read instanceof SegmentRead.Failed)) {
      return CompletableFuture.completedFuture(read);
    }
    rows.forget(partition.id());
    return rows.holding(partition.id(), offset)
        .thenCompose(now ->
            now == null || now.objectId().equals(segment.objectId())
                ? CompletableFuture.completedFuture(read)
                : read(now, offset, maxBytes));
  }

  private ReadResult result(long offset, long endLimit, SegmentRead read) {
    return switch (read) {
      case SegmentRead.Found(var batches) -> new ReadResult.Read(below(endLimit, batches));
      case SegmentRead.Busy _ -> new ReadResult.Busy();
      case SegmentRead.Failed(var failure) ->
          offset < partition.logStart() ? gone(offset) : new ReadResult.Failed(failure);
    };
  }

  /// Segments hold only whole committed batches, so they end below any limit but a last stable
  /// offset that an open transaction holds back.
  private static List<RecordBatches> below(long endLimit, List<RecordBatches> found) {
    var kept = new ArrayList<RecordBatches>(found.size());
    boolean over = false;
    for (var piece : found) {
      int position = over ? 0 : sizeBelow(endLimit, piece);
      over = position < piece.sizeInBytes();
      if (position > 0) {
        kept.add(piece.slice(0, position));
      } else {
        piece.release();
      }
    }
    return kept;
  }

  private static int sizeBelow(long endLimit, RecordBatches piece) {
    int size = 0;
    for (var batch : piece) {
      if (batch.endOffset() > endLimit) {
        break;
      }
      size += batch.sizeInBytes();
    }
    return size;
  }

  private ReadResult gone(long offset) {
    return new ReadResult.Failed(
        offset < partition.logStart()
            ? new Failure.OffsetOutOfRange(offset, partition.logStart(), endOffset())
            : new Failure.Storage("no segment of " + partition.id() + " holds offset " + offset));
  }

  private ReadResult failed(long offset, Throwable thrown) {
    rows.forget(partition.id());
    return offset < partition.logStart() ? gone(offset) : new ReadResult.Failed(storage(thrown));
  }

  private static Failure storage(Throwable thrown) {
    var cause = thrown instanceof CompletionException ? thrown.getCause() : thrown;
    if (cause instanceof Refused refused) {
      return refused.failure();
    }
    return new Failure.Storage(cause == null ? thrown.toString() : String.valueOf(cause));
  }

  @Override
  public CompletableFuture<TimestampResult> offsetAt(long timestamp) {
    var failure = partition.notLeading();
    if (failure != null) {
      return CompletableFuture.completedFuture(new TimestampResult.Failed(failure));
    }
    return Stages.supply(
            searching,
            () ->
                settled(() -> {
                  var found = committedAt(timestamp);
                  return found != null ? found : tailAt(timestamp);
                }))
        .exceptionally(thrown -> new TimestampResult.Failed(storage(thrown)));
  }

  /// What `look` finds first in segments, then in the tail. A flush committed in between takes
  /// batches out of the tail that were in no segment yet, so it looks again; and the tail of a
  /// partition that is led no more is empty, which says nothing.
  private <T> T settled(Supplier<T> look) {
    for (int i = 0; i < MOST_LOOKS; i++) {
      long committed = partition.committedEnd();
      var found = look.get();
      var failure = partition.notLeading();
      if (failure != null) {
        throw new Refused(failure);
      }
      if (partition.committedEnd() == committed) {
        return found;
      }
    }
    throw new Refused(new Failure.OffsetNotAvailable());
  }

  /// Looks through committed segments, which blocks; null when none has such a record.
  private @Nullable TimestampResult committedAt(long timestamp) {
    long from = partition.logStart();
    while (true) {
      var segment = manifest.segmentAtTimestamp(partition.id(), timestamp, from);
      if (segment.isEmpty()) {
        return null;
      }
      var found = recordAt(segment.get(), timestamp, from);
      if (found != null) {
        return found;
      }
      // Every record that late in the segment was below the log start.
      from = segment.get().endOffset();
    }
  }

  private @Nullable TimestampResult recordAt(Segment segment, long timestamp, long from) {
    long next = from;
    while (next < segment.endOffset()) {
      var read = segments.readAtTimestamp(segment, timestamp, next).join();
      switch (read) {
        case SegmentRead.Found _ -> {}
        case SegmentRead.Busy _ -> throw new Refused(new Failure.OffsetNotAvailable());
        case SegmentRead.Failed(var failure) -> throw new Refused(failure);
      }
      var pieces = ((SegmentRead.Found) read).batches();
      if (pieces.isEmpty()) {
        return null;
      }
      try {
        for (var piece : pieces) {
          for (var batch : piece) {
            var found = recordIn(batch, timestamp, from);
            if (found != null) {
              return found;
            }
            next = batch.endOffset();
          }
        }
      } finally {
        pieces.forEach(RecordBatches::release);
      }
    }
    return null;
  }

  private static @Nullable TimestampResult recordIn(RecordBatch batch, long timestamp, long from) {
    if (batch.endOffset() <= from || batch.maxTimestamp() < timestamp) {
      return null;
    }
    return BatchContents.firstAtOrAfter(batch, timestamp, from)
        .map(record ->
            new TimestampResult.Found(record.offset(), record.timestamp(), batch.leaderEpoch()))
        .orElse(null);
  }

  private TimestampResult tailAt(long timestamp) {
    long offset = partition.logStart();
    while (true) {
      var held = partition.tailBatchAt(timestamp, offset);
      if (held == null) {
        return new TimestampResult.None();
      }
      var batches = whole(held);
      try {
        var batch = batches.single();
        var found = recordIn(batch, timestamp, partition.logStart());
        if (found != null) {
          return found;
        }
        offset = batch.endOffset();
      } finally {
        batches.release();
      }
    }
  }

  @Override
  public CompletableFuture<TimestampResult> offsetOfMaxTimestamp() {
    var failure = partition.notLeading();
    if (failure != null) {
      return CompletableFuture.completedFuture(new TimestampResult.Failed(failure));
    }
    return Stages.supply(searching, () -> settled(this::newest))
        .exceptionally(thrown -> new TimestampResult.Failed(storage(thrown)));
  }

  private TimestampResult newest() {
    var held = partition.tailBatchWithMaxTimestamp();
    var tail = held == null ? null : whole(held);
    try {
      var segment = manifest.segmentWithMaxTimestamp(partition.id(), partition.logStart());
      boolean stored =
          segment.isPresent()
              && (tail == null || segment.get().maxTimestamp() >= tail.single().maxTimestamp());
      if (stored) {
        long newest = segment.get().maxTimestamp();
        var found = recordAt(segment.get(), newest, partition.logStart());
        if (found != null) {
          return found;
        }
      }
      if (tail == null) {
        return new TimestampResult.None();
      }
      var batch = tail.single();
      var found = recordIn(batch, batch.maxTimestamp(), partition.logStart());
      return found == null ? new TimestampResult.None() : found;
    } finally {
      if (tail != null) {
        tail.release();
      }
    }
  }

  @Override
  public CompletableFuture<EpochResult> epochEnd(int epoch) {
    var failure = partition.notLeading();
    if (failure != null) {
      return CompletableFuture.completedFuture(new EpochResult.Failed(failure));
    }
    return Stages.supply(blocking, () -> settled(() -> endOf(epoch, epochs())))
        .<EpochResult>thenApply(EpochResult.Found::new)
        .exceptionally(thrown -> new EpochResult.Failed(storage(thrown)));
  }

  private List<EpochStart> epochs() {
    var starts = new ArrayList<EpochStart>(manifest.epochs(partition.id()));
    for (var tail : partition.tailEpochs()) {
      if (starts.stream().noneMatch(known -> known.epoch() == tail.epoch())) {
        starts.add(tail);
      }
    }
    return starts;
  }

  private EpochEnd endOf(int epoch, List<EpochStart> starts) {
    int found = -1;
    long end = endOffset();
    for (var start : starts) {
      if (start.epoch() <= epoch) {
        found = start.epoch();
      } else {
        end = start.startOffset();
        break;
      }
    }
    return found < 0 ? new EpochEnd(-1, -1) : new EpochEnd(found, end);
  }

  @Override
  public Subscription onAdvance(long seen, Runnable listener) {
    return partition.onAdvance(seen, listener)::run;
  }
}
