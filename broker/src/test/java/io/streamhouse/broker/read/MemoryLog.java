package io.streamhouse.broker.read;

import io.streamhouse.broker.partition.Appends;
import io.streamhouse.broker.partition.ProducerEntry;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.CountedBatches;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// One log in memory, read and written. Counts the references it hands out; told to, it answers
/// late, little at a time, or not at all. Producers' retries of the last batch are recognised, no
/// more.
public final class MemoryLog implements LogReader, Appends {

  /// Pieces handed to readers and not released yet, over all logs given the same counter.
  private final AtomicInteger outstanding;

  private final List<ByteBuffer> batches = new ArrayList<>();
  private final List<Listener> listeners = new ArrayList<>();
  private final List<Runnable> late = new ArrayList<>();
  private long start;
  private long end;
  private int leaderEpoch = 5;
  private boolean cold;
  private boolean busy;
  private boolean undurable;
  private int mostBatchesPerRead = Integer.MAX_VALUE;
  private @Nullable Failure failure;
  private @Nullable Failure refusal;
  private int reads;

  private record Listener(long seen, Runnable task) {}

  public MemoryLog(AtomicInteger outstanding) {
    this.outstanding = outstanding;
  }

  /// Reads and lookups answer only with [#thaw] from now on.
  public synchronized MemoryLog freeze() {
    cold = true;
    return this;
  }

  /// Whether it says that it has too much to do.
  public synchronized MemoryLog busy(boolean isBusy) {
    busy = isBusy;
    return this;
  }

  /// Appends are taken, and acknowledged only with [#thaw].
  public synchronized MemoryLog holdAcknowledgements() {
    undurable = true;
    return this;
  }

  /// Answers what waits, on the caller's thread.
  public void thaw() {
    List<Runnable> due;
    synchronized (this) {
      cold = false;
      undurable = false;
      due = List.copyOf(late);
      late.clear();
    }
    due.forEach(Runnable::run);
  }

  /// Reads give at most so many batches, whatever is asked.
  public synchronized MemoryLog trickle(int batchesPerRead) {
    mostBatchesPerRead = batchesPerRead;
    return this;
  }

  /// Everything read fails from now on, and who waits is called.
  public void fail(Failure reason) {
    List<Listener> due;
    synchronized (this) {
      failure = reason;
      due = List.copyOf(listeners);
      listeners.clear();
    }
    due.forEach(listener -> listener.task().run());
  }

  /// Appends are refused from now on, those that wait for their acknowledgement, too.
  public synchronized MemoryLog refuse(Failure reason) {
    refusal = reason;
    return this;
  }

  public synchronized MemoryLog epoch(int epoch) {
    leaderEpoch = epoch;
    return this;
  }

  public synchronized int listeners() {
    return listeners.size();
  }

  public synchronized int reads() {
    return reads;
  }

  @Override
  public synchronized long startOffset() {
    return start;
  }

  @Override
  public synchronized long endOffset() {
    return end;
  }

  @Override
  public synchronized long lastStableOffset() {
    return end;
  }

  @Override
  public synchronized int leaderEpoch() {
    return leaderEpoch;
  }

  @Override
  public synchronized boolean inTail(long offset) {
    return !cold;
  }

  @Override
  public CompletableFuture<ReadResult> read(long offset, int maxBytes, long endLimit) {
    synchronized (this) {
      reads++;
      if (cold) {
        var result = new CompletableFuture<ReadResult>();
        late.add(() -> result.complete(readNow(offset, maxBytes, endLimit)));
        return result;
      }
    }
    return CompletableFuture.completedFuture(readNow(offset, maxBytes, endLimit));
  }

  private synchronized ReadResult readNow(long offset, int maxBytes, long endLimit) {
    if (busy) {
      return new ReadResult.Busy();
    }
    if (failure != null) {
      return new ReadResult.Failed(failure);
    }
    if (offset < start || offset > end) {
      return new ReadResult.Failed(new Failure.OffsetOutOfRange(offset, start, end));
    }
    var pieces = new ArrayList<RecordBatches>();
    int size = 0;
    for (var bytes : batches) {
      var batch = RecordBatches.of(bytes.duplicate()).single();
      if (batch.endOffset() <= offset || batch.baseOffset() >= endLimit) {
        continue;
      }
      if (!pieces.isEmpty()
          && (size + bytes.remaining() > maxBytes || pieces.size() == mostBatchesPerRead)) {
        break;
      }
      outstanding.incrementAndGet();
      pieces.add(CountedBatches.of(bytes.duplicate(), outstanding::decrementAndGet));
      size += bytes.remaining();
    }
    return new ReadResult.Read(pieces);
  }

