package io.streamhouse.broker.partition;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Takes and releases partition leases for one session. Blocks for the metadata store.
public final class PartitionLeases {

  private static final Logger log = LoggerFactory.getLogger(PartitionLeases.class);

  private final Leases leases;
  private final UUID incarnation;
  private final UUID walId;
  private final LongAdder tailsLost = new LongAdder();

  /// @param walId of this agent's write-ahead log, where its tails are
  public PartitionLeases(Leases leases, UUID incarnation, UUID walId) {
    this.leases = leases;
    this.incarnation = incarnation;
    this.walId = walId;
  }

  /// Takes leases.
  ///
  /// @param image as of which they are claimed
  /// @param tails the log that has their tails, which the caller can read
  /// @return what was granted; the caller opens it
  public List<Grant> take(Image image, List<Claim> claims, UUID tails) {
    var grants = new ArrayList<Grant>();
    var stuck = new ArrayList<Lease<PartitionId>>();
    if (claims.isEmpty()) {
      return grants;
    }
    for (var result : leases.take(incarnation, walId, claims, List.of(tails))) {
      switch (result) {
        case TakeResult.Taken(Grant grant) -> grants.add(grant);
        case TakeResult.HeldBy(var partition, var other) ->
            log.debug("partition is held elsewhere partition={} by={}", partition, other);
        case TakeResult.TailElsewhere(var partition, var other) -> {
          log.info("the tail of a partition is elsewhere partition={} walId={}", partition, other);
          var holder = image.leader(partition);
          if (holder != null && holder.agent().incarnation().equals(incarnation)) {
            stuck.add(new Lease<>(partition, incarnation, holder.leaseEpoch()));
          }
        }
        case TakeResult.NotFound(var partition) ->
            log.info("partition is gone partition={}", partition);
      }
    }
    // Taken without anybody hearing of it: nobody else could adopt it while this session holds it.
    release(List.of(), stuck);
    for (var grant : grants) {
      if (grant.lostTail().isPresent()) {
        tailsLost.increment();
        var topic = image.topic(grant.lease().key().topicId());
        log.error(
            "unclean: acknowledged records after the committed end may be lost topic={}"
                + " partition={} committedEnd={} walId={}",
            topic == null ? "" : topic.name(),
            grant.lease().key(),
            grant.committedEnd(),
            grant.lostTail().get());
      }
    }
    return grants;
  }

  /// How many partitions were taken without the tail that they had.
  public long tailsLost() {
    return tailsLost.sum();
  }

  /// As [#take], with this agent's own log.
  public List<Grant> take(Image image, List<Claim> claims) {
    return take(image, claims, walId);
  }

  /// Has partitions' rows name this agent's log as where their tails are, or no log.
  ///
  /// @return those whose lease still held
  List<Lease<PartitionId>> changeTails(List<Lease<PartitionId>> of, boolean ours) {
    return leases.setTails(of, ours ? Optional.of(walId) : Optional.empty());
  }

  /// Gives leases up.
  ///
  /// @param flushed to their end: their tails become null
  /// @param unflushed whose tail stays where it is
  void release(List<Lease<PartitionId>> flushed, List<Lease<PartitionId>> unflushed) {
    if (!flushed.isEmpty()) {
      leases.release(flushed, true);
    }
    if (!unflushed.isEmpty()) {
      leases.release(unflushed, false);
    }
  }
}
