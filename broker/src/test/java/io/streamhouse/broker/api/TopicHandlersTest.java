package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.metadata.Topic;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.CreatePartitionsResponseData;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsResponseData;
import org.apache.kafka.common.message.CreateTopicsResponseData.CreatableTopicConfigs;
import org.apache.kafka.common.message.DeleteTopicsRequestData;
import org.apache.kafka.common.message.DeleteTopicsResponseData;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.junit.jupiter.api.Test;

final class TopicHandlersTest {

  private final FakeAgent agent = FakeAgent.with();

  private List<String> create(CreatableTopic... topics) {
    return Told.by(agent.send(ApiKeys.CREATE_TOPICS, (short) 7, AdminCases.create(false, topics)));
  }

  private List<String> delete(Object... namesOrIds) {
    return Told.by(agent.send(ApiKeys.DELETE_TOPICS, (short) 6, AdminCases.del(namesOrIds)));
  }

  private Topic topic(String name) {
    return Objects.requireNonNull(agent.catalog.image().topic(name));
  }

  private Uuid id(String name) {
    return TopicIds.toWire(topic(name).id());
  }

  @Test
  void aCreatedTopicIsDescribedWithItsConfigsAndWhereTheyComeFrom() {
    var answer =
        (CreateTopicsResponseData)
            agent.send(
                ApiKeys.CREATE_TOPICS,
                (short) 7,
                AdminCases.create(
                    false, AdminCases.with(AdminCases.topic("t", 2, 3), "retention.ms", "1000")));
    var topic = answer.topics().find("t");
    assertThat(topic.topicId()).isEqualTo(id("t"));
    assertThat(topic.errorMessage()).isNull();
    assertThat(topic.numPartitions()).isEqualTo(2);
    assertThat(topic.replicationFactor()).isEqualTo((short) 3);
    assertThat(topic.configs().stream().map(CreatableTopicConfigs::name)).isSorted();
    var retention =
        topic.configs().stream().filter(c -> c.name().equals("retention.ms")).findFirst();
    assertThat(retention).hasValueSatisfying(c -> assertThat(c.value()).isEqualTo("1000"));
    assertThat(retention).hasValueSatisfying(c -> assertThat(c.configSource()).isEqualTo((byte) 1));
    assertThat(topic("t").configs()).containsExactly(Map.entry("retention.ms", "1000"));
  }

  @Test
  void defaultsAreTheAgents() {
    var other = FakeAgent.with("num.partitions", "5", "default.replication.factor", "2");
    var answer =
        Told.by(
            other.send(
                ApiKeys.CREATE_TOPICS,
                (short) 7,
                AdminCases.create(false, AdminCases.topic("t", -1, -1))));
    assertThat(answer).containsExactly("t: NONE with id, 5 partitions, 2 replicas, configs");
  }

  @Test
  void nothingHappensWhenOnlyChecksAreAsked() {
    agent.send(
        ApiKeys.CREATE_TOPICS, (short) 7, AdminCases.create(true, AdminCases.topic("t", 1, 1)));
    assertThat(agent.catalog.changes()).isZero();
  }

  @Test
  void onlyTheTopicAtFaultIsRefused() {
    assertThat(create(AdminCases.topic("good", 1, 1), AdminCases.topic("bad name", 1, 1)))
        .hasSize(2)
        .anySatisfy(line -> assertThat(line).startsWith("good: NONE"))
        .anySatisfy(line -> assertThat(line).startsWith("bad name: INVALID_TOPIC_EXCEPTION"));
  }

  @Test
  void aTopicThatSomeoneElseCreatesMeanwhileExists() {
    agent.catalog.hold();
    var first =
        agent.begin(
            ApiKeys.CREATE_TOPICS, 7, AdminCases.create(false, AdminCases.topic("t", 1, 1)));
    var second =
        agent.begin(
            ApiKeys.CREATE_TOPICS, 7, AdminCases.create(false, AdminCases.topic("t", 9, 1)));
    agent.catalog.release();
    assertThat(Told.by(first.join()).getFirst()).startsWith("t: NONE");
    assertThat(Told.by(second.join()).getFirst()).startsWith("t: TOPIC_ALREADY_EXISTS");
  }

  @Test
  void aRequestsTimeIsOverForWhatIsNotDone() {
    agent.catalog.hold();
    var pending =
        agent.begin(
            ApiKeys.CREATE_TOPICS,
            7,
            AdminCases.create(
                    false, AdminCases.topic("t", 1, 1), AdminCases.topic("bad name", 1, 1))
                .setTimeoutMs(500));
    agent.pass(Duration.ofMillis(499));
    assertThat(pending).isNotDone();
    agent.pass(Duration.ofMillis(1));
    assertThat(Told.by(pending.join()))
        .anySatisfy(line -> assertThat(line).startsWith("bad name: INVALID_TOPIC_EXCEPTION"))
        .anySatisfy(line -> assertThat(line).startsWith("t: REQUEST_TIMED_OUT"));
  }

