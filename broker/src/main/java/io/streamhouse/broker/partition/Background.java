package io.streamhouse.broker.partition;

import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.RecordBatches;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/// What a partition has done for it elsewhere, because it would block or take long. Stages may
/// complete on any thread.
public interface Background {

  /// Producer state as of `committedEnd`, read back from committed segments and what was kept of
  /// those below the log start.
  CompletableFuture<List<ProducerEntry>> loadProducers(PartitionId partition, long committedEnd);

  /// The batch as `settings` want it stored: re-compressed, time-stamped, its keys checked. Fails
  /// with [Refused] where the batch itself is at fault.
  CompletableFuture<RecordBatches> rewrite(
      RecordBatches batches, PartitionSettings settings, long nowMillis);

  /// Raises the log start offset in the metadata store, and keeps what is known of producers from
  /// committed batches below it; false when fenced.
  CompletableFuture<Boolean> raiseLogStart(
      Lease<PartitionId> lease, long logStart, long committedEnd);

  /// Has the partition's row name this agent's log as where its tail is, or no log; false when
  /// fenced.
  CompletableFuture<Boolean> changeTail(Lease<PartitionId> lease, boolean ours);

  /// Has the tail flushed soon, whatever its size and age.
  void requestFlush();

  /// Tells the flusher that batches wait for their commit.
  void wakeFlusher();
}
