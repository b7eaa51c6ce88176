package io.streamhouse.broker.group;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.GroupAnswer.Beaten;
import io.streamhouse.broker.group.GroupAnswer.Committed;
import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.group.GroupRequest.Commit;
import io.streamhouse.broker.group.GroupRequest.ConsumerHeartbeat;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.MessageUtil;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// The rules of the consumer protocol, one by one.
class ConsumerGroupTest {

  private static final GroupLimits.Classic CLASSIC =
      new GroupLimits.Classic(MigrationPolicy.BIDIRECTIONAL, 3, 6_000, 300_000);

  private static final int SESSION = 45_000;
  private static final int REBALANCE = 60_000;
  private static final GroupLimits.Consumers LIMITS =
      new GroupLimits.Consumers(SESSION, 5_000, 0, 3, List.of(Assignor.values()), CLASSIC);

  private final FakeTopics topics = new FakeTopics().with("t", 4);
  private long millis;
  private int saves;
  private GroupLimits.Consumers limits = LIMITS;
  private TopicPatterns patterns = TopicPatternsTest.atOnce();
  private ConsumerGroup group = new ConsumerGroup(() -> limits, () -> topics, patterns);

  private Now now() {
    return new Now(millis * 1_000_000, millis);
  }

  private GroupAnswer ask(GroupRequest.OfMember request) {
    return take(group.handle(0, request, now())).orElseThrow();
  }

  private void pass(int elapsedMillis) {
    millis += elapsedMillis;
    take(group.pass(now()));
  }

  private Optional<GroupAnswer> take(List<GroupEffect> effects) {
    GroupAnswer answered = null;
    for (var effect : effects) {
      switch (effect) {
        case GroupEffect.Save _ -> {
          saves++;
          assertThat(StoredConsumerGroup.decode(group.stored().encode())).isEqualTo(group.stored());
        }
        case GroupEffect.Answer(long _, var answer) -> answered = answer;
        case GroupEffect.Commit _, GroupEffect.WakeAt _ -> {}
      }
    }
    return Optional.ofNullable(answered);
  }

  private Set<PartitionId> of(String topic, int... partitions) {
    var all = new TreeSet<PartitionId>();
    var shape = topics.shape(topic);
    for (int one : partitions) {
      all.add(new PartitionId(requireNonNull(shape).id(), one));
    }
    return all;
  }

  private static ConsumerHeartbeat whole(
      String id,
      @Nullable String instance,
      int epoch,
      Set<String> topics,
      @Nullable Set<PartitionId> owned) {
    return new ConsumerHeartbeat(
        id, instance, null, epoch, "c", "/h", REBALANCE, topics, null, owned);
  }

  private static ConsumerHeartbeat beat(
      String id, @Nullable String instance, int epoch, @Nullable Set<PartitionId> owned) {
    return new ConsumerHeartbeat(id, instance, null, epoch, "c", "/h", -1, null, null, owned);
  }

  private GroupAnswer join(String id) {
    return ask(whole(id, null, 0, Set.of("t"), Set.of()));
  }

  private GroupAnswer beat(String id, int epoch) {
    return ask(beat(id, null, epoch, null));
  }

  private GroupAnswer beat(String id, int epoch, Set<PartitionId> owned) {
    return ask(beat(id, null, epoch, owned));
  }

  private static Beaten beaten(String id, int epoch) {
    return new Beaten(id, epoch, 5_000, Optional.empty());
  }

  private static Beaten beaten(String id, int epoch, Set<PartitionId> assignment) {
    return new Beaten(id, epoch, 5_000, Optional.of(assignment));
  }

  private static GroupFailure failure(GroupAnswer answer) {
    return ((Failed) answer).failure();
  }

  private void restart() {
    patterns = TopicPatternsTest.atOnce();
    restore();
  }

  private void restore() {
    group =
        ConsumerGroup.restore(
            () -> limits,
            () -> topics,
            patterns,
            StoredConsumerGroup.decode(group.stored().encode()),
            now());
  }

