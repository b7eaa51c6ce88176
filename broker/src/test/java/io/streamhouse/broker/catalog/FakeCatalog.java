package io.streamhouse.broker.catalog;

import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog.AddPartitions;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/// A catalogue over metadata in memory: changes happen at once and on the caller's thread, and the
/// first agent leads whatever is created. Told to, it keeps changes waiting, loses them, or leaves
/// partitions without leader.
public final class FakeCatalog implements Catalog {

  private final InMemoryMetadata metadata = new InMemoryMetadata(new Random(1));
  private final List<UUID> agents = new ArrayList<>();
  private final List<Runnable> waiting = new ArrayList<>();
  private boolean held;
  private boolean unreachable;
  private boolean leaderless;
  private int changes;

  /// Adds a live agent.
  ///
  /// @param listeners advertised addresses by listener name
  public FakeCatalog agent(int nodeId, Map<String, String> listeners) {
    var incarnation = new UUID(0, nodeId);
    var _ =
        metadata
            .leases()
            .register(
                new Leases.NewSession(
                    incarnation,
                    OptionalInt.of(nodeId),
                    incarnation,
                    Optional.of("rack" + nodeId),
                    listeners));
    agents.add(incarnation);
    return this;
  }

  public void endAgent(int nodeId) {
    metadata.leases().end(new UUID(0, nodeId));
  }

  /// Changes wait from now on.
  public void hold() {
    held = true;
  }

  /// Carries out what waits, and no longer holds anything.
  public void release() {
    held = false;
    var due = List.copyOf(waiting);
    waiting.clear();
    due.forEach(Runnable::run);
  }

  /// How many changes wait.
  public int waiting() {
    return waiting.size();
  }

  /// How many changes were asked for.
  public int changes() {
    return changes;
  }

  /// Changes fail with an unknown outcome from now on.
  public void loseDatabase() {
    unreachable = true;
  }

  /// What is created from now on has no leader.
  public void leaveLeaderless() {
    leaderless = true;
  }

  /// The agent leads a partition from now on, in a new epoch.
  public void lead(int nodeId, PartitionId partition) {
    var agent = new UUID(0, nodeId);
    var claim = new Leases.Claim(partition, false, false);
    var _ = metadata.leases().take(agent, agent, List.of(claim), List.of());
  }

  @Override
  public Image image() {
    return new Image(metadata.clusterId(), metadata.topics().image());
  }

  @Override
  public CompletableFuture<CreateTopic> create(
      String name, int partitions, Map<String, String> configs) {
    return change(() -> {
      var outcome = metadata.topics().create(name, partitions, configs);
      if (outcome instanceof CreateTopic.Created(Topic topic)) {
        leadAll(topic);
      }
      return outcome;
    });
  }

  @Override
  public CompletableFuture<Optional<Topic>> delete(UUID topicId) {
    return change(() -> metadata.topics().delete(topicId));
  }

  @Override
  public CompletableFuture<AddPartitions> addPartitions(UUID topicId, int total) {
    return change(() -> {
      var outcome = metadata.topics().addPartitions(topicId, total);
      if (outcome instanceof AddPartitions.Added(Topic topic)) {
        leadAll(topic);
      }
      return outcome;
    });
  }

  @Override
  public CompletableFuture<Optional<Topic>> alterConfigs(
      UUID topicId, Map<String, String> set, List<String> remove) {
    return change(() -> metadata.topics().alterConfigs(topicId, set, remove));
  }

  @Override
  public CompletableFuture<Void> alterAgentConfigs(
      Optional<Integer> nodeId, Map<String, String> set, List<String> remove) {
    return change(() -> metadata.topics().alterAgentConfigs(nodeId, set, remove))
        .thenApply(_ -> null);
  }

  @Override
  public CompletableFuture<Void> alterGroupConfigs(
      String group, Map<String, String> set, List<String> remove) {
    return change(() -> metadata.topics().alterGroupConfigs(group, set, remove))
        .thenApply(_ -> null);
  }

  private void leadAll(Topic topic) {
    if (leaderless || agents.isEmpty()) {
      return;
    }
    var claims = new ArrayList<Leases.Claim>();
    for (int i = 0; i < topic.partitions(); i++) {
      claims.add(new Leases.Claim(new PartitionId(topic.id(), i), false, false));
    }
    var agent = agents.getFirst();
    var _ = metadata.leases().take(agent, agent, claims, List.of());
  }

  private CompletableFuture<Object> change(Runnable change) {
    return change(() -> {
      change.run();
      return this;
    });
  }

  private <T> CompletableFuture<T> change(Supplier<T> change) {
    changes++;
    var result = new CompletableFuture<T>();
    Runnable run =
        () -> {
          if (unreachable) {
            result.completeExceptionally(
                new MetadataUnavailable("gone", new IllegalStateException("test")));
          } else {
            result.complete(change.get());
          }
        };
    if (held) {
      waiting.add(run);
    } else {
      run.run();
    }
    return result;
  }
}