  @Test
  void anUnknownOutcomeIsATimeOut() {
    create(AdminCases.topic("t", 1, 1));
    agent.catalog.loseDatabase();
    assertThat(create(AdminCases.topic("u", 1, 1)).getFirst()).startsWith("u: REQUEST_TIMED_OUT");
    assertThat(delete("t").getFirst()).startsWith("t: REQUEST_TIMED_OUT");
    assertThat(
            Told.by(
                agent.send(ApiKeys.CREATE_PARTITIONS, (short) 3, AdminCases.parts(false, "t", 2))))
        .first()
        .asString()
        .startsWith("t: REQUEST_TIMED_OUT");
  }

  @Test
  void atMostTenThousandPartitionsAreCreatedByOneRequest() {
    assertThat(create(AdminCases.topic("t", 10_000, 1)).getFirst()).startsWith("t: NONE");
    assertThat(create(AdminCases.topic("u", 10_001, 1)).getFirst())
        .startsWith("u: POLICY_VIOLATION");
    var half = IntStream.rangeClosed(1, 2).mapToObj(i -> AdminCases.topic("h" + i, 5_001, 1));
    assertThat(create(half.toArray(CreatableTopic[]::new)))
        .hasSize(2)
        .allSatisfy(line -> assertThat(line).contains("POLICY_VIOLATION"));
  }

  @Test
  void manyTopicsAreCreatedByOneRequest() {
    var many = IntStream.range(0, 1_000).mapToObj(i -> AdminCases.topic("t" + i, 1, 1));
    assertThat(create(many.toArray(CreatableTopic[]::new)))
        .hasSize(1_000)
        .allSatisfy(line -> assertThat(line).contains("NONE"));
    assertThat(agent.catalog.image().topics()).hasSize(1_000);
  }

  @Test
  void aNameThatDiffersInDotsAndUnderscoresCollides() {
    create(AdminCases.topic("a.b_c", 1, 1), AdminCases.topic("plain", 1, 1));
    assertThat(create(AdminCases.topic("a_b.c", 1, 1)).getFirst())
        .startsWith("a_b.c: INVALID_TOPIC_EXCEPTION (Topic 'a_b.c' collides with");
    assertThat(create(AdminCases.topic("a-b-c", 1, 1)).getFirst()).startsWith("a-b-c: NONE");
  }

  @Test
  void aTopicIsDeletedByNameOrById() {
    create(AdminCases.topic("t", 1, 1), AdminCases.topic("u", 1, 1));
    assertThat(delete("t", id("u"))).containsExactly("t: NONE with id", "u: NONE with id");
    assertThat(agent.catalog.image().topics()).isEmpty();
  }

  @Test
  void aTopicGivenByNameAndByIdIsNotDeleted() {
    create(AdminCases.topic("t", 1, 1), AdminCases.topic("u", 1, 1));
    assertThat(delete("t", id("t"), "u"))
        .containsExactly(
            "t: INVALID_REQUEST (The provided topic name maps to an ID that was already supplied.)"
                + " with id",
            "u: NONE with id");
    assertThat(agent.catalog.image().topic("t")).isNotNull();
  }

  @Test
  void aNameGivenTwiceDoesNotKeepItsIdFromBeingDeleted() {
    create(AdminCases.topic("t", 1, 1));
    assertThat(delete("t", "t", id("t")))
        .containsExactly(
            "t: INVALID_REQUEST (Duplicate topic name.) without id", "t: NONE with id");
  }

  @Test
  void aTopicDeletedMeanwhileIsUnknown() {
    create(AdminCases.topic("t", 1, 1));
    agent.catalog.hold();
    var first = agent.begin(ApiKeys.DELETE_TOPICS, 6, AdminCases.del("t"));
    var second = agent.begin(ApiKeys.DELETE_TOPICS, 6, AdminCases.del("t"));
    agent.catalog.release();
    assertThat(Told.by(first.join())).containsExactly("t: NONE with id");
    assertThat(Told.by(second.join()).getFirst()).startsWith("t: UNKNOWN_TOPIC_ID");
  }

