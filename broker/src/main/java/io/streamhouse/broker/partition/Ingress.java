package io.streamhouse.broker.partition;

import io.streamhouse.broker.partition.Appends.Acks;
import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.protocol.RecordBatches;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/// Appends of one partition whose batches cannot be taken yet, in the order they came: each waits
/// for its own re-compression or for producer state, and for those before it. Bounded in number and
/// by the [TailBudget], which counts them; what does not fit is refused. Guarded by its partition's
/// lock.
final class Ingress {

  private static final int MOST_WAITING = 10_000;

  private final TailBudget budget;
  private final ArrayDeque<Waiting> queue = new ArrayDeque<>();

  Ingress(TailBudget budget) {
    this.budget = budget;
  }

  /// One append. Owns the batch its stage yields.
  ///
  /// @param cost what the budget counts it as while it waits
  record Waiting(
      CompletableFuture<RecordBatches> batches,
      int cost,
      Acks acks,
      CompletableFuture<AppendResult> result) {}

  boolean isEmpty() {
    return queue.isEmpty();
  }

  /// @return false when there is no room
  boolean offer(Waiting waiting) {
    if (queue.size() >= MOST_WAITING || !budget.tryReserve(waiting.cost)) {
      return false;
    }
    queue.addLast(waiting);
    return true;
  }

  /// The oldest append if its batch is there or has failed, else null.
  @Nullable Waiting ready() {
    var first = queue.peekFirst();
    return first != null && first.batches.isDone() ? first : null;
  }

  /// Takes the oldest append out.
  void remove() {
    budget.release(queue.removeFirst().cost);
  }
}
