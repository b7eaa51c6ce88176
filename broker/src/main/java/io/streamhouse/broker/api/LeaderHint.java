package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.PartitionId;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/// Where a partition's leader is to be reached (KIP-951), so that a client sent away need not ask
/// for metadata first.
record LeaderHint(int nodeId, int leaderEpoch, String host, int port, @Nullable String rack) {

  /// The leader a refusal should name, or null: where the failure knows no leader, or the image
  /// knows another one, saying nothing makes the client ask.
  static @Nullable LeaderHint of(
      @Nullable PartitionId partition, Failure failure, Image image, String listener) {
    if (partition == null) {
      return null;
    }
    var leader = image.leader(partition);
    if (leader == null) {
      return null;
    }
    boolean known =
        switch (failure) {
          case Failure.NotLeader(var node) ->
              node.isPresent() && node.getAsInt() == leader.agent().nodeId();
          case Failure.FencedLeaderEpoch(int current) -> current == leader.leaseEpoch();
          default -> false;
        };
    return known ? of(leader.agent(), leader.leaseEpoch(), listener) : null;
  }

  private static @Nullable LeaderHint of(LiveAgent agent, int leaderEpoch, String listener) {
    var address = agent.listeners().get(listener);
    if (address == null) {
      return null;
    }
    var host = Utils.getHost(address);
    var port = Utils.getPort(address);
    if (host == null || port == null) {
      return null;
    }
    return new LeaderHint(agent.nodeId(), leaderEpoch, host, port, agent.rack().orElse(null));
  }
}
