package io.streamhouse.broker.partition;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.RecordBatches;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/// The write side of a log as Produce sees it.
public interface Appends {

  /// Appends one producer's batch, of whose bytes [RecordBatches#defect] found nothing wrong.
  ///
  /// Order is fixed before this returns: two calls on one thread take effect in their order. Checks
  /// lease, producer and limits, assigns offsets, stamps. Takes its own reference to `batches` if
  /// it keeps them.
  ///
  /// @return completes when the batch is as durable as `acks` and the topic's durability level say,
  ///   or when it is refused; never on a lock
  CompletableFuture<AppendResult> append(RecordBatches batches, Acks acks);

  enum Acks {
    /// In the owner's memory: as with acks=0 and 1, lost with the owner.
    LEADER,
    /// What the topic's durability level says.
    ALL
  }

  sealed interface AppendResult {
    /// @param baseOffset of the batch; the first one given, if it is a producer's retry
    /// @param logAppendTime ms with `message.timestamp.type=LogAppendTime`, else -1
    record Appended(long baseOffset, long logAppendTime, long logStartOffset)
        implements AppendResult {}

    record Refused(Failure failure) implements AppendResult {}
  }

  /// Raises the log start offset (DeleteRecords).
  ///
  /// @param offset -1 means the high watermark
  CompletableFuture<TruncateResult> deleteRecordsBefore(long offset);

  /// The idempotent producers that wrote here and are not expired (DescribeProducers).
  CompletableFuture<ProducersResult> activeProducers();

  sealed interface ProducersResult {
    record Known(List<ProducerEntry> producers) implements ProducersResult {
      public Known {
        producers = List.copyOf(producers);
      }
    }

    record Refused(Failure failure) implements ProducersResult {}
  }

  sealed interface TruncateResult {
    record Truncated(long logStartOffset) implements TruncateResult {}

    record Refused(Failure failure) implements TruncateResult {}
  }
}
