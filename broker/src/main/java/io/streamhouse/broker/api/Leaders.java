package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Who leads what and where to reach them, as seen from one listener of one image. Made per
/// request, used by one thread.
final class Leaders {

  private static final Logger log = LoggerFactory.getLogger(Leaders.class);

  private final Image image;
  private final List<Endpoint> endpoints;
  private final Map<UUID, Endpoint> byIncarnation;

  Leaders(Image image, String listener) {
    this.image = image;
    this.endpoints = new ArrayList<>(image.agents().size());
    this.byIncarnation = HashMap.newHashMap(image.agents().size());
    for (var agent : image.agents()) {
      var endpoint = endpoint(agent, listener);
      if (endpoint != null) {
        endpoints.add(endpoint);
        byIncarnation.put(agent.incarnation(), endpoint);
      }
    }
    endpoints.sort(Comparator.comparingInt(Endpoint::nodeId));
  }

  /// Every agent that has the listener, by node id.
  List<Endpoint> endpoints() {
    return endpoints;
  }

  /// The node that admin clients send changes to. Every agent accepts them; all name the same one
  /// so that a client's changes meet in one place. -1 when no agent has the listener.
  int controllerId() {
    return endpoints.isEmpty() ? -1 : endpoints.getFirst().nodeId();
  }

  /// Where a client should go for a partition.
  ///
  /// While a partition changes hands nobody holds it, and clients take a partition without leader
  /// badly. They are sent to the agent that should take it, which answers as a non-leader until it
  /// has it: every client retries that.
  Leader of(PartitionId partition) {
    var held = image.leader(partition);
    if (held != null) {
      var endpoint = byIncarnation.get(held.agent().incarnation());
      return endpoint == null
          ? new Leader(Errors.LISTENER_NOT_FOUND, -1, held.leaseEpoch(), List.of())
          : new Leader(Errors.NONE, endpoint.nodeId(), held.leaseEpoch(), endpoint.alone());
    }
    var next = image.preferred(partition);
    var endpoint = next == null ? null : byIncarnation.get(next.incarnation());
    if (endpoint != null) {
      return new Leader(Errors.NONE, endpoint.nodeId(), -1, endpoint.alone());
    }
    return new Leader(
        next == null ? Errors.LEADER_NOT_AVAILABLE : Errors.LISTENER_NOT_FOUND, -1, -1, List.of());
  }

  private static @Nullable Endpoint endpoint(LiveAgent agent, String listener) {
    String address = agent.listeners().get(listener);
    if (address == null) {
      return null;
    }
    // Kafka's own parser: the last colon splits, and brackets around IPv6 addresses go.
    String host = Utils.getHost(address);
    Integer port = Utils.getPort(address);
    if (host == null || port == null) {
      log.warn("agent {} advertises {} as {}: not an address", agent.nodeId(), listener, address);
      return null;
    }
    int nodeId = agent.nodeId();
    return new Endpoint(nodeId, host, port, agent.rack().orElse(null), List.of(nodeId));
  }

  /// @param alone the one-element list of this node: the replicas of every partition it leads
  record Endpoint(int nodeId, String host, int port, @Nullable String rack, List<Integer> alone) {}

  /// @param error `NONE`, `LEADER_NOT_AVAILABLE` (no agent is live) or `LISTENER_NOT_FOUND` (the
  ///   leader lacks the client's listener)
  /// @param nodeId -1 with an error
  /// @param epoch the leader epoch, -1 while nobody holds the partition
  /// @param replicas the leader: storage is replicated elsewhere
  record Leader(Errors error, int nodeId, int epoch, List<Integer> replicas) {}
}
