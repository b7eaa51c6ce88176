package io.streamhouse.broker.catalog;

import io.streamhouse.broker.config.TopicConfig;
import io.streamhouse.metadata.CatalogImage;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// The cluster as of one change counter; immutable, so a request that reads it twice sees one
/// truth.
public final class Image {

  private final CatalogImage stored;
  private final Map<String, Topic> byName;
  private final Map<UUID, Topic> byId;
  private final Map<UUID, LiveAgent> agents;

  /// Who takes leases, by their group; those of no group stand for every other.
  private final Map<String, List<LiveAgent>> willing;

  private final String clusterId;

  public Image(String clusterId, CatalogImage stored) {
    this.clusterId = clusterId;
    this.stored = stored;
    this.byName = HashMap.newHashMap(stored.topics().size());
    this.byId = HashMap.newHashMap(stored.topics().size());
    this.willing = Placement.byGroup(Placement.willing(stored.agents()));
    this.agents = HashMap.newHashMap(stored.agents().size());
    for (var topic : stored.topics()) {
      byName.put(topic.name(), topic);
      byId.put(topic.id(), topic);
    }
    for (var agent : stored.agents()) {
      agents.put(agent.incarnation(), agent);
    }
  }

  public String clusterId() {
    return clusterId;
  }

  public long changes() {
    return stored.changes();
  }

  public Collection<Topic> topics() {
    return stored.topics();
  }

  public @Nullable Topic topic(String name) {
    return byName.get(name);
  }

  public @Nullable Topic topic(UUID id) {
    return byId.get(id);
  }

  public List<LiveAgent> agents() {
    return stored.agents();
  }

  /// Who leads a partition: its lease holder if that agent's session is live.
  public @Nullable Leader leader(PartitionId partition) {
    var owner = stored.owners().get(partition);
    if (owner == null) {
      return null;
    }
    var agent = agents.get(owner.incarnation());
    return agent == null ? null : new Leader(agent, owner.leaseEpoch());
  }

  /// Who should lead a partition; null when no agent is live.
  public @Nullable LiveAgent preferred(PartitionId partition) {
    var topic = byId.get(partition.topicId());
    String group = topic == null ? "" : TopicConfig.leaderGroup(topic.configs());
    return Placement.of(partition, willing(group));
  }

  /// Who coordinates the groups of a shard, if anybody does.
  public @Nullable LiveAgent coordinator(int shard) {
    var owner = stored.shards().get(shard);
    return owner == null ? null : agents.get(owner.incarnation());
  }

  /// Who should coordinate the groups of a shard; null when no agent is live.
  public @Nullable LiveAgent preferredCoordinator(int shard) {
    return Placement.ofShard(shard, willing(""));
  }

  private List<LiveAgent> willing(String group) {
    var own = willing.get(group);
    return own != null ? own : willing.getOrDefault("", List.of());
  }

  /// In whose log the tail of a partition is that nobody holds; null where it has none, or where
  /// somebody holds it.
  public @Nullable UUID orphanTail(PartitionId partition) {
    return stored.orphanTails().get(partition);
  }

  /// @param leaseEpoch the leader epoch on the wire
  public record Leader(LiveAgent agent, int leaseEpoch) {}

  /// Dynamic agent configs: of one node, or with an empty key the cluster-wide default.
  public Map<String, String> agentConfigs(Optional<Integer> nodeId) {
    return stored.agentConfigs().getOrDefault(nodeId, Map.of());
  }

  /// What was set for a group, which need not exist.
  public Map<String, String> groupConfigs(String group) {
    return stored.groupConfigs().getOrDefault(group, Map.of());
  }

  /// The groups for which something was set.
  public Set<String> configuredGroups() {
    return stored.groupConfigs().keySet();
  }
}
