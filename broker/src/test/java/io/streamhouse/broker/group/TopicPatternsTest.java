package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TopicPatternsTest {

  private final FakeTopics topics = new FakeTopics().with("orders", 1).with("orders.eu", 2);
  private final TopicPatterns patterns = new TopicPatterns();

  @Test
  void aPatternStandsForWholeNames() {
    assertThat(patterns.matching("orders", topics)).containsExactly("orders");
    assertThat(patterns.matching("orders.*", topics)).containsExactly("orders", "orders.eu");
    assertThat(patterns.matching("rders", topics)).isEmpty();
    assertThat(patterns.matching("(", topics)).isEmpty();
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

  @Test
  void moreThanIsKeptIsForgottenAndFoundAgain() {
    var many = new CountingTopics();
    for (int i = 0; i < 3_000; i++) {
      many.names.add("topic-" + i);
    }
    for (int i = 0; i < 1_200; i++) {
      assertThat(patterns.matching("topic-(.*|" + i + ")", many)).hasSize(3_000);
    }
    assertThat(patterns.matching("topic-(.*|0)", many)).hasSize(3_000);
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

  private static final class CountingTopics implements Topics {
    final List<String> names = new ArrayList<>(List.of("a", "b"));
    long version;
    int asked;

    @Override
    public boolean has(UUID id) {
      return false;
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
