package io.streamhouse.broker.wal;

import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.RecordBatches;

/// One batch on its way into the log.
///
/// The log takes its own reference to `batches` while the append is queued.
///
/// @param baseOffset as stamped into the batch
/// @param endOffset one past the batch's last offset
/// @param owner told what became of it, on the log's writer
public record WalAppend(
    PartitionId partition,
    int leaseEpoch,
    long baseOffset,
    long endOffset,
    RecordBatches batches,
    Owner owner) {

  /// Who is told about appends, in the order they were queued.
  public interface Owner {

    /// The batch is as safe as the fsync policy makes it, and can be read back from `place` until
    /// the log is told that it is not needed.
    void written(WalAppend append, WalPlace place);

    /// The log failed; whether the batch is in it is unknown, and no more will be taken.
    void failed(WalAppend append, String why);
  }
}
