package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.group.GroupAnswer.Joined;
import io.streamhouse.broker.group.GroupAnswer.Synced;
import io.streamhouse.broker.group.GroupRequest.Commit;
import io.streamhouse.broker.group.GroupRequest.Heartbeat;
import io.streamhouse.broker.group.GroupRequest.Join;
import io.streamhouse.broker.group.GroupRequest.Leave;
import io.streamhouse.broker.group.GroupRequest.Leaver;
import io.streamhouse.broker.group.GroupRequest.Protocol;
import io.streamhouse.broker.group.GroupRequest.Sync;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The rules of the classic protocol, one by one.
class ClassicGroupTest {

  private static final int SESSION = 10_000;
  private static final int REBALANCE = 60_000;
  private static final GroupLimits LIMITS =
      new GroupLimits(3_000_000_000L, 6_000, 300_000, 3, 10, 100);

  private long millis;
  private long requests;
  private int saves;
  private ClassicGroup group = new ClassicGroup(LIMITS, now());
  private final Map<Long, GroupAnswer> answers = new HashMap<>();

  private Now now() {
    return new Now(millis * 1_000_000, millis);
  }

  private long ask(GroupRequest.OfMember request) {
    long id = requests++;
    take(group.handle(id, request, now()));
    return id;
  }

  private void pass(int elapsedMillis) {
    long end = millis + elapsedMillis;
    while (millis < end) {
      millis = Math.min(end, millis + 500);
      take(group.pass(now()));
    }
  }

  private void take(List<GroupEffect> effects) {
    for (var effect : effects) {
      switch (effect) {
        case GroupEffect.Save _ -> {
          saves++;
          assertThat(StoredClassicGroup.decode(group.stored().encode())).isEqualTo(group.stored());
        }
        case GroupEffect.Answer(long request, var answer) ->
            assertThat(answers.put(request, answer)).as("answered once").isNull();
        case GroupEffect.Commit _, GroupEffect.WakeAt _ -> {}
      }
    }
  }

  private static Bytes bytes(String text) {
    return Bytes.of(text.getBytes(StandardCharsets.UTF_8));
  }

  private static Join join(
      String id, @Nullable String instance, String newId, String... protocols) {
    return new Join(
        id,
        instance,
        newId,
        false,
        true,
        "client",
        "/host",
        SESSION,
        REBALANCE,
        "consumer",
        Arrays.stream(protocols.length == 0 ? new String[] {"range"} : protocols)
            .map(one -> new Protocol(one, bytes("topic")))
            .toList(),
        "");
  }

  private static Sync sync(String id, int generation, Map<String, Bytes> assignments) {
    return new Sync(id, null, generation, "consumer", "range", assignments);
  }

  private Joined joined(long request) {
    assertThat(answers.get(request)).isInstanceOf(Joined.class);
    return (Joined) answers.get(request);
  }

  private @Nullable GroupFailure failure(long request) {
    return answers.get(request) instanceof Failed failed ? failed.failure() : null;
  }

  /// Members a (the leader) and b, generation 1, each with its name as assignment.
  private void stable() {
    ask(join("", null, "a"));
    ask(join("", null, "b"));
    pass(6_000);
    ask(sync("a", 1, Map.of("a", bytes("A"), "b", bytes("B"))));
    ask(sync("b", 1, Map.of()));
    assertThat(group.state()).isEqualTo(GroupState.STABLE);
  }

  private static String[] numbered(String prefix) {
    return IntStream.range(0, 100_000).mapToObj(i -> prefix + i).toArray(String[]::new);
  }

  @Test
  @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void manyProtocolsCostNoMoreThanToReadThem() {
    ask(join("", null, "a", numbered("a")));
    long b = ask(join("", null, "b", numbered("b")));
    assertThat(failure(b)).isEqualTo(GroupFailure.INCONSISTENT_PROTOCOL);
    ask(join("", null, "c", numbered("a")));
    pass(6_000);
    assertThat(group.state()).isEqualTo(GroupState.COMPLETING_REBALANCE);
  }

