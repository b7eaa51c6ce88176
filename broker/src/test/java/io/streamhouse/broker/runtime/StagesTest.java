package io.streamhouse.broker.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class StagesTest {

  @Test
  void aFullPoolFailsTheStageAndNotItsCaller() {
    var busy = new CountDownLatch(1);
    try (var pool = new WorkerPool("test", 1, 1)) {
      var running = Stages.supply(pool, () -> awaited(busy));
      var queued = Stages.supply(pool, () -> "queued");

      var refused = Stages.supply(pool, () -> "refused");

      assertThat(refused.exceptionNow()).isInstanceOf(RejectedExecutionException.class);
      busy.countDown();
      assertThat(running.join()).isEqualTo("ran");
      assertThat(queued.join()).isEqualTo("queued");
    }
  }

  @Test
  void whatTheWorkThrowsFailsTheStage() {
    var failed = Stages.supply(Runnable::run, () -> awaited(null));
    assertThatThrownBy(failed::join)
        .isInstanceOf(CompletionException.class)
        .hasCauseInstanceOf(IllegalStateException.class);
  }

  private static String awaited(@Nullable CountDownLatch latch) {
    if (latch == null) {
      throw new IllegalStateException("nothing to wait for");
    }
    try {
      latch.await();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    return "ran";
  }
}
