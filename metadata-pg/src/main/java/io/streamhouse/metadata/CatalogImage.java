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
/// @param orphanTails partitions that no live session holds and whose tail is in the WAL named
/// @param shards who holds which shard; shards no live session holds are absent
/// @param agents by node id
/// @param agentConfigs dynamic configs by node id; key empty is the cluster-wide default
/// @param groupConfigs configs by group, of those that have any
public record CatalogImage(
    long changes,
    List<Topic> topics,
    Map<PartitionId, Owner> owners,
    Map<PartitionId, UUID> orphanTails,
    Map<Integer, Owner> shards,
    List<LiveAgent> agents,
    Map<Optional<Integer>, Map<String, String>> agentConfigs,
    Map<String, Map<String, String>> groupConfigs) {

  public CatalogImage {
    topics = List.copyOf(topics);
    // Not Map.copyOf: its order differs from one JVM to the next, which a simulation must not.
    owners = Collections.unmodifiableMap(new LinkedHashMap<>(owners));
    orphanTails = Collections.unmodifiableMap(new LinkedHashMap<>(orphanTails));
    shards = Collections.unmodifiableMap(new LinkedHashMap<>(shards));
    agents = List.copyOf(agents);
    agentConfigs = Collections.unmodifiableMap(new LinkedHashMap<>(agentConfigs));
    groupConfigs = Collections.unmodifiableMap(new LinkedHashMap<>(groupConfigs));
  }

  /// @param leaseEpoch of a partition: the leader epoch on the wire
  public record Owner(UUID incarnation, int leaseEpoch) {}

  /// An agent whose session is live.
  ///
  /// @param walId the identity of its data directory
  /// @param group of the topics it is to lead; empty if it is in none
  /// @param listeners advertised addresses by listener name, `host:port`
  /// @param draining it gives its leases to others and takes none, since it starts or stops
  /// @param drained the same, since that was asked of its node
  public record LiveAgent(
      UUID incarnation,
      int nodeId,
      UUID walId,
      Optional<String> rack,
      String group,
      Map<String, String> listeners,
      boolean draining,
      boolean drained) {}
}
