package io.streamhouse.broker.catalog;

import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog;
import io.streamhouse.metadata.TopicCatalog.AddPartitions;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The catalogue over the metadata store. Changes run one after the other on the executor for
/// blocking work; all that wait are made before the image is read again, once for all of them.
public final class StoredCatalog implements Catalog {

  private static final Logger log = LoggerFactory.getLogger(StoredCatalog.class);

  /// Changes that may wait; beyond it they fail at once.
  private static final int QUEUE_LIMIT = 10_000;

  private final TopicCatalog topics;
  private final String clusterId;
  private final Executor blocking;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by lock.
  private final ArrayDeque<Change<?>> queue = new ArrayDeque<>();
  private boolean running;

  private volatile Function<Image, Boolean> follower = _ -> false;
  private volatile Image image;

  /// Reads the first image; blocks.
  ///
  /// @param blocking runs one long task at a time for this catalogue
  public StoredCatalog(TopicCatalog topics, String clusterId, Executor blocking) {
    this.topics = topics;
    this.clusterId = clusterId;
    this.blocking = blocking;
    this.image = read();
  }

  /// Who acts on a new image before anybody sees it, taking and giving up leadership; answers
  /// whether it changed something itself, so that the image must be read again.
  public void follow(Function<Image, Boolean> follower) {
    this.follower = follower;
  }

  @Override
  public Image image() {
    return image;
  }

  @Override
  public CompletableFuture<CreateTopic> create(
      String name, int partitions, Map<String, String> configs) {
    return change(() -> topics.create(name, partitions, configs));
  }

  @Override
  public CompletableFuture<Optional<Topic>> delete(UUID topicId) {
    return change(() -> topics.delete(topicId));
  }

  @Override
  public CompletableFuture<AddPartitions> addPartitions(UUID topicId, int total) {
    return change(() -> topics.addPartitions(topicId, total));
  }

  @Override
  public CompletableFuture<Optional<Topic>> alterConfigs(
      UUID topicId, Map<String, String> set, List<String> remove) {
    return change(() -> topics.alterConfigs(topicId, set, remove));
  }

  @Override
  public CompletableFuture<Void> alterAgentConfigs(
      Optional<Integer> nodeId, Map<String, String> set, List<String> remove) {
    return change(
            () -> {
              topics.alterAgentConfigs(nodeId, set, remove);
              return true;
            })
        .thenApply(_ -> null);
  }

  /// Reads the image again and follows it.
  public CompletableFuture<Void> refresh() {
    return change(() -> true).thenApply(_ -> null);
  }

  /// A transaction on the store that blocks.
  private interface Transaction<T> {
    T run();
  }

  private static final class Change<T> {
    private final Transaction<T> transaction;
    private final CompletableFuture<T> future = new CompletableFuture<>();
    private Runnable outcome = () -> {};

    Change(Transaction<T> transaction) {
      this.transaction = transaction;
    }

    void run() {
      try {
        T done = transaction.run();
        outcome = () -> future.complete(done);
      } catch (RuntimeException failed) {
        outcome = () -> future.completeExceptionally(failed);
      }
    }
  }

  private <T> CompletableFuture<T> change(Transaction<T> transaction) {
    var change = new Change<>(transaction);
    boolean start;
    lock.lock();
    try {
      if (queue.size() >= QUEUE_LIMIT) {
        return CompletableFuture.failedFuture(
            new IllegalStateException("too many catalogue changes wait"));
      }
      queue.addLast(change);
      start = !running;
      running = true;
    } finally {
      lock.unlock();
    }
    if (start) {
      blocking.execute(this::runQueued);
    }
    return change.future;
  }

  private void runQueued() {
    while (true) {
      List<Change<?>> changes;
      lock.lock();
      try {
        changes = new ArrayList<>(queue);
        queue.clear();
        if (changes.isEmpty()) {
          running = false;
          return;
        }
      } finally {
        lock.unlock();
      }
      changes.forEach(Change::run);
      update();
      changes.forEach(change -> change.outcome.run());
    }
  }

  private void update() {
    try {
      var fresh = read();
      boolean again = fresh.changes() != image.changes() && follower.apply(fresh);
      image = again ? read() : fresh;
    } catch (RuntimeException failed) {
      // The next change or poll reads it again; until then answers are as of the last image.
      log.warn("cannot read the catalogue why={}", failed.toString());
    }
  }

  private Image read() {
    return new Image(clusterId, topics.image());
  }
}
