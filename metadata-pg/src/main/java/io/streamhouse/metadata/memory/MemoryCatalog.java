package io.streamhouse.metadata.memory;

import io.streamhouse.metadata.CatalogImage;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.CatalogImage.Owner;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.RandomIds;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog;
import io.streamhouse.metadata.memory.State.PartitionRow;
import io.streamhouse.metadata.memory.State.TopicRow;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;

final class MemoryCatalog implements TopicCatalog {

  private final State state;

  MemoryCatalog(State state) {
    this.state = state;
  }

  @Override
  public long changes() {
    return state.transaction("changes", () -> state.changes);
  }

  @Override
  public CatalogImage image() {
    return state.transaction(
        "image",
        () -> {
          var topics = new ArrayList<Topic>();
          var owners = new LinkedHashMap<PartitionId, Owner>();
          var orphanTails = new LinkedHashMap<PartitionId, UUID>();
          for (var row : state.topicsByName.values()) {
            topics.add(topic(row));
            for (var p = 0; p < row.partitions.size(); p++) {
              var partition = row.partitions.get(p);
              var owner = partition.incarnation;
              if (owner != null && state.live(owner)) {
                owners.put(new PartitionId(row.id, p), new Owner(owner, partition.epoch));
              } else if (partition.tail != null) {
                orphanTails.put(new PartitionId(row.id, p), partition.tail.walId());
              }
            }
          }
          var shards = new LinkedHashMap<Integer, Owner>();
          for (var shard = 0; shard < state.shards.size(); shard++) {
            var row = state.shards.get(shard);
            var owner = row.incarnation;
            if (owner != null && state.live(owner)) {
              shards.put(shard, new Owner(owner, row.epoch));
            }
          }
          var agents = new ArrayList<LiveAgent>();
          for (var row : state.sessions.values()) {
            if (row.live) {
              var s = row.session;
              agents.add(
                  new LiveAgent(
                      s.incarnation(),
                      row.nodeId,
                      s.walId(),
                      s.rack(),
                      s.group(),
                      s.listeners(),
                      row.draining,
                      state.drainedNodes.contains(row.nodeId)));
            }
          }
          agents.sort(Comparator.comparingInt(LiveAgent::nodeId));
          var configs = new LinkedHashMap<Optional<Integer>, Map<String, String>>();
          state.agentConfigs.forEach((node, values) -> configs.put(node, Map.copyOf(values)));
          var groups = new LinkedHashMap<String, Map<String, String>>();
          state.groupConfigs.forEach((group, values) -> groups.put(group, Map.copyOf(values)));
          return new CatalogImage(
              state.changes, topics, owners, orphanTails, shards, agents, configs, groups);
        });
  }

  @Override
  public CreateTopic create(String name, int partitions, Map<String, String> configs) {
    return state.transaction(
        "create",
        () -> {
          var present = state.topicsByName.get(name);
          if (present != null) {
            return new CreateTopic.Exists(topic(present));
          }
          var row = new TopicRow(RandomIds.next(state.random), name, configs);
          // The record refuses what is no topic, before anything is stored.
          var topic = new Topic(row.id, name, partitions, row.configs);
          addPartitions(row, partitions);
          state.topicsByName.put(name, row);
          state.topicsById.put(row.id, row);
          state.changes++;
          return new CreateTopic.Created(topic);
        });
  }

  private void addPartitions(TopicRow row, int total) {
    var epoch = state.nameEpochs.getOrDefault(row.name, State.NO_EPOCH);
    while (row.partitions.size() < total) {
      row.partitions.add(new PartitionRow(epoch));
    }
  }

  @Override
  public Optional<Topic> delete(UUID topicId) {
    return state.transaction(
        "delete",
        () -> {
          var row = state.topicsById.remove(topicId);
          if (row == null) {
            return Optional.<Topic>empty();
          }
          var topic = topic(row);
          state.topicsByName.remove(row.name);
          state.deletedTopics.add(topicId);
          for (var partition : row.partitions) {
            state.nameEpochs.merge(row.name, partition.epoch, Math::max);
            for (var segment : partition.segments.values()) {
              state.unreference(segment.objectId(), 1);
            }
          }
          for (var group : state.groups.values()) {
            group.offsets.keySet().removeIf(p -> p.topicId().equals(topicId));
          }
          state.groups.values().removeIf(g -> g.state == null && g.offsets.isEmpty());
          state.changes++;
          return Optional.of(topic);
        });
  }

  @Override
  public AddPartitions addPartitions(UUID topicId, int total) {
    return state.transaction(
        "addPartitions",
        () -> {
          var row = state.topicsById.get(topicId);
          if (row == null) {
            return new AddPartitions.NoSuchTopic();
          }
          if (total <= row.partitions.size()) {
            return new AddPartitions.NotMore(row.partitions.size());
          }
          addPartitions(row, total);
          state.changes++;
          return new AddPartitions.Added(topic(row));
        });
  }

  @Override
  public Optional<Topic> alterConfigs(UUID topicId, Map<String, String> set, List<String> remove) {
    return state.transaction(
        "alterConfigs",
        () -> {
          var row = state.topicsById.get(topicId);
          if (row == null) {
            return Optional.<Topic>empty();
          }
          alter(row.configs, set, remove);
          state.changes++;
          return Optional.of(topic(row));
        });
  }

  @Override
  public void alterAgentConfigs(
      Optional<Integer> nodeId, Map<String, String> set, List<String> remove) {
    state.run(
        "alterAgentConfigs",
        () -> {
          var values = state.agentConfigs.computeIfAbsent(nodeId, _ -> new TreeMap<>());
          alter(values, set, remove);
          if (values.isEmpty()) {
            state.agentConfigs.remove(nodeId);
          }
          state.changes++;
        });
  }

  @Override
  public void alterGroupConfigs(String group, Map<String, String> set, List<String> remove) {
    state.run(
        "alterGroupConfigs",
        () -> {
          var values = state.groupConfigs.computeIfAbsent(group, _ -> new TreeMap<>());
          alter(values, set, remove);
          if (values.isEmpty()) {
            state.groupConfigs.remove(group);
          }
          state.changes++;
        });
  }

  private static void alter(
      Map<String, String> values, Map<String, String> set, List<String> remove) {
    remove.forEach(values::remove);
    values.putAll(set);
  }

  @Override
  public List<UUID> deletedAmong(List<UUID> topicIds) {
    return state.transaction(
        "deletedAmong", () -> topicIds.stream().filter(state.deletedTopics::contains).toList());
  }

  private static Topic topic(TopicRow row) {
    return new Topic(row.id, row.name, row.partitions.size(), row.configs);
  }
}
