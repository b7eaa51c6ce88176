package io.streamhouse.broker.lease;

import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.Leases.ObservedSession;
import io.streamhouse.metadata.MetadataUnavailable;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Watches the sessions of other agents and ends those that stand still.
///
/// No clock is compared: a session is over when its counter was seen not to move for the session's
/// time-out, on this agent's own monotonic clock. Its owner stopped trusting it a margin before
/// that, counted from before its last renewal, hence earlier still. Only time between two looks
/// that both got an answer counts: while the database is away nobody can renew, and nobody is
/// declared dead for it. A pause of this agent counts as one look's distance at most, since its own
/// answers may have lain in a socket meanwhile.
///
/// Confined to the loop that calls [#look].
public final class SessionObserver {

  private static final Logger log = LoggerFactory.getLogger(SessionObserver.class);

  private final Leases leases;
  private final UUID self;
  private final long patienceNanos;
  private final long mostBetweenLooksNanos;
  private final BooleanSupplier renewing;
  private final TimeSource time;
  private Map<UUID, Still> still = new HashMap<>();
  private boolean answered;
  private long lastAnswerNanos;

  /// A session as last seen.
  ///
  /// @param nanos for how long its counter has not moved, as far as was watched
  private record Still(long renewals, long nanos) {}

  /// @param self one's own session, which others watch
  /// @param timeout of sessions, of all agents
  /// @param pause between two looks
  /// @param renewing whether this agent's own last renewal was answered: where it was not, the
  ///   others' may not have been either, and watching begins anew
  public SessionObserver(
      Leases leases,
      UUID self,
      Duration timeout,
      Duration pause,
      BooleanSupplier renewing,
      TimeSource time) {
    this.leases = leases;
    this.self = self;
    this.patienceNanos = timeout.toNanos();
    this.mostBetweenLooksNanos = 2 * pause.toNanos();
    this.renewing = renewing;
    this.time = time;
  }

  /// Looks once, and declares dead whoever stood still for too long. Blocks for the metadata store.
  ///
  /// @return how many sessions ended by it
  /// @throws MetadataUnavailable if it did not answer: the time until the next look does not count
  public int look() {
    long now = time.nanos();
    boolean counts = answered;
    answered = false;
    var sessions = leases.sessions();
    // From the last answer to this question: a counter may have moved while one was on its way.
    long watched = counts ? Math.min(now - lastAnswerNanos, mostBetweenLooksNanos) : 0;
    lastAnswerNanos = time.nanos();
    if (!renewing.getAsBoolean()) {
      still.clear();
    }
    var seen = new HashMap<UUID, Still>();
    int ended = 0;
    for (var session : sessions) {
      if (session.incarnation().equals(self)) {
        continue;
      }
      var before = still.get(session.incarnation());
      var after =
          before == null || before.renewals != session.renewals()
              ? new Still(session.renewals(), 0)
              : new Still(before.renewals, before.nanos + watched);
      seen.put(session.incarnation(), after);
      if (after.nanos >= patienceNanos && end(session)) {
        seen.remove(session.incarnation());
        ended++;
      }
    }
    still = seen;
    answered = true;
    return ended;
  }

  private boolean end(ObservedSession session) {
    boolean ended = leases.declareDead(session.incarnation(), session.renewals());
    if (ended) {
      log.warn(
          "session declared dead: it was not renewed nodeId={} incarnation={}",
          session.nodeId(),
          session.incarnation());
    }
    return ended;
  }
}
