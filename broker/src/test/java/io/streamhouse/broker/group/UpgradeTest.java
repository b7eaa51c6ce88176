package io.streamhouse.broker.group;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.GroupRequest.Protocol;
import io.streamhouse.broker.group.StoredClassicGroup.StoredMember;
import io.streamhouse.metadata.PartitionId;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.MessageUtil;
import org.junit.jupiter.api.Test;

class UpgradeTest {

  private final FakeTopics topics = new FakeTopics().with("t", 4);
  private MigrationPolicy policy = MigrationPolicy.UPGRADE;
  private Set<String> gone = Set.of();

  private static Bytes bytes(ApiMessage message) {
    var bytes = MessageUtil.toVersionPrefixedByteBuffer((short) 1, message);
    var array = new byte[bytes.remaining()];
    bytes.get(array);
    return Bytes.of(array);
  }

  private static Bytes subscription(Integer... owned) {
    var subscription = new ConsumerProtocolSubscription().setTopics(List.of("t", "none"));
    subscription
        .ownedPartitions()
        .add(
            new ConsumerProtocolSubscription.TopicPartition()
                .setTopic("t")
                .setPartitions(List.of(owned)));
    return bytes(subscription);
  }

  private static Bytes assignment(Integer... partitions) {
    return Subscriptions.assign((short) 1, new TreeMap<>(Map.of("t", List.of(partitions))));
  }

  private static StoredMember member(String id, Bytes metadata, Bytes assignment) {
    return new StoredMember(
        id, null, "c", "/h", 10_000, 20_000, List.of(new Protocol("p", metadata)), assignment);
  }

  private Upgrade upgrade(String type, StoredMember... members) {
    var limits =
        new GroupLimits.Consumers(
            45_000,
            5_000,
            0,
            2,
            List.of(Assignor.values()),
            new GroupLimits.Classic(policy, 2, 6_000, 300_000));
    return Upgrade.of(
        new StoredClassicGroup(GroupState.STABLE, 0, 7, type, "p", "a", List.of(members)),
        limits,
        topics,
        gone);
  }

  private static String why(Upgrade upgrade) {
    return ((Upgrade.Refused) upgrade).why();
  }

  private PartitionId partition(int number) {
    return new PartitionId(requireNonNull(topics.shape("t")).id(), number);
  }

  @Test
  void membersGoOnWithWhatTheyHaveAtTheirGeneration() {
    var group =
        ((Upgrade.Done)
                upgrade(
                    "consumer",
                    member("a", subscription(), assignment(0, 1)),
                    member("b", subscription(), assignment(2, 3))))
            .group();
    assertThat(group.groupEpoch()).isEqualTo(7);
    assertThat(group.assignmentEpoch()).isEqualTo(7);
    assertThat(group.topics()).containsOnlyKeys("t");
    var first = group.members().getFirst();
    assertThat(first.epoch()).isEqualTo(7);
    assertThat(first.topics()).containsExactly("none", "t");
    assertThat(first.assigned()).isEqualTo(Map.of(partition(0), 7, partition(1), 7));
    assertThat(first.target()).containsExactlyInAnyOrder(partition(0), partition(1));
    assertThat(requireNonNull(first.classic()).sessionTimeoutMillis()).isEqualTo(10_000);
    assertThat(StoredConsumerGroup.decode(group.encode())).isEqualTo(group);
  }

  @Test
  void whatAMemberHadWhenItJoinedIsItsUntilItSaysOtherwiseUnlessItIsAnothers() {
    var group =
        ((Upgrade.Done)
                upgrade(
                    "consumer",
                    member("a", subscription(0, 1, 2), assignment(0)),
                    member("b", subscription(2), assignment(2))))
            .group();
    assertThat(group.members().getFirst().assigned()).containsOnlyKeys(partition(0), partition(1));
    assertThat(group.members().getFirst().target()).containsExactly(partition(0));
    assertThat(group.members().getLast().assigned()).containsOnlyKeys(partition(2));
  }

  @Test
  void partitionsOfATopicThatIsNotKnownYetAreNotForgotten() {
    var withNew =
        Subscriptions.assign(
            (short) 1, new TreeMap<>(Map.of("t", List.of(0), "new", List.of(0, 1))));
    assertThat(upgrade("consumer", member("a", subscription(), withNew)))
        .isEqualTo(new Upgrade.Unknown(Set.of("new")));
    gone = Set.of("new");
    var without = (Upgrade.Done) upgrade("consumer", member("a", subscription(), withNew));
    assertThat(without.group().members().getFirst().assigned()).containsOnlyKeys(partition(0));
    gone = Set.of();
    topics.with("new", 2);
    var with = (Upgrade.Done) upgrade("consumer", member("a", subscription(), withNew));
    assertThat(with.group().members().getFirst().assigned()).hasSize(3);
  }

  @Test
  void whatCannotBeOneStaysAClassicGroup() {
    var fine = member("a", subscription(), assignment(0));
    policy = MigrationPolicy.DOWNGRADE;
    assertThat(why(upgrade("consumer", fine))).contains("disabled");
    policy = MigrationPolicy.BIDIRECTIONAL;
    assertThat(why(upgrade("connect", fine))).contains("no consumers");
    assertThat(
            why(
                upgrade(
                    "consumer",
                    fine,
                    member("b", subscription(), Bytes.EMPTY),
                    member("c", subscription(), Bytes.EMPTY))))
        .contains("more members");
    assertThat(why(upgrade("consumer", member("a", Bytes.of(new byte[] {0}), Bytes.EMPTY))))
        .contains("cannot be read");
    assertThat(
            why(upgrade("consumer", member("a", subscription(), Bytes.of(new byte[] {0, 1, 9})))))
        .contains("cannot be read");
    var forItself =
        bytes(new ConsumerProtocolAssignment().setUserData(ByteBuffer.wrap(new byte[] {1})));
    assertThat(why(upgrade("consumer", member("a", subscription(), forItself))))
        .contains("assignor of their own");
    assertThat(why(upgrade("consumer", fine, member("b", subscription(), assignment(0)))))
        .contains("same partition");
  }
}
