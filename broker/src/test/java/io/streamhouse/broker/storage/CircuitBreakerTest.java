package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.CircuitBreaker.State;
import io.streamhouse.broker.storage.ObjectStore.DeleteResult;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// Closed it is a store like any other; the contract shows that.
class CircuitBreakerTest extends ObjectStoreContract {

  private final SimulatedTime time = new SimulatedTime();
  private final Broken broken = new Broken();
  private final CircuitBreaker breaker =
      new CircuitBreaker(
          broken, new CircuitBreaker.Limits(3, Duration.ofSeconds(1), Duration.ofSeconds(3)), time);

  @Override
  ObjectStore open() {
    return new CircuitBreaker(new InMemoryStore(), CircuitBreaker.Limits.DEFAULT, time);
  }

  @Test
  void failuresInARowOpenItAndCallsFailAtOnce() {
    broken.failure = new ObjectStoreUnavailable("down");
    fail(3);
    assertThat(breaker.state()).isEqualTo(State.OPEN);
    assertThat(breaker.outage()).contains("down");

    assertThatThrownBy(() -> breaker.get("k", 0, 1))
        .isInstanceOf(ObjectStoreUnavailable.class)
        .hasMessageContaining("down");
    assertThat(breaker.delete(List.of("a", "b")).values())
        .hasSize(2)
        .allMatch(result -> result instanceof DeleteResult.Failed);
    assertThat(broken.calls).isEqualTo(3);
    assertThat(breaker.refused()).isEqualTo(2);
    assertThat(breaker.opened()).isEqualTo(1);
  }

  @Test
  void answersBetweenFailuresKeepItClosed() {
    for (int i = 0; i < 10; i++) {
      broken.failure = new ObjectStoreUnavailable("slow down");
      fail(2);
      broken.failure = i % 2 == 0 ? null : new ObjectMissing("k");
      call();
    }
    assertThat(breaker.state()).isEqualTo(State.CLOSED);
    assertThat(breaker.outage()).isEmpty();
  }

  @Test
  void whatTheStoreSaysNoToIsAnAnswer() {
    broken.failure = new IOException("403 AccessDenied");
    for (int i = 0; i < 10; i++) {
      call();
    }
    assertThat(breaker.state()).isEqualTo(State.CLOSED);
  }

  @Test
  void oneProbeGoesThroughAndItsAnswerCloses() {
    open(broken);
    time.pass(Duration.ofMillis(999));
    call();
    assertThat(broken.calls).as("too early").isEqualTo(3);

    time.pass(Duration.ofMillis(1));
    broken.failure = null;
    broken.during =
        () -> {
          assertThat(breaker.state()).isEqualTo(State.HALF_OPEN);
          assertThatThrownBy(() -> breaker.head("other"))
              .as("while the probe is under way")
              .isInstanceOf(ObjectStoreUnavailable.class);
        };
    call();
    broken.during = () -> {};

    assertThat(broken.calls).isEqualTo(4);
    assertThat(breaker.state()).isEqualTo(State.CLOSED);
    broken.failure = new ObjectStoreUnavailable("down");
    fail(2);
    assertThat(breaker.state()).as("counts from none").isEqualTo(State.CLOSED);
  }

  @Test
  void failedProbesDoubleThePauseUpToTheLongest() {
    open(broken);
    for (var pause : List.of(1, 2, 3, 3)) {
      int before = broken.calls;
      time.pass(Duration.ofSeconds(pause).minusNanos(1));
      call();
      assertThat(broken.calls).isEqualTo(before);
      time.pass(Duration.ofNanos(1));
      call();
      assertThat(broken.calls).isEqualTo(before + 1);
      assertThat(breaker.state()).isEqualTo(State.OPEN);
    }
    assertThat(breaker.opened()).as("one outage").isEqualTo(1);

    time.pass(Duration.ofSeconds(3));
    broken.failure = null;
    call();
    open(broken);
    time.pass(Duration.ofSeconds(1));
    broken.failure = null;
    call();
    assertThat(breaker.state()).as("pauses begin short again").isEqualTo(State.CLOSED);
  }

  @Test
  void interruptedProbeLetsTheNextCallProbe() {
    open(broken);
    time.pass(Duration.ofSeconds(1));
    broken.failure = new InterruptedIOException();
    call();
    assertThat(breaker.state()).isEqualTo(State.OPEN);

    broken.failure = null;
    call();
    assertThat(breaker.state()).isEqualTo(State.CLOSED);
  }

  @Test
  void deletionsOfWhichNoneWasAnsweredCountAsOneFailure() {
    broken.failure = new ObjectStoreUnavailable("down");
    for (int i = 0; i < 3; i++) {
      assertThat(breaker.state()).isEqualTo(State.CLOSED);
      breaker.delete(List.of("a", "b", "c", "d"));
    }
    assertThat(breaker.state()).isEqualTo(State.OPEN);
  }

  private void open(Broken store) {
    store.failure = new ObjectStoreUnavailable("down");
    fail(3);
    assertThat(breaker.state()).isEqualTo(State.OPEN);
  }

  private void fail(int times) {
    for (int i = 0; i < times; i++) {
      assertThatThrownBy(() -> breaker.head("k")).isInstanceOf(ObjectStoreUnavailable.class);
    }
  }

  private void call() {
    try {
      var _ = breaker.head("k");
    } catch (IOException failure) {
      assertThat(failure)
          .satisfiesAnyOf(
              one -> assertThat(one).isSameAs(broken.failure),
              one -> assertThat(one).isInstanceOf(ObjectStoreUnavailable.class));
    }
  }

  /// A store of which every call ends alike.
  private static final class Broken implements ObjectStore {

    @Nullable IOException failure;
    Runnable during = () -> {};
    int calls;

    private void end() throws IOException {
      calls++;
      during.run();
      if (failure != null) {
        throw failure;
      }
    }

    @Override
    public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
        throws IOException {
      end();
      return new PutResult.Created(ObjectInfo.of(content));
    }

    @Override
    public ByteBuffer get(String key, long position, int length) throws IOException {
      end();
      return ByteBuffer.allocate(0);
    }

    @Override
    public Optional<ObjectInfo> head(String key) throws IOException {
      end();
      return Optional.empty();
    }

    @Override
    public List<String> list(String prefix, String startAfter, int limit) throws IOException {
      end();
      return List.of();
    }

    @Override
    public Map<String, DeleteResult> delete(Collection<String> keys) {
      var results = new LinkedHashMap<String, DeleteResult>();
      for (var key : keys) {
        try {
          end();
          results.put(key, new DeleteResult.Gone());
        } catch (IOException failed) {
          results.put(key, new DeleteResult.Failed(failed));
        }
      }
      return results;
    }

    @Override
    public void close() {}
  }
}
