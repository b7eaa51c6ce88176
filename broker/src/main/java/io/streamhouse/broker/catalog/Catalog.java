package io.streamhouse.broker.catalog;

import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog.AddPartitions;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;

/// The image of the cluster, and changes to it.
///
/// A change completes once it is committed and visible in [#image], and the partitions it created
/// have a leader that answers, or within a bounded time without one. It fails with
/// [io.streamhouse.metadata.MetadataUnavailable] when its outcome is unknown. Stages complete on
/// any thread.
public interface Catalog {

  /// The newest image this agent has; a plain read.
  Image image();

  CompletableFuture<CreateTopic> create(String name, int partitions, Map<String, String> configs);

  CompletableFuture<Optional<Topic>> delete(UUID topicId);

  CompletableFuture<AddPartitions> addPartitions(UUID topicId, int total);

  CompletableFuture<Optional<Topic>> alterConfigs(
      UUID topicId, Map<String, String> set, List<String> remove);

  CompletableFuture<Void> alterAgentConfigs(
      Optional<Integer> nodeId, Map<String, String> set, List<String> remove);

  CompletableFuture<Void> alterGroupConfigs(
      String group, Map<String, String> set, List<String> remove);
}
