package io.streamhouse.metadata;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;

/// Agent sessions, and who leads which partition and shard.
///
/// No clock is compared: a session is a counter its agent raises. A lease is free only when
/// released or when its incarnation is dead, checked in the `WHERE` of the statement that takes it.
public interface Leases {

  /// Number of shards groups and transactions are spread over.
  int SHARDS = 64;

  /// Begins a session.
  ///
  /// Registering with a WAL id proves ownership of the data directory and ends earlier sessions of
  /// that WAL at once, so their leases are free. A node id whose live session has another WAL is
  /// refused. Without a node id one is assigned: that of the newest session of this WAL, unless a
  /// live session of another has it; else the lowest that no session of any other WAL ever had.
  /// Idempotent.
  Registration register(NewSession session);

  /// @param incarnation chosen by the agent, never used before
  /// @param nodeId empty to have one assigned
  /// @param walId the identity of the agent's data directory
  /// @param group of agents, see [CatalogImage.LiveAgent]
  /// @param listeners advertised addresses by listener name, `host:port`
  /// @param draining whether it begins draining, see [#setDraining]
  record NewSession(
      UUID incarnation,
      OptionalInt nodeId,
      UUID walId,
      Optional<String> rack,
      String group,
      Map<String, String> listeners,
      boolean draining) {

    /// A session of no group that is not draining.
    public NewSession(
        UUID incarnation,
        OptionalInt nodeId,
        UUID walId,
        Optional<String> rack,
        Map<String, String> listeners) {
      this(incarnation, nodeId, walId, rack, "", listeners, false);
    }
  }

  sealed interface Registration {
    /// @param nodeId the one asked for, or assigned
    record Registered(UUID incarnation, int nodeId) implements Registration {}

    /// Another data directory's session holds this node id; it may be observed and declared dead.
    record NodeIdInUse(UUID incarnation, long renewals) implements Registration {}
  }

  /// Raises the session's counter; false means the session is over, for good.
  boolean renew(UUID incarnation);

  /// All sessions not yet dead, by node id, for observers.
  List<ObservedSession> sessions();

  record ObservedSession(UUID incarnation, int nodeId, UUID walId, long renewals) {}

  /// Ends a session whose counter is still what the observer saw; false when it moved or is dead.
  boolean declareDead(UUID incarnation, long renewalsSeen);

  /// Ends one's own session and releases its leases, of shards too; tails stay as they are.
  void end(UUID incarnation);

  /// Has a session give its leases to others and take none, as it starts or stops, or take its
  /// share again. Idempotent.
  ///
  /// @return false if the session is over
  boolean setDraining(UUID incarnation, boolean draining);

  /// Has whatever runs as a node give its leases to others and take none, until that is taken back:
  /// its sessions to come, too. Idempotent.
  ///
  /// @return false if no session ever had that node id
  boolean drain(int nodeId, boolean drained);

  /// The nodes that are drained, whether anything runs as them or not, in order.
  List<Integer> drainedNodes();

  /// Takes what is free of `claims` for a session, in one transaction a chunk, raising each epoch.
  /// Free is also what this session itself holds, so a take of unknown outcome can be sent again:
  /// the epoch it may have given is void then.
  ///
  /// `local` says per partition whether its acknowledgements live in the taker's WAL: then a row
  /// without tail gets `(walId, new epoch)` as its tail in the same statement. A row whose tail is
  /// another WAL is refused unless `openWals` names it (adoption: the tail stays) or `unclean`
  /// allows its loss.
  ///
  /// @return what became of each claim, in the order given
  /// @throws IllegalArgumentException if a partition is claimed twice
  List<TakeResult> take(UUID incarnation, UUID walId, List<Claim> claims, List<UUID> openWals);

  /// @param local the topic's durability is `local`
  /// @param unclean a tail that nobody can open may be given up
  record Claim(PartitionId partition, boolean local, boolean unclean) {}

  sealed interface TakeResult {
    PartitionId partition();

    record Taken(Grant grant) implements TakeResult {
      @Override
      public PartitionId partition() {
        return grant.lease().key();
      }
    }

    record HeldBy(PartitionId partition, UUID incarnation) implements TakeResult {}

    record TailElsewhere(PartitionId partition, UUID walId) implements TakeResult {}

    /// The topic is gone, or this session is.
    record NotFound(PartitionId partition) implements TakeResult {}
  }

  /// A partition as its new owner finds it.
  ///
  /// @param logStart the first offset that may be read
  /// @param committedEnd end of what is in committed segments
  /// @param tail where acknowledged records beyond `committedEnd` may be, as of after this take
  /// @param lostTail the WAL given up by an unclean take
  record Grant(
      Lease<PartitionId> lease,
      long logStart,
      long committedEnd,
      Optional<Tail> tail,
      Optional<UUID> lostTail) {}

  /// @param epoch entries of lower epochs are not part of this tail
  record Tail(UUID walId, int epoch) {}

  /// Gives leases up; those that no longer hold are left as they are. `clean` partitions are
  /// flushed to their end: their tail becomes null.
  void release(List<Lease<PartitionId>> leases, boolean clean);

  /// Points the tails of flushed, idle partitions to null, or back to `walId` at the lease's epoch
  /// before the next acknowledgement.
  ///
  /// @return those whose lease still held
  List<Lease<PartitionId>> setTails(List<Lease<PartitionId>> leases, Optional<UUID> walId);

  /// The partitions whose tail is in a WAL, whoever holds them, sorted.
  List<PartitionId> tailsIn(UUID walId);

  /// Takes the shards of groups that are free or already this session's, in one transaction,
  /// raising each epoch. Those another live session holds, and all of them when this session is
  /// over, are left out.
  List<Lease<Integer>> takeShards(UUID incarnation, Collection<Integer> shards);

  void releaseShards(List<Lease<Integer>> leases);
}