  @Test
  void whatIsSetForTheGroupHoldsFromTheNextHeartbeatOn() {
    join("a");
    limits = new GroupLimits.Consumers(50_000, 7_000, 0, 3, List.of(Assignor.values()), CLASSIC);
    assertThat(beat("a", 2)).isEqualTo(new Beaten("a", 2, 7_000, Optional.empty()));
    pass(49_999);
    assertThat(group.isEmpty()).isFalse();
    pass(1);
    assertThat(group.isEmpty()).isTrue();
  }

  private GroupAnswer subscribe(String id, int epoch, Set<String> names, String pattern) {
    return ask(
        new ConsumerHeartbeat(
            id,
            null,
            null,
            epoch,
            "c",
            "/h",
            REBALANCE,
            names,
            pattern,
            null,
            epoch == 0 ? Set.of() : null));
  }

  @Test
  void aPatternIsReadBesidesNamesAndFollowsTopics() {
    topics.with("u1", 1).with("v", 1);
    assertThat(subscribe("a", 0, Set.of("v"), "u.*"))
        .isEqualTo(beaten("a", 2, union(of("u1", 0), of("v", 0))));
    assertThat(group.readTopics()).contains(Set.of("u1", "v"));

    topics.with("w", 1);
    assertThat(beat("a", 2)).as("not of the pattern").isEqualTo(beaten("a", 2));
    topics.with("u2", 1);
    assertThat(beat("a", 2))
        .isEqualTo(beaten("a", 3, union(union(of("u1", 0), of("u2", 0)), of("v", 0))));
    topics.delete("u1");
    assertThat(beat("a", 3)).isEqualTo(beaten("a", 3, union(of("u2", 0), of("v", 0))));
    assertThat(group.groupEpoch()).isEqualTo(4);
  }

