package io.streamhouse.broker.runtime;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Work handed to an executor that may be full.
public final class Stages {

  private Stages() {}

  /// What `work` yields, on `executor`. Never throws: an executor that is full fails the stage with
  /// its [RejectedExecutionException], since a caller handles what its stage tells and would leave
  /// others without an answer if it were thrown at instead.
  public static <T extends @Nullable Object> CompletableFuture<T> supply(
      Executor executor, Supplier<T> work) {
    try {
      return CompletableFuture.supplyAsync(work, executor);
    } catch (RejectedExecutionException full) {
      return CompletableFuture.failedFuture(full);
    }
  }
}
