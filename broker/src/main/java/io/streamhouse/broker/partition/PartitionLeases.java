package io.streamhouse.broker.partition;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Takes and releases partition leases for one session. Blocks for the metadata store.
public final class PartitionLeases {

  private static final Logger log = LoggerFactory.getLogger(PartitionLeases.class);

  private final Leases leases;
  private final UUID incarnation;
  private final UUID walId;
  private final Predicate<Topic> local;

  /// @param walId of this agent's write-ahead log, where its tails are
  /// @param local whether acknowledgements of a topic mean that its batches are in that log
  public PartitionLeases(Leases leases, UUID incarnation, UUID walId, Predicate<Topic> local) {
    this.leases = leases;
    this.incarnation = incarnation;
    this.walId = walId;
    this.local = local;
  }

  /// Takes the lease of every partition in `image` but those held already.
  ///
  /// @return what was granted; the caller opens it
  public List<Grant> take(Image image, Predicate<PartitionId> held) {
    var claims = new ArrayList<Claim>();
    for (var topic : image.topics()) {
      boolean logged = local.test(topic);
      for (int i = 0; i < topic.partitions(); i++) {
        var partition = new PartitionId(topic.id(), i);
        if (!held.test(partition)) {
          claims.add(new Claim(partition, logged, false));
        }
      }
    }
    var grants = new ArrayList<Grant>();
    if (!claims.isEmpty()) {
      for (var result : leases.take(incarnation, walId, claims, List.of(walId))) {
        switch (result) {
          case TakeResult.Taken(Grant grant) -> grants.add(grant);
          case TakeResult.HeldBy(var partition, var other) ->
              log.info("partition is held elsewhere partition={} by={}", partition, other);
          case TakeResult.TailElsewhere(var partition, var other) ->
              log.warn(
                  "partition waits for the write-ahead log of its tail partition={} walId={}",
                  partition,
                  other);
          case TakeResult.NotFound(var partition) ->
              log.info("partition is gone partition={}", partition);
        }
      }
    }
    return grants;
  }

  /// Has a partition's row name this agent's log as where its tail is, or no log.
  ///
  /// @return false when fenced
  boolean changeTail(Lease<PartitionId> lease, boolean ours) {
    var named = ours ? Optional.of(walId) : Optional.<UUID>empty();
    return !leases.setTails(List.of(lease), named).isEmpty();
  }

  /// Gives leases up.
  ///
  /// @param flushed to their end: their tails become null
  /// @param unflushed whose tail stays in this agent's log
  void release(List<Lease<PartitionId>> flushed, List<Lease<PartitionId>> unflushed) {
    leases.release(flushed, true);
    leases.release(unflushed, false);
  }
}
