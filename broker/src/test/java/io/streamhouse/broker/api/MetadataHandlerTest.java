package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.metadata.PartitionId;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataRequestData.MetadataRequestTopic;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponsePartition;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

final class MetadataHandlerTest {

  private static final short NEWEST = ApiKeys.METADATA.latestVersion();

  private static MetadataResponseData ask(FakeAgent agent, int version, String... names) {
    return (MetadataResponseData)
        agent.send(ApiKeys.METADATA, (short) version, AdminCases.md(true, names));
  }

  private static MetadataResponseData all(FakeAgent agent) {
    return (MetadataResponseData)
        agent.send(ApiKeys.METADATA, NEWEST, new MetadataRequestData().setTopics(null));
  }

  private static MetadataResponseTopic topic(MetadataResponseData answer, String name) {
    return Objects.requireNonNull(answer.topics().find(name), name);
  }

  private static MetadataResponsePartition partition(MetadataResponseData answer) {
    return answer.topics().iterator().next().partitions().getFirst();
  }

  private static UUID id(FakeAgent agent, String name) {
    return Objects.requireNonNull(agent.catalog.image().topic(name)).id();
  }

  private static void create(FakeAgent agent, String name, int partitions) {
    var _ = agent.catalog.create(name, partitions, Map.of());
  }

  @Test
  void agentsAreToldByTheAddressOfTheListenerAskedOn() {
    var agent = FakeAgent.with();
    agent.catalog.agent(0, Map.of("PLAINTEXT", "other.example:19092"));
    var outside = all(agent);
    assertThat(outside.controllerId()).isZero();
    assertThat(outside.brokers().find(1).host()).isEqualTo("127.0.0.1");
    assertThat(outside.brokers().find(1).port()).isEqualTo(9092);
    assertThat(outside.brokers().find(1).rack()).isEqualTo("rack1");
    assertThat(outside.brokers().find(0).host()).isEqualTo("other.example");
    var inside = all(agent.on("INSIDE"));
    assertThat(inside.brokers()).hasSize(1);
    assertThat(inside.brokers().find(1).host()).isEqualTo("::1");
    assertThat(inside.brokers().find(1).port()).isEqualTo(9093);
    assertThat(inside.controllerId()).isEqualTo(1);
  }

  @Test
  void theLeaderEpochIsTheLeases() {
    var agent = FakeAgent.with();
    agent.catalog.agent(2, Map.of("PLAINTEXT", "127.0.0.1:9192"));
    create(agent, "t", 1);
    int before = partition(ask(agent, NEWEST, "t")).leaderEpoch();
    agent.catalog.endAgent(1);
    agent.catalog.lead(2, new PartitionId(id(agent, "t"), 0));
    var after = partition(ask(agent, NEWEST, "t"));
    assertThat(after.leaderId()).isEqualTo(2);
    assertThat(after.leaderEpoch()).isGreaterThan(before);
    assertThat(after.isrNodes()).containsExactly(2);
    assertThat(after.replicaNodes()).containsExactly(2);
    assertThat(after.offlineReplicas()).isEmpty();
  }

  @Test
  void aPartitionThatNobodyHoldsIsAtTheAgentThatShouldTakeIt() {
    var agent = FakeAgent.with();
    agent.catalog.agent(2, Map.of("PLAINTEXT", "127.0.0.1:9192"));
    agent.catalog.leaveLeaderless();
    create(agent, "t", 40);
    var partitions = topic(ask(agent, NEWEST, "t"), "t").partitions();
    assertThat(partitions)
        .allSatisfy(partition -> {
          assertThat(partition.errorCode()).isZero();
          assertThat(partition.leaderEpoch()).isEqualTo(-1);
          assertThat(partition.isrNodes()).containsExactly(partition.leaderId());
        });
    assertThat(partitions.stream().map(MetadataResponsePartition::leaderId).distinct())
        .containsExactlyInAnyOrder(1, 2);
  }

  @Test
  void withoutLiveAgentsThereIsNoLeader() {
    var agent = FakeAgent.with();
    create(agent, "t", 1);
    agent.catalog.endAgent(1);
    var answer = ask(agent, NEWEST, "t");
    assertThat(answer.brokers()).isEmpty();
    assertThat(answer.controllerId()).isEqualTo(-1);
    assertThat(partition(answer).errorCode()).isEqualTo(Errors.LEADER_NOT_AVAILABLE.code());
    assertThat(partition(answer).leaderId()).isEqualTo(-1);
    assertThat(partition(answer).isrNodes()).isEmpty();
  }

  @Test
  void aLeaderWithoutTheClientsListenerIsNamedAsThatFromVersion6On() {
    var agent = FakeAgent.with();
    create(agent, "t", 1);
    agent.on("ELSEWHERE");
    assertThat(partition(ask(agent, 5, "t")).errorCode())
        .isEqualTo(Errors.LEADER_NOT_AVAILABLE.code());
    assertThat(partition(ask(agent, 6, "t")).errorCode())
        .isEqualTo(Errors.LISTENER_NOT_FOUND.code());
    assertThat(partition(ask(agent, 6, "t")).leaderId()).isEqualTo(-1);
  }

