package io.streamhouse.broker.group;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.GroupRequest.ConsumerHeartbeat;
import io.streamhouse.broker.group.GroupRequest.Protocol;
import io.streamhouse.broker.group.StoredClassicGroup.StoredMember;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.MessageUtil;
import org.junit.jupiter.api.Test;

class GroupShardTest {

  private static final GroupLimits.Classic CLASSIC =
      new GroupLimits.Classic(MigrationPolicy.BIDIRECTIONAL, 3, 6_000, 300_000);

  private static final UUID INCARNATION = new UUID(9, 9);

  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedLoop loop = new SimulatedLoop(time);
  private final InMemoryMetadata metadata = new InMemoryMetadata(new Random(1));
  private final FakeTopics topics = new FakeTopics();
  private int maxConsumers = 100;

  private Lease<Integer> lease() {
    var _ =
        metadata
            .leases()
            .register(
                new NewSession(
                    INCARNATION, OptionalInt.of(1), new UUID(7, 7), Optional.empty(), Map.of()));
    return metadata.leases().takeShards(INCARNATION, Set.of(3)).getFirst();
  }

  private GroupShard shard(Lease<Integer> lease) {
    return new GroupShard(
        lease,
        new GroupWriter(metadata.groups(), Runnable::run, loop),
        loop,
        GroupShard.Clock.of(time),
        () -> true,
        new GroupLimits(3_000_000_000L, 6_000, 300_000, 3, 10, 100),
        _ ->
            new GroupLimits.Consumers(
                45_000, 5_000, 0, maxConsumers, List.of(Assignor.values()), CLASSIC),
        new OffsetExpiry(1_000),
        () -> topics,
        TopicPatternsTest.atOnce(),
        _ -> {});
  }

  private static StoredMember member(String id, Bytes metadata, Bytes assignment) {
    return new StoredMember(
        id, null, "c", "/h", 300_000, 0, List.of(new Protocol("range", metadata)), assignment);
  }

  @Test
  void whatRestoringAGroupChangesIsStoredWithoutARequest() {
    var lease = lease();
    // It was to be told its part of the group's work, at once or be dropped.
    var state =
        new StoredClassicGroup(
            GroupState.COMPLETING_REBALANCE,
            0,
            7,
            "consumer",
            "range",
            "m1",
            List.of(member("m1", Bytes.EMPTY, Bytes.EMPTY)));
    assertThat(metadata.groups().save(lease, "g", state.encode())).isTrue();

    shard(lease).begin(metadata.groups().load(lease));

    var stored = metadata.groups().load(lease).getFirst();
    assertThat(StoredClassicGroup.decode(stored.state()).members()).isEmpty();
  }

  /// A classic group of members that have the first topic's partitions, one each.
  private GroupShard withClassicGroup(String topic, int members) {
    var lease = lease();
    var subscription = new ConsumerProtocolSubscription().setTopics(List.of(topic));
    var bytes = MessageUtil.toVersionPrefixedByteBuffer((short) 1, subscription);
    var metadataBytes = new byte[bytes.remaining()];
    bytes.get(metadataBytes);
    var all = new ArrayList<StoredMember>();
    for (int i = 0; i < members; i++) {
      var assignment = Subscriptions.assign((short) 1, new TreeMap<>(Map.of(topic, List.of(i))));
      all.add(member("m" + i, Bytes.of(metadataBytes), assignment));
    }
    var state = new StoredClassicGroup(GroupState.STABLE, 0, 7, "consumer", "range", "m0", all);
    assertThat(metadata.groups().save(lease, "g", state.encode())).isTrue();
    var shard = shard(lease);
    shard.begin(metadata.groups().load(lease));
    return shard;
  }

  private GroupAnswer join(GroupShard shard) {
    var answer = new CompletableFuture<GroupAnswer>();
    shard.handle(
        "g",
        new ConsumerHeartbeat(
            "new", null, null, 0, "c", "/h", 60_000, Set.of("t"), null, null, Set.of()),
        answer);
    loop.drain();
    return answer.join();
  }

  private static GroupFailure failure(GroupAnswer answer) {
    return ((GroupAnswer.Failed) answer).failure();
  }

  @Test
  void aClassicGroupIsUpgradedOnceTheTopicsOfItsMembersAreKnown() {
    var shard = withClassicGroup("t", 2);
    assertThat(failure(join(shard))).isEqualTo(GroupFailure.NOT_AVAILABLE);
    topics.with("t", 3);
    var joined = (GroupAnswer.Beaten) join(shard);
    assertThat(joined.assignment().orElseThrow())
        .as("what nobody has")
        .containsExactly(new PartitionId(requireNonNull(topics.shape("t")).id(), 2));
  }

  @Test
  void aTopicThatIsNotKnownForLongIsGoneAndHoldsNoUpgradeUp() {
    var shard = withClassicGroup("gone", 2);
    topics.with("t", 1);
    assertThat(failure(join(shard))).isEqualTo(GroupFailure.NOT_AVAILABLE);
    time.pass(Duration.ofSeconds(59));
    assertThat(failure(join(shard))).isEqualTo(GroupFailure.NOT_AVAILABLE);
    time.pass(Duration.ofSeconds(1));
    assertThat(join(shard)).isInstanceOf(GroupAnswer.Beaten.class);
  }

  @Test
  void aClassicGroupThatIsTooLargeForTheConsumerProtocolIsNoConsumerGroup() {
    topics.with("t", 3);
    maxConsumers = 1;
    assertThat(failure(join(withClassicGroup("t", 2)))).isEqualTo(GroupFailure.WRONG_PROTOCOL);
  }

  @Test
  void aClassicGroupThatLeavesNoRoomForTheMemberIsFull() {
    topics.with("t", 3);
    maxConsumers = 2;
    assertThat(failure(join(withClassicGroup("t", 2)))).isEqualTo(GroupFailure.GROUP_FULL);
  }
}
