package io.streamhouse.broker.read;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.RecordBatches;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/// A log as its readers see it; stored logs and virtual topics alike. Thread-safe; nothing blocks.
public interface LogReader {

  /// The first offset that can be read.
  long startOffset();

  /// One past the last offset consumers may see: the high watermark.
  long endOffset();

  /// One past the last offset a `read_committed` consumer may see.
  long lastStableOffset();

  /// The owner's epoch: leader epoch on the wire.
  int leaderEpoch();

  /// Whether a read from `offset` finds what it wants in the tail, which needs no segment.
  boolean inTail(long offset);

  /// Whole batches from the one that holds `offset` on, up to `maxBytes` but at least one, none
  /// beyond `endLimit`.
  ///
  /// Completes at once when the answer is in memory, otherwise on a reader thread. The caller
  /// releases the batches it gets. An offset below [#startOffset] or beyond the log's own end is
  /// [Failure.OffsetOutOfRange], one between `endLimit` and that end reads nothing; callers leave
  /// both to the log, which alone knows its end and whether it still leads. A read at the end is
  /// cheap.
  ///
  /// @param endLimit [#endOffset] or [#lastStableOffset], as the client's isolation level asks
  CompletableFuture<ReadResult> read(long offset, int maxBytes, long endLimit);

  sealed interface ReadResult {
    /// Empty at the end of the log.
    record Read(List<RecordBatches> batches) implements ReadResult {
      public Read {
        batches = List.copyOf(batches);
      }
    }

    /// As much is being read as may be: it can be asked again in a moment.
    record Busy() implements ReadResult {}

    record Failed(Failure failure) implements ReadResult {}
  }

  /// The first offset at or after which a record with timestamp ≥ `timestamp` is, with that
  /// record's timestamp.
  CompletableFuture<TimestampResult> offsetAt(long timestamp);

  /// The offset of the record with the largest timestamp.
  CompletableFuture<TimestampResult> offsetOfMaxTimestamp();

  sealed interface TimestampResult {
    record Found(long offset, long timestamp, int leaderEpoch) implements TimestampResult {}

    record None() implements TimestampResult {}

    record Failed(Failure failure) implements TimestampResult {}
  }

  /// The largest epoch ≤ `epoch` this log has, and where it ends (KIP-320).
  CompletableFuture<EpochResult> epochEnd(int epoch);

  sealed interface EpochResult {
    record Found(EpochEnd end) implements EpochResult {}

    record Failed(Failure failure) implements EpochResult {}
  }

  /// @param epoch -1 where the log has none that old
  record EpochEnd(int epoch, long endOffset) {}

  /// Calls `listener` once, the next time [#endOffset] rises or the log closes; on any thread, so
  /// the listener only hands over. Fires at once if `endOffset` is already above `seen`.
  Subscription onAdvance(long seen, Runnable listener);

  interface Subscription {
    void cancel();
  }
}
