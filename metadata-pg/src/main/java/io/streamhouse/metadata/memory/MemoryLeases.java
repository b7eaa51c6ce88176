package io.streamhouse.metadata.memory;

import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.memory.State.OwnedRow;
import io.streamhouse.metadata.memory.State.SessionRow;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

final class MemoryLeases implements Leases {

  private final State state;

  MemoryLeases(State state) {
    this.state = state;
  }

  @Override
  public Registration register(NewSession session) {
    return state.transaction("register", () -> registerNow(session));
  }

  private Registration registerNow(NewSession session) {
    var known = state.sessions.get(session.incarnation());
    if (known != null) {
      if (!known.live
          || session.nodeId().orElse(known.nodeId) != known.nodeId
          || !known.session.walId().equals(session.walId())) {
        throw new IllegalArgumentException(
            "incarnation " + session.incarnation() + " was used before");
      }
      return new Registration.Registered(session.incarnation(), known.nodeId);
    }
    int nodeId;
    if (session.nodeId().isPresent()) {
      nodeId = session.nodeId().getAsInt();
      var holder = holder(nodeId);
      if (holder != null && !holder.session.walId().equals(session.walId())) {
        return new Registration.NodeIdInUse(holder.session.incarnation(), holder.renewals);
      }
    } else {
      nodeId = assigned(session.walId());
    }
    for (var other : state.sessions.values()) {
      if (other.session.walId().equals(session.walId())) {
        other.live = false;
      }
    }
    state.sessions.put(session.incarnation(), new SessionRow(session, nodeId));
    state.changes++;
    return new Registration.Registered(session.incarnation(), nodeId);
  }

  /// The live session of a node.
  private @Nullable SessionRow holder(int nodeId) {
    for (var row : state.sessions.values()) {
      if (row.live && row.nodeId == nodeId) {
        return row;
      }
    }
    return null;
  }

  private int assigned(UUID walId) {
    SessionRow newest = null;
    var ofOthers = new HashSet<Integer>();
    for (var row : state.sessions.values()) {
      if (row.session.walId().equals(walId)) {
        newest = row;
      } else {
        ofOthers.add(row.nodeId);
      }
    }
    if (newest != null) {
      var holder = holder(newest.nodeId);
      if (holder == null || holder.session.walId().equals(walId)) {
        return newest.nodeId;
      }
    }
    var lowest = 0;
    while (ofOthers.contains(lowest)) {
      lowest++;
    }
    return lowest;
  }

  @Override
  public boolean renew(UUID incarnation) {
    return state.transaction(
        "renew",
        () -> {
          var row = state.sessions.get(incarnation);
          if (row == null || !row.live) {
            return false;
          }
          row.renewals++;
          return true;
        });
  }

  @Override
  public List<ObservedSession> sessions() {
    return state.transaction(
        "sessions",
        () -> {
          var seen = new ArrayList<ObservedSession>();
          for (var row : state.sessions.values()) {
            if (row.live) {
              var s = row.session;
              seen.add(new ObservedSession(s.incarnation(), row.nodeId, s.walId(), row.renewals));
            }
          }
          seen.sort(Comparator.comparingInt(ObservedSession::nodeId));
          return seen;
        });
  }

  @Override
  public boolean declareDead(UUID incarnation, long renewalsSeen) {
    return state.transaction(
        "declareDead",
        () -> {
          var row = state.sessions.get(incarnation);
          if (row == null || !row.live || row.renewals != renewalsSeen) {
            return false;
          }
          row.live = false;
          state.changes++;
          return true;
        });
  }

  @Override
  public void end(UUID incarnation) {
    state.run(
        "end",
        () -> {
          var row = state.sessions.get(incarnation);
          if (row == null || !row.live) {
            return;
          }
          row.live = false;
          for (var topic : state.topicsById.values()) {
            topic.partitions.forEach(partition -> free(partition, incarnation));
          }
          state.shards.forEach(shard -> free(shard, incarnation));
          state.changes++;
        });
  }

  private static void free(OwnedRow row, UUID incarnation) {
    if (incarnation.equals(row.incarnation)) {
      row.incarnation = null;
    }
  }

  @Override
  public boolean setDraining(UUID incarnation, boolean draining) {
    return state.transaction(
        "setDraining",
        () -> {
          var row = state.sessions.get(incarnation);
          if (row == null || !row.live) {
            return false;
          }
          if (row.draining != draining) {
            row.draining = draining;
            state.changes++;
          }
          return true;
        });
  }

  @Override
  public boolean drain(int nodeId, boolean drained) {
    return state.transaction(
        "drain",
        () -> {
          if (state.sessions.values().stream().noneMatch(row -> row.nodeId == nodeId)) {
            return false;
          }
          if (drained ? state.drainedNodes.add(nodeId) : state.drainedNodes.remove(nodeId)) {
            state.changes++;
          }
          return true;
        });
  }

