package io.streamhouse.broker.group;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.group.Assignor.Subscriber;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class AssignorTest {

  private final TreeMap<String, Topics.Shape> topics = new TreeMap<>();

  private void topic(String name, int partitions) {
    topics.put(name, new Topics.Shape(id(name), partitions));
  }

  private static UUID id(String topic) {
    return new UUID(1, topic.charAt(0));
  }

  private static SortedSet<PartitionId> of(String topic, int... partitions) {
    var all = new TreeSet<PartitionId>();
    for (int one : partitions) {
      all.add(new PartitionId(id(topic), one));
    }
    return all;
  }

  private static SortedSet<PartitionId> both(Set<PartitionId> one, Set<PartitionId> other) {
    var all = new TreeSet<>(one);
    all.addAll(other);
    return all;
  }

  private static SortedSet<PartitionId> of(
      Map<String, SortedSet<PartitionId>> result, Subscriber member) {
    return requireNonNull(result.get(member.memberId()));
  }

  private static Subscriber member(String id, @Nullable String instance, String... topics) {
    return new Subscriber(id, instance, Set.of(topics), Set.of());
  }

  private static List<Subscriber> after(
      List<Subscriber> members, Map<String, SortedSet<PartitionId>> assigned) {
    return members.stream()
        .map(one ->
            new Subscriber(
                one.memberId(),
                one.instanceId(),
                one.topics(),
                assigned.getOrDefault(one.memberId(), new TreeSet<>())))
        .toList();
  }

  @Test
  void rangesAreConsecutiveAndTheFirstMembersHaveMore() {
    topic("t", 5);
    topic("u", 2);
    assertThat(
            Assignor.RANGE.assign(
                List.of(member("b", null, "t", "u"), member("a", null, "t", "u")), topics))
        .containsEntry("a", both(of("t", 0, 1, 2), of("u", 0)))
        .containsEntry("b", both(of("t", 3, 4), of("u", 1)));
  }

  @Test
  void rangesAreOfThoseWhoReadTheTopicAndStaticMembersComeFirst() {
    topic("t", 4);
    topic("u", 3);
    assertThat(
            Assignor.RANGE.assign(
                List.of(
                    member("a", null, "t"), member("z", "i1", "t", "u"), member("b", null, "none")),
                topics))
        .containsEntry("z", both(of("t", 0, 1), of("u", 0, 1, 2)))
        .containsEntry("a", of("t", 2, 3))
        .containsEntry("b", new TreeSet<>());
  }

  @Test
  void aMemberThatComesTakesOnlyItsShareAndOneThatGoesLeavesItToTheOthers() {
    topic("t", 7);
    var alone = List.of(member("a", null, "t"));
    var first = Assignor.UNIFORM.assign(alone, topics);
    assertThat(first).containsEntry("a", of("t", 0, 1, 2, 3, 4, 5, 6));

    var two = List.of(member("a", null, "t"), member("b", null, "t"));
    var second = Assignor.UNIFORM.assign(after(two, first), topics);
    assertThat(second).containsEntry("a", of("t", 0, 1, 2, 3)).containsEntry("b", of("t", 4, 5, 6));

    var third = Assignor.UNIFORM.assign(after(List.of(member("b", null, "t")), second), topics);
    assertThat(third).containsEntry("b", of("t", 0, 1, 2, 3, 4, 5, 6));
  }

  @Test
  void aTopicThatFewReadIsMadeUpForByTheOthers() {
    topic("t", 4);
    topic("u", 4);
    var result =
        Assignor.UNIFORM.assign(
            List.of(member("a", null, "t", "u"), member("b", null, "t")), topics);
    assertThat(result)
        .containsEntry("a", of("u", 0, 1, 2, 3))
        .containsEntry("b", of("t", 0, 1, 2, 3));
  }

  @Property(tries = 500)
  void everyPartitionHasOneReaderAndUniformIsFairAndMovesNoMoreThanItMust(@ForAll long seed) {
    var random = new Random(seed);
    topics.clear();
    for (char name = 't'; name < 't' + 1 + random.nextInt(4); name++) {
      topic(String.valueOf(name), 1 + random.nextInt(12));
    }
    boolean alike = random.nextBoolean();
    Map<String, SortedSet<PartitionId>> before = Map.of();
    for (int round = 0; round < 4; round++) {
      var members = new ArrayList<Subscriber>();
      for (int i = 0; i < 6; i++) {
        if (random.nextInt(3) > 0) {
          var reads = new HashSet<>(topics.keySet());
          reads.removeIf(_ -> !alike && random.nextBoolean());
          members.add(
              new Subscriber("m" + i, null, reads, before.getOrDefault("m" + i, new TreeSet<>())));
        }
      }
      whole(members, Assignor.RANGE.assign(members, topics));
      var after = Assignor.UNIFORM.assign(members, topics);
      whole(members, after);
      assertThat(Assignor.UNIFORM.assign(after(members, after), topics))
          .as("what is balanced stays")
          .isEqualTo(after);
      if (!members.isEmpty()) {
        fair(members, after);
        if (alike) {
          minimal(members, after);
        }
      }
      before = after;
      if (random.nextBoolean()) {
        topic("t", requireNonNull(topics.get("t")).partitions() + random.nextInt(5));
      }
    }
  }

  private void whole(List<Subscriber> members, Map<String, SortedSet<PartitionId>> result) {
    assertThat(result).hasSize(members.size());
    var owners = new HashMap<PartitionId, String>();
    for (var member : members) {
      for (var partition : of(result, member)) {
        assertThat(owners.put(partition, member.memberId())).as("owner of %s", partition).isNull();
      }
    }
    topics.forEach((name, shape) -> {
      var readers = members.stream().filter(one -> one.topics().contains(name)).toList();
      for (int i = 0; i < shape.partitions(); i++) {
        var owner = owners.remove(new PartitionId(shape.id(), i));
        if (readers.isEmpty()) {
          assertThat(owner).isNull();
        } else {
          assertThat(owner).isIn(readers.stream().map(Subscriber::memberId).toList());
        }
      }
    });
    assertThat(owners).as("partitions that do not exist").isEmpty();
  }

  /// No single move brings two members nearer together.
  private void fair(List<Subscriber> members, Map<String, SortedSet<PartitionId>> result) {
    for (var rich : members) {
      for (var poor : members) {
        boolean canGive =
            topics.entrySet().stream()
                .anyMatch(topic ->
                    poor.topics().contains(topic.getKey())
                        && of(result, rich).stream()
                            .anyMatch(one -> one.topicId().equals(topic.getValue().id())));
        if (canGive) {
          assertThat(of(result, rich).size() - of(result, poor).size()).isLessThan(2);
        }
      }
    }
  }

  /// With equal subscriptions: what moved is what members had above their shares.
  private void minimal(List<Subscriber> members, Map<String, SortedSet<PartitionId>> result) {
    int total = result.values().stream().mapToInt(Collection::size).sum();
    int each = total / members.size();
    int withMore = total % members.size();
    int excess = 0;
    int moved = 0;
    var counts = new ArrayList<Integer>();
    for (var member : members) {
      counts.add(member.before().size());
      var lost = new HashSet<>(member.before());
      lost.removeAll(of(result, member));
      moved += lost.size();
    }
    counts.sort((a, b) -> b - a);
    for (int i = 0; i < counts.size(); i++) {
      excess += Math.max(0, counts.get(i) - each - (i < withMore ? 1 : 0));
    }
    assertThat(moved).isEqualTo(excess);
  }
}
