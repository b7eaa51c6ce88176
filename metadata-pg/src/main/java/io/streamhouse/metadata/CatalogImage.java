package io.streamhouse.metadata;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/// The catalogue as of one moment.
///
/// @param changes the counter this image belongs to
/// @param topics by name
/// @param owners who holds which partition; partitions no live session holds are absent
/// @param agentConfigs dynamic configs by node id; key empty is the cluster-wide default
/// @param groupConfigs configs by group, of those that have any
public record CatalogImage(
    long changes,
    List<Topic> topics,
    Map<PartitionId, Owner> owners,
    List<LiveAgent> agents,
    Map<Optional<Integer>, Map<String, String>> agentConfigs,
    Map<String, Map<String, String>> groupConfigs) {

  public CatalogImage {
    topics = List.copyOf(topics);
    // Not Map.copyOf: its order differs from one JVM to the next, which a simulation must not.
    owners = Collections.unmodifiableMap(new LinkedHashMap<>(owners));
    agents = List.copyOf(agents);
    agentConfigs = Collections.unmodifiableMap(new LinkedHashMap<>(agentConfigs));
    groupConfigs = Collections.unmodifiableMap(new LinkedHashMap<>(groupConfigs));
  }

  /// @param leaseEpoch the leader epoch on the wire
  public record Owner(UUID incarnation, int leaseEpoch) {}

  /// An agent whose session is live.
  ///
  /// @param listeners advertised addresses by listener name, `host:port`
  public record LiveAgent(
      UUID incarnation, int nodeId, Optional<String> rack, Map<String, String> listeners) {}
}
