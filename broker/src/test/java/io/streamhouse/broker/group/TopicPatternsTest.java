package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.runtime.TimeSource;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TopicPatternsTest {

  private final FakeTopics topics = new FakeTopics().with("orders", 1).with("orders.eu", 2);
  private final TickingTime time = new TickingTime();
  private final Deque<Runnable> work = new ArrayDeque<>();
  private final TopicPatterns patterns = atOnce();

  /// What is asked is known at once.
  static TopicPatterns atOnce() {
    return new TopicPatterns(Runnable::run, Runnable::run, new SimulatedTime());
  }

  @Test
  void aPatternStandsForWholeNames() {
    assertThat(patterns.matching("orders", topics)).containsExactly("orders");
    assertThat(patterns.matching("orders.*", topics)).containsExactly("orders", "orders.eu");
    assertThat(patterns.matching("rders", topics)).isEmpty();
    assertThat(patterns.matching("(", topics)).as("not valid").isNull();
  }

  @Test
  void itFollowsTopicsThatComeAndGo() {
    var before = patterns.matching(".*\\.eu", topics);
    topics.with("clicks.us", 1);
    assertThat(patterns.matching(".*\\.eu", topics)).as("nothing of its own").isSameAs(before);
    topics.with("clicks.eu", 1).with("a.eu", 1).with("z.eu", 1);
    assertThat(patterns.matching(".*\\.eu", topics))
        .containsExactly("a.eu", "clicks.eu", "orders.eu", "z.eu");
    topics.delete("orders.eu");
    topics.delete("z.eu");
    assertThat(patterns.matching(".*\\.eu", topics)).containsExactly("a.eu", "clicks.eu");
    assertThat(before).as("what was told stays").containsExactly("orders.eu");
  }

  @Test
  void namesAreOnlyLookedAtWhenSomethingChanged() {
    var counting = new CountingTopics();
    patterns.matching("a.*", counting);
    patterns.matching("a.*", counting);
    patterns.matching("b.*", counting);
    assertThat(counting.asked).isEqualTo(1);
    counting.version++;
    patterns.matching("a.*", counting);
    assertThat(counting.asked).isEqualTo(2);
  }

  /// Whose work is done when it is said to be.
  private TopicPatterns later(int patterns, int topics) {
    var limits =
        new TopicPatterns.Limits(patterns, topics, Duration.ofSeconds(5), Duration.ofMinutes(10));
    return new TopicPatterns(Runnable::run, work::addLast, time, limits);
  }

  private void work() {
    while (!work.isEmpty()) {
      work.removeFirst().run();
    }
  }

  @Test
  void nothingIsKnownOfAPatternUntilItIsResolvedElsewhere() {
    var later = later(10, 100);
    assertThat(later.matching("orders.*", topics)).isNull();
    assertThat(work).as("one task at a time").hasSize(1);
    assertThat(later.matching("orders.*", topics)).isNull();
    assertThat(work).hasSize(1);
    assertThat(later.changes()).isZero();
    work();
    assertThat(later.changes()).isEqualTo(1);
    var found = later.matching("orders.*", topics);
    assertThat(found).containsExactly("orders", "orders.eu");

    topics.with("orders.us", 1);
    assertThat(later.matching("orders.*", topics)).as("until there is more").isSameAs(found);
    work();
    assertThat(later.matching("orders.*", topics)).hasSize(3);
    assertThat(later.changes()).isEqualTo(2);
    work();
    topics.with("clicks", 1);
    assertThat(later.matching("orders.*", topics)).hasSize(3);
    work();
    assertThat(later.changes()).as("nothing of its own").isEqualTo(2);
  }

  @Test
  void aPatternThatTakesLongDelaysOthersByASliceAndIsGivenUp() {
    var later = later(10, 100_000);
    for (int i = 0; i < 6_000; i++) {
      topics.with("t" + i, 1);
    }
    // Each look at the clock takes a millisecond, as each match of a hostile pattern does.
    time.tick = Duration.ofMillis(1);
    later.matching("(a?){240}.*b", topics);
    work.removeFirst().run();
    work.removeFirst().run();
    assertThat(later.matching("t1", topics)).isNull();
    work.removeFirst().run();
    time.tick = Duration.ZERO;
    work.removeFirst().run();
    assertThat(later.matching("t1", topics)).as("it had its turn").containsExactly("t1");

    time.tick = Duration.ofMillis(1);
    work();
    assertThat(later.matching("(a?){240}.*b", topics)).isNull();
    assertThat(work).as("not again").isEmpty();
    time.tick = Duration.ZERO;
    time.pass(Duration.ofMinutes(10));
    later.matching("(a?){240}.*b", topics);
    work();
    assertThat(later.matching("(a?){240}.*b", topics)).as("after a while").isEmpty();
  }

  @Test
  void patternsInUseAreKeptAndOthersMakeRoomForThem() {
    var later = later(2, 100);
    for (var one : List.of("orders", "clicks", "more")) {
      later.matching(one, topics);
    }
    work();
    assertThat(later.matching("orders", topics)).containsExactly("orders");
    assertThat(later.matching("clicks", topics)).isEmpty();
    assertThat(later.matching("more", topics)).as("no room").isNull();
    work();
    later.unused("orders");
    assertThat(later.matching("more", topics)).isNull();
    work();
    assertThat(later.matching("more", topics)).isEmpty();
    assertThat(later.matching("clicks", topics)).as("in use").isEmpty();
    assertThat(later.matching("orders", topics)).as("forgotten").isNull();
    time.pass(Duration.ofMinutes(1));
    later.matching("orders", topics);
    work();
    assertThat(later.matching("orders", topics)).as("found again").containsExactly("orders");
  }

  @Test
  void patternsStandForNoMoreTopicsTogetherThanThereIsRoomFor() {
    var later = later(10, 3);
    later.matching("orders.*", topics);
    work();
    later.matching(".*", topics);
    work();
    assertThat(later.matching(".*", topics)).isNull();
    assertThat(later.matching("orders", topics)).isNull();
    work();
    assertThat(later.matching("orders", topics)).containsExactly("orders");
    later.unused("orders.*");
    time.pass(Duration.ofMinutes(10));
    later.matching(".*", topics);
    work();
    assertThat(later.matching(".*", topics)).containsExactly("orders", "orders.eu");
  }

  @Test
  void workThatIsRefusedIsAskedForAgain() {
    boolean[] full = {true};
    var refusing =
        new TopicPatterns(
            Runnable::run,
            task -> {
              if (full[0]) {
                throw new RejectedExecutionException();
              }
              task.run();
            },
            time);
    assertThat(refusing.matching("orders", topics)).isNull();
    assertThat(refusing.check("orders").toCompletableFuture()).isCompletedExceptionally();
    full[0] = false;
    assertThat(refusing.matching("orders", topics)).containsExactly("orders");
    assertThat(refusing.check("orders").toCompletableFuture()).isCompletedWithValue("");
    assertThat(refusing.check("(").toCompletableFuture()).isCompletedWithValue("missing closing )");
  }

  @Test
  void namesThatAreGoneAreNotKeptForPatternsThatNobodyAsksForAnyMore() {
    var changing = new CountingTopics();
    var gone = new ArrayList<WeakReference<String>>();
    for (int i = 0; i < 10; i++) {
      var name = String.valueOf(new char[] {'g', 'o', 'n', 'e', '-', (char) ('0' + i)});
      gone.add(new WeakReference<>(name));
      changing.names.clear();
      changing.names.add(name);
      changing.version++;
      assertThat(patterns.matching("other-" + i, changing)).isEmpty();
    }
    changing.names.clear();
    changing.version++;
    assertThat(patterns.matching("other", changing)).isEmpty();
    for (int i = 0; i < 20 && gone.stream().anyMatch(one -> one.get() != null); i++) {
      System.gc();
    }
    assertThat(gone).allMatch(one -> one.get() == null);
  }

  @Test
  void aNameThatWentAndCameBackIsFoundAgain() {
    assertThat(patterns.matching("orders.*", topics)).containsExactly("orders", "orders.eu");
    topics.delete("orders");
    assertThat(patterns.matching("clicks", topics)).isEmpty();
    topics.with("orders", 1);
    assertThat(patterns.matching("orders.*", topics)).containsExactly("orders", "orders.eu");
  }

  @Test
  void whatRe2DoesNotKnowIsInvalidAndSoIsWhatCostsTooMuch() {
    for (var valid :
        List.of(
            "",
            ".*",
            "(orders|clicks)-[0-9]{4}-[0-9]{2}-[0-9]{2}",
            "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "(?i)Orders\\..+")) {
      assertThat(TopicPatterns.invalid(valid)).as(valid).isNull();
    }
    assertThat(TopicPatterns.invalid("(")).isEqualTo("missing closing )");
    assertThat(TopicPatterns.invalid("(?=x).*")).isEqualTo("invalid or unsupported Perl syntax");
    assertThat(TopicPatterns.invalid("a".repeat(1_001))).contains("longer than 1000");
    assertThat(TopicPatterns.invalid("((((a{1000}){1000}){1000}){1000}){1000}"))
        .contains("repetitions");
    assertThat(TopicPatterns.invalid("(a{30}){30,99999999999999999999}")).contains("repetitions");
    assertThat(TopicPatterns.invalid("(a?){600}")).contains("instructions");
  }

  /// Time that passes by being looked at.
  private static final class TickingTime implements TimeSource {
    private final SimulatedTime time = new SimulatedTime();
    Duration tick = Duration.ZERO;

    void pass(Duration elapsed) {
      time.pass(elapsed);
    }

    @Override
    public long nanos() {
      time.pass(tick);
      return time.nanos();
    }

    @Override
    public long wallMillis() {
      return time.wallMillis();
    }
  }

  private static final class CountingTopics implements Topics {
    final List<String> names = new ArrayList<>(List.of("a", "b"));
    long version;
    int asked;

    @Override
    public @Nullable String name(UUID id) {
      return null;
    }

    @Override
    public long version() {
      return version;
    }

    @Override
    public Collection<String> names() {
      asked++;
      return names;
    }

    @Override
    public @Nullable Shape shape(String topic) {
      return new Shape(new UUID(1, 1), 1);
    }
  }
}
