package io.streamhouse.broker.catalog;

import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog;
import io.streamhouse.metadata.TopicCatalog.AddPartitions;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The catalogue over the metadata store. Changes run one after the other on the executor for
/// blocking work; all that wait are made before the image is read again, once for all of them. An
/// image that could not be read or followed is tried again until it is, so that a topic once
/// created does not stay unseen and without leader.
public final class StoredCatalog implements Catalog {

  private static final Logger log = LoggerFactory.getLogger(StoredCatalog.class);

  /// Changes that may wait; beyond it they fail at once.
  private static final int QUEUE_LIMIT = 10_000;

  /// After what an image that could not be read or followed is tried again.
  private static final Duration RETRY = Duration.ofSeconds(1);

  /// How often one update reads and follows: a follower that changed something is shown the image
  /// that came of it.
  private static final int MOST_ROUNDS = 8;

  /// How long new partitions are waited for that other agents are to lead. Whoever asks for them
  /// before gets an answer that clients try again after.
  private static final Duration LEADERS_LIMIT = Duration.ofSeconds(2);

  private final TopicCatalog topics;
  private final String clusterId;
  private final Executor blocking;
  private final SerialLoop timers;
  private final Consumer<Throwable> onError;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by lock.
  private final ArrayDeque<Change<?>> queue = new ArrayDeque<>();
  private boolean running;
  private boolean retrying;

  /// Changes that are made and wait for their partitions to be led.
  private final List<Change<?>> unled = new ArrayList<>();

  private volatile Function<Image, Boolean> follower = _ -> false;
  private volatile Runnable told = () -> {};
  private volatile Image image;

  /// Reads the first image; blocks.
  ///
  /// @param blocking runs one long task at a time for this catalogue
  /// @param timers when to try again; given nothing that takes time
  /// @param onError told of errors in our own code, after which the image may be out of date
  public StoredCatalog(
      TopicCatalog topics,
      String clusterId,
      Executor blocking,
      SerialLoop timers,
      Consumer<Throwable> onError) {
    this.topics = topics;
    this.clusterId = clusterId;
    this.blocking = blocking;
    this.timers = timers;
    this.onError = onError;
    this.image = read();
  }

  /// Who is told, after it is published, that there is a new image; must not block.
  public void onImage(Runnable told) {
    this.told = told;
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
    return change(
        () -> topics.create(name, partitions, configs),
        (created, seen) ->
            !(created instanceof CreateTopic.Created(var topic)) || led(topic, seen));
  }

  @Override
  public CompletableFuture<Optional<Topic>> delete(UUID topicId) {
    return change(() -> topics.delete(topicId));
  }

  @Override
  public CompletableFuture<AddPartitions> addPartitions(UUID topicId, int total) {
    return change(
        () -> topics.addPartitions(topicId, total),
        (added, seen) -> !(added instanceof AddPartitions.Added(var topic)) || led(topic, seen));
  }

  /// Whether somebody leads every partition of a topic, or nobody will: there is no such topic any
  /// more, or no agent.
  private static boolean led(Topic topic, Image seen) {
    if (seen.topic(topic.id()) != null) {
      for (int i = 0; i < topic.partitions(); i++) {
        var partition = new PartitionId(topic.id(), i);
        if (seen.leader(partition) == null && seen.preferred(partition) != null) {
          return false;
        }
      }
    }
    return true;
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

  @Override
  public CompletableFuture<Void> alterGroupConfigs(
      String group, Map<String, String> set, List<String> remove) {
    return change(
            () -> {
              topics.alterGroupConfigs(group, set, remove);
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
    private final BiPredicate<T, Image> settled;
    private final CompletableFuture<T> future = new CompletableFuture<>();
    private Runnable outcome = () -> {};
    private Predicate<Image> visible = _ -> true;

    /// @param settled whether an image shows all of what the outcome promises
    Change(Transaction<T> transaction, BiPredicate<T, Image> settled) {
      this.transaction = transaction;
      this.settled = settled;
    }

    void run() {
      try {
        T done = transaction.run();
        outcome = () -> future.complete(done);
        visible = seen -> settled.test(done, seen);
      } catch (RuntimeException failed) {
        outcome = () -> future.completeExceptionally(failed);
      }
    }
  }

  private <T> CompletableFuture<T> change(Transaction<T> transaction) {
    return change(transaction, (_, _) -> true);
  }

  private <T> CompletableFuture<T> change(
      Transaction<T> transaction, BiPredicate<T, Image> settled) {
    var change = new Change<>(transaction, settled);
    boolean start;
    lock.lock();
    try {
      if (queue.size() >= QUEUE_LIMIT) {
        return CompletableFuture.failedFuture(
            new MetadataUnavailable("too many catalogue changes wait", null));
      }
      queue.addLast(change);
      start = !running;
      running = true;
    } finally {
      lock.unlock();
    }
    if (start) {
      try {
        blocking.execute(this::runQueued);
      } catch (RejectedExecutionException full) {
        refuseQueued(full);
      }
    }
    return change.future;
  }

  /// Nothing of what waits was begun.
  private void refuseQueued(RejectedExecutionException why) {
    List<Change<?>> changes;
    lock.lock();
    try {
      changes = new ArrayList<>(queue);
      queue.clear();
      running = false;
    } finally {
      lock.unlock();
    }
    var failure = new MetadataUnavailable("catalogue changes cannot run now", why);
    changes.forEach(change -> change.future.completeExceptionally(failure));
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
      answer(changes);
    }
  }

  /// Answers what the image shows, now or, at the latest, after a while.
  private void answer(List<Change<?>> changes) {
    var seen = image;
    var ready = new ArrayList<Change<?>>();
    var late = new ArrayList<Change<?>>();
    lock.lock();
    try {
      unled.removeIf(change -> change.visible.test(seen) && ready.add(change));
      for (var change : changes) {
        (change.visible.test(seen) ? ready : late).add(change);
      }
      unled.addAll(late);
    } finally {
      lock.unlock();
    }
    ready.forEach(change -> change.outcome.run());
    if (!late.isEmpty()) {
      var _ = timers.after(LEADERS_LIMIT, () -> answerAnyway(late));
    }
  }

  private void answerAnyway(List<Change<?>> late) {
    List<Change<?>> overdue;
    lock.lock();
    try {
      overdue = late.stream().filter(unled::remove).toList();
    } finally {
      lock.unlock();
    }
    overdue.forEach(change -> change.outcome.run());
  }

  private void update() {
    try {
      for (int i = 0; i < MOST_ROUNDS && topics.changes() != image.changes(); i++) {
        var fresh = read();
        boolean changed = follower.apply(fresh);
        if (!changed || i == MOST_ROUNDS - 1) {
          image = fresh;
          told.run();
        }
      }
    } catch (MetadataUnavailable unreachable) {
      log.warn("cannot read the catalogue, trying again why={}", unreachable.toString());
      retry();
    } catch (RuntimeException | Error bug) {
      onError.accept(bug);
    }
  }

  private void retry() {
    lock.lock();
    try {
      if (retrying) {
        return;
      }
      retrying = true;
    } finally {
      lock.unlock();
    }
    var _ =
        timers.after(
            RETRY,
            () -> {
              lock.lock();
              try {
                retrying = false;
              } finally {
                lock.unlock();
              }
              var _ =
                  refresh()
                      .whenComplete((_, refused) -> {
                        if (refused != null) {
                          retry();
                        }
                      });
            });
  }

  private Image read() {
    return new Image(clusterId, topics.image());
  }
}
