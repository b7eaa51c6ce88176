package io.streamhouse.broker.lease;

import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.Registration;
import io.streamhouse.metadata.MetadataUnavailable;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// This agent's session: renewed by a counter in the metadata store, trusted until a local
/// deadline.
///
/// The deadline counts from the time read before the renewal was sent, less a margin, so it passes
/// before any observer can declare the session dead. Elapsed time is the larger of the monotonic
/// and the wall-clock difference: a suspended machine's monotonic clock may have stood still.
///
/// [#renew] is called by one loop; [#holds] by anyone.
public final class Session implements Ownership {

  private static final Logger log = LoggerFactory.getLogger(Session.class);

  private final Leases leases;
  private final UUID incarnation;
  private final int nodeId;
  private final Duration trusted;
  private final TimeSource time;
  private volatile Renewal last;
  private volatile boolean over;
  private volatile @Nullable String unreachable;

  private record Renewal(long nanos, long wallMillis) {}

  private Session(
      Leases leases,
      Registration.Registered registered,
      Duration trusted,
      TimeSource time,
      Renewal at) {
    this.leases = leases;
    this.incarnation = registered.incarnation();
    this.nodeId = registered.nodeId();
    this.trusted = trusted;
    this.time = time;
    this.last = at;
  }

  /// Registers a session.
  ///
  /// @param timeout after which observers may declare it dead
  /// @param margin by which this agent stops earlier than that
  /// @throws NodeIdInUse when another data directory's live session has this node id
  public static Session begin(
      Leases leases, NewSession session, Duration timeout, Duration margin, TimeSource time)
      throws NodeIdInUse {
    var before = new Renewal(time.nanos(), time.wallMillis());
    return switch (leases.register(session)) {
      case Registration.Registered registered ->
          new Session(leases, registered, timeout.minus(margin), time, before);
      case Registration.NodeIdInUse(UUID other, long _) ->
          throw new NodeIdInUse(session.nodeId().orElseThrow(), other);
    };
  }

  /// Two live agents must not share a node id.
  public static final class NodeIdInUse extends Exception {
    NodeIdInUse(int nodeId, UUID other) {
      super("node.id " + nodeId + " is in use by the live session " + other);
    }
  }

  public UUID incarnation() {
    return incarnation;
  }

  /// The node id this session has, be it asked for or assigned.
  public int nodeId() {
    return nodeId;
  }

  @Override
  public boolean holds() {
    if (over) {
      return false;
    }
    var since = last;
    long elapsed =
        Math.max(
            time.nanos() - since.nanos,
            Duration.ofMillis(time.wallMillis() - since.wallMillis).toNanos());
    return elapsed < trusted.toNanos();
  }

  /// Whether the session has ended for good: every lease is lost.
  public boolean over() {
    return over;
  }

  /// Why the last renewal got no answer from the metadata store; null if it got one.
  public @Nullable String unreachable() {
    return unreachable;
  }

  /// Raises the counter; blocks for one transaction. A store that does not answer leaves the
  /// deadline where it is.
  public void renew() {
    var before = new Renewal(time.nanos(), time.wallMillis());
    boolean renewed;
    try {
      renewed = leases.renew(incarnation);
      unreachable = null;
    } catch (MetadataUnavailable failed) {
      unreachable = failed.toString();
      throw failed;
    }
    if (renewed) {
      last = before;
    } else if (!over) {
      over = true;
      log.warn("session is over: it was declared dead incarnation={}", incarnation);
    }
  }

  /// Ends the session and gives its leases back; tails stay as they are.
  public void end() {
    over = true;
    leases.end(incarnation);
  }
}
