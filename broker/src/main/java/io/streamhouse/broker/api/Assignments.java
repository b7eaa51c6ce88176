package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// The manual replica assignments of one topic in one request: checked as Kafka checks them, so
/// that a mistake is told, and then not used, since leases decide who leads.
final class Assignments {

  private final Set<Integer> nodes;

  /// Replicas of each partition, -1 before the first.
  private int replication = -1;

  Assignments(Image image) {
    this.nodes = image.agents().stream().map(LiveAgent::nodeId).collect(Collectors.toSet());
  }

  /// Why the next partition cannot have these replicas; null if it can.
  @Nullable Refusal refuses(List<Integer> replicas) {
    if (replicas.isEmpty()) {
      return refusal("The manual partition assignment includes an empty replica list.");
    }
    var distinct = new HashSet<Integer>();
    for (int replica : replicas.stream().sorted().toList()) {
      if (!nodes.contains(replica)) {
        return refusal(
            "The manual partition assignment includes broker "
                + replica
                + ", but no such broker is registered.");
      }
      if (!distinct.add(replica)) {
        return refusal(
            "The manual partition assignment includes the broker " + replica + " more than once.");
      }
    }
    if (replication != -1 && replicas.size() != replication) {
      return refusal(
          "The manual partition assignment includes a partition with "
              + replicas.size()
              + " replica(s), but this is not consistent with previous partitions, which have "
              + replication
              + " replica(s).");
    }
    replication = replicas.size();
    return null;
  }

  /// The replication factor of what passed.
  short replication() {
    return (short) replication;
  }

  private static Refusal refusal(String why) {
    return Refusal.of(Errors.INVALID_REPLICA_ASSIGNMENT, why);
  }
}