  @Test
  void anEmptyGroupGathersMembersBeforeItsFirstGeneration() {
    long a = ask(join("", null, "a"));
    pass(2_500);
    assertThat(answers).doesNotContainKey(a);
    long b = ask(join("", null, "b"));
    pass(1_000);
    assertThat(answers).as("one more came: wait again").doesNotContainKey(a);
    pass(3_000);
    assertThat(joined(a).members()).extracting(one -> one.memberId()).containsExactly("a", "b");
    assertThat(joined(b).members()).isEmpty();
    assertThat(joined(b).leader()).isEqualTo("a");
    assertThat(joined(b).generation()).isEqualTo(1);
  }

  @Test
  void gatheringEndsWithTheRebalanceTimeout() {
    long first = ask(join("", null, "m0"));
    for (int i = 1; i < 40 && !answers.containsKey(first); i++) {
      pass(2_000);
      ask(new Leave(List.of(new Leaver("m" + (i - 1) + "x", null, ""))));
      ask(join("", null, "m" + i));
      if (i >= 2) {
        ask(new Leave(List.of(new Leaver("m" + i, null, ""))));
      }
    }
    assertThat(millis).isLessThanOrEqualTo(REBALANCE + 2_000);
    assertThat(answers).containsKey(first);
  }

  @Test
  void aFollowerThatSyncsEarlyWaitsForTheLeader() {
    ask(join("", null, "a"));
    ask(join("", null, "b"));
    pass(6_000);
    long b = ask(sync("b", 1, Map.of("b", bytes("mine"))));
    assertThat(answers).doesNotContainKey(b);
    long a = ask(sync("a", 1, Map.of("b", bytes("B"))));
    assertThat(answers.get(b)).isEqualTo(new Synced("consumer", "range", bytes("B")));
    assertThat(answers.get(a)).isEqualTo(new Synced("consumer", "range", Bytes.EMPTY));
  }

  @Test
  void aNewDynamicMemberComesBackWithItsId() {
    var first = join("", null, "a");
    long asked =
        ask(
            new Join(
                "",
                null,
                "a",
                true,
                true,
                "c",
                "/h",
                SESSION,
                REBALANCE,
                "consumer",
                first.protocols(),
                ""));
    assertThat(answers.get(asked)).isEqualTo(new Failed(GroupFailure.MEMBER_ID_REQUIRED, "a"));
    assertThat(group.unused()).isFalse();
    long back = ask(join("a", null, "unused"));
    pass(3_000);
    assertThat(joined(back).memberId()).isEqualTo("a");
  }

