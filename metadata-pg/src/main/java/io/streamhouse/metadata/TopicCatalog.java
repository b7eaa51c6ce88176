package io.streamhouse.metadata;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/// Topics, their partitions and configs, and those of agents and groups.
///
/// Every change here and every other change of what [#image] shows raises [#changes] in its own
/// transaction, so an agent's image is current when its counter is.
public interface TopicCatalog {

  /// The change counter: equal means nothing in [#image] differs.
  long changes();

  /// Everything Metadata requests are answered from, as of one moment.
  CatalogImage image();

  /// Creates a topic and its partitions, unowned, at offset 0 and with lease epochs that continue
  /// after those of any deleted topic of the same name.
  CreateTopic create(String name, int partitions, Map<String, String> configs);

  sealed interface CreateTopic {
    record Created(Topic topic) implements CreateTopic {}

    record Exists(Topic topic) implements CreateTopic {}
  }

  /// Deletes a topic: it is gone for every other method when this returns, its id stays known as
  /// deleted, and its objects become due for deletion.
  ///
  /// @return the topic deleted, or empty if there is none of that id
  Optional<Topic> delete(UUID topicId);

  /// Adds partitions up to `total`, unowned, as [#create] does.
  AddPartitions addPartitions(UUID topicId, int total);

  sealed interface AddPartitions {
    record Added(Topic topic) implements AddPartitions {}

    record NotMore(int current) implements AddPartitions {}

    record NoSuchTopic() implements AddPartitions {}
  }

  /// Sets and removes topic configs in one step.
  ///
  /// @return the topic as it is now, or empty if there is none of that id
  Optional<Topic> alterConfigs(UUID topicId, Map<String, String> set, List<String> remove);

  /// Sets and removes dynamic agent configs. `nodeId` empty means the cluster-wide default.
  void alterAgentConfigs(Optional<Integer> nodeId, Map<String, String> set, List<String> remove);

  /// Sets and removes configs of a group in one step, whether or not there is such a group.
  void alterGroupConfigs(String group, Map<String, String> set, List<String> remove);

  /// Which of these ids belong to deleted topics; the others are known or were never seen here.
  List<UUID> deletedAmong(List<UUID> topicIds);
}