  @Test
  void topicsAreFoundByIdFromVersion12On() {
    var agent = FakeAgent.with();
    create(agent, "t", 2);
    var asked =
        new MetadataRequestTopic().setName(null).setTopicId(TopicIds.toWire(id(agent, "t")));
    var answer =
        (MetadataResponseData)
            agent.send(
                ApiKeys.METADATA,
                (short) 12,
                new MetadataRequestData().setTopics(List.of(asked, asked.duplicate())));
    assertThat(answer.topics()).hasSize(1);
    assertThat(topic(answer, "t").partitions()).hasSize(2);
  }

  @Test
  void anUnknownIdDoesNotCreateAnything() {
    var agent = FakeAgent.with();
    var asked = new MetadataRequestTopic().setName("t").setTopicId(new Uuid(1, 2));
    agent.send(ApiKeys.METADATA, NEWEST, new MetadataRequestData().setTopics(List.of(asked)));
    assertThat(agent.catalog.changes()).isZero();
  }

  @Test
  void missingTopicsAreCreatedWithTheDefaultPartitionsAndLedWhenAnswered() {
    var agent = FakeAgent.with("num.partitions", "3");
    var topic = topic(ask(agent, NEWEST, "new", "new"), "new");
    assertThat(topic.errorCode()).isZero();
    assertThat(topic.partitions()).hasSize(3);
    assertThat(topic.partitions().getFirst().leaderEpoch()).isNotNegative();
    assertThat(agent.catalog.changes()).isEqualTo(1);
  }

  @Test
  void versionsBelow4CannotForbidCreation() {
    var agent = FakeAgent.with();
    for (short version = 0; version < 4; version++) {
      agent.send(ApiKeys.METADATA, version, AdminCases.md(true, "v" + version));
    }
    assertThat(agent.catalog.image().topics()).hasSize(4);
    agent.send(ApiKeys.METADATA, (short) 4, AdminCases.md(false, "v4"));
    assertThat(agent.catalog.image().topics()).hasSize(4);
  }

  @Test
  void theAgentCanForbidCreation() {
    var agent = FakeAgent.with("auto.create.topics.enable", "false");
    assertThat(topic(ask(agent, NEWEST, "t"), "t").errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    assertThat(agent.catalog.changes()).isZero();
  }

  @Test
  void kafkasOwnTopicsAreNotCreatedInPassing() {
    var agent = FakeAgent.with();
    var answer =
        ask(agent, NEWEST, "__consumer_offsets", "__transaction_state", "__cluster_metadata");
    assertThat(answer.topics())
        .hasSize(3)
        .allSatisfy(topic ->
            assertThat(topic.errorCode()).isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code()));
    assertThat(topic(answer, "__consumer_offsets").isInternal()).isTrue();
    assertThat(agent.catalog.changes()).isZero();
  }

  @Test
  void aCreationThatTakesLongIsAnsweredAsNotLedYet() {
    var agent = FakeAgent.with();
    create(agent, "there", 1);
    agent.catalog.hold();
    var pending = agent.begin(ApiKeys.METADATA, NEWEST, AdminCases.md(true, "there", "slow"));
    agent.pass(Duration.ofMillis(4_999));
    assertThat(pending).isNotDone();
    agent.pass(Duration.ofMillis(1));
    var answer = (MetadataResponseData) pending.join();
    assertThat(topic(answer, "there").errorCode()).isZero();
    assertThat(topic(answer, "slow").errorCode()).isEqualTo(Errors.LEADER_NOT_AVAILABLE.code());
    agent.catalog.release();
    assertThat(topic(ask(agent, NEWEST, "slow"), "slow").errorCode()).isZero();
  }

  @Test
  void aLostDatabaseDoesNotStopAnswersAboutWhatIsKnown() {
    var agent = FakeAgent.with();
    create(agent, "there", 1);
    agent.catalog.loseDatabase();
    var answer = ask(agent, NEWEST, "there", "new");
    assertThat(topic(answer, "there").errorCode()).isZero();
    assertThat(topic(answer, "new").errorCode()).isEqualTo(Errors.LEADER_NOT_AVAILABLE.code());
  }

  @Test
  void oneRequestCreatesAtMostSoManyPartitions() {
    var agent = FakeAgent.with("num.partitions", "4000");
    var answer = ask(agent, NEWEST, "a", "b", "c");
    assertThat(topic(answer, "a").errorCode()).isZero();
    assertThat(topic(answer, "b").errorCode()).isZero();
    assertThat(topic(answer, "c").errorCode()).isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
  }

  @Test
  void tenThousandPartitionsAreAnsweredInOnePass() {
    var agent = FakeAgent.with();
    for (int i = 0; i < 10; i++) {
      create(agent, "t" + i, 1_000);
    }
    var answer = all(agent);
    assertThat(answer.topics()).hasSize(10);
    assertThat(answer.topics()).allSatisfy(t -> assertThat(t.partitions()).hasSize(1_000));
  }
}
