package io.streamhouse.broker.read;

import io.streamhouse.broker.partition.Appends;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.metadata.PartitionId;

/// The logs this agent leads. A plain lookup, safe on event loops.
public interface Logs {

  Lookup find(PartitionId partition);

  sealed interface Lookup {
    record Led(LogReader reader, Appends appends) implements Lookup {}

    /// Someone else leads it, nobody does yet, or it is being opened: [Failure.NotLeader] or
    /// [Failure.OffsetNotAvailable]; [Failure.UnknownTopicId] where the image has no such
    /// partition.
    record NotLed(Failure failure) implements Lookup {}
  }
}
