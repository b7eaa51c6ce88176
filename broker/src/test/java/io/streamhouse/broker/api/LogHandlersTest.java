package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.streamhouse.broker.catalog.FakeCatalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.partition.Appends.Acks;
import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.read.FakeLogDirectory;
import io.streamhouse.broker.read.MemoryLogs;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.message.AlterReplicaLogDirsRequestData;
import org.apache.kafka.common.message.AlterReplicaLogDirsResponseData;
import org.apache.kafka.common.message.AlterReplicaLogDirsResponseData.AlterReplicaLogDirPartitionResult;
import org.apache.kafka.common.message.AlterReplicaLogDirsResponseData.AlterReplicaLogDirTopicResult;
import org.apache.kafka.common.message.DescribeLogDirsRequestData;
import org.apache.kafka.common.message.DescribeLogDirsResponseData;
import org.apache.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsPartition;
import org.apache.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsResult;
import org.apache.kafka.common.message.DescribeProducersRequestData;
import org.apache.kafka.common.message.DescribeProducersResponseData;
import org.apache.kafka.common.message.DescribeProducersResponseData.PartitionResponse;
import org.apache.kafka.common.message.DescribeProducersResponseData.ProducerState;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What is told about logs: their producers, their sizes, and where they are.
final class LogHandlersTest {

  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedLoop loop = new SimulatedLoop(time);
  private final FakeCatalog catalog = new FakeCatalog();
  private final MemoryLogs logs = new MemoryLogs();
  private final FakeLogDirectory directory = new FakeLogDirectory();
  private final List<ApiHandler<?>> handlers =
      DataApis.handlers(
          catalog,
          logs,
          directory,
          loop,
          time,
          new Random(1),
          new AgentConfig.Fetching(1 << 20, 10, 1 << 20),
          () -> 0);

  @BeforeEach
  void oneAgentWithTwoTopics() {
    catalog.agent(1, Map.of("PLAINTEXT", "127.0.0.1:9092"));
    catalog.create("t", 3, Map.of()).join();
    catalog.create("u", 1, Map.of()).join();
  }

  // DescribeProducers

  @Test
  void aProducerIsToldWithTheLastItWrote() {
    var _ = logs.log(id("t", 0)).append(Batches.idempotent(77, 3, 5, 1000, "a", "b"), Acks.ALL);
    assertThat(producersOf("t", 0).getFirst().activeProducers())
        .containsExactly(
            new ProducerState()
                .setProducerId(77)
                .setProducerEpoch(3)
                .setLastSequence(6)
                .setLastTimestamp(1000)
                .setCoordinatorEpoch(-1)
                .setCurrentTxnStartOffset(-1));
    assertThat(producersOf("t", 1).getFirst().activeProducers()).isEmpty();
  }

  @Test
  void onePartitionsProducersWaitForAnothersToBeReadBack() {
    var _ = logs.log(id("t", 0)).append(Batches.idempotent(77, 0, 0, 1000, "a"), Acks.ALL);
    logs.log(id("t", 1)).freeze();
    var reply = send(ApiKeys.DESCRIBE_PRODUCERS, 0, producers("t", 0, 1));
    assertThat(reply).isNotDone();
    logs.log(id("t", 1)).thaw();
    var answer = (DescribeProducersResponseData) body(ApiKeys.DESCRIBE_PRODUCERS, 0, reply);
    assertThat(answer.topics().getFirst().partitions())
        .extracting(PartitionResponse::partitionIndex, each -> each.activeProducers().size())
        .containsExactly(tuple(0, 1), tuple(1, 0));
  }

