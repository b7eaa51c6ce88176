package io.streamhouse.broker.partition;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.RecordBatch;
import java.time.Duration;
import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/// The first batch refused, retriably, of each producer that has nothing in this log yet.
///
/// A producer keeps several batches in flight. Were its first one refused and its second accepted,
/// since an unknown producer may begin anywhere, the retried first would come out of order. So what
/// follows a refused batch is refused until that one is back. Guarded by its partition's lock.
final class RefusedSequences {

  /// Producers remembered; the oldest go first.
  private static final int LIMIT = 10_000;

  /// Beyond any delivery time-out that makes sense, the producer has given the batch up.
  private static final long EXPIRY_NANOS = Duration.ofMinutes(10).toNanos();

  private final LinkedHashMap<Long, First> firsts = new LinkedHashMap<>();

  private record First(short epoch, int sequence, long nanos) {}

  void remember(RecordBatch batch, long nowNanos) {
    var first = firsts.get(batch.producerId());
    if (first != null
        && (first.epoch > batch.producerEpoch()
            || (first.epoch == batch.producerEpoch() && first.sequence <= batch.baseSequence()))) {
      return;
    }
    firsts.put(
        batch.producerId(), new First(batch.producerEpoch(), batch.baseSequence(), nowNanos));
    if (firsts.size() > LIMIT) {
      firsts.pollFirstEntry();
    }
  }

  /// Why a batch of a producer unknown to the log must wait for an earlier one, if so.
  @Nullable Failure refuses(RecordBatch batch) {
    var first = firsts.get(batch.producerId());
    return first == null
            || first.epoch != batch.producerEpoch()
            || batch.baseSequence() <= first.sequence
        ? null
        : new Failure.OutOfOrderSequence(batch.producerId(), first.sequence, batch.baseSequence());
  }

  void accepted(RecordBatch batch) {
    if (!firsts.isEmpty()) {
      firsts.remove(batch.producerId());
    }
  }

  void expire(long nowNanos) {
    firsts.values().removeIf(first -> nowNanos - first.nanos > EXPIRY_NANOS);
  }
}
