package io.streamhouse.broker.storage;

import io.streamhouse.broker.runtime.TimeSource;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps calls away from a store that is out of order, so that nobody waits for time-outs and the
/// store is not hammered while it comes back.
///
/// Closed, it passes every call on. After so many calls in a row that ended with
/// [ObjectStoreUnavailable] it opens: calls fail at once with the same. After a pause it is half
/// open: one call goes through as a probe while others still fail; the store is back if the probe
/// is answered, else the next pause is twice as long. Any answer counts as one, "no such object"
/// and "already there" included; an interrupted call counts as nothing.
///
/// Thread-safe; the lock is held for bookkeeping only.
public final class CircuitBreaker implements ObjectStore {

  private static final Logger log = LoggerFactory.getLogger(CircuitBreaker.class);

  private final ObjectStore store;
  private final Limits limits;
  private final TimeSource time;
  private final Object lock = new Object();

  // Guarded by `lock`.
  private State state = State.CLOSED;
  private int failures;
  private Duration pause;
  private long openedNanos;
  private String why = "";

  private final LongAdder opened = new LongAdder();
  private final LongAdder refused = new LongAdder();

  public enum State {
    CLOSED,
    HALF_OPEN,
    OPEN
  }

  /// @param failures in a row that open it
  /// @param pause before the first probe
  /// @param longestPause before any
  public record Limits(int failures, Duration pause, Duration longestPause) {

    /// Each failure has been repeated by the store itself already, for seconds.
    public static final Limits DEFAULT =
        new Limits(3, Duration.ofSeconds(1), Duration.ofSeconds(30));

    public Limits {
      if (failures < 1 || !pause.isPositive() || longestPause.compareTo(pause) < 0) {
        throw new IllegalArgumentException(failures + ", " + pause + ", " + longestPause);
      }
    }
  }

  /// What is passed on: whether it is the probe.
  private enum Pass {
    ORDINARY,
    PROBE
  }

  private enum Outcome {
    ANSWERED,
    UNAVAILABLE,
    NOTHING
  }

  public CircuitBreaker(ObjectStore store, Limits limits, TimeSource time) {
    this.store = store;
    this.limits = limits;
    this.time = time;
    this.pause = limits.pause();
  }

  public State state() {
    synchronized (lock) {
      return state;
    }
  }

  /// The failure that opened it; empty while it is closed.
  public Optional<String> outage() {
    synchronized (lock) {
      return state == State.CLOSED ? Optional.empty() : Optional.of(why);
    }
  }

  /// How often it has opened; further pauses of one outage do not count.
  public long opened() {
    return opened.sum();
  }

  /// Calls that were not passed on.
  public long refused() {
    return refused.sum();
  }

  private interface Call<T> {
    T make() throws IOException;
  }

  private <T> T through(Call<T> call) throws IOException {
    var pass = enter();
    var outcome = Outcome.NOTHING;
    String failed = "";
    try {
      var answer = call.make();
      outcome = Outcome.ANSWERED;
      return answer;
    } catch (ObjectStoreUnavailable unavailable) {
      outcome = Outcome.UNAVAILABLE;
      failed = String.valueOf(unavailable.getMessage());
      throw unavailable;
    } catch (InterruptedIOException interrupted) {
      throw interrupted;
    } catch (IOException answer) {
      outcome = Outcome.ANSWERED;
      throw answer;
    } finally {
      leave(pass, outcome, failed);
    }
  }

  private Pass enter() throws ObjectStoreUnavailable {
    synchronized (lock) {
      if (state == State.CLOSED) {
        return Pass.ORDINARY;
      }
      if (state == State.OPEN && time.nanos() - openedNanos >= pause.toNanos()) {
        state = State.HALF_OPEN;
        return Pass.PROBE;
      }
      refused.increment();
      throw new ObjectStoreUnavailable("the object store is out of order: " + why);
    }
  }

  private void leave(Pass pass, Outcome outcome, String failed) {
    synchronized (lock) {
      if (pass == Pass.PROBE) {
        switch (outcome) {
          case ANSWERED -> {
            log.info("object store answers again");
            state = State.CLOSED;
            failures = 0;
            pause = limits.pause();
          }
          case UNAVAILABLE -> {
            var next = pause.multipliedBy(2);
            pause = next.compareTo(limits.longestPause()) > 0 ? limits.longestPause() : next;
            open(failed);
          }
          // The probe that was interrupted proved nothing: the next call is another one.
          case NOTHING -> state = State.OPEN;
        }
      } else if (state == State.CLOSED) {
        switch (outcome) {
          case ANSWERED -> failures = 0;
          case UNAVAILABLE -> {
            if (++failures >= limits.failures()) {
              log.warn("object store is out of order failures={} why={}", failures, failed);
              opened.increment();
              open(failed);
            }
          }
          case NOTHING -> {}
        }
      }
      // Who set out before it opened and comes back after says nothing new.
    }
  }

  private void open(String failed) {
    state = State.OPEN;
    openedNanos = time.nanos();
    why = failed;
  }

  @Override
  public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
      throws IOException {
    return through(() -> store.putNew(key, content, metadata));
  }

  @Override
  public ByteBuffer get(String key, long position, int length) throws IOException {
    return through(() -> store.get(key, position, length));
  }

  @Override
  public void read(String key, long position, List<ByteBuffer> into) throws IOException {
    var _ =
        through(() -> {
          store.read(key, position, into);
          return true;
        });
  }

  @Override
  public Optional<ObjectInfo> head(String key) throws IOException {
    return through(() -> store.head(key));
  }

  @Override
  public List<String> list(String prefix, String startAfter, int limit) throws IOException {
    return through(() -> store.list(prefix, startAfter, limit));
  }

  @Override
  public Map<String, DeleteResult> delete(Collection<String> keys) {
    Pass pass;
    try {
      pass = enter();
    } catch (ObjectStoreUnavailable open) {
      var results = new LinkedHashMap<String, DeleteResult>();
      keys.forEach(key -> results.put(key, new DeleteResult.Failed(open)));
      return results;
    }
    var outcome = Outcome.NOTHING;
    String failed = "";
    try {
      var results = store.delete(keys);
      var unavailable = unavailable(results);
      outcome = unavailable == null ? Outcome.ANSWERED : Outcome.UNAVAILABLE;
      failed = unavailable == null ? "" : unavailable;
      return results;
    } finally {
      leave(pass, outcome, failed);
    }
  }

  /// Why nothing could be deleted; null if anything was, or if the store said anything else.
  private static @Nullable String unavailable(Map<String, DeleteResult> results) {
    String why = null;
    for (var result : results.values()) {
      if (!(result instanceof DeleteResult.Failed(ObjectStoreUnavailable cause))) {
        return null;
      }
      why = String.valueOf(cause.getMessage());
    }
    return why;
  }

  @Override
  public void close() {
    store.close();
  }
}