  @Override
  public List<Integer> drainedNodes() {
    return state.transaction("drainedNodes", () -> state.drainedNodes.stream().sorted().toList());
  }

  @Override
  public List<TakeResult> take(
      UUID incarnation, UUID walId, List<Claim> claims, List<UUID> openWals) {
    var seen = new HashSet<PartitionId>();
    for (var claim : claims) {
      if (!seen.add(claim.partition())) {
        throw new IllegalArgumentException(claim.partition() + " claimed twice");
      }
    }
    return state.transaction(
        "take",
        () -> {
          var results = new ArrayList<TakeResult>();
          var taken = false;
          for (var claim : claims) {
            var result = takeOne(incarnation, walId, claim, openWals);
            taken |= result instanceof TakeResult.Taken;
            results.add(result);
          }
          if (taken) {
            state.changes++;
          }
          return results;
        });
  }

  private TakeResult takeOne(UUID incarnation, UUID walId, Claim claim, List<UUID> openWals) {
    var id = claim.partition();
    var row = state.partition(id);
    if (row == null || !state.live(incarnation)) {
      return new TakeResult.NotFound(id);
    }
    var holder = row.incarnation;
    if (holder != null && !holder.equals(incarnation) && state.live(holder)) {
      return new TakeResult.HeldBy(id, holder);
    }
    var tail = row.tail;
    var elsewhere = tail != null && !tail.walId().equals(walId) && !openWals.contains(tail.walId());
    if (tail != null && elsewhere && !claim.unclean()) {
      return new TakeResult.TailElsewhere(id, tail.walId());
    }
    row.incarnation = incarnation;
    row.epoch = Math.addExact(row.epoch, 1);
    Optional<UUID> lost = tail != null && elsewhere ? Optional.of(tail.walId()) : Optional.empty();
    if (tail == null || elsewhere) {
      row.tail = claim.local() ? new Tail(walId, row.epoch) : null;
    }
    return new TakeResult.Taken(
        new Grant(
            new Lease<>(id, incarnation, row.epoch),
            row.logStart,
            row.committedEnd,
            Optional.ofNullable(row.tail),
            lost));
  }

  @Override
  public void release(List<Lease<PartitionId>> leases, boolean clean) {
    state.run(
        "release",
        () -> {
          var released = false;
          for (var lease : leases) {
            var row = state.partition(lease.key());
            if (row != null && row.heldBy(lease)) {
              row.incarnation = null;
              if (clean) {
                row.tail = null;
              }
              released = true;
            }
          }
          if (released) {
            state.changes++;
          }
        });
  }

  @Override
  public List<Lease<PartitionId>> setTails(List<Lease<PartitionId>> leases, Optional<UUID> walId) {
    return state.transaction(
        "setTails",
        () -> {
          var held = new ArrayList<Lease<PartitionId>>();
          var shown = false;
          for (var lease : leases) {
            var row = state.partition(lease.key());
            if (row != null && row.heldBy(lease)) {
              row.tail = walId.map(wal -> new Tail(wal, lease.epoch())).orElse(null);
              held.add(lease);
              // Of a session that is over, it is in the image.
              shown |= !state.live(lease.incarnation());
            }
          }
          if (shown) {
            state.changes++;
          }
          return held;
        });
  }

  @Override
  public List<PartitionId> tailsIn(UUID walId) {
    return state.transaction(
        "tailsIn",
        () -> {
          var tails = new ArrayList<PartitionId>();
          for (var topic : state.topicsById.values()) {
            for (var p = 0; p < topic.partitions.size(); p++) {
              var tail = topic.partitions.get(p).tail;
              if (tail != null && tail.walId().equals(walId)) {
                tails.add(new PartitionId(topic.id, p));
              }
            }
          }
          tails.sort(Comparator.naturalOrder());
          return tails;
        });
  }

  @Override
  public List<Lease<Integer>> takeShards(UUID incarnation, Collection<Integer> shards) {
    return state.transaction(
        "takeShards",
        () -> {
          var taken = new ArrayList<Lease<Integer>>();
          if (!state.live(incarnation)) {
            return taken;
          }
          for (int shard : new TreeSet<>(shards)) {
            var row = state.shards.get(shard);
            if (!state.live(row.incarnation) || incarnation.equals(row.incarnation)) {
              row.incarnation = incarnation;
              row.epoch = Math.addExact(row.epoch, 1);
              taken.add(new Lease<>(shard, incarnation, row.epoch));
            }
          }
          if (!taken.isEmpty()) {
            state.changes++;
          }
          return taken;
        });
  }

  @Override
  public void releaseShards(List<Lease<Integer>> leases) {
    state.run(
        "releaseShards",
        () -> {
          var released = false;
          for (var lease : leases) {
            if (state.holds(lease)) {
              state.shards.get(lease.key()).incarnation = null;
              released = true;
            }
          }
          if (released) {
            state.changes++;
          }
        });
  }
}