  @Test
  void aPromisedIdLapsesWithTheSessionTimeout() {
    var first = join("", null, "a");
    ask(
        new Join(
            "",
            null,
            "a",
            true,
            true,
            "c",
            "/h",
            SESSION,
            REBALANCE,
            "consumer",
            first.protocols(),
            ""));
    pass(SESSION);
    assertThat(failure(ask(join("a", null, "unused")))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    assertThat(group.unused()).isTrue();
  }

  @Test
  void aMemberThatDoesNotJoinAgainInTimeIsOut() {
    stable();
    long c = ask(join("", null, "c"));
    long a = ask(join("a", null, "unused"));
    for (int i = 0; i < 13; i++) {
      assertThat(failure(ask(new Heartbeat("b", null, 1))))
          .isIn(GroupFailure.REBALANCING, GroupFailure.UNKNOWN_MEMBER);
      pass(5_000);
    }
    assertThat(joined(a).generation()).isEqualTo(2);
    assertThat(joined(a).members()).extracting(one -> one.memberId()).containsExactly("a", "c");
    assertThat(joined(c).leader()).isEqualTo("a");
    assertThat(failure(ask(new Heartbeat("b", null, 1)))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);
  }

  @Test
  void aFollowerThatJoinsUnchangedGetsTheGenerationThereIs() {
    stable();
    assertThat(joined(ask(join("b", null, "unused"))).generation()).isEqualTo(1);
    assertThat(group.state()).isEqualTo(GroupState.STABLE);
  }

  @Test
  void aLeaderThatJoinsAgainBeginsARebalance() {
    stable();
    ask(join("a", null, "unused"));
    assertThat(group.state()).isEqualTo(GroupState.PREPARING_REBALANCE);
    assertThat(failure(ask(sync("b", 1, Map.of())))).isEqualTo(GroupFailure.REBALANCING);
    ask(join("b", null, "unused"));
    assertThat(group.state()).isEqualTo(GroupState.COMPLETING_REBALANCE);
    assertThat(group.generation()).isEqualTo(2);
  }

  @Test
  void aMemberThatSyncsTooLateIsOut() {
    ask(join("", null, "a"));
    ask(join("", null, "b"));
    pass(6_000);
    ask(sync("a", 1, Map.of()));
    for (int i = 0; i < 13; i++) {
      ask(new Heartbeat("a", null, 1));
      ask(new Heartbeat("b", null, 1));
      pass(5_000);
    }
    assertThat(group.state()).isEqualTo(GroupState.PREPARING_REBALANCE);
    assertThat(failure(ask(new Heartbeat("b", null, 1)))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);
  }

  @Test
  void aSilentMemberLeavesAndTheLastOneLeavesAnEmptyGroupWithANewGeneration() {
    stable();
    int before = saves;
    pass(SESSION);
    pass(REBALANCE);
    assertThat(group.state()).isEqualTo(GroupState.EMPTY);
    assertThat(group.generation()).isEqualTo(2);
    assertThat(saves).isGreaterThan(before);
  }

  @Test
  void theProtocolMostMembersPreferAmongThoseAllSpeakIsChosen() {
    long a = ask(join("", null, "a", "x", "range", "sticky"));
    ask(join("", null, "b", "sticky", "range"));
    ask(join("", null, "c", "sticky", "range"));
    pass(9_000);
    assertThat(joined(a).protocol()).isEqualTo("sticky");
    assertThat(failure(ask(join("", null, "d", "x")))).isEqualTo(GroupFailure.GROUP_FULL);
    ask(new Leave(List.of(new Leaver("c", null, ""))));
    assertThat(failure(ask(join("", null, "d", "x"))))
        .isEqualTo(GroupFailure.INCONSISTENT_PROTOCOL);
  }

  @Test
  void whoIsNoMemberOrOfAnotherGenerationIsRefused() {
    stable();
    assertThat(failure(ask(new Heartbeat("z", null, 1)))).isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    assertThat(failure(ask(new Heartbeat("a", null, 2))))
        .isEqualTo(GroupFailure.ILLEGAL_GENERATION);
    assertThat(failure(ask(sync("a", 0, Map.of())))).isEqualTo(GroupFailure.ILLEGAL_GENERATION);
    assertThat(failure(ask(new Sync("a", null, 1, "connect", "range", Map.of()))))
        .isEqualTo(GroupFailure.INCONSISTENT_PROTOCOL);
    assertThat(failure(ask(new Commit("a", null, 0, Map.of()))))
        .isEqualTo(GroupFailure.ILLEGAL_GENERATION);
    assertThat(failure(ask(new Commit("", null, -1, Map.of()))))
        .isEqualTo(GroupFailure.UNKNOWN_MEMBER);
    assertThat(answers.get(ask(new Commit("a", null, 1, Map.of()))))
        .isEqualTo(new GroupAnswer.Committed());
    assertThat(answers.get(ask(new Heartbeat("b", null, 1)))).isEqualTo(new GroupAnswer.Alive());
  }

  @Test
  void anEmptyGroupTakesOffsetsFromWhoAssignsItsOwnPartitions() {
    assertThat(answers.get(ask(new Commit("", null, -1, Map.of()))))
        .isEqualTo(new GroupAnswer.Committed());
    assertThat(failure(ask(new Commit("", null, 3, Map.of()))))
        .isEqualTo(GroupFailure.UNKNOWN_MEMBER);
  }

  @Test
  void offsetsAreNotTakenWhileTheAssignmentIsAwaited() {
    ask(join("", null, "a"));
    pass(3_000);
    assertThat(failure(ask(new Commit("a", null, 1, Map.of()))))
        .isEqualTo(GroupFailure.REBALANCING);
  }

  @Test
  void aStaticMemberThatRestartsKeepsItsPlaceAndFencesItsFormerSelf() {
    ask(join("", "i1", "a"));
    ask(join("", "i2", "b"));
    pass(6_000);
    ask(new Sync("a", "i1", 1, null, null, Map.of("a", bytes("A"), "b", bytes("B"))));
    int before = saves;
    var back = joined(ask(join("", "i1", "a2")));
    assertThat(back.generation()).isEqualTo(1);
    assertThat(back.skipAssignment()).isTrue();
    assertThat(back.leader()).isEqualTo("a2");
    assertThat(back.members()).hasSize(2);
    assertThat(group.state()).isEqualTo(GroupState.STABLE);
    assertThat(saves).isEqualTo(before + 1);
    assertThat(failure(ask(new Heartbeat("a", "i1", 1)))).isEqualTo(GroupFailure.FENCED_INSTANCE);
    assertThat(answers.get(ask(new Sync("a2", "i1", 1, null, null, Map.of()))))
        .isEqualTo(new Synced("consumer", "range", bytes("A")));
    var follower = joined(ask(join("", "i2", "b2")));
    assertThat(follower.skipAssignment()).isFalse();
    assertThat(follower.members()).isEmpty();
  }

  @Test
  void anAdminRemovesStaticMembersByInstanceAndEachMemberHasItsOwnResult() {
    ask(join("", "i1", "a"));
    ask(join("", null, "b"));
    pass(6_000);
    var left =
        answers.get(
            ask(
                new Leave(
                    List.of(
                        new Leaver("", "i1", ""),
                        new Leaver("z", null, ""),
                        new Leaver("", "i9", "")))));
    assertThat(left)
        .isEqualTo(
            new GroupAnswer.Left(
                List.of(
                    Optional.empty(),
                    Optional.of(GroupFailure.UNKNOWN_MEMBER),
                    Optional.of(GroupFailure.UNKNOWN_MEMBER))));
    assertThat(group.state()).isEqualTo(GroupState.PREPARING_REBALANCE);
  }

  @Test
  void sessionTimeoutsOutsideTheLimitsAreRefused() {
    var fine = join("", null, "a");
    for (int session : new int[] {5_999, 300_001}) {
      var join =
          new Join(
              "",
              null,
              "a",
              false,
              true,
              "c",
              "/h",
              session,
              REBALANCE,
              "consumer",
              fine.protocols(),
              "");
      assertThat(failure(ask(join))).isEqualTo(GroupFailure.INVALID_SESSION_TIMEOUT);
    }
  }

  @Test
  void membersGoOnAfterAFailoverWithoutJoining() {
    stable();
    var stored = group.stored();
    millis += 500_000;
    group = ClassicGroup.restore(LIMITS, StoredClassicGroup.decode(stored.encode()), now());
    pass(SESSION - 500);
    assertThat(answers.get(ask(new Heartbeat("a", null, 1)))).isEqualTo(new GroupAnswer.Alive());
    assertThat(answers.get(ask(sync("b", 1, Map.of()))))
        .isEqualTo(new Synced("consumer", "range", bytes("B")));
    pass(SESSION);
    assertThat(group.state()).isIn(GroupState.PREPARING_REBALANCE, GroupState.EMPTY);
  }

  /// As in Apache Kafka, where nothing is stored of a leave either before the rebalance ends.
  @Test
  void whoLeftInARebalanceThatAFailoverInterruptedIsWaitedForUntilItsSessionEnds() {
    stable();
    var stored = group.stored();
    int savesBefore = saves;
    ask(new Leave(List.of(new Leaver("b", null, ""))));
    assertThat(saves).isEqualTo(savesBefore);

    group = ClassicGroup.restore(LIMITS, stored, now());
    assertThat(answers.get(ask(new Heartbeat("a", null, 1)))).isEqualTo(new GroupAnswer.Alive());
    long back = ask(join("", null, "b2"));
    assertThat(failure(ask(new Heartbeat("a", null, 1)))).isEqualTo(GroupFailure.REBALANCING);
    ask(join("a", null, "unused"));
    pass(SESSION - 500);
    assertThat(answers).doesNotContainKey(back);
    pass(500);
    assertThat(joined(back).generation()).isEqualTo(2);
    assertThat(group.describe().members()).hasSize(2);
  }

  @Test
  void aGenerationThatAwaitedItsAssignmentStillDoesAfterAFailover() {
    ask(join("", null, "a"));
    pass(3_000);
    group = ClassicGroup.restore(LIMITS, group.stored(), now());
    assertThat(group.state()).isEqualTo(GroupState.COMPLETING_REBALANCE);
    assertThat(joined(ask(join("a", null, "unused"))).members()).hasSize(1);
    long synced = ask(sync("a", 1, Map.of("a", bytes("A"))));
    assertThat(answers.get(synced)).isEqualTo(new Synced("consumer", "range", bytes("A")));
  }
}
