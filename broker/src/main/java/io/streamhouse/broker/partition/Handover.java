package io.streamhouse.broker.partition;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Gives partitions led here to the agents they are placed with, so that their producers notice a
/// moment's pause and nothing is left in this agent's log.
///
/// ```
/// flush while appends are taken → appends wait, flush the rest → close, release the lease
///   → appends that waited are refused, and told the new leader once there is one
/// ```
///
/// A partition that cannot be flushed in time takes appends again, and is tried later. Has no
/// thread; confined to the caller of [#step].
final class Handover {

  private static final Logger log = LoggerFactory.getLogger(Handover.class);

  /// How many are under way at once: each has its appends wait for the flush of all of them.
  private static final int MOST_MOVING = 500;

  /// How long a flush may take while appends are taken.
  private static final Duration FLUSH_LIMIT = Duration.ofSeconds(30);

  /// How long appends may wait for the rest: less than any client's patience.
  private static final Duration HOLD_LIMIT = Duration.ofSeconds(5);

  /// How long appends that waited may go on waiting for a new leader to be named.
  private static final Duration SUCCESSOR_LIMIT = Duration.ofSeconds(1);

  private static final Duration RETRY_PAUSE = Duration.ofSeconds(30);

  private final PartitionLeases leases;
  private final UUID incarnation;
  private final FlushSignal flushing;
  private final TimeSource time;
  private final Map<PartitionId, Move> moves = new LinkedHashMap<>();

  /// Until when partitions that could not be flushed are left alone.
  private final Map<PartitionId, Long> resting = new HashMap<>();

  private enum Phase {
    FLUSHING,
    HOLDING,
    /// Closed, and the release was sent, perhaps without an answer: the lease may be gone.
    RELEASING,
    RELEASED
  }

  private static final class Move {
    final Partition partition;
    final long flushEnd;
    Phase phase = Phase.FLUSHING;
    long sinceNanos;

    Move(Partition partition, long nowNanos) {
      this.partition = partition;
      this.flushEnd = partition.highWatermark();
      this.sinceNanos = nowNanos;
    }

    void enter(Phase next, long nowNanos) {
      phase = next;
      sinceNanos = nowNanos;
    }

    boolean longerThan(Duration limit, long nowNanos) {
      return nowNanos - sinceNanos > limit.toNanos();
    }
  }

  Handover(PartitionLeases leases, UUID incarnation, FlushSignal flushing, TimeSource time) {
    this.leases = leases;
    this.incarnation = incarnation;
    this.flushing = flushing;
    this.time = time;
  }

  /// Begins to give a partition away, if there is room and it was not tried lately.
  ///
  /// @return whether it is being given away; else it is to be asked again
  boolean begin(Partition partition) {
    var under = moves.get(partition.id());
    if (under != null && under.partition == partition) {
      return true;
    }
    if (under != null) {
      // It was given away before, and came back before anybody told where it had gone.
      moves.remove(partition.id());
      under.partition.resume();
    }
    var rested = resting.get(partition.id());
    if (moves.size() >= MOST_MOVING || (rested != null && time.nanos() - rested < 0)) {
      return false;
    }
    resting.remove(partition.id());
    moves.put(partition.id(), new Move(partition, time.nanos()));
    flushing.request();
    return true;
  }

  /// Lets go of everything: what waited is taken or refused.
  void end() {
    moves.values().forEach(move -> move.partition.resume());
    moves.clear();
  }

  /// Takes back every other partition whose lease was not released yet.
  void keepOnly(Collection<PartitionId> wanted) {
    var kept = Set.copyOf(wanted);
    moves
        .values()
        .removeIf(move -> {
          boolean back =
              move.phase.compareTo(Phase.RELEASING) < 0 && !kept.contains(move.partition.id());
          if (back) {
            move.partition.resume();
          }
          return back;
        });
    resting.keySet().retainAll(kept);
  }

  /// Whether the release of a partition was sent: it is closed, and its lease is this session's
  /// only if that did not happen.
  boolean releasing(Partition partition) {
    var move = moves.get(partition.id());
    return move != null && move.partition == partition && move.phase == Phase.RELEASING;
  }

  /// Whether partitions are being given away, or will be tried again.
  boolean moving() {
    return !moves.isEmpty() || !resting.isEmpty();
  }

  /// Whether a partition that stayed here for a while is to be begun with again.
  boolean rested() {
    long now = time.nanos();
    return resting.values().stream().anyMatch(until -> now - until >= 0);
  }

  /// Goes on with every move as far as possible. Blocks for the metadata store.
  ///
  /// @param image as published
  /// @return the partitions whose leases were released, which are led here no more
  List<PartitionId> step(Image image) {
    long now = time.nanos();
    var ready = new ArrayList<Move>();
    for (var move : List.copyOf(moves.values())) {
      var partition = move.partition;
      if (partition.closed() && move.phase.compareTo(Phase.RELEASING) < 0) {
        moves.remove(partition.id());
        partition.resume();
        continue;
      }
      switch (move.phase) {
        case FLUSHING -> {
          if (partition.committedEnd() >= move.flushEnd) {
            if (partition.hold()) {
              move.enter(Phase.HOLDING, now);
              flushing.request();
            }
          } else if (move.longerThan(FLUSH_LIMIT, now)) {
            giveUp(move);
          }
        }
        case HOLDING -> {}
        case RELEASING -> {
          ready.add(move);
          if (move.longerThan(HOLD_LIMIT, now)) {
            // Nobody can say when there will be an answer: what waits is refused meanwhile.
            partition.resume();
          }
        }
        case RELEASED -> {
          var successor = image.leader(partition.id());
          boolean known = successor != null && !successor.agent().incarnation().equals(incarnation);
          if (known || move.longerThan(SUCCESSOR_LIMIT, now)) {
            moves.remove(partition.id());
            partition.resume();
          }
        }
      }
      if (move.phase == Phase.HOLDING) {
        if (partition.heldAndFlushed()) {
          ready.add(move);
        } else if (move.longerThan(HOLD_LIMIT, now)) {
          giveUp(move);
        }
      }
    }
    return release(ready, image);
  }

  private void giveUp(Move move) {
    var id = move.partition.id();
    log.warn("partition stays here: it cannot be flushed in time partition={}", id);
    moves.remove(id);
    resting.put(id, time.nanos() + RETRY_PAUSE.toNanos());
    move.partition.resume();
  }

  private List<PartitionId> release(List<Move> ready, Image image) {
    if (ready.isEmpty()) {
      return List.of();
    }
    var flushed = new ArrayList<Lease<PartitionId>>();
    ready.forEach(move -> flushed.add(move.partition.lease()));
    // Closed first: where the outcome is unknown, which it stays until an answer comes, others may
    // lead already, and what is known here of the end may be old.
    long now = time.nanos();
    for (var move : ready) {
      var next = image.preferred(move.partition.id());
      move.partition.surrender(
          new Failure.NotLeader(
              next == null ? OptionalInt.empty() : OptionalInt.of(next.nodeId())));
      if (move.phase != Phase.RELEASING) {
        move.enter(Phase.RELEASING, now);
      }
    }
    leases.release(flushed, List.of());
    var released = new ArrayList<PartitionId>();
    for (var move : ready) {
      move.enter(Phase.RELEASED, now);
      released.add(move.partition.id());
    }
    log.info("partitions handed over count={}", released.size());
    return released;
  }
}
