package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.catalog.FakeCatalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.partition.Appends.Acks;
import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.read.FakeLogDirectory;
import io.streamhouse.broker.read.MemoryLog;
import io.streamhouse.broker.read.MemoryLogs;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.CloseConnection;
import io.streamhouse.protocol.FetchedRecords;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.protocol.Reply;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.message.DeleteRecordsRequestData;
import org.apache.kafka.common.message.DeleteRecordsRequestData.DeleteRecordsPartition;
import org.apache.kafka.common.message.DeleteRecordsRequestData.DeleteRecordsTopic;
import org.apache.kafka.common.message.DeleteRecordsResponseData;
import org.apache.kafka.common.message.DeleteRecordsResponseData.DeleteRecordsPartitionResult;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchRequestData.FetchPartition;
import org.apache.kafka.common.message.FetchRequestData.FetchTopic;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ListOffsetsRequestData.ListOffsetsPartition;
import org.apache.kafka.common.message.ListOffsetsRequestData.ListOffsetsTopic;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.message.ListOffsetsResponseData.ListOffsetsPartitionResponse;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData.OffsetForLeaderPartition;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData.OffsetForLeaderTopic;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData.EpochEndOffset;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class DataApisTest {

  private static final int NEWEST_PRODUCE = 13;
  private static final int NEWEST_FETCH = 18;

  private long unsent;
  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedLoop loop = new SimulatedLoop(time);
  private final FakeCatalog catalog = new FakeCatalog();
  private final MemoryLogs logs = new MemoryLogs();
  private final List<ApiHandler<?>> handlers =
      DataApis.handlers(
          catalog,
          logs,
          new FakeLogDirectory(),
          loop,
          time,
          new Random(1),
          new AgentConfig.Fetching(1 << 20, 10, 1 << 20),
          () -> unsent);

  @BeforeEach
  void oneAgentWithATopic() {
    catalog.agent(1, Map.of("PLAINTEXT", "127.0.0.1:9092"));
    catalog.agent(2, Map.of("PLAINTEXT", "[::1]:9093"));
    catalog.create("t", 3, Map.of()).join();
    catalog.create("compacted", 1, Map.of("cleanup.policy", "compact")).join();
  }

  @AfterEach
  void nothingLeaks() {
    assertThat(logs.outstanding()).isZero();
  }

  // Produce

  @Test
  void everyVersionOfProduceAppends() {
    for (int version = ApiKeys.PRODUCE.oldestVersion(); version <= NEWEST_PRODUCE; version++) {
      var answer = produced(version, -1, part(0, Batches.plain(1000, "a", "b")));
      assertThat(answer.errorCode()).isZero();
      assertThat(answer.baseOffset()).isEqualTo(2L * (version - 3));
    }
    assertThat(log(0).endOffset()).isEqualTo(22);
  }

  @Test
  void onePartitionsFailureIsNoOthers() {
    var corrupt = Batches.plain(1000, "a").bytes();
    var bytes = ByteBuffer.allocate(corrupt.remaining()).put(corrupt).flip();
    bytes.put(bytes.limit() - 1, (byte) 99);
    var answers =
        all(produce(12, -1, part(0, RecordBatches.of(bytes)), part(1, Batches.plain(1, "b"))));
    assertThat(answers)
        .extracting(PartitionProduceResponse::errorCode)
        .containsExactly(Errors.CORRUPT_MESSAGE.code(), Errors.NONE.code());
    assertThat(log(0).endOffset()).isZero();
    assertThat(log(1).endOffset()).isEqualTo(1);
  }

  @Test
  void anythingButOneBatchIsRefused() {
    var two = ByteBuffer.allocate(1000);
    two.put(Batches.plain(1, "a").bytes()).put(Batches.plain(1, "b").bytes()).flip();
    assertThat(produced(12, -1, part(0, RecordBatches.of(two))).errorCode())
        .isEqualTo(Errors.INVALID_RECORD.code());
    assertThat(produced(12, -1, part(0, RecordBatches.EMPTY)).errorCode())
        .isEqualTo(Errors.INVALID_RECORD.code());
    assertThat(produced(12, -1, new PartitionProduceData().setIndex(0)).errorCode())
        .isEqualTo(Errors.INVALID_RECORD.code());
    assertThat(log(0).endOffset()).isZero();
  }

  @Test
  void aPartitionNamedTwiceLosesNeitherBatchUnseen() {
    var answers =
        all(
            produce(
                12,
                -1,
                part(0, Batches.plain(1, "a")),
                part(0, Batches.plain(1, "b")),
                part(1, Batches.plain(1, "c"))));
    assertThat(answers)
        .extracting(PartitionProduceResponse::errorCode)
        .containsExactly(
            Errors.INVALID_REQUEST.code(), Errors.INVALID_REQUEST.code(), Errors.NONE.code());
    assertThat(log(0).endOffset()).isZero();
  }

  @Test
  void otherAcksAreRefused() {
    for (int acks : new int[] {-2, 2}) {
      assertThat(produced(12, acks, part(0, Batches.plain(1, "a"))).errorCode())
          .isEqualTo(Errors.INVALID_REQUIRED_ACKS.code());
    }
    assertThat(log(0).endOffset()).isZero();
  }

  @Test
  void transactionsFailFinally() {
    var body = produce(12, -1, part(0, Batches.plain(1, "a"))).setTransactionalId("tx");
    assertThat(all(body, 12).getFirst().errorCode())
        .isEqualTo(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED.code());
    assertThat(log(0).endOffset()).isZero();
  }

  @Test
  void withoutAcksNothingIsAnswered() {
    var reply = send(ApiKeys.PRODUCE, 12, produce(12, 0, part(0, Batches.plain(1, "a"))));
    assertThat(reply).isCompletedWithValue(Reply.none());
    assertThat(log(0).endOffset()).isEqualTo(1);
  }

  @Test
  void aProducerForWhoseBatchThereIsNoRoomIsToldToHoldBack() {
    log(0).refuse(new Failure.Backpressure("full"));
    var reply = send(ApiKeys.PRODUCE, 12, produce(12, -1, part(0, Batches.plain(1, "a"))));
    var response = (ProduceResponseData) body(reply);
    assertThat(responses(response))
        .extracting(PartitionProduceResponse::errorCode)
        .containsExactly(Errors.NOT_ENOUGH_REPLICAS.code());
    assertThat(response.throttleTimeMs()).isPositive();
  }

  @Test
  void anErrorWithoutAcksClosesTheConnection() {
    log(0).refuse(new Failure.Backpressure("full"));
    var reply = send(ApiKeys.PRODUCE, 12, produce(12, 0, part(0, Batches.plain(1, "a"))));
    assertThatThrownBy(reply::join).hasCauseInstanceOf(CloseConnection.class);
  }

  @Test
  void whatIsNotDurableInTimeIsTimedOut() {
    log(0).holdAcknowledgements();
    var reply =
        send(
            ApiKeys.PRODUCE,
            12,
            produce(12, -1, part(0, Batches.plain(1, "a")), part(1, Batches.plain(1, "b")))
                .setTimeoutMs(100));
    pass(99);
    assertThat(reply).isNotDone();
    pass(1);
    var answers = responses((ProduceResponseData) body(reply));
    assertThat(answers)
        .extracting(PartitionProduceResponse::errorCode)
        .containsExactly(Errors.REQUEST_TIMED_OUT.code(), Errors.NONE.code());
    log(0).thaw();
    assertThat(log(0).endOffset()).isEqualTo(1);
  }

  @Test
  void whoIsNotTheLeaderNamesIt() {
    catalog.endAgent(1);
    catalog.lead(2, id(0));
    logs.loseLead(id(0), new Failure.NotLeader(OptionalInt.of(2)));
    for (int version = 3; version <= NEWEST_PRODUCE; version++) {
      var response =
          (ProduceResponseData)
              body(
                  send(
                      ApiKeys.PRODUCE,
                      version,
                      produce(version, -1, part(0, Batches.plain(1, "a")))));
      var answer = responses(response).getFirst();
      assertThat(answer.errorCode()).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER.code());
      assertThat(answer.currentLeader().leaderId()).isEqualTo(version < 10 ? -1 : 2);
      if (version >= 10) {
        var node = Objects.requireNonNull(response.nodeEndpoints().find(2));
        assertThat(node.host()).isEqualTo("::1");
        assertThat(node.port()).isEqualTo(9093);
      }
    }
  }

  @Test
  void whatWaitedUntilItsPartitionHadAnotherLeaderIsToldThatOne() {
    log(0).holdAcknowledgements();
    var waiting =
        send(
            ApiKeys.PRODUCE,
            NEWEST_PRODUCE,
            produce(NEWEST_PRODUCE, -1, part(0, Batches.plain(1, "a"))));
    var parked = begin(NEWEST_FETCH, fetch(NEWEST_FETCH, 0, -1, at(1, 0)).setMaxWaitMs(500));
    loop.drain();
    assertThat(waiting).isNotDone();
    assertThat(parked).isNotDone();

    catalog.endAgent(1);
    catalog.lead(2, id(0));
    catalog.lead(2, id(1));
    log(0).refuse(new Failure.NotLeader(OptionalInt.of(2))).thaw();
    log(1).fail(new Failure.NotLeader(OptionalInt.of(2)));
    loop.drain();
    var answer = (ProduceResponseData) body(waiting);
    assertThat(responses(answer).getFirst().currentLeader().leaderId()).isEqualTo(2);
    assertThat(answer.nodeEndpoints().find(2)).isNotNull();
    var news = (FetchResponseData) body(parked);
    assertThat(news.responses().getFirst().partitions().getFirst().currentLeader().leaderId())
        .isEqualTo(2);
    assertThat(news.nodeEndpoints().find(2)).isNotNull();
  }

  @Test
  void whatDoesNotExistIsUnknown() {
    assertThat(produced(12, -1, part(9, Batches.plain(1, "a"))).errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    var byId = produce(13, -1, part(0, Batches.plain(1, "a")));
    byId.topicData().iterator().next().setTopicId(org.apache.kafka.common.Uuid.randomUuid());
    assertThat(all(byId, 13).getFirst().errorCode()).isEqualTo(Errors.UNKNOWN_TOPIC_ID.code());
    logs.loseLead(id(1), new Failure.UnknownTopicId());
    assertThat(produced(12, -1, part(1, Batches.plain(1, "a"))).errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
  }

  @Test
  void zstdNeedsAClientThatKnowsIt() {
    var zstd =
        RecordBatches.of(
            MemoryRecords.withRecords(
                    org.apache.kafka.common.compress.Compression.zstd().build(),
                    new org.apache.kafka.common.record.internal.SimpleRecord(
                        "a".getBytes(java.nio.charset.StandardCharsets.UTF_8)))
                .buffer());
    assertThat(produced(6, -1, part(0, zstd)).errorCode())
        .isEqualTo(Errors.UNSUPPORTED_COMPRESSION_TYPE.code());
    assertThat(produced(7, -1, part(0, zstd)).errorCode()).isZero();
  }

  // Fetch

  @Test
  void everyVersionOfFetchReads() {
    append(0, "a", "b");
    append(1, "c");
    for (int version = ApiKeys.FETCH.oldestVersion(); version <= NEWEST_FETCH; version++) {
      var response = fetched(version, fetch(version, 0, -1, at(0, 0), at(1, 0), at(7, 0)));
      assertThat(response.errorCode()).isZero();
      assertThat(response.responses()).hasSize(1);
      var parts = response.responses().getFirst().partitions();
      assertThat(parts.get(0).errorCode()).isZero();
      assertThat(parts.get(0).highWatermark()).isEqualTo(2);
      assertThat(values(parts.get(0))).containsExactly("a", "b");
      assertThat(parts.get(0).abortedTransactions()).isNull();
      assertThat(values(parts.get(1))).containsExactly("c");
      assertThat(parts.get(2).errorCode()).isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
    }
  }

  @Test
  void aSessionTellsOnlyWhatChanged() {
    append(0, "a");
    var opened = fetched(18, fetch(18, 0, 0, at(0, 0), at(1, 0)));
    assertThat(opened.sessionId()).isPositive();
    assertThat(opened.responses().getFirst().partitions()).hasSize(2);

    var quiet = begin(18, fetch(18, opened.sessionId(), 1, at(0, 1)).setMaxWaitMs(500));
    pass(500);
    var nothing = (FetchResponseData) body(quiet);
    assertThat(nothing.sessionId()).isEqualTo(opened.sessionId());
    assertThat(nothing.responses()).isEmpty();

    append(1, "b");
    var news = fetched(18, fetch(18, opened.sessionId(), 2));
    assertThat(news.responses().getFirst().partitions())
        .singleElement()
        .satisfies(part -> assertThat(values(part)).containsExactly("b"));

    assertThat(fetched(18, fetch(18, opened.sessionId(), 2)).errorCode())
        .isEqualTo(Errors.INVALID_FETCH_SESSION_EPOCH.code());
    assertThat(fetched(18, fetch(18, 4711, 2)).errorCode())
        .isEqualTo(Errors.FETCH_SESSION_ID_NOT_FOUND.code());
    assertThat(fetched(12, fetch(12, opened.sessionId(), 3)).errorCode())
        .isEqualTo(Errors.FETCH_SESSION_TOPIC_ID_ERROR.code());
  }

  @Test
  void anOvertakenRequestOfASessionReleasesWhatItRead() {
    int session = fetched(18, fetch(18, 0, 0, at(0, 0))).sessionId();
    var parked = begin(18, fetch(18, session, 1).setMaxWaitMs(500));
    var _ = fetched(18, fetch(18, session, 2));
    append(0, "a");
    loop.drain();
    var answer = (FetchResponseData) body(parked);
    assertThat(answer.errorCode()).isEqualTo(Errors.INVALID_FETCH_SESSION_EPOCH.code());
    assertThat(answer.responses()).isEmpty();
  }

  @Test
  void noPartitionStarves() {
    for (int i = 0; i < 3; i++) {
      append(i, "x".repeat(400), "y".repeat(400));
    }
    int session = fetched(18, fetch(18, 0, 0).setMaxBytes(500)).sessionId();
    var served = new ArrayList<Integer>();
    for (int epoch = 1; epoch <= 6; epoch++) {
      var request =
          epoch == 1
              ? fetch(18, session, epoch, at(0, 0), at(1, 0), at(2, 0))
              : fetch(18, session, epoch);
      var response = fetched(18, request.setMaxBytes(500));
      if (epoch == 1 && response.sessionId() == 0) {
        throw new AssertionError(response);
      }
      for (var part : response.responses().getFirst().partitions()) {
        if (!values(part).isEmpty()) {
          served.add(part.partitionIndex());
        }
      }
    }
    assertThat(served).containsExactly(0, 1, 2, 0, 1, 2);
  }

  @Test
  void leaderEpochsAreCompared() {
    append(0, "a");
    for (int[] expected :
        new int[][] {
          {-1, 0},
          {5, 0},
          {4, Errors.FENCED_LEADER_EPOCH.code()},
          {6, Errors.UNKNOWN_LEADER_EPOCH.code()}
        }) {
      var response = fetched(12, fetch(12, 0, -1, at(0, 0).setCurrentLeaderEpoch(expected[0])));
      var part = response.responses().getFirst().partitions().getFirst();
      assertThat(part.errorCode()).isEqualTo((short) expected[1]);
      var _ = values(part);
    }
  }

  @Test
  void anErrorIsNotWaitedWith() {
    var response =
        fetched(18, fetch(18, 0, -1, at(0, 0), at(9, 0)).setMaxWaitMs(500).setMinBytes(1000));
    assertThat(response.responses().getFirst().partitions()).hasSize(2);
  }

  @Test
  void aLeaderThatIsOpeningIsToldInWordsTheClientKnows() {
    logs.loseLead(id(0), new Failure.OffsetNotAvailable());
    assertThat(fetchError(10)).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER.code());
    assertThat(fetchError(11)).isEqualTo(Errors.OFFSET_NOT_AVAILABLE.code());
    logs.loseLead(id(0), new Failure.Storage("damaged"));
    assertThat(fetchError(5)).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER.code());
    assertThat(fetchError(6)).isEqualTo(Errors.KAFKA_STORAGE_ERROR.code());
  }

  @Test
  void aClosedConnectionEndsItsFetch() {
    var request =
        new DataRequest<>(
            fetch(18, 0, -1, at(0, 0)).setMaxWaitMs(Integer.MAX_VALUE).setMinBytes(1000), 18, loop);
    append(0, "a");
    var reply = handler(ApiKeys.FETCH).handle(cast(request)).toCompletableFuture();
    loop.drain();
    assertThat(reply).isNotDone();
    assertThat(logs.outstanding()).isEqualTo(1);
    request.close();
    loop.drain();
    assertThat(logs.outstanding()).isZero();
    assertThat(log(0).listeners()).isZero();
  }

  // ListOffsets

  @Test
  void everyVersionOfListOffsetsFindsBothEnds() {
    append(0, "a", "b");
    log(0).deleteRecordsBefore(1).join();
    for (int version = ApiKeys.LIST_OFFSETS.oldestVersion(); version <= 11; version++) {
      assertThat(listed(version, -1).offset()).isEqualTo(2);
      assertThat(listed(version, -2).offset()).isEqualTo(1);
      assertThat(listed(version, 1000).offset()).isZero();
      assertThat(listed(version, 1001).offset()).isEqualTo(-1);
      assertThat(listed(version, 1001).errorCode()).isZero();
    }
  }

  @Test
  void namedTimestampsNeedTheirVersion() {
    append(0, "a", "b");
    int[][] first = {{-3, 7}, {-4, 8}, {-5, 9}, {-6, 11}};
    for (int[] each : first) {
      assertThat(listed(each[1] - 1, each[0]).errorCode())
          .isEqualTo(Errors.UNSUPPORTED_VERSION.code());
      assertThat(listed(each[1], each[0]).errorCode()).isZero();
    }
    assertThat(listed(11, -7).errorCode()).isEqualTo(Errors.UNSUPPORTED_VERSION.code());
    assertThat(listed(11, -3).timestamp()).isEqualTo(1000);
    assertThat(listed(11, -4).offset()).isZero();
    assertThat(listed(11, -5).offset()).isEqualTo(-1);
  }

  @Test
  void aLostLeadIsNotAnEnd() {
    append(0, "a");
    log(0).fail(new Failure.NotLeader(OptionalInt.empty()));
    assertThat(listed(11, -1).errorCode()).isEqualTo(Errors.NOT_LEADER_OR_FOLLOWER.code());
    logs.loseLead(id(0), new Failure.OffsetNotAvailable());
    assertThat(listed(5, -1).errorCode()).isEqualTo(Errors.OFFSET_NOT_AVAILABLE.code());
    assertThat(listed(4, -1).errorCode()).isEqualTo(Errors.LEADER_NOT_AVAILABLE.code());
  }

  @Test
  void aSlowLookupTimesOut() {
    append(0, "a");
    log(0).freeze();
    var reply = send(ApiKeys.LIST_OFFSETS, 10, list(1000).setTimeoutMs(100));
    pass(100);
    assertThat(list(body(reply)).errorCode()).isEqualTo(Errors.REQUEST_TIMED_OUT.code());
    log(0).thaw();
  }

  @Test
  void anOffsetAskedTwiceIsAnInvalidRequest() {
    var request = list(-1);
    request.topics().getFirst().partitions().add(new ListOffsetsPartition().setTimestamp(-2));
    var response = (ListOffsetsResponseData) body(send(ApiKeys.LIST_OFFSETS, 11, request));
    assertThat(response.topics().getFirst().partitions())
        .extracting(ListOffsetsPartitionResponse::errorCode)
        .containsOnly(Errors.INVALID_REQUEST.code());
  }

  // OffsetForLeaderEpoch

  @Test
  void epochsEndWhereTheNextBegins() {
    append(0, "a", "b");
    log(0).epoch(7);
    append(0, "c");
    for (int version = 2; version <= 4; version++) {
      assertThat(epochEnd(version, -1, 5)).isEqualTo(end(0, 5, 2));
      assertThat(epochEnd(version, 7, 7)).isEqualTo(end(0, 7, 3));
      assertThat(epochEnd(version, 7, 4)).isEqualTo(end(0, -1, -1));
      assertThat(epochEnd(version, 7, -1)).isEqualTo(end(0, -1, -1));
      assertThat(epochEnd(version, 6, 5)).isEqualTo(end(Errors.FENCED_LEADER_EPOCH.code(), -1, -1));
      assertThat(epochEnd(version, 8, 5))
          .isEqualTo(end(Errors.UNKNOWN_LEADER_EPOCH.code(), -1, -1));
    }
  }

  @Test
  void whoLeadsNoMoreTellsNoEpochEnd() {
    append(0, "a", "b");
    log(0).fail(new Failure.NotLeader(OptionalInt.empty()));
    assertThat(epochEnd(4, -1, 5)).isEqualTo(end(Errors.NOT_LEADER_OR_FOLLOWER.code(), -1, -1));
  }

  // DeleteRecords

  @Test
  void recordsAreDeletedUpToTheHighWatermark() {
    append(0, "a", "b", "c");
    for (int version = 0; version <= 2; version++) {
      assertThat(deleted("t", version, version).lowWatermark()).isEqualTo(version);
    }
    assertThat(deleted("t", 2, 4).errorCode()).isEqualTo(Errors.OFFSET_OUT_OF_RANGE.code());
    assertThat(deleted("t", 2, -2).errorCode()).isEqualTo(Errors.OFFSET_OUT_OF_RANGE.code());
    assertThat(deleted("t", 2, -1).lowWatermark()).isEqualTo(3);
    assertThat(deleted("compacted", 2, 0).errorCode()).isEqualTo(Errors.POLICY_VIOLATION.code());
    assertThat(deleted("absent", 2, 0).errorCode())
        .isEqualTo(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
  }

  // InitProducerId

  @Test
  void producerIdsArePositiveAndNew() {
    var ids = new ArrayList<Long>();
    for (int version = 0; version <= 5; version++) {
      var answer = initialized(version, idempotent());
      assertThat(answer.errorCode()).isZero();
      assertThat(answer.producerEpoch()).isZero();
      assertThat(answer.producerId()).isNotNegative();
      ids.add(answer.producerId());
    }
    assertThat(ids).doesNotHaveDuplicates();
    var again = idempotent().setProducerId(7).setProducerEpoch((short) 3);
    assertThat(initialized(5, again).producerId()).isNotEqualTo(7);
    assertThat(initialized(5, idempotent().setProducerId(7)).errorCode())
        .isEqualTo(Errors.INVALID_REQUEST.code());
    assertThat(initialized(5, new InitProducerIdRequestData().setTransactionalId("")).errorCode())
        .isEqualTo(Errors.INVALID_REQUEST.code());
    assertThat(initialized(5, new InitProducerIdRequestData().setTransactionalId("x")).errorCode())
        .isEqualTo(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED.code());
  }

  @Test
  void everyHandlerCanFailAsAWholeInEveryVersion() {
    for (var handler : handlers) {
      for (int v = handler.oldestVersion(); v <= handler.latestVersion(); v++) {
        var request =
            switch (handler.api()) {
              case PRODUCE -> produce(v, -1, part(0, Batches.plain(1, "a")));
              case FETCH -> fetch(v, 0, -1, at(0, 0));
              case LIST_OFFSETS -> list(-1);
              case OFFSET_FOR_LEADER_EPOCH -> epochs(5, 5);
              case DELETE_RECORDS -> delete("t", 0);
              case DESCRIBE_PRODUCERS -> LogHandlersTest.producers("t", 0);
              case DESCRIBE_LOG_DIRS -> LogHandlersTest.directories("t", 0);
              case ALTER_REPLICA_LOG_DIRS -> LogHandlersTest.move("/elsewhere", "t", 0);
              case INIT_PRODUCER_ID -> new InitProducerIdRequestData().setTransactionalId(null);
              default -> throw new AssertionError(handler.api());
            };
        var failure =
            fail(handler, new DataRequest<>(request, v, loop), Errors.UNKNOWN_SERVER_ERROR);
        assertThat(wire(handler.api(), v, failure).toString()).contains("errorCode=-1");
      }
    }
  }

  @SuppressWarnings("unchecked") // the request's type follows from the handler's api
  private static <Q extends ApiMessage> ApiMessage fail(
      ApiHandler<Q> handler, DataRequest<?> request, Errors error) {
    return handler.failure((DataRequest<Q>) request, error);
  }

  // How requests are made and answers read.

  private PartitionId id(int partition) {
    return new PartitionId(Objects.requireNonNull(catalog.image().topic("t")).id(), partition);
  }

  private MemoryLog log(int partition) {
    return logs.log(id(partition));
  }

  private void append(int partition, String... values) {
    for (var value : values) {
      var _ = log(partition).append(Batches.plain(1000, value), Acks.ALL);
    }
  }

  private static PartitionProduceData part(int index, RecordBatches batches) {
    return new PartitionProduceData()
        .setIndex(index)
        .setRecords(
            MemoryRecords.readableRecords(
                ByteBuffer.allocate(batches.sizeInBytes()).put(batches.bytes()).flip()));
  }

  private ProduceRequestData produce(int version, int acks, PartitionProduceData... parts) {
    var topic = new TopicProduceData().setPartitionData(List.of(parts));
    if (version >= 13) {
      topic.setTopicId(TopicIds.toWire(id(0).topicId()));
    } else {
      topic.setName("t");
    }
    var body = new ProduceRequestData().setAcks((short) acks).setTimeoutMs(1000);
    body.topicData().add(topic);
    return body;
  }

  private PartitionProduceResponse produced(int version, int acks, PartitionProduceData part) {
    return all(produce(version, acks, part), version).getFirst();
  }

  private List<PartitionProduceResponse> all(ProduceRequestData body) {
    return all(body, 12);
  }

  private List<PartitionProduceResponse> all(ProduceRequestData body, int version) {
    return responses((ProduceResponseData) body(send(ApiKeys.PRODUCE, version, body)));
  }

  private static List<PartitionProduceResponse> responses(ProduceResponseData response) {
    return response.responses().iterator().next().partitionResponses();
  }

  private static FetchPartition at(int partition, long offset) {
    return new FetchPartition()
        .setPartition(partition)
        .setFetchOffset(offset)
        .setPartitionMaxBytes(1 << 20);
  }

  private FetchRequestData fetch(int version, int session, int epoch, FetchPartition... parts) {
    var body =
        new FetchRequestData()
            .setMinBytes(1)
            .setMaxBytes(1 << 20)
            .setSessionId(session)
            .setSessionEpoch(epoch);
    if (parts.length > 0) {
      var topic = new FetchTopic().setPartitions(List.of(parts));
      if (version >= 13) {
        topic.setTopicId(TopicIds.toWire(id(0).topicId()));
      } else {
        topic.setTopic("t");
      }
      body.setTopics(List.of(topic));
    }
    return body;
  }

  private CompletableFuture<Reply> begin(int version, FetchRequestData body) {
    var reply = send(ApiKeys.FETCH, version, body);
    loop.drain();
    return reply;
  }

  private FetchResponseData fetched(int version, FetchRequestData body) {
    return (FetchResponseData) wire(ApiKeys.FETCH, version, body(begin(version, body)));
  }

  private short fetchError(int version) {
    return fetched(version, fetch(version, 0, -1, at(0, 0)))
        .responses()
        .getFirst()
        .partitions()
        .getFirst()
        .errorCode();
  }

  private static List<String> values(FetchResponseData.PartitionData part) {
    var records = part.records();
    return records instanceof MemoryRecords memory
        ? Batches.values(List.of(RecordBatches.of(memory.buffer())))
        : List.of();
  }

  private static ListOffsetsRequestData list(long timestamp) {
    var partitions = new ArrayList<ListOffsetsPartition>();
    partitions.add(new ListOffsetsPartition().setPartitionIndex(0).setTimestamp(timestamp));
    return new ListOffsetsRequestData()
        .setReplicaId(-1)
        .setTopics(List.of(new ListOffsetsTopic().setName("t").setPartitions(partitions)));
  }

  private static ListOffsetsPartitionResponse list(ApiMessage response) {
    return ((ListOffsetsResponseData) response).topics().getFirst().partitions().getFirst();
  }

  private ListOffsetsPartitionResponse listed(int version, long timestamp) {
    return list(
        wire(
            ApiKeys.LIST_OFFSETS,
            version,
            body(send(ApiKeys.LIST_OFFSETS, version, list(timestamp)))));
  }

  private static OffsetForLeaderEpochRequestData epochs(int current, int epoch) {
    var body = new OffsetForLeaderEpochRequestData();
    body.topics()
        .add(
            new OffsetForLeaderTopic()
                .setTopic("t")
                .setPartitions(
                    List.of(
                        new OffsetForLeaderPartition()
                            .setCurrentLeaderEpoch(current)
                            .setLeaderEpoch(epoch))));
    return body;
  }

  private EpochEndOffset epochEnd(int version, int current, int epoch) {
    var response =
        (OffsetForLeaderEpochResponseData)
            wire(
                ApiKeys.OFFSET_FOR_LEADER_EPOCH,
                version,
                body(send(ApiKeys.OFFSET_FOR_LEADER_EPOCH, version, epochs(current, epoch))));
    return response.topics().iterator().next().partitions().getFirst();
  }

  private static EpochEndOffset end(int error, int epoch, long offset) {
    return new EpochEndOffset()
        .setErrorCode((short) error)
        .setLeaderEpoch(epoch)
        .setEndOffset(offset);
  }

  private static DeleteRecordsRequestData delete(String topic, long offset) {
    return new DeleteRecordsRequestData()
        .setTimeoutMs(1000)
        .setTopics(
            List.of(
                new DeleteRecordsTopic()
                    .setName(topic)
                    .setPartitions(List.of(new DeleteRecordsPartition().setOffset(offset)))));
  }

  private DeleteRecordsPartitionResult deleted(String topic, int version, long offset) {
    var response =
        (DeleteRecordsResponseData)
            wire(
                ApiKeys.DELETE_RECORDS,
                version,
                body(send(ApiKeys.DELETE_RECORDS, version, delete(topic, offset))));
    return response.topics().iterator().next().partitions().iterator().next();
  }

  private InitProducerIdResponseData initialized(int version, InitProducerIdRequestData body) {
    return (InitProducerIdResponseData)
        wire(
            ApiKeys.INIT_PRODUCER_ID, version, body(send(ApiKeys.INIT_PRODUCER_ID, version, body)));
  }

  private static InitProducerIdRequestData idempotent() {
    return new InitProducerIdRequestData().setTransactionalId(null);
  }

  private ApiHandler<?> handlerOf(ApiKeys api) {
    return handlers.stream().filter(handler -> handler.api() == api).findFirst().orElseThrow();
  }

  @SuppressWarnings("unchecked") // the request's type follows from the handler's api
  private <Q extends ApiMessage> ApiHandler<Q> handler(ApiKeys api) {
    return (ApiHandler<Q>) handlerOf(api);
  }

  @SuppressWarnings("unchecked") // as above
  private static <Q extends ApiMessage> DataRequest<Q> cast(DataRequest<?> request) {
    return (DataRequest<Q>) request;
  }

  private CompletableFuture<Reply> send(ApiKeys api, int version, ApiMessage body) {
    return handler(api).handle(cast(new DataRequest<>(body, version, loop))).toCompletableFuture();
  }

  private static ApiMessage body(CompletableFuture<Reply> reply) {
    assertThat(reply).isCompleted();
    return ((Reply.Message) reply.join()).body();
  }

  /// What the client reads of an answer; releases its pieces as a connection would.
  private static ApiMessage wire(ApiKeys api, int version, ApiMessage answer) {
    if (answer instanceof FetchResponseData fetched) {
      for (var topic : fetched.responses()) {
        for (var part : topic.partitions()) {
          var records = (FetchedRecords) Objects.requireNonNull(part.records());
          var bytes = ByteBuffer.allocate(records.sizeInBytes());
          for (var piece : records.pieces()) {
            bytes.put(piece.bytes());
            piece.release();
          }
          part.setRecords(MemoryRecords.readableRecords(bytes.flip()));
        }
      }
    }
    return AdminCall.response(api, (short) version, AdminCall.encode(answer, (short) version));
  }

  private void pass(long millis) {
    time.pass(Duration.ofMillis(millis));
    loop.drain();
  }
}