  @Test
  void deletionCanBeDisabledAndSaysSoAsTheVersionCan() {
    var closed = FakeAgent.with("delete.topic.enable", "false");
    var old = new DeleteTopicsRequestData().setTopicNames(List.of("t"));
    assertThat(Told.by(closed.send(ApiKeys.DELETE_TOPICS, (short) 2, old)))
        .containsExactly("t: INVALID_REQUEST without id");
    assertThat(Told.by(closed.send(ApiKeys.DELETE_TOPICS, (short) 3, old)))
        .containsExactly("t: TOPIC_DELETION_DISABLED without id");
    assertThat(Told.by(closed.send(ApiKeys.DELETE_TOPICS, (short) 6, AdminCases.del("t"))))
        .containsExactly("t: TOPIC_DELETION_DISABLED without id");
  }

  @Test
  void answersComeInTheOrderOfTheRequest() {
    var names = new ArrayList<String>();
    for (int i = 9; i >= 0; i--) {
      names.add("t" + i);
    }
    var topics = names.stream().map(n -> AdminCases.topic(n, 1, 1)).toArray(CreatableTopic[]::new);
    var created =
        (CreateTopicsResponseData)
            agent.send(ApiKeys.CREATE_TOPICS, (short) 7, AdminCases.create(false, topics));
    assertThat(created.topics().stream().map(t -> t.name())).containsExactlyElementsOf(names);
    var deleted =
        (DeleteTopicsResponseData)
            agent.send(ApiKeys.DELETE_TOPICS, (short) 6, AdminCases.del(names.toArray()));
    assertThat(deleted.responses().stream().map(t -> t.name())).containsExactlyElementsOf(names);
  }

  @Test
  void partitionsAreAddedAndLed() {
    create(AdminCases.topic("t", 1, 1));
    var answer =
        (CreatePartitionsResponseData)
            agent.send(ApiKeys.CREATE_PARTITIONS, (short) 3, AdminCases.parts(false, "t", 4));
    assertThat(answer.results()).allSatisfy(r -> assertThat(r.errorCode()).isZero());
    assertThat(topic("t").partitions()).isEqualTo(4);
  }

  @Test
  void partitionsAddedMeanwhileAreNotAnIncrease() {
    create(AdminCases.topic("t", 1, 1));
    agent.catalog.hold();
    var first = agent.begin(ApiKeys.CREATE_PARTITIONS, 3, AdminCases.parts(false, "t", 4));
    var second = agent.begin(ApiKeys.CREATE_PARTITIONS, 3, AdminCases.parts(false, "t", 3));
    agent.catalog.release();
    assertThat(Told.by(first.join())).containsExactly("t: NONE");
    assertThat(Told.by(second.join()))
        .containsExactly(
            "t: INVALID_PARTITIONS (The topic t currently has 4 partition(s); 3 would not be an"
                + " increase.)");
  }

  @Test
  void validatingPartitionsAddsNone() {
    create(AdminCases.topic("t", 1, 1));
    agent.send(ApiKeys.CREATE_PARTITIONS, (short) 3, AdminCases.parts(true, "t", 4));
    assertThat(topic("t").partitions()).isEqualTo(1);
  }

  @Test
  void pagesOfPartitionsCoverEveryTopicOnce() {
    create(
        AdminCases.topic("b", 7, 1),
        AdminCases.topic("a", 3, 1),
        AdminCases.topic("c", 1, 1),
        AdminCases.topic("d", 5, 1));
    var seen = new ArrayList<String>();
    var request = AdminCases.dtp(3, null, 0);
    for (int page = 0; page < 20; page++) {
      var answer =
          (DescribeTopicPartitionsResponseData)
              agent.send(ApiKeys.DESCRIBE_TOPIC_PARTITIONS, (short) 0, request);
      int count = 0;
      for (var topic : answer.topics()) {
        count += topic.partitions().size();
        topic.partitions().forEach(p -> seen.add(topic.name() + p.partitionIndex()));
      }
      assertThat(count).isLessThanOrEqualTo(3);
      var next = answer.nextCursor();
      if (next == null) {
        break;
      }
      request = AdminCases.dtp(3, next.topicName(), next.partitionIndex());
    }
    assertThat(seen).hasSize(16).doesNotHaveDuplicates().startsWith("a0", "a1", "a2", "b0");
  }

  @Test
  void aCursorAtTheEndOfIntsDoesNotOverflow() {
    create(AdminCases.topic("a", 3, 1));
    var request = AdminCases.dtp(Integer.MAX_VALUE, "a", Integer.MAX_VALUE);
    assertThat(Told.by(agent.send(ApiKeys.DESCRIBE_TOPIC_PARTITIONS, (short) 0, request)))
        .hasSize(2)
        .contains("= no cursor");
  }
}