  @Test
  void producersOfWhatIsNotLedHereAreNotKnown() {
    logs.loseLead(id("t", 0), new Failure.NotLeader(OptionalInt.of(2)));
    logs.log(id("t", 1)).fail(new Failure.Storage("unreadable"));
    assertThat(producersOf("t", 0, 1, 9, -1))
        .extracting(PartitionResponse::errorCode, PartitionResponse::errorMessage)
        .containsExactly(
            tuple(Errors.NOT_LEADER_OR_FOLLOWER.code(), null),
            tuple(Errors.KAFKA_STORAGE_ERROR.code(), "unreadable"),
            tuple(Errors.UNKNOWN_TOPIC_OR_PARTITION.code(), null),
            tuple(Errors.UNKNOWN_TOPIC_OR_PARTITION.code(), null));
    assertThat(producersOf("nosuch", 0).getFirst().errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    assertThat(producersOf("bad name", 0).getFirst().errorCode())
        .isEqualTo(Errors.INVALID_TOPIC_EXCEPTION.code());
  }

  @Test
  void aPartitionNamedAgainIsNotAnsweredAgain() {
    assertThat(producersOf("t", 0, 1, 0, 0))
        .extracting(PartitionResponse::partitionIndex)
        .containsExactly(0, 1);
  }

  // DescribeLogDirs

  @Test
  void everyVersionTellsTheSizesOfWhatIsLedHere() {
    directory.size(id("t", 0), 10).size(id("t", 2), 30).size(id("u", 0), 7);
    for (int v = ApiKeys.DESCRIBE_LOG_DIRS.oldestVersion();
        v <= ApiKeys.DESCRIBE_LOG_DIRS.latestVersion();
        v++) {
      var told = described(v, new DescribeLogDirsRequestData().setTopics(null));
      assertThat(told.logDir()).isEqualTo(FakeLogDirectory.PATH);
      assertThat(told.topics())
          .extracting(topic -> topic.name(), topic -> topic.partitions().size())
          .containsExactlyInAnyOrder(tuple("t", 2), tuple("u", 1));
      assertThat(told.topics())
          .flatExtracting(topic -> topic.partitions())
          .extracting(DescribeLogDirsPartition::partitionSize, DescribeLogDirsPartition::offsetLag)
          .containsExactlyInAnyOrder(tuple(10L, 0L), tuple(30L, 0L), tuple(7L, 0L));
      assertThat(told.totalBytes()).isEqualTo(v < 4 ? -1 : 1000);
      assertThat(told.usableBytes()).isEqualTo(v < 4 ? -1 : 400);
    }
  }

  @Test
  void onlyWhatIsAskedForAndLedHereIsTold() {
    directory.size(id("t", 0), 10).size(id("t", 2), 30).size(id("u", 0), 7);
    var told = described(4, directories("t", 1, 2, 9));
    assertThat(told.topics())
        .flatExtracting(topic -> topic.partitions())
        .extracting(DescribeLogDirsPartition::partitionIndex)
        .containsExactly(2);
    assertThat(described(4, directories("nosuch", 0)).topics()).isEmpty();
    assertThat(described(4, new DescribeLogDirsRequestData()).topics()).isEmpty();
    assertThat(described(4, new DescribeLogDirsRequestData()).totalBytes()).isEqualTo(1000);
  }

  @Test
  void withoutTheMetadataStoreNoSizesAreTold() {
    directory.fail(new MetadataUnavailable("gone", new IllegalStateException("test")));
    assertThat(described(1, directories("t", 0)).errorCode())
        .isEqualTo(Errors.REQUEST_TIMED_OUT.code());
    var reply = send(ApiKeys.DESCRIBE_LOG_DIRS, 3, directories("t", 0));
    var answer = (DescribeLogDirsResponseData) body(ApiKeys.DESCRIBE_LOG_DIRS, 3, reply);
    assertThat(answer.errorCode()).isEqualTo(Errors.REQUEST_TIMED_OUT.code());
  }

  // AlterReplicaLogDirs

  @Test
  void aMoveToTheOneDirectoryIsDoneAlready() {
    logs.loseLead(id("t", 1), new Failure.NotLeader(OptionalInt.of(2)));
    for (int v = ApiKeys.ALTER_REPLICA_LOG_DIRS.oldestVersion();
        v <= ApiKeys.ALTER_REPLICA_LOG_DIRS.latestVersion();
        v++) {
      assertThat(moved(v, move(FakeLogDirectory.PATH, "t", 0, 1, 9)))
          .extracting(AlterReplicaLogDirPartitionResult::errorCode)
          .containsExactly(
              Errors.NONE.code(),
              Errors.NOT_LEADER_OR_FOLLOWER.code(),
              Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    }
    assertThat(moved(2, move(FakeLogDirectory.PATH, "nosuch", 0)).getFirst().errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
  }

  @Test
  void thereIsNoOtherDirectory() {
    for (var path : List.of("/elsewhere", FakeLogDirectory.PATH + "/", "")) {
      assertThat(moved(2, move(path, "t", 0, 9)))
          .extracting(AlterReplicaLogDirPartitionResult::errorCode)
          .containsOnly(Errors.LOG_DIR_NOT_FOUND.code());
    }
  }

  @Test
  void movesAreAnsweredByTopic() {
    var request = move("/elsewhere", "t", 0, 1);
    request
        .dirs()
        .addAll(
            move(FakeLogDirectory.PATH, "t", 1, 2).dirs().valuesList().stream()
                .map(each -> each.duplicate())
                .toList());
    var reply = send(ApiKeys.ALTER_REPLICA_LOG_DIRS, 2, request);
    var answer = (AlterReplicaLogDirsResponseData) body(ApiKeys.ALTER_REPLICA_LOG_DIRS, 2, reply);
    assertThat(answer.results())
        .extracting(AlterReplicaLogDirTopicResult::topicName)
        .containsExactly("t");
    assertThat(answer.results().getFirst().partitions())
        .extracting(
            AlterReplicaLogDirPartitionResult::partitionIndex,
            AlterReplicaLogDirPartitionResult::errorCode)
        .containsExactly(
            tuple(0, Errors.LOG_DIR_NOT_FOUND.code()),
            tuple(1, Errors.NONE.code()),
            tuple(2, Errors.NONE.code()));
  }

  // How requests are made and answers read.

  static DescribeProducersRequestData producers(String topic, Integer... partitions) {
    return new DescribeProducersRequestData()
        .setTopics(
            List.of(
                new DescribeProducersRequestData.TopicRequest()
                    .setName(topic)
                    .setPartitionIndexes(List.of(partitions))));
  }

  static DescribeLogDirsRequestData directories(String topic, Integer... partitions) {
    var request = new DescribeLogDirsRequestData();
    request
        .topics()
        .add(
            new DescribeLogDirsRequestData.DescribableLogDirTopic()
                .setTopic(topic)
                .setPartitions(List.of(partitions)));
    return request;
  }

  static AlterReplicaLogDirsRequestData move(String path, String topic, Integer... partitions) {
    var to = new AlterReplicaLogDirsRequestData.AlterReplicaLogDir().setPath(path);
    to.topics()
        .add(
            new AlterReplicaLogDirsRequestData.AlterReplicaLogDirTopic()
                .setName(topic)
                .setPartitions(List.of(partitions)));
    var request = new AlterReplicaLogDirsRequestData();
    request.dirs().add(to);
    return request;
  }

  private PartitionId id(String topic, int partition) {
    return new PartitionId(Objects.requireNonNull(catalog.image().topic(topic)).id(), partition);
  }

  private List<PartitionResponse> producersOf(String topic, Integer... partitions) {
    var reply = send(ApiKeys.DESCRIBE_PRODUCERS, 0, producers(topic, partitions));
    return ((DescribeProducersResponseData) body(ApiKeys.DESCRIBE_PRODUCERS, 0, reply))
        .topics()
        .getFirst()
        .partitions();
  }

  private DescribeLogDirsResult described(int version, DescribeLogDirsRequestData request) {
    var reply = send(ApiKeys.DESCRIBE_LOG_DIRS, version, request);
    return ((DescribeLogDirsResponseData) body(ApiKeys.DESCRIBE_LOG_DIRS, version, reply))
        .results()
        .getFirst();
  }

  private List<AlterReplicaLogDirPartitionResult> moved(
      int version, AlterReplicaLogDirsRequestData request) {
    var reply = send(ApiKeys.ALTER_REPLICA_LOG_DIRS, version, request);
    return ((AlterReplicaLogDirsResponseData) body(ApiKeys.ALTER_REPLICA_LOG_DIRS, version, reply))
        .results()
        .getFirst()
        .partitions();
  }

  private CompletableFuture<Reply> send(ApiKeys api, int version, ApiMessage request) {
    var handler = handlers.stream().filter(each -> each.api() == api).findFirst().orElseThrow();
    return send(handler, version, request);
  }

  @SuppressWarnings("unchecked") // the request's type follows from the handler's api
  private <Q extends ApiMessage> CompletableFuture<Reply> send(
      ApiHandler<Q> handler, int version, ApiMessage request) {
    var bytes = AdminCall.encode(request, (short) version);
    var received = (Q) AdminCall.request(handler.api(), (short) version, bytes);
    return handler.handle(new DataRequest<>(received, version, loop)).toCompletableFuture();
  }

  private static ApiMessage body(ApiKeys api, int version, CompletableFuture<Reply> reply) {
    assertThat(reply).isCompleted();
    var answer = ((Reply.Message) reply.join()).body();
    return AdminCall.response(api, (short) version, AdminCall.encode(answer, (short) version));
  }
}
