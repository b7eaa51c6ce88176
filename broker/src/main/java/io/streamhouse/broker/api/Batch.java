package io.streamhouse.broker.api;

import io.streamhouse.broker.runtime.SerialLoop;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The changes one admin request asks for: carried out a few at a time, begun in the order given,
/// until every item has an outcome or the request's time is over. Then nothing further is begun,
/// and what has no outcome yet gets [Refusal#timedOut].
///
/// Guarded by `this`; the result completes outside the lock, on any thread.
///
/// @param <T> an item
/// @param <R> its outcome
final class Batch<T, R> {

  /// How many changes of one request are under way at once: each waits for a transaction and for
  /// its partitions' leader, so a few overlap, and one request cannot take the store for itself.
  private static final int WINDOW = 16;

  private final List<T> items;
  private final Function<T, CompletableFuture<R>> step;
  private final BiFunction<T, Refusal, R> refused;
  private final List<@Nullable R> outcomes;
  private final CompletableFuture<List<R>> result = new CompletableFuture<>();
  private int begun;
  private int finished;
  private boolean over;
  private boolean pumping;

  private Batch(
      List<T> items, Function<T, CompletableFuture<R>> step, BiFunction<T, Refusal, R> refused) {
    this.items = items;
    this.step = step;
    this.refused = refused;
    this.outcomes = new ArrayList<>(items.size());
    items.forEach(_ -> outcomes.add(null));
  }

  /// Carries `items` out.
  ///
  /// @param step begins one change; a failed stage becomes a refusal
  /// @param refused the outcome of an item that was refused, timed out or failed
  /// @return one outcome per item, in order; never fails
  static <T, R> CompletableFuture<List<R>> run(
      List<T> items,
      Duration timeout,
      SerialLoop timers,
      Function<T, CompletableFuture<R>> step,
      BiFunction<T, Refusal, R> refused) {
    var batch = new Batch<>(items, step, refused);
    batch.pump();
    if (!batch.result.isDone()) {
      var timer = timers.after(timeout.isNegative() ? Duration.ZERO : timeout, batch::timeOut);
      var _ = batch.result.whenComplete((_, _) -> timer.cancel());
    }
    return batch.result;
  }

  /// Begins what fits the window. One thread at a time, so that changes that complete at once do
  /// not recurse.
  private void pump() {
    synchronized (this) {
      if (pumping) {
        return;
      }
      pumping = true;
    }
    while (true) {
      int index;
      synchronized (this) {
        if (over || begun == items.size() || begun - finished >= WINDOW) {
          pumping = false;
          break;
        }
        index = begun++;
      }
      begin(index);
    }
    finishIfDone();
  }

  private void begin(int index) {
    T item = items.get(index);
    CompletableFuture<R> change;
    try {
      change = step.apply(item);
    } catch (RuntimeException e) {
      change = CompletableFuture.failedFuture(e);
    }
    var _ =
        change.whenComplete((outcome, thrown) -> {
          R settled = thrown == null ? outcome : refused.apply(item, Refusal.ofThrown(thrown));
          synchronized (this) {
            outcomes.set(index, settled);
            finished++;
          }
          pump();
        });
  }

  private void timeOut() {
    synchronized (this) {
      over = true;
    }
    finishIfDone();
  }

  private void finishIfDone() {
    var all = new ArrayList<R>(items.size());
    synchronized (this) {
      if (!over && finished < items.size()) {
        return;
      }
      over = true;
      for (int i = 0; i < items.size(); i++) {
        R outcome = outcomes.get(i);
        all.add(outcome != null ? outcome : refused.apply(items.get(i), Refusal.timedOut()));
      }
    }
    result.complete(all);
  }
}
