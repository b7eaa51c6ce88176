package io.streamhouse.broker.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;

@SuppressWarnings("FutureReturnValueIgnored") // a change whose answer is not of interest
class StoredCatalogTest {

  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedLoop timers = new SimulatedLoop(time);
  private final Set<String> failing = new HashSet<>();
  private final List<String> transactions = new ArrayList<>();
  private final List<Throwable> errors = new ArrayList<>();
  private final InMemoryMetadata metadata =
      new InMemoryMetadata(
          new Random(1),
          new InMemoryMetadata.Faults() {
            @Override
            public void before(String transaction) {
              transactions.add(transaction);
              if (failing.contains(transaction)) {
                throw new MetadataUnavailable("simulated", null);
              }
            }
          });

  private StoredCatalog catalog(Executor blocking) {
    return new StoredCatalog(metadata.topics(), "c", blocking, timers, errors::add);
  }

  private void pass(int seconds) {
    for (int i = 0; i < seconds; i++) {
      time.pass(Duration.ofSeconds(1));
      timers.drain();
    }
  }

  @Test
  void aTopicWhoseImageCouldNotBeReadIsSeenOnceItCan() {
    var catalog = catalog(Runnable::run);
    failing.add("image");
    assertThat(catalog.create("t", 1, Map.of()).join()).isInstanceOf(CreateTopic.Created.class);
    pass(3);
    assertThat(catalog.image().topic("t")).isNull();

    failing.clear();
    pass(1);
    assertThat(catalog.image().topic("t")).isNotNull();
    assertThat(errors).isEmpty();
  }

  @Test
  void anImageThatCouldNotBeFollowedIsFollowedLater() {
    var catalog = catalog(Runnable::run);
    var followed = new ArrayList<Long>();
    var away = new boolean[] {true};
    catalog.follow(image -> {
      if (away[0]) {
        throw new MetadataUnavailable("simulated", null);
      }
      followed.add(image.changes());
      return false;
    });
    catalog.create("t", 1, Map.of());
    assertThat(catalog.image().topic("t")).as("not seen before it is followed").isNull();
    away[0] = false;
    pass(1);
    assertThat(followed).hasSize(1);
    assertThat(catalog.image().topic("t")).isNotNull();
  }

  @Test
  void whatAFollowerChangesIsFollowedBeforeItIsSeen() {
    var catalog = catalog(Runnable::run);
    catalog.follow(image -> {
      assertThat(catalog.image().topic("t")).isNull();
      if (image.topic("u") != null) {
        return false;
      }
      metadata.topics().create("u", 1, Map.of());
      return true;
    });
    catalog.create("t", 1, Map.of());
    assertThat(catalog.image().topic("u")).isNotNull();
    assertThat(catalog.image().changes()).isEqualTo(metadata.topics().changes());
  }

  @Test
  void errorsInOurOwnCodeAreNotSwallowed() {
    var catalog = catalog(Runnable::run);
    var bug = new IllegalStateException("bug");
    catalog.follow(_ -> {
      throw bug;
    });
    assertThat(catalog.create("t", 1, Map.of())).isCompleted();
    assertThat(errors).containsExactly(bug);
  }

  @Test
  void anImageIsNotReadAgainWhenNothingChanged() {
    var catalog = catalog(Runnable::run);
    catalog.create("t", 1, Map.of());
    transactions.clear();
    catalog.refresh().join();
    assertThat(transactions).doesNotContain("image");
  }

  @Test
  void changesBeyondTheQueueAndOnAFullPoolFailRetriably() {
    var waiting = new ArrayDeque<Runnable>();
    var catalog = catalog(waiting::add);
    for (int i = 0; i < 10_000; i++) {
      catalog.refresh();
    }
    assertThat(catalog.create("t", 1, Map.of()).exceptionNow())
        .isInstanceOf(MetadataUnavailable.class);
    waiting.remove().run();
    assertThat(catalog.refresh()).isNotDone();

    var full = new boolean[] {true};
    var other =
        catalog(task -> {
          if (full[0]) {
            throw new RejectedExecutionException("full");
          }
          task.run();
        });
    assertThat(other.create("u", 1, Map.of()).exceptionNow())
        .isInstanceOf(MetadataUnavailable.class);
    full[0] = false;
    assertThat(other.create("u", 1, Map.of()).join()).isInstanceOf(CreateTopic.Created.class);
  }
}