  @Test
  void aPatternIsKeptUntilAnotherIsSentAndAcrossARestart() {
    topics.with("u", 1);
    subscribe("a", 0, Set.of(), "u");
    restart();
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 2));
    topics.with("u", 2);
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 3, of("u", 0, 1)));
    var described = (GroupAnswer.ConsumersDescribed) group.describeConsumers();
    assertThat(described.members().getFirst().pattern()).isEqualTo("u");

    assertThat(subscribe("a", 3, Set.of("t"), ""))
        .as("gives up what it does not read")
        .isEqualTo(beaten("a", 3, Set.of()));
    assertThat(beat("a", 3, Set.of())).isEqualTo(beaten("a", 4, of("t", 0, 1, 2, 3)));
  }

  /// Patterns are resolved when it is said from now on.
  private Deque<Runnable> resolveLater() {
    var work = new ArrayDeque<Runnable>();
    patterns = new TopicPatterns(Runnable::run, work::addLast, new SimulatedTime());
    restore();
    return work;
  }

  private static void all(Deque<Runnable> work) {
    while (!work.isEmpty()) {
      work.removeFirst().run();
    }
  }

  @Test
  void aPatternStandsForWhatItsMemberIsToHaveUntilItIsResolved() {
    topics.with("u", 1).with("v", 1);
    var work = resolveLater();
    assertThat(subscribe("a", 0, Set.of("v"), "u"))
        .as("answered at once")
        .isEqualTo(beaten("a", 2, of("v", 0)));
    assertThat(group.readTopics()).contains(Set.of("v"));
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 2));
    all(work);
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 3, union(of("u", 0), of("v", 0))));

    assertThat(subscribe("a", 3, Set.of(), "t"))
        .as("what it had from the pattern before is its own for now")
        .isEqualTo(beaten("a", 3));
    assertThat(group.groupEpoch()).isEqualTo(3);
    all(work);
    assertThat(beat("a", 3, Set.of())).isEqualTo(beaten("a", 4, of("t", 0, 1, 2, 3)));

    assertThat(subscribe("b", 0, Set.of(), "t")).as("known").isEqualTo(beaten("b", 5, Set.of()));
    assertThat(beat("a", 4)).isEqualTo(beaten("a", 4, of("t", 0, 1)));
  }

  @Test
  void anotherCoordinatorLeavesMembersWhatTheyHaveUntilPatternsAreResolved() {
    topics.with("u", 2);
    subscribe("a", 0, Set.of(), "[tu]");
    var work = resolveLater();
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 2));
    all(work);
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 2));
    assertThat(group.groupEpoch()).as("nothing is different").isEqualTo(2);
  }

  @Test
  void whatWasNotResolvedBeforeACoordinatorDiedMakesForNewTargetsUnderTheNext() {
    topics.with("u", 2);
    subscribe("a", 0, Set.of(), "[tu]");
    resolveLater();
    assertThat(subscribe("b", 0, Set.of(), "u")).isEqualTo(beaten("b", 3, Set.of()));
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 3));
    var work = resolveLater();
    assertThat(beat("a", 3)).isEqualTo(beaten("a", 3));
    all(work);
    assertThat(beat("a", 3)).isEqualTo(beaten("a", 3, of("t", 0, 1, 2, 3)));
    assertThat(beat("a", 3, of("t", 0, 1, 2, 3))).isEqualTo(beaten("a", 4));
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 4, of("u", 0, 1)));
  }

  private static Set<PartitionId> union(Set<PartitionId> one, Set<PartitionId> other) {
    var all = new TreeSet<>(one);
    all.addAll(other);
    return all;
  }

  @Test
  void partitionsAreDistributedOnceInAnInterval() {
    limits =
        new GroupLimits.Consumers(SESSION, 5_000, 1_000, 3, List.of(Assignor.values()), CLASSIC);
    assertThat(join("a")).isEqualTo(beaten("a", 2, of("t", 0, 1, 2, 3)));
    assertThat(join("b")).as("not yet").isEqualTo(beaten("b", 2, Set.of()));
    assertThat(join("c")).isEqualTo(beaten("c", 2, Set.of()));
    assertThat(group.groupEpoch()).isEqualTo(4);
    assertThat(group.state()).isEqualTo(ConsumerGroupState.ASSIGNING);
    pass(999);
    assertThat(beat("b", 2)).isEqualTo(beaten("b", 2));
    pass(1);
    assertThat(beat("a", 2, of("t", 0, 1, 2, 3))).isInstanceOf(Beaten.class);
    assertThat(group.stored().assignmentEpoch()).as("for both at once").isEqualTo(4);
    topics.with("t", 5);
    beat("b", 2);
    assertThat(group.groupEpoch()).isEqualTo(5);
    restart();
    beat("c", 2);
    assertThat(group.stored().assignmentEpoch()).as("a new coordinator does not wait").isEqualTo(5);
  }

  @Test
  void whatAMemberReadsNoMoreIsTakenFromItBeforePartitionsAreDistributedAgain() {
    limits =
        new GroupLimits.Consumers(SESSION, 5_000, 1_000, 3, List.of(Assignor.values()), CLASSIC);
    topics.with("u", 1);
    subscribe("a", 0, Set.of("t", "u"), "");
    assertThat(subscribe("a", 2, Set.of("u"), "")).isEqualTo(beaten("a", 2, of("u", 0)));
    assertThat(beat("a", 2, of("u", 0))).as("not given back").isEqualTo(beaten("a", 2));
    pass(1_000);
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 3));
  }

  @Test
  void theFirstMemberHasEverythingAtOnceAndHeartbeatsChangeNothing() {
    assertThat(group.state()).isEqualTo(ConsumerGroupState.EMPTY);
    assertThat(join("a")).isEqualTo(beaten("a", 2, of("t", 0, 1, 2, 3)));
    assertThat(group.state()).isEqualTo(ConsumerGroupState.STABLE);
    assertThat(saves).isEqualTo(1);

    assertThat(beat("a", 2)).isEqualTo(beaten("a", 2));
    assertThat(saves).as("nothing to store").isEqualTo(1);
  }

  @Test
  void aPartitionGoesToTheNewMemberOnlyWhenTheOldOneGaveItUp() {
    join("a");
    assertThat(join("b")).isEqualTo(beaten("b", 3, Set.of()));
    assertThat(group.state()).isEqualTo(ConsumerGroupState.RECONCILING);
    assertThat(beat("b", 3)).as("still a's").isEqualTo(beaten("b", 3));

    assertThat(beat("a", 2)).isEqualTo(beaten("a", 2, of("t", 0, 1)));
    assertThat(beat("a", 2)).as("not yet given up").isEqualTo(beaten("a", 2));
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 3));
    assertThat(beat("a", 2, of("t", 0, 1, 2))).isEqualTo(beaten("a", 2));
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 3));

    assertThat(beat("a", 2, of("t", 0, 1))).isEqualTo(beaten("a", 3));
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 3, of("t", 2, 3)));
    assertThat(group.state()).isEqualTo(ConsumerGroupState.STABLE);
  }

  @Test
  void whatAMemberThatLeavesHadGoesToTheOthersAtTheirNextHeartbeat() {
    join("a");
    join("b");
    assertThat(beat("a", 2, of("t", 0, 1)))
        .as("gave it up unasked")
        .isEqualTo(beaten("a", 3, of("t", 0, 1)));
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 3, of("t", 2, 3)));

    assertThat(beat("a", -1)).isEqualTo(beaten("a", -1));
    assertThat(group.state()).isEqualTo(ConsumerGroupState.ASSIGNING);
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 4, of("t", 0, 1, 2, 3)));
    assertThat(failure(beat("a", 3))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);

    assertThat(beat("b", -1)).isEqualTo(beaten("b", -1));
    assertThat(group.state()).isEqualTo(ConsumerGroupState.EMPTY);
    assertThat(group.groupEpoch()).isEqualTo(5);
    assertThat(group.unused()).isFalse();
  }

  @Test
  void aMemberWhoseAnswerWasLostMayAskAgainAtTheEpochBefore() {
    join("a");
    assertThat(join("a")).as("its join was lost").isEqualTo(beaten("a", 2, of("t", 0, 1, 2, 3)));
    topics.with("t", 5);
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 3, of("t", 0, 1, 2, 3, 4)));

    assertThat(ask(whole("a", null, 2, Set.of("t"), of("t", 0, 1, 2, 3))))
        .isEqualTo(beaten("a", 3, of("t", 0, 1, 2, 3, 4)));
    assertThat(failure(beat("a", 2))).as("owns what?").isEqualTo(GroupFailure.FENCED_EPOCH);
    topics.with("u", 1);
    assertThat(failure(beat("a", 2, of("u", 0)))).isEqualTo(GroupFailure.FENCED_EPOCH);
    assertThat(failure(beat("a", 4, Set.of()))).isEqualTo(GroupFailure.FENCED_EPOCH);
    topics.with("t", 6);
    beat("a", 3);
    assertThat(failure(beat("a", 2, Set.of())))
        .as("two behind")
        .isEqualTo(GroupFailure.FENCED_EPOCH);
  }

  @Test
  void aMemberThatJoinsAgainHasGivenUpWhatItHad() {
    join("a");
    join("b");
    assertThat(beat("a", 2)).isEqualTo(beaten("a", 2, of("t", 0, 1)));
    assertThat(join("a")).isEqualTo(beaten("a", 3, of("t", 0, 1)));
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 3, of("t", 2, 3)));
  }

  @Test
  void aSilentMemberIsOutAndSoIsOneThatDoesNotGiveUpInTime() {
    join("a");
    join("b");
    pass(SESSION - 1);
    beat("a", 2);
    pass(1);
    assertThat(failure(beat("b", 3))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    assertThat(beat("a", 2, of("t", 0, 1))).as("back to all of it").isInstanceOf(Beaten.class);

    join("c");
    beat("a", group.groupEpoch() - 1);
    int epoch = ((Beaten) beat("a", group.groupEpoch() - 1)).memberEpoch();
    for (int waited = 0; waited < REBALANCE; waited += 20_000) {
      assertThat(beat("a", epoch)).isInstanceOf(Beaten.class);
      beat("c", group.groupEpoch());
      pass(20_000);
    }
    assertThat(failure(beat("a", epoch))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    assertThat(beat("c", group.groupEpoch() - 1))
        .isEqualTo(beaten("c", group.groupEpoch(), of("t", 0, 1, 2, 3)));
  }

  @Test
  void aStaticMemberThatLeftForAWhileComesBackToItsPartitions() {
    ask(whole("a", "i", 0, Set.of("t"), Set.of()));
    assertThat(failure(ask(whole("b", "i", 0, Set.of("t"), Set.of()))))
        .isEqualTo(GroupFailure.UNRELEASED_INSTANCE);
    assertThat(ask(beat("a", "i", -2, null))).isEqualTo(beaten("a", -2));
    assertThat(failure(ask(beat("a", "i", 2, null)))).isEqualTo(GroupFailure.FENCED_EPOCH);

    assertThat(ask(whole("b", "i", 0, Set.of("t"), Set.of())))
        .isEqualTo(beaten("b", 2, of("t", 0, 1, 2, 3)));
    assertThat(group.groupEpoch()).as("no rebalance").isEqualTo(2);
    assertThat(failure(ask(beat("a", "i", 2, null)))).isEqualTo(GroupFailure.FENCED_INSTANCE);
    assertThat(failure(ask(beat("b", "other", 2, null)))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);

    ask(beat("b", "i", -2, null));
    pass(SESSION);
    assertThat(group.state()).isEqualTo(ConsumerGroupState.EMPTY);
  }

  @Test
  void partitionsOfAStaticMemberThatIsAwayStayItsOwn() {
    ask(whole("a", "i", 0, Set.of("t"), Set.of()));
    ask(beat("a", "i", -2, null));
    assertThat(join("b")).isEqualTo(beaten("b", 3, Set.of()));
    assertThat(ask(whole("c", "i", 0, Set.of("t"), Set.of())))
        .as("its target meanwhile")
        .isEqualTo(beaten("c", 3, of("t", 0, 1)));
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 3, of("t", 2, 3)));
  }

  @Test
  void otherSubscriptionsAndOtherPartitionsMakeANewEpoch() {
    join("a");
    topics.with("u", 2);
    assertThat(beat("a", 2)).as("not its topic").isEqualTo(beaten("a", 2));
    assertThat(ask(whole("a", null, 2, Set.of("u", "none"), null)))
        .as("t is to be given up first")
        .isEqualTo(beaten("a", 2, Set.of()));
    var u = new HashSet<>(of("u", 0, 1));
    assertThat(beat("a", 2, Set.of())).isEqualTo(beaten("a", 3, u));
    u.addAll(of("u", 2));
    assertThat(topics.with("u", 3)).isNotNull();
    u.addAll(of("u", 2));
    assertThat(beat("a", 3)).isEqualTo(beaten("a", 4, u));
    topics.delete("u");
    assertThat(beat("a", 4)).isEqualTo(beaten("a", 4, Set.of()));
    assertThat(beat("a", 4, Set.of())).isEqualTo(beaten("a", 5));
    topics.with("none", 1);
    assertThat(beat("a", 5)).isEqualTo(beaten("a", 6, of("none", 0)));
  }

  @Test
  void mostVotesDecideHowItIsAssigned() {
    topics.with("u", 3);
    for (var id : List.of("a", "b")) {
      ask(
          new ConsumerHeartbeat(
              id, null, "rack", 0, "c", "/h", REBALANCE, Set.of("u"), "range", Set.of()));
    }
    join("c");
    var described = (GroupAnswer.ConsumersDescribed) group.describeConsumers();
    assertThat(described.assignor()).isEqualTo("range");
    assertThat(described.members())
        .extracting(GroupAnswer.DescribedConsumer::target)
        .containsExactly(of("u", 0, 1), of("u", 2), of("t", 0, 1, 2, 3));
    assertThat(failure(join("d"))).isEqualTo(GroupFailure.GROUP_FULL);
    assertThat(join("c")).as("is in already").isInstanceOf(Beaten.class);
  }

  @Test
  void offsetsAreTakenAtTheMembersEpochOrForWhatItHadSinceAnEarlierOne() {
    var offset = new CommittedOffset(1, Optional.empty(), "", 0);
    join("a");
    topics.with("t", 5);
    beat("a", 2);
    var offsets =
        new HashMap<>(
            Map.of(
                of("t", 0).iterator().next(), offset,
                of("t", 4).iterator().next(), offset));
    assertThat(ask(new Commit("a", null, 3, offsets))).isEqualTo(new Committed());
    assertThat(failure(ask(new Commit("a", null, 2, offsets))))
        .as("one that it has only now is enough to refuse all")
        .isEqualTo(GroupFailure.STALE_EPOCH);
    offsets.keySet().removeAll(of("t", 4));
    assertThat(ask(new Commit("a", null, 2, offsets))).isEqualTo(new Committed());
    assertThat(failure(ask(new Commit("a", null, 1, offsets)))).isEqualTo(GroupFailure.STALE_EPOCH);
    assertThat(failure(ask(new Commit("a", null, 4, offsets)))).isEqualTo(GroupFailure.STALE_EPOCH);
    assertThat(failure(ask(new Commit("x", null, 3, offsets))))
        .isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    assertThat(failure(ask(new Commit("", null, -1, offsets))))
        .isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    assertThat(failure(ask(new Commit("a", null, 3, false, offsets))))
        .isEqualTo(GroupFailure.UNSUPPORTED_VERSION);

    assertThat(group.refusesFetch("a", 3)).isEmpty();
    assertThat(group.refusesFetch("a", 2)).contains(GroupFailure.STALE_EPOCH);
    assertThat(group.refusesFetch("x", 2)).contains(GroupFailure.UNKNOWN_MEMBER);
    assertThat(group.refusesFetch(null, -1)).isEmpty();

    beat("a", -1);
    assertThat(ask(new Commit("", null, -1, offsets))).isEqualTo(new Committed());
  }

  @Test
  void membersGoOnAfterARestartWithoutJoiningAgain() {
    join("a");
    join("b");
    beat("a", 2);
    restart();
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 3));
    assertThat(beat("a", 2, of("t", 0, 1))).isEqualTo(beaten("a", 3));
    restart();
    assertThat(beat("b", 3)).isEqualTo(beaten("b", 3, of("t", 2, 3)));
    restart();
    assertThat(beat("a", 3)).isEqualTo(beaten("a", 3));
    assertThat(group.groupEpoch()).isEqualTo(3);
    restart();
    join("c");
    beat("a", 3);
    restart();
    pass(SESSION);
    assertThat(group.state()).as("sessions ran on").isEqualTo(ConsumerGroupState.EMPTY);
  }

  @Test
  void classicMembersAreNotOfThisGroup() {
    join("a");
    var join =
        new GroupRequest.Join(
            "", null, "n", false, false, "c", "/h", 10_000, 10_000, "consumer", List.of(), "");
    assertThat(failure(ask(join))).isEqualTo(GroupFailure.INCONSISTENT_PROTOCOL);
    assertThat(failure(ask(new GroupRequest.Heartbeat("a", null, 1))))
        .isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    assertThat(failure(ask(new GroupRequest.Sync("a", null, 1, null, null, Map.of()))))
        .isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    assertThat(failure(group.describe())).isEqualTo(GroupFailure.WRONG_PROTOCOL);
    assertThat(group.readTopics()).contains(Set.of("t"));
    assertThat(
            ask(
                new GroupRequest.Leave(
                    List.of(
                        new GroupRequest.Leaver("a", null, "removed by an administrator"),
                        new GroupRequest.Leaver("b", null, "")))))
        .isEqualTo(
            new GroupAnswer.Left(
                List.of(Optional.empty(), Optional.of(GroupFailure.UNKNOWN_MEMBER))));
    assertThat(group.isEmpty()).isTrue();
  }

  private static Bytes subscription(String... owned) {
    return subscription(Set.of("t"), "t", owned);
  }

  private static Bytes subscription(Set<String> topics, String topic, String... owned) {
    var subscription = new ConsumerProtocolSubscription().setTopics(List.copyOf(topics));
    if (owned.length > 0) {
      subscription
          .ownedPartitions()
          .add(
              new ConsumerProtocolSubscription.TopicPartition()
                  .setTopic(topic)
                  .setPartitions(Stream.of(owned).map(Integer::valueOf).toList()));
    }
    var bytes = MessageUtil.toVersionPrefixedByteBuffer((short) 1, subscription);
    var array = new byte[bytes.remaining()];
    bytes.get(array);
    return Bytes.of(array);
  }

  private GroupAnswer joinClassic(String id, @Nullable String instance, String... owned) {
    return joinClassic(id, instance, subscription(owned));
  }

  private GroupAnswer joinClassic(String id, @Nullable String instance, Bytes subscription) {
    return ask(
        new GroupRequest.Join(
            id,
            instance,
            "new-" + id,
            false,
            true,
            "c",
            "/h",
            10_000,
            20_000,
            "consumer",
            List.of(new GroupRequest.Protocol("range", subscription)),
            ""));
  }

  private Map<String, List<Integer>> sync(String id, int generation) {
    var synced =
        (GroupAnswer.Synced)
            ask(new GroupRequest.Sync(id, null, generation, "consumer", "range", Map.of()));
    return Subscriptions.assignment(synced.assignment()).orElseThrow().owned();
  }

  private GroupAnswer heartbeat(String id, int generation) {
    return ask(new GroupRequest.Heartbeat(id, null, generation));
  }

  @Test
  void aClassicMemberJoinsSynchronisesAndLearnsOfRebalancesAtItsHeartbeats() {
    join("a");
    var joined = (GroupAnswer.Joined) joinClassic("", null);
    assertThat(joined)
        .isEqualTo(new GroupAnswer.Joined("new-", 3, "consumer", "range", "", false, List.of()));
    assertThat(sync("new-", 3)).as("a has them still").isEmpty();
    assertThat(heartbeat("new-", 3)).isEqualTo(new GroupAnswer.Alive());
    beat("a", 2, of("t", 0, 1, 2, 3));
    beat("a", 2, of("t", 0, 1));
    assertThat(failure(heartbeat("new-", 3))).isEqualTo(GroupFailure.REBALANCING);
    joinClassic("new-", null);
    assertThat(sync("new-", 3)).isEqualTo(Map.of("t", List.of(2, 3)));
    assertThat(group.state()).isEqualTo(ConsumerGroupState.STABLE);

    assertThat(failure(heartbeat("new-", 2))).isEqualTo(GroupFailure.ILLEGAL_GENERATION);
    assertThat(failure(heartbeat("a", 3))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    topics.with("t", 5);
    beat("a", 3);
    assertThat(failure(heartbeat("new-", 3))).isEqualTo(GroupFailure.REBALANCING);
    assertThat(failure(ask(new GroupRequest.Sync("new-", null, 3, null, null, Map.of()))))
        .isEqualTo(GroupFailure.REBALANCING);
    restart();
    joinClassic("new-", null, "2", "3");
    assertThat(heartbeat("new-", 4)).isEqualTo(new GroupAnswer.Alive());
    var described = (GroupAnswer.ConsumersDescribed) group.describeConsumers();
    assertThat(described.members()).extracting(one -> one.classic()).containsExactly(false, true);
  }

  @Test
  void aClassicMemberIsOutIfItDoesNotJoinAgainOrDoesNotSynchroniseInTime() {
    join("a");
    joinClassic("", null);
    for (int i = 0; i < 5; i++) {
      pass(4_000);
      beat("a", 2, of("t", 0, 1));
      heartbeat("new-", 3);
    }
    assertThat(failure(heartbeat("new-", 3))).as("no sync").isEqualTo(GroupFailure.UNKNOWN_MEMBER);

    var epoch = ((GroupAnswer.Joined) joinClassic("", null)).generation();
    sync("new-", epoch);
    topics.with("t", 8);
    for (int i = 0; i < 5; i++) {
      assertThat(failure(heartbeat("new-", epoch))).isEqualTo(GroupFailure.REBALANCING);
      pass(4_000);
    }
    assertThat(failure(heartbeat("new-", epoch)))
        .as("no join")
        .isEqualTo(GroupFailure.UNKNOWN_MEMBER);
  }

  @Test
  void whatAClassicMemberStillHasGoesToNobodyElse() {
    join("a");
    beat("a", -1);
    join("b");
    joinClassic("", null);
    beat("b", 4, of("t", 0, 1));
    joinClassic("new-", null);
    assertThat(sync("new-", 5)).isEqualTo(Map.of("t", List.of(2, 3)));
    join("c");
    beat("b", 5, of("t", 0, 1));
    joinClassic("new-", null, "2", "3");
    assertThat(sync("new-", 5)).as("is to give one up").hasSizeLessThanOrEqualTo(1);
    assertThat(failure(heartbeat("new-", 5))).isEqualTo(GroupFailure.REBALANCING);
    var owners = new TreeSet<PartitionId>();
    for (var member : group.stored().members()) {
      for (var held : List.of(member.assigned(), member.revoking())) {
        held.keySet().forEach(one -> assertThat(owners.add(one)).isTrue());
      }
    }
  }

  @Test
  void classicMembersAreRefusedWhereTheMigrationIsDisabledOrTheyDoNotFit() {
    join("a");
    var other =
        new GroupRequest.Join(
            "",
            null,
            "n",
            false,
            false,
            "c",
            "/h",
            10_000,
            10_000,
            "connect",
            List.of(new GroupRequest.Protocol("range", subscription())),
            "");
    assertThat(failure(ask(other))).isEqualTo(GroupFailure.INCONSISTENT_PROTOCOL);
    assertThat(failure(joinClassic("nobody", null))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    joinClassic("", "i");
    assertThat(failure(joinClassic("else", "i"))).isEqualTo(GroupFailure.FENCED_INSTANCE);
    assertThat(((GroupAnswer.Joined) joinClassic("", "i")).generation()).isEqualTo(3);
    join("b");
    assertThat(failure(joinClassic("", null))).isEqualTo(GroupFailure.GROUP_FULL);
    limits =
        new GroupLimits.Consumers(
            SESSION,
            5_000,
            0,
            3,
            List.of(Assignor.values()),
            new GroupLimits.Classic(MigrationPolicy.DISABLED, 3, 6_000, 300_000));
    assertThat(failure(joinClassic("", "i"))).isEqualTo(GroupFailure.INCONSISTENT_PROTOCOL);
  }

  @Test
  void whatAClassicMemberGivesUpIsNotForgottenAsTheGroupGoesBackToTheClassicProtocol() {
    topics.with("u", 1);
    join("a");
    joinClassic("", null, subscription(Set.of("u"), "u"));
    assertThat(sync("new-", 3)).isEqualTo(Map.of("u", List.of(0)));
    // It reads the topic no more, which nobody else does, and still has its partition.
    joinClassic("new-", null, subscription(Set.of("t"), "u", "0"));
    assertThat(sync("new-", 3)).isEmpty();
    beat("a", -1);
    var classic = group.downgraded(now()).orElseThrow();
    var had = Subscriptions.assignment(classic.members().getFirst().assignment()).orElseThrow();
    assertThat(had.owned()).containsEntry("u", List.of(0));
  }

  @Test
  void aClassicMemberCommitsByItsGeneration() {
    join("a");
    joinClassic("", null);
    var offset = new CommittedOffset(1, Optional.empty(), "", 0);
    var offsets = Map.of(of("t", 0).iterator().next(), offset);
    assertThat(ask(new GroupRequest.Commit("new-", null, 3, false, offsets)))
        .isEqualTo(new GroupAnswer.Committed());
    assertThat(failure(ask(new GroupRequest.Commit("new-", null, 4, false, offsets))))
        .isEqualTo(GroupFailure.ILLEGAL_GENERATION);
    // What it does not have since then is no error of one partition, as in the consumer protocol.
    assertThat(failure(ask(new GroupRequest.Commit("new-", null, 2, false, offsets))))
        .isEqualTo(GroupFailure.ILLEGAL_GENERATION);
  }
}
