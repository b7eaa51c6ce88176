package io.streamhouse.broker.read;

import io.streamhouse.broker.partition.Appends;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.storage.SegmentCache;
import io.streamhouse.broker.storage.SegmentRead;
import io.streamhouse.metadata.Audit.AuditedPartition;
import io.streamhouse.protocol.RecordBatches;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;

/// The committed log of a partition that nobody leads, because its tail is in the log of an agent
/// that is away. It is served by the agent the partition is placed with; what follows the committed
/// end is with the other one, so nobody is told that there is nothing, and nothing can be appended.
///
/// As nobody holds the lease, its row stays as it was when this was made.
final class WaitingLog implements LogReader, Appends {

  private final AuditedPartition row;
  private final SegmentCache segments;
  private final SegmentRows rows;

  WaitingLog(AuditedPartition row, SegmentCache segments, SegmentRows rows) {
    this.row = row;
    this.segments = segments;
    this.rows = rows;
  }

  @Override
  public long startOffset() {
    return row.logStart();
  }

  @Override
  public long endOffset() {
    return row.committedEnd();
  }

  @Override
  public long lastStableOffset() {
    return row.committedEnd();
  }

  @Override
  public int leaderEpoch() {
    return row.leaseEpoch();
  }

  @Override
  public boolean inTail(long offset) {
    return false;
  }

  @Override
  public CompletableFuture<ReadResult> read(long offset, int maxBytes, long endLimit) {
    if (offset < row.logStart()) {
      return failed(new Failure.OffsetOutOfRange(offset, row.logStart(), row.committedEnd()));
    }
    if (offset >= row.committedEnd()) {
      return failed(new Failure.OffsetNotAvailable());
    }
    return rows.holding(row.id(), offset)
        .thenCompose(segment ->
            segment == null
                ? failed(new Failure.OffsetNotAvailable())
                : segments
                    .read(segment, rows.after(segment), offset, maxBytes)
                    .thenApply(this::result))
        .exceptionally(thrown -> {
          rows.forget(row.id());
          return new ReadResult.Failed(new Failure.Storage(thrown.toString()));
        });
  }

  private ReadResult result(SegmentRead read) {
    return switch (read) {
      case SegmentRead.Found(var batches) -> new ReadResult.Read(batches);
      case SegmentRead.Busy _ -> new ReadResult.Busy();
      case SegmentRead.Failed(var failure) -> {
        rows.forget(row.id());
        yield new ReadResult.Failed(failure);
      }
    };
  }

  private static CompletableFuture<ReadResult> failed(Failure failure) {
    return CompletableFuture.completedFuture(new ReadResult.Failed(failure));
  }

  /// The tail may hold the record that is looked for.
  @Override
  public CompletableFuture<TimestampResult> offsetAt(long timestamp) {
    return CompletableFuture.completedFuture(
        new TimestampResult.Failed(new Failure.OffsetNotAvailable()));
  }

  @Override
  public CompletableFuture<TimestampResult> offsetOfMaxTimestamp() {
    return CompletableFuture.completedFuture(
        new TimestampResult.Failed(new Failure.OffsetNotAvailable()));
  }

  @Override
  public CompletableFuture<EpochResult> epochEnd(int epoch) {
    return CompletableFuture.completedFuture(
        new EpochResult.Failed(new Failure.OffsetNotAvailable()));
  }

  /// It never rises: whoever leads next has another log.
  @Override
  public Subscription onAdvance(long seen, Runnable listener) {
    return () -> {};
  }

  private static Failure nobodyLeads() {
    return new Failure.NotLeader(OptionalInt.empty());
  }

  @Override
  public CompletableFuture<AppendResult> append(RecordBatches batches, Acks acks) {
    return CompletableFuture.completedFuture(new AppendResult.Refused(nobodyLeads()));
  }

  @Override
  public CompletableFuture<TruncateResult> deleteRecordsBefore(long offset) {
    return CompletableFuture.completedFuture(new TruncateResult.Refused(nobodyLeads()));
  }

  @Override
  public CompletableFuture<ProducersResult> activeProducers() {
    return CompletableFuture.completedFuture(new ProducersResult.Refused(nobodyLeads()));
  }
}
