package io.streamhouse.broker.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class ThreadLoopTest {

  private final ConcurrentLinkedQueue<Throwable> errors = new ConcurrentLinkedQueue<>();
  private final ThreadLoop loop = new ThreadLoop("test", errors::add);

  @Test
  void aTaskThatAsksForItsNextTurnWhileItsLoopClosesIsNoError() throws Exception {
    var running = new CountDownLatch(1);
    var closing = new CountDownLatch(1);
    var again = new AtomicBoolean();
    loop.execute(() -> {
      running.countDown();
      var _ = awaited(closing);
      var _ = loop.after(Duration.ZERO, () -> again.set(true));
    });
    assertThat(running.await(10, TimeUnit.SECONDS)).isTrue();
    var closer = Thread.ofPlatform().start(loop::close);
    while (closer.getState() != Thread.State.TIMED_WAITING) {
      Thread.onSpinWait();
    }
    closing.countDown();
    closer.join();
    assertThat(errors).isEmpty();
    assertThat(again).isFalse();
  }

  @Test
  void anErrorOfATaskIsTold() {
    loop.execute(() -> {
      throw new IllegalStateException("test");
    });
    loop.close();
    assertThat(errors).singleElement().isInstanceOf(IllegalStateException.class);
  }

  private static boolean awaited(CountDownLatch latch) {
    try {
      return latch.await(10, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