  @Override
  public CompletableFuture<AppendResult> append(RecordBatches incoming, Acks acks) {
    AppendResult result;
    List<Listener> due = new ArrayList<>();
    synchronized (this) {
      if (refusal != null) {
        return CompletableFuture.completedFuture(new AppendResult.Refused(refusal));
      }
      var batch = incoming.single();
      var twin = batch.hasProducerId() && !batches.isEmpty() ? last() : null;
      if (twin != null
          && twin.producerId() == batch.producerId()
          && twin.baseSequence() == batch.baseSequence()) {
        result = new AppendResult.Appended(twin.baseOffset(), -1, start);
      } else {
        result = new AppendResult.Appended(end, -1, start);
        batch = incoming.stamp(end, leaderEpoch);
        var copy = ByteBuffer.allocate(incoming.sizeInBytes()).put(incoming.bytes()).flip();
        batches.add(copy);
        end = batch.endOffset();
        listeners.removeIf(listener -> end > listener.seen() && due.add(listener));
      }
    }
    due.forEach(listener -> listener.task().run());
    var future = new CompletableFuture<AppendResult>();
    synchronized (this) {
      if (undurable && acks == Acks.ALL) {
        late.add(
            () -> future.complete(refusal == null ? result : new AppendResult.Refused(refusal)));
        return future;
      }
    }
    future.complete(result);
    return future;
  }

  private RecordBatch last() {
    return RecordBatches.of(batches.getLast().duplicate()).single();
  }

  @Override
  public CompletableFuture<TruncateResult> deleteRecordsBefore(long offset) {
    synchronized (this) {
      long to = offset < 0 ? end : offset;
      if (to > end) {
        return CompletableFuture.completedFuture(
            new TruncateResult.Refused(new Failure.OffsetOutOfRange(to, start, end)));
      }
      start = Math.max(start, to);
      TruncateResult result = new TruncateResult.Truncated(start);
      if (!undurable) {
        return CompletableFuture.completedFuture(result);
      }
      var future = new CompletableFuture<TruncateResult>();
      late.add(() -> future.complete(result));
      return future;
    }
  }

  /// The producer of the last batch, where it has one.
  @Override
  public synchronized CompletableFuture<ProducersResult> activeProducers() {
    var future = new CompletableFuture<ProducersResult>();
    Runnable answer =
        () ->
            future.complete(
                failure == null
                    ? new ProducersResult.Known(lastProducer())
                    : new ProducersResult.Refused(failure));
    if (cold) {
      late.add(answer);
    } else {
      answer.run();
    }
    return future;
  }

  private List<ProducerEntry> lastProducer() {
    if (batches.isEmpty() || !last().hasProducerId()) {
      return List.of();
    }
    var batch = last();
    return List.of(
        new ProducerEntry(
            batch.producerId(),
            batch.producerEpoch(),
            List.of(
                new ProducerEntry.WrittenBatch(
                    batch.baseSequence(),
                    batch.lastSequence(),
                    batch.baseOffset(),
                    batch.maxTimestamp())),
            batch.maxTimestamp() + 99));
  }

  @Override
  public CompletableFuture<TimestampResult> offsetAt(long timestamp) {
    return lookUp(() -> {
      for (var bytes : batches) {
        var batch = RecordBatches.of(bytes.duplicate()).single();
        if (batch.maxTimestamp() >= timestamp) {
          return new TimestampResult.Found(
              batch.baseOffset(), batch.maxTimestamp(), batch.leaderEpoch());
        }
      }
      return new TimestampResult.None();
    });
  }

  @Override
  public CompletableFuture<TimestampResult> offsetOfMaxTimestamp() {
    return lookUp(() -> {
      TimestampResult.Found found = null;
      for (var bytes : batches) {
        var batch = RecordBatches.of(bytes.duplicate()).single();
        if (found == null || batch.maxTimestamp() > found.timestamp()) {
          found =
              new TimestampResult.Found(
                  batch.endOffset() - 1, batch.maxTimestamp(), batch.leaderEpoch());
        }
      }
      return found == null ? new TimestampResult.None() : found;
    });
  }

  private synchronized CompletableFuture<TimestampResult> lookUp(
      java.util.function.Supplier<TimestampResult> search) {
    var future = new CompletableFuture<TimestampResult>();
    Runnable answer =
        () -> future.complete(failure == null ? search.get() : new TimestampResult.Failed(failure));
    if (cold) {
      late.add(answer);
    } else {
      answer.run();
    }
    return future;
  }

  @Override
  public synchronized CompletableFuture<EpochResult> epochEnd(int epoch) {
    var end = new EpochEnd(-1, -1);
    for (var bytes : batches) {
      var batch = RecordBatches.of(bytes.duplicate()).single();
      if (batch.leaderEpoch() <= epoch) {
        end = new EpochEnd(batch.leaderEpoch(), batch.endOffset());
      }
    }
    if (epoch >= leaderEpoch) {
      end = new EpochEnd(leaderEpoch, this.end);
    }
    return CompletableFuture.completedFuture(
        failure == null ? new EpochResult.Found(end) : new EpochResult.Failed(failure));
  }

  @Override
  public Subscription onAdvance(long seen, Runnable task) {
    var listener = new Listener(seen, task);
    synchronized (this) {
      if (end <= seen && failure == null) {
        listeners.add(listener);
        return () -> {
          synchronized (this) {
            listeners.remove(listener);
          }
        };
      }
    }
    task.run();
    return () -> {};
  }
}
