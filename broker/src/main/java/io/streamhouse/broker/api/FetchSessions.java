package io.streamhouse.broker.api;

import io.streamhouse.broker.api.FetchSession.Ask;
import io.streamhouse.broker.api.FetchSession.FetchKey;
import io.streamhouse.broker.api.FetchSession.Told;
import io.streamhouse.broker.runtime.TimeSource;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// The fetch sessions of this agent, at most a fixed number. Thread-safe.
///
/// When all places are taken, a new session gets the place of one unused for two minutes, else of
/// the smallest one older than two minutes if that is no larger than itself, else none: its client
/// goes on with full requests.
final class FetchSessions {

  private static final long EVICTION_NANOS = Duration.ofMinutes(2).toNanos();

  /// Opens a session (with id 0) or leaves one for a new one.
  private static final int INITIAL_EPOCH = 0;

  /// Asks for no session, and ends the one it names.
  private static final int FINAL_EPOCH = -1;

  private final int slots;
  private final TimeSource time;
  private final RandomGenerator random;

  /// By id, least recently used first. Guarded by this object, whose lock is never taken while a
  /// session's own is held.
  private final LinkedHashMap<Integer, Entry> sessions = new LinkedHashMap<>();

  private record Entry(FetchSession session, long usedNanos) {}

  FetchSessions(int slots, TimeSource time, RandomGenerator random) {
    this.slots = slots;
    this.time = time;
    this.random = random;
  }

  /// What a request asks for, with what its session adds.
  sealed interface Context {

    /// @param error for the whole request
    record Refused(Errors error) implements Context {}

    /// @param openSession the client would like a session
    record Full(Map<FetchKey, Ask> asks, boolean openSession, boolean usesTopicIds)
        implements Context {}

    /// @param asks all of the session's, in the order to serve them
    record Incremental(FetchSession session, int requestEpoch, List<Map.Entry<FetchKey, Ask>> asks)
        implements Context {}
  }

  /// Applies a request to its session.
  Context enter(
      int sessionId,
      int epoch,
      boolean usesTopicIds,
      Map<FetchKey, Ask> asks,
      List<FetchKey> forgotten) {
    if (epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH) {
      if (sessionId != 0) {
        remove(sessionId);
      }
      return new Context.Full(asks, epoch == INITIAL_EPOCH, usesTopicIds);
    }
    var session = find(sessionId);
    if (session == null) {
      return new Context.Refused(Errors.FETCH_SESSION_ID_NOT_FOUND);
    }
    // Two requests of one session at once are a client's mistake; only one of them passes here.
    synchronized (session) {
      if (session.epoch() != epoch) {
        return new Context.Refused(Errors.INVALID_FETCH_SESSION_EPOCH);
      }
      if (session.usesTopicIds() != usesTopicIds) {
        return new Context.Refused(Errors.FETCH_SESSION_TOPIC_ID_ERROR);
      }
      session.update(asks, forgotten);
      if (session.size() > 0) {
        return new Context.Incremental(session, epoch, session.advance());
      }
    }
    remove(sessionId);
    return new Context.Full(asks, false, usesTopicIds);
  }

  /// Opens a session for what was asked and answered in full.
  ///
  /// @return its id, or 0 where there is no place for it
  synchronized int open(Context.Full full, List<Told> told) {
    if (!full.openSession() || (sessions.size() >= slots && !evictFor(full.asks().size()))) {
      return 0;
    }
    int id;
    do {
      id = random.nextInt(1, Integer.MAX_VALUE);
    } while (sessions.containsKey(id));
    long now = time.nanos();
    var session = new FetchSession(id, full.usesTopicIds(), now, full.asks());
    session.opened(told);
    sessions.put(id, new Entry(session, now));
    return id;
  }

  private boolean evictFor(int size) {
    long now = time.nanos();
    var eldest = sessions.firstEntry();
    if (eldest != null && now - eldest.getValue().usedNanos() > EVICTION_NANOS) {
      sessions.pollFirstEntry();
      return true;
    }
    FetchSession victim = null;
    for (var entry : sessions.values()) {
      var session = entry.session();
      if (now - session.createdNanos() > EVICTION_NANOS
          && session.size() <= (victim == null ? size : victim.size() - 1)) {
        victim = session;
      }
    }
    return victim != null && sessions.remove(victim.id()) != null;
  }

  private synchronized @Nullable FetchSession find(int id) {
    var entry = sessions.remove(id);
    if (entry == null) {
      return null;
    }
    sessions.put(id, new Entry(entry.session(), time.nanos()));
    return entry.session();
  }

  private synchronized void remove(int id) {
    sessions.remove(id);
  }

  synchronized int size() {
    return sessions.size();
  }
}
