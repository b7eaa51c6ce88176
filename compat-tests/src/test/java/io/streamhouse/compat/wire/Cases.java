package io.streamhouse.compat.wire;

import static io.streamhouse.compat.wire.Requests.batch;
import static io.streamhouse.compat.wire.Requests.changed;
import static io.streamhouse.compat.wire.Requests.damaged;
import static io.streamhouse.compat.wire.Requests.fetch;
import static io.streamhouse.compat.wire.Requests.fetchFrom;
import static io.streamhouse.compat.wire.Requests.idempotentBatch;
import static io.streamhouse.compat.wire.Requests.joined;
import static io.streamhouse.compat.wire.Requests.listOffsets;
import static io.streamhouse.compat.wire.Requests.oldBatch;
import static io.streamhouse.compat.wire.Requests.produce;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.AlterConfigsRequestData;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.CreatePartitionsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.DeleteRecordsRequestData;
import org.apache.kafka.common.message.DeleteTopicsRequestData;
import org.apache.kafka.common.message.DescribeClusterRequestData;
import org.apache.kafka.common.message.DescribeConfigsRequestData;
import org.apache.kafka.common.message.DescribeTopicPartitionsRequestData;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupRequestData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.jspecify.annotations.Nullable;

/// The table of requests. Both servers start with the topics of [#TOPICS] and get the cases in
/// order, each on a connection of its own; a case that appends has a partition of its own, so one
/// difference does not cause others.
final class Cases {

  /// Name and partitions. `log` holds three records in two batches in partition 0.
  static final Map<String, Integer> TOPICS = Map.of("log", 2, "empty", 1, "sink", 64, "small", 1);

  /// What those topics are created with. The records of `log` are years old and must stay.
  static final Map<String, Map<String, String>> CONFIGS =
      Map.of("small", Map.of("max.message.bytes", "200"), "log", Map.of("retention.ms", "-1"));

  /// Create time of the first record of `log`; the others follow 1,000 ms apart.
  static final long TIME = 1_700_000_000_000L;

  private static final Uuid UNKNOWN_ID = Uuid.fromString("AAAAAAAAAAAAAAAAAAAAAg");

  /// What a request may need to know about the server it goes to.
  record Target(Map<String, Uuid> topicIds, long now) {
    Uuid id(String topic) {
      Uuid id = topicIds.get(topic);
      if (id == null) {
        throw new IllegalStateException("no topic " + topic);
      }
      return id;
    }
  }

  record Case(String name, ApiKeys api, short version, Function<Target, ApiMessage> body) {}

  private final List<Case> cases = new ArrayList<>();
  private int sinkPartition;

  private Cases() {}

  static List<Case> all() {
    var table = new Cases();
    table.cases.addAll(AdminCases.all());
    table.metadata();
    table.listOffsets_();
    table.fetch_();
    table.produce_();
    table.producerIds();
    table.groups();
    table.topics();
    table.configs();
    table.others();
    table.cases.addAll(ConsumerGroupCases.all());
    return List.copyOf(table.cases);
  }

  private void add(String name, ApiKeys api, int version, ApiMessage body) {
    add(name, api, version, _ -> body);
  }

  private void add(String name, ApiKeys api, int version, Function<Target, ApiMessage> body) {
    cases.add(new Case(api.name + " v" + version + ": " + name, api, (short) version, body));
  }

  private void metadata() {
    for (int version : new int[] {0, 1, 4, 8, 9, 12, 13}) {
      // Before version 4 a request cannot ask for no topic to be created.
      add(
          "known topic",
          ApiKeys.METADATA,
          version,
          metadataOf("log").setAllowAutoTopicCreation(version < 4));
    }
    add("unknown topic", ApiKeys.METADATA, 4, metadataOf("nowhere"));
    add("unknown topic", ApiKeys.METADATA, 12, metadataOf("nowhere"));
    for (String bad : List.of("a/b", "", ".", "..", "x".repeat(250), "sp ace", "naïve")) {
      add("bad name '" + shorten(bad) + "'", ApiKeys.METADATA, 9, metadataOf(bad));
    }
    add("no topics", ApiKeys.METADATA, 9, new MetadataRequestData().setTopics(List.of()));
    add(
        "unknown id",
        ApiKeys.METADATA,
        12,
        new MetadataRequestData()
            .setAllowAutoTopicCreation(false)
            .setTopics(
                List.of(
                    new MetadataRequestData.MetadataRequestTopic()
                        .setName(null)
                        .setTopicId(UNKNOWN_ID))));
    add(
        "known id",
        ApiKeys.METADATA,
        12,
        target ->
            new MetadataRequestData()
                .setAllowAutoTopicCreation(false)
                .setTopics(
                    List.of(
                        new MetadataRequestData.MetadataRequestTopic()
                            .setName(null)
                            .setTopicId(target.id("log")))));
    add(
        "one known, one unknown",
        ApiKeys.METADATA,
        9,
        new MetadataRequestData()
            .setAllowAutoTopicCreation(false)
            .setTopics(
                List.of(
                    new MetadataRequestData.MetadataRequestTopic().setName("log"),
                    new MetadataRequestData.MetadataRequestTopic().setName("nowhere"))));
    add(
        "authorized operations",
        ApiKeys.METADATA,
        9,
        metadataOf("log").setIncludeTopicAuthorizedOperations(true));
  }

  private static MetadataRequestData metadataOf(String topic) {
    return new MetadataRequestData()
        .setAllowAutoTopicCreation(false)
        .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName(topic)));
  }

  private void listOffsets_() {
    for (int version : new int[] {1, 2, 5, 7, 10, 11}) {
      add("earliest", ApiKeys.LIST_OFFSETS, version, listOffsets("log", 0, -2));
      add("latest", ApiKeys.LIST_OFFSETS, version, listOffsets("log", 0, -1));
    }
    add("max timestamp", ApiKeys.LIST_OFFSETS, 7, listOffsets("log", 0, -3));
    add("max timestamp, empty", ApiKeys.LIST_OFFSETS, 7, listOffsets("empty", 0, -3));
    add("max timestamp, too old", ApiKeys.LIST_OFFSETS, 6, listOffsets("log", 0, -3));
    add("earliest local", ApiKeys.LIST_OFFSETS, 8, listOffsets("log", 0, -4));
    add("latest tiered", ApiKeys.LIST_OFFSETS, 9, listOffsets("log", 0, -5));
    add("earliest pending upload", ApiKeys.LIST_OFFSETS, 11, listOffsets("log", 0, -6));
    add("timestamp -7", ApiKeys.LIST_OFFSETS, 11, listOffsets("log", 0, -7));
    add("time 0", ApiKeys.LIST_OFFSETS, 7, listOffsets("log", 0, 0));
    add("exact time", ApiKeys.LIST_OFFSETS, 7, listOffsets("log", 0, TIME + 1000));
    add("time between", ApiKeys.LIST_OFFSETS, 7, listOffsets("log", 0, TIME + 1001));
    add("time after all", ApiKeys.LIST_OFFSETS, 7, listOffsets("log", 0, TIME + 9000));
    add("time on empty", ApiKeys.LIST_OFFSETS, 7, listOffsets("empty", 0, TIME));
    add("latest on empty", ApiKeys.LIST_OFFSETS, 7, listOffsets("empty", 0, -1));
    add("unknown partition", ApiKeys.LIST_OFFSETS, 7, listOffsets("log", 9, -1));
    add("negative partition", ApiKeys.LIST_OFFSETS, 7, listOffsets("log", -1, -1));
    add("unknown topic", ApiKeys.LIST_OFFSETS, 7, listOffsets("nowhere", 0, -1));
    add("epoch of the future", ApiKeys.LIST_OFFSETS, 7, listOffsets("log", 0, -1, 1 << 30));
    add(
        "same partition twice",
        ApiKeys.LIST_OFFSETS,
        7,
        _ -> {
          var request = listOffsets("log", 0, -1);
          var partition = request.topics().getFirst().partitions().getFirst();
          request.topics().getFirst().setPartitions(List.of(partition, partition.duplicate()));
          return request;
        });
  }

  private void fetch_() {
    for (int version : new int[] {4, 7, 11, 12}) {
      add("from the start", ApiKeys.FETCH, version, fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0)));
    }
    for (int version : new int[] {13, 15, 17, 18}) {
      add(
          "from the start",
          ApiKeys.FETCH,
          version,
          target -> fetch(null, target.id("log"), fetchFrom(0, 0)));
    }
    add("middle of a batch", ApiKeys.FETCH, 12, fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 1)));
    add("at the end", ApiKeys.FETCH, 12, fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 3)));
    add("after the end", ApiKeys.FETCH, 12, fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 4)));
    add(
        "far after the end",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 1L << 60)));
    add("negative offset", ApiKeys.FETCH, 12, fetch("log", Uuid.ZERO_UUID, fetchFrom(0, -1)));
    add("very negative offset", ApiKeys.FETCH, 12, fetch("log", Uuid.ZERO_UUID, fetchFrom(0, -99)));
    add("unknown topic", ApiKeys.FETCH, 12, fetch("nowhere", Uuid.ZERO_UUID, fetchFrom(0, 0)));
    add("unknown topic", ApiKeys.FETCH, 4, fetch("nowhere", Uuid.ZERO_UUID, fetchFrom(0, 0)));
    add("unknown partition", ApiKeys.FETCH, 12, fetch("log", Uuid.ZERO_UUID, fetchFrom(9, 0)));
    add("unknown id", ApiKeys.FETCH, 13, fetch(null, UNKNOWN_ID, fetchFrom(0, 0)));
    add("zero id", ApiKeys.FETCH, 13, fetch(null, Uuid.ZERO_UUID, fetchFrom(0, 0)));
    add(
        "epoch of the future",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0).setCurrentLeaderEpoch(1 << 30)));
    add(
        "at least one batch although one byte is wanted",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0).setPartitionMaxBytes(1)).setMaxBytes(1));
    add(
        "read committed",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0)).setIsolationLevel((byte) 1));
    add(
        "unknown isolation level",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0)).setIsolationLevel((byte) 7));
    add(
        "unknown session",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0)).setSessionId(12345).setSessionEpoch(1));
    add(
        "session epoch without session",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0)).setSessionId(0).setSessionEpoch(5));
    add(
        "new session",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0)).setSessionId(0).setSessionEpoch(0));
    add(
        "no topics, no session",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0)).setTopics(List.of()));
    add(
        "two partitions, one out of range",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0), fetchFrom(1, 77)));
    add(
        "last fetched epoch of the future",
        ApiKeys.FETCH,
        12,
        fetch("log", Uuid.ZERO_UUID, fetchFrom(0, 0).setLastFetchedEpoch(1 << 30)));
  }

  /// Appends to a partition of `sink` that no other case touches.
  private void sink(
      String name, int version, int acks, Function<Target, java.nio.ByteBuffer> bytes) {
    int partition = sinkPartition++;
    add(
        name,
        ApiKeys.PRODUCE,
        version,
        target -> produce(acks, "sink", partition, bytes.apply(target)));
    add(
        "latest after " + name + " in partition " + partition,
        ApiKeys.LIST_OFFSETS,
        7,
        listOffsets("sink", partition, -1));
  }

  private void produce_() {
    for (int version : new int[] {3, 5, 7, 8, 9, 12}) {
      sink("one batch", version, -1, target -> batch(target.now(), target.now() + 1));
    }
    sink("acks=1", 9, 1, target -> batch(target.now()));
    add(
        "by topic id",
        ApiKeys.PRODUCE,
        13,
        target -> produce(target.id("sink"), 63, batch(target.now())));
    add(
        "unknown topic id",
        ApiKeys.PRODUCE,
        13,
        target -> produce(UNKNOWN_ID, 0, batch(target.now())));
    sink("acks=2", 9, 2, target -> batch(target.now()));
    sink("acks=-2", 9, -2, target -> batch(target.now()));
    sink(
        "flipped bit",
        9,
        -1,
        target -> damaged(batch(target.now()), bytes -> bytes.put(70, (byte) ~bytes.get(70))));
    sink("wrong CRC", 9, -1, target -> damaged(batch(target.now()), bytes -> bytes.putInt(17, 1)));
    sink("magic 0", 9, -1, target -> oldBatch((byte) 0, target.now()));
    sink("magic 1", 9, -1, target -> oldBatch((byte) 1, target.now()));
    sink("magic 1", 3, -1, target -> oldBatch((byte) 1, target.now()));
    sink(
        "magic 3", 9, -1, target -> changed(batch(target.now()), bytes -> bytes.put(16, (byte) 3)));
    sink("two batches", 9, -1, target -> joined(batch(target.now()), batch(target.now())));
    sink("no batch", 9, -1, _ -> java.nio.ByteBuffer.allocate(0));
    add(
        "null records",
        ApiKeys.PRODUCE,
        9,
        produce(-1, "sink", sinkPartition++, (java.nio.ByteBuffer) null));
    sink(
        "cut batch",
        9,
        -1,
        target -> {
          var bytes = batch(target.now());
          return bytes.slice(0, bytes.limit() - 3);
        });
    sink("only a header's beginning", 9, -1, target -> batch(target.now()).slice(0, 30));
    sink(
        "negative batch length",
        9,
        -1,
        target -> damaged(batch(target.now()), bytes -> bytes.putInt(8, -5)));
    sink(
        "record count too high",
        9,
        -1,
        target -> changed(batch(target.now()), bytes -> bytes.putInt(57, 2)));
    sink(
        "record count zero",
        9,
        -1,
        target -> changed(batch(target.now()), bytes -> bytes.putInt(57, 0)));
    sink(
        "last offset delta too high",
        9,
        -1,
        target -> changed(batch(target.now()), bytes -> bytes.putInt(23, 5)));
    sink(
        "control batch",
        9,
        -1,
        target -> changed(batch(target.now()), bytes -> bytes.putShort(21, (short) 0x20)));
    sink(
        "codec 7",
        9,
        -1,
        target -> changed(batch(target.now()), bytes -> bytes.putShort(21, (short) 7)));
    sink(
        "log append time",
        9,
        -1,
        target -> changed(batch(target.now()), bytes -> bytes.putShort(21, (short) 8)));
    sink(
        "base offset 77",
        9,
        -1,
        target -> damaged(batch(target.now()), bytes -> bytes.putLong(0, 77)));
    sink("far future", 9, -1, target -> batch(target.now() + 7_200_000));
    sink("long ago", 9, -1, _ -> batch(1));
    sink("no timestamp", 9, -1, _ -> batch(-1));
    sink("unknown producer id", 9, -1, target -> idempotentBatch(7, 0, 0, false, target.now()));
    sink(
        "unknown producer id, sequence 5",
        9,
        -1,
        target -> idempotentBatch(7, 0, 5, false, target.now()));
    sink(
        "producer id without epoch",
        9,
        -1,
        target ->
            changed(
                idempotentBatch(7, 0, 0, false, target.now()),
                bytes -> bytes.putShort(51, (short) -1)));
    sink(
        "producer id without sequence",
        9,
        -1,
        target ->
            changed(idempotentBatch(7, 0, 0, false, target.now()), bytes -> bytes.putInt(53, -1)));
    sink(
        "transactional batch without transaction",
        9,
        -1,
        target -> idempotentBatch(7, 0, 0, true, target.now()));
    int repeated = sinkPartition++;
    int[][] sequences = {{0, 0}, {0, 1}, {0, 1}, {0, 0}, {0, 5}, {1, 3}, {1, 0}, {0, 2}};
    for (int[] each : sequences) {
      add(
          "producer 9, epoch " + each[0] + ", sequence " + each[1] + ", step " + cases.size(),
          ApiKeys.PRODUCE,
          9,
          target ->
              produce(
                  -1, "sink", repeated, idempotentBatch(9, each[0], each[1], false, target.now())));
    }
    add(
        "too large",
        ApiKeys.PRODUCE,
        9,
        target ->
            produce(-1, "small", 0, batch(new long[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})));
    add(
        "unknown topic",
        ApiKeys.PRODUCE,
        9,
        target -> produce(-1, "nowhere", 0, batch(target.now())));
    add(
        "unknown partition",
        ApiKeys.PRODUCE,
        9,
        target -> produce(-1, "sink", 1000, batch(target.now())));
  }

  private void producerIds() {
    for (int version : new int[] {0, 1, 2, 3, 4, 5}) {
      add("idempotent", ApiKeys.INIT_PRODUCER_ID, version, initProducerId(null));
    }
    add("empty transactional id", ApiKeys.INIT_PRODUCER_ID, 4, initProducerId(""));
    add(
        "idempotent, zero time-out",
        ApiKeys.INIT_PRODUCER_ID,
        4,
        initProducerId(null).setTransactionTimeoutMs(0));
    add(
        "idempotent with an id and epoch",
        ApiKeys.INIT_PRODUCER_ID,
        4,
        initProducerId(null).setProducerId(5).setProducerEpoch((short) 5));
  }

  private static InitProducerIdRequestData initProducerId(@Nullable String transactionalId) {
    return new InitProducerIdRequestData()
        .setTransactionalId(transactionalId)
        .setTransactionTimeoutMs(60_000);
  }

  private void groups() {
    for (int version : new int[] {0, 1, 3}) {
      add(
          "group",
          ApiKeys.FIND_COORDINATOR,
          version,
          new FindCoordinatorRequestData().setKey("g").setKeyType((byte) 0));
    }
    add(
        "two groups",
        ApiKeys.FIND_COORDINATOR,
        4,
        new FindCoordinatorRequestData().setCoordinatorKeys(List.of("g", "h")));
    add(
        "unknown type",
        ApiKeys.FIND_COORDINATOR,
        3,
        new FindCoordinatorRequestData().setKey("g").setKeyType((byte) 9));
    add(
        "unknown type",
        ApiKeys.FIND_COORDINATOR,
        4,
        new FindCoordinatorRequestData().setCoordinatorKeys(List.of("g")).setKeyType((byte) 9));
    add(
        "no keys",
        ApiKeys.FIND_COORDINATOR,
        4,
        new FindCoordinatorRequestData().setCoordinatorKeys(List.of()));
    for (int version : new int[] {1, 2, 5, 7}) {
      add(
          "unknown group",
          ApiKeys.OFFSET_FETCH,
          version,
          new OffsetFetchRequestData()
              .setGroupId("unknown")
              .setTopics(
                  List.of(
                      new OffsetFetchRequestData.OffsetFetchRequestTopic()
                          .setName("log")
                          .setPartitionIndexes(List.of(0, 9)))));
    }
    add(
        "unknown group, all topics",
        ApiKeys.OFFSET_FETCH,
        7,
        new OffsetFetchRequestData().setGroupId("unknown").setTopics(null));
    for (int version : new int[] {8, 9}) {
      add("unknown group", ApiKeys.OFFSET_FETCH, version, offsetFetch("unknown", "log"));
      add("unknown topic", ApiKeys.OFFSET_FETCH, version, offsetFetch("unknown", "nowhere"));
    }
    add("commit without group", ApiKeys.OFFSET_COMMIT, 8, commit("", -1, "", "log", 0, "m"));
    add("simple commit", ApiKeys.OFFSET_COMMIT, 8, commit("simple", -1, "", "log", 0, "meta"));
    add("simple commit", ApiKeys.OFFSET_COMMIT, 2, commit("simple", -1, "", "log", 1, ""));
    add("committed", ApiKeys.OFFSET_FETCH, 8, offsetFetch("simple", "log"));
    add("commit, unknown topic", ApiKeys.OFFSET_COMMIT, 8, commit("s", -1, "", "nowhere", 0, ""));
    add("commit, unknown partition", ApiKeys.OFFSET_COMMIT, 8, commit("s", -1, "", "log", 9, ""));
    add(
        "commit, metadata too large",
        ApiKeys.OFFSET_COMMIT,
        8,
        commit("s", -1, "", "log", 0, "x".repeat(5000)));
    add(
        "commit, unknown member",
        ApiKeys.OFFSET_COMMIT,
        8,
        commit("simple", 3, "nobody", "log", 0, ""));
    add(
        "commit, unknown group and member",
        ApiKeys.OFFSET_COMMIT,
        8,
        commit("unknown", 3, "nobody", "log", 0, ""));
    add(
        "unknown member",
        ApiKeys.HEARTBEAT,
        4,
        new HeartbeatRequestData().setGroupId("unknown").setMemberId("nobody").setGenerationId(1));
    add(
        "no group",
        ApiKeys.HEARTBEAT,
        4,
        new HeartbeatRequestData().setGroupId("").setMemberId("nobody").setGenerationId(1));
    add(
        "unknown member",
        ApiKeys.LEAVE_GROUP,
        4,
        new LeaveGroupRequestData()
            .setGroupId("unknown")
            .setMembers(List.of(new LeaveGroupRequestData.MemberIdentity().setMemberId("nobody"))));
    add(
        "unknown member",
        ApiKeys.LEAVE_GROUP,
        1,
        new LeaveGroupRequestData().setGroupId("unknown").setMemberId("nobody"));
    add(
        "unknown member",
        ApiKeys.SYNC_GROUP,
        5,
        new SyncGroupRequestData()
            .setGroupId("unknown")
            .setMemberId("nobody")
            .setGenerationId(1)
            .setProtocolType("consumer")
            .setProtocolName("range"));
    add("without member id", ApiKeys.JOIN_GROUP, 4, join("joined", "", 30_000));
    add("without member id", ApiKeys.JOIN_GROUP, 9, join("joined", "", 30_000));
    add("no group", ApiKeys.JOIN_GROUP, 9, join("", "", 30_000));
    add("session time-out too short", ApiKeys.JOIN_GROUP, 9, join("joined", "", 1));
    add("session time-out too long", ApiKeys.JOIN_GROUP, 9, join("joined", "", 1 << 30));
    add("unknown member", ApiKeys.JOIN_GROUP, 9, join("joined", "nobody", 30_000));
  }

  private static OffsetFetchRequestData offsetFetch(String group, String topic) {
    return new OffsetFetchRequestData()
        .setGroups(
            List.of(
                new OffsetFetchRequestData.OffsetFetchRequestGroup()
                    .setGroupId(group)
                    .setTopics(
                        List.of(
                            new OffsetFetchRequestData.OffsetFetchRequestTopics()
                                .setName(topic)
                                .setPartitionIndexes(List.of(0, 1))))));
  }

  private static OffsetCommitRequestData commit(
      String group, int generation, String member, String topic, int partition, String metadata) {
    return new OffsetCommitRequestData()
        .setGroupId(group)
        .setGenerationIdOrMemberEpoch(generation)
        .setMemberId(member)
        .setTopics(
            List.of(
                new OffsetCommitRequestData.OffsetCommitRequestTopic()
                    .setName(topic)
                    .setPartitions(
                        List.of(
                            new OffsetCommitRequestData.OffsetCommitRequestPartition()
                                .setPartitionIndex(partition)
                                .setCommittedOffset(2)
                                .setCommittedMetadata(metadata)))));
  }

  private static JoinGroupRequestData join(String group, String member, int sessionMillis) {
    var protocols = new JoinGroupRequestData.JoinGroupRequestProtocolCollection();
    protocols.add(
        new JoinGroupRequestData.JoinGroupRequestProtocol()
            .setName("range")
            .setMetadata(new byte[0]));
    return new JoinGroupRequestData()
        .setGroupId(group)
        .setMemberId(member)
        .setSessionTimeoutMs(sessionMillis)
        .setRebalanceTimeoutMs(30_000)
        .setProtocolType("consumer")
        .setProtocols(protocols);
  }

  private void topics() {
    for (int version : new int[] {2, 4, 5, 7}) {
      add("new topic", ApiKeys.CREATE_TOPICS, version, create("new-" + version, 3, 1));
      add("same again", ApiKeys.CREATE_TOPICS, version, create("new-" + version, 3, 1));
    }
    add("default partitions", ApiKeys.CREATE_TOPICS, 7, create("defaults", -1, -1));
    add("validate only", ApiKeys.CREATE_TOPICS, 7, create("never", 3, 1).setValidateOnly(true));
    add("only validated", ApiKeys.METADATA, 9, metadataOf("never"));
    for (String bad : List.of("a/b", "", ".", "x".repeat(250))) {
      add("bad name '" + shorten(bad) + "'", ApiKeys.CREATE_TOPICS, 7, create(bad, 1, 1));
    }
    add("zero partitions", ApiKeys.CREATE_TOPICS, 7, create("zero", 0, 1));
    add("-2 partitions", ApiKeys.CREATE_TOPICS, 7, create("minus-two", -2, 1));
    add("no replicas", ApiKeys.CREATE_TOPICS, 7, create("no-replicas", 1, 0));
    add("three replicas", ApiKeys.CREATE_TOPICS, 7, create("three", 1, 3));
    add("unknown config", ApiKeys.CREATE_TOPICS, 7, create("c1", 1, 1, "no.such", "1"));
    add("bad config value", ApiKeys.CREATE_TOPICS, 7, create("c2", 1, 1, "retention.ms", "soon"));
    add("negative limit", ApiKeys.CREATE_TOPICS, 7, create("c3", 1, 1, "max.message.bytes", "-1"));
    add("bad policy", ApiKeys.CREATE_TOPICS, 7, create("c4", 1, 1, "cleanup.policy", "burn"));
    add("config", ApiKeys.CREATE_TOPICS, 7, create("c5", 1, 1, "cleanup.policy", "compact"));
    add("null config", ApiKeys.CREATE_TOPICS, 7, create("c6", 1, 1, "retention.ms", null));
    add(
        "twice in one request",
        ApiKeys.CREATE_TOPICS,
        7,
        _ -> {
          var request = create("twice", 1, 1);
          request.topics().add(request.topics().valuesList().getFirst().duplicate());
          return request;
        });
    add(
        "assignment and partitions",
        ApiKeys.CREATE_TOPICS,
        7,
        _ -> assigned(create("both", 2, 1), 1));
    add("assignment", ApiKeys.CREATE_TOPICS, 7, _ -> assigned(create("assigned", -1, -1), 1));
    add(
        "assignment to an unknown agent",
        ApiKeys.CREATE_TOPICS,
        7,
        _ -> assigned(create("assigned-99", -1, -1), 99));
    add("name that collides", ApiKeys.CREATE_TOPICS, 7, create("new_2", 1, 1));
    add("name with dot", ApiKeys.CREATE_TOPICS, 7, create("dot.ted", 1, 1));
    add("name that collides with it", ApiKeys.CREATE_TOPICS, 7, create("dot_ted", 1, 1));

    for (int version : new int[] {1, 4, 5}) {
      add(
          "unknown topic",
          ApiKeys.DELETE_TOPICS,
          version,
          new DeleteTopicsRequestData().setTopicNames(List.of("nowhere")).setTimeoutMs(10_000));
    }
    add("unknown topic", ApiKeys.DELETE_TOPICS, 6, delete("nowhere", Uuid.ZERO_UUID));
    add("unknown id", ApiKeys.DELETE_TOPICS, 6, delete(null, UNKNOWN_ID));
    add("name and id", ApiKeys.DELETE_TOPICS, 6, delete("new-2", UNKNOWN_ID));
    add("neither", ApiKeys.DELETE_TOPICS, 6, delete(null, Uuid.ZERO_UUID));
    add("known topic", ApiKeys.DELETE_TOPICS, 6, delete("new-4", Uuid.ZERO_UUID));
    add("deleted topic", ApiKeys.DELETE_TOPICS, 6, delete("new-4", Uuid.ZERO_UUID));

    add("fewer", ApiKeys.CREATE_PARTITIONS, 3, partitions("new-5", 2));
    add("as many", ApiKeys.CREATE_PARTITIONS, 3, partitions("new-5", 3));
    add("zero", ApiKeys.CREATE_PARTITIONS, 3, partitions("new-5", 0));
    add("-1", ApiKeys.CREATE_PARTITIONS, 3, partitions("new-5", -1));
    add("unknown topic", ApiKeys.CREATE_PARTITIONS, 3, partitions("nowhere", 5));
    add(
        "validate only",
        ApiKeys.CREATE_PARTITIONS,
        3,
        partitions("new-5", 5).setValidateOnly(true));
    add("more", ApiKeys.CREATE_PARTITIONS, 3, partitions("new-5", 4));
    add("now there are more", ApiKeys.METADATA, 9, metadataOf("new-5"));
  }

  private static CreateTopicsRequestData create(
      String name, int partitions, int replicas, @Nullable String... config) {
    var topic =
        new CreateTopicsRequestData.CreatableTopic()
            .setName(name)
            .setNumPartitions(partitions)
            .setReplicationFactor((short) replicas);
    for (int i = 0; i < config.length; i += 2) {
      topic
          .configs()
          .add(
              new CreateTopicsRequestData.CreatableTopicConfig()
                  .setName(config[i])
                  .setValue(config[i + 1]));
    }
    var topics = new CreateTopicsRequestData.CreatableTopicCollection();
    topics.add(topic);
    return new CreateTopicsRequestData().setTopics(topics).setTimeoutMs(10_000);
  }

  private static CreateTopicsRequestData assigned(CreateTopicsRequestData request, int agent) {
    request
        .topics()
        .valuesList()
        .getFirst()
        .assignments()
        .add(
            new CreateTopicsRequestData.CreatableReplicaAssignment()
                .setPartitionIndex(0)
                .setBrokerIds(List.of(agent)));
    return request;
  }

  private static DeleteTopicsRequestData delete(@Nullable String name, Uuid id) {
    return new DeleteTopicsRequestData()
        .setTimeoutMs(10_000)
        .setTopics(
            List.of(new DeleteTopicsRequestData.DeleteTopicState().setName(name).setTopicId(id)));
  }

  private static CreatePartitionsRequestData partitions(String topic, int count) {
    var topics = new CreatePartitionsRequestData.CreatePartitionsTopicCollection();
    topics.add(
        new CreatePartitionsRequestData.CreatePartitionsTopic()
            .setName(topic)
            .setCount(count)
            .setAssignments(null));
    return new CreatePartitionsRequestData().setTopics(topics).setTimeoutMs(10_000);
  }

  private void configs() {
    List<String> keys = List.of("retention.ms", "cleanup.policy", "max.message.bytes", "no.such");
    for (int version : new int[] {1, 2, 3, 4}) {
      add("topic", ApiKeys.DESCRIBE_CONFIGS, version, describe(2, "small", keys));
    }
    add("no keys", ApiKeys.DESCRIBE_CONFIGS, 4, describe(2, "small", List.of()));
    add("unknown topic", ApiKeys.DESCRIBE_CONFIGS, 4, describe(2, "nowhere", keys));
    add("bad topic name", ApiKeys.DESCRIBE_CONFIGS, 4, describe(2, "a/b", keys));
    add("empty topic name", ApiKeys.DESCRIBE_CONFIGS, 4, describe(2, "", keys));
    add("agent", ApiKeys.DESCRIBE_CONFIGS, 4, describe(4, "1", List.of("num.partitions")));
    add("unknown agent", ApiKeys.DESCRIBE_CONFIGS, 4, describe(4, "99", keys));
    add("agent that is no number", ApiKeys.DESCRIBE_CONFIGS, 4, describe(4, "one", keys));
    add("unknown type", ApiKeys.DESCRIBE_CONFIGS, 4, describe(77, "1", keys));

    add("set", ApiKeys.INCREMENTAL_ALTER_CONFIGS, 1, alter("empty", 0, "retention.ms", "86400000"));
    add("now set", ApiKeys.DESCRIBE_CONFIGS, 4, describe(2, "empty", List.of("retention.ms")));
    add("delete", ApiKeys.INCREMENTAL_ALTER_CONFIGS, 1, alter("empty", 1, "retention.ms", null));
    add("now gone", ApiKeys.DESCRIBE_CONFIGS, 4, describe(2, "empty", List.of("retention.ms")));
    add(
        "append",
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        1,
        alter("empty", 2, "cleanup.policy", "compact"));
    add("now both", ApiKeys.DESCRIBE_CONFIGS, 4, describe(2, "empty", List.of("cleanup.policy")));
    add(
        "subtract",
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        1,
        alter("empty", 3, "cleanup.policy", "compact"));
    add(
        "append to a number",
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        1,
        alter("empty", 2, "retention.ms", "1"));
    add(
        "unknown operation",
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        1,
        alter("empty", 9, "retention.ms", "1"));
    add("unknown key", ApiKeys.INCREMENTAL_ALTER_CONFIGS, 1, alter("empty", 0, "no.such", "1"));
    add(
        "bad value",
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        1,
        alter("empty", 0, "retention.ms", "soon"));
    add(
        "null value",
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        1,
        alter("empty", 0, "retention.ms", null));
    add(
        "unknown topic",
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        1,
        alter("nowhere", 0, "retention.ms", "1"));
    add(
        "validate only",
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        1,
        alter("empty", 0, "retention.ms", "5").setValidateOnly(true));
    add("unchanged", ApiKeys.DESCRIBE_CONFIGS, 4, describe(2, "empty", List.of("retention.ms")));
    add("set", ApiKeys.ALTER_CONFIGS, 2, replace("empty", "retention.ms", "1000000"));
    add("bad value", ApiKeys.ALTER_CONFIGS, 2, replace("empty", "retention.ms", "soon"));
    add("unknown topic", ApiKeys.ALTER_CONFIGS, 2, replace("nowhere", "retention.ms", "1"));
  }

  static DescribeConfigsRequestData describe(int type, String name, List<String> keys) {
    return new DescribeConfigsRequestData()
        .setResources(
            List.of(
                new DescribeConfigsRequestData.DescribeConfigsResource()
                    .setResourceType((byte) type)
                    .setResourceName(name)
                    .setConfigurationKeys(keys)));
  }

  static IncrementalAlterConfigsRequestData alter(
      String topic, int operation, String key, @Nullable String value) {
    return alter(2, topic, operation, key, value);
  }

  static IncrementalAlterConfigsRequestData alter(
      int type, String name, int operation, String key, @Nullable String value) {
    var resource =
        new IncrementalAlterConfigsRequestData.AlterConfigsResource()
            .setResourceType((byte) type)
            .setResourceName(name);
    resource
        .configs()
        .add(
            new IncrementalAlterConfigsRequestData.AlterableConfig()
                .setName(key)
                .setConfigOperation((byte) operation)
                .setValue(value));
    var request = new IncrementalAlterConfigsRequestData();
    request.resources().add(resource);
    return request;
  }

  private static AlterConfigsRequestData replace(String topic, String key, String value) {
    return replace(2, topic, key, value);
  }

  static AlterConfigsRequestData replace(int type, String name, String key, String value) {
    var resource =
        new AlterConfigsRequestData.AlterConfigsResource()
            .setResourceType((byte) type)
            .setResourceName(name);
    resource
        .configs()
        .add(new AlterConfigsRequestData.AlterableConfig().setName(key).setValue(value));
    var request = new AlterConfigsRequestData();
    request.resources().add(resource);
    return request;
  }

  private void others() {
    add("beyond the end", ApiKeys.DELETE_RECORDS, 2, deleteRecords("sink", 0, 1000));
    add("offset -2", ApiKeys.DELETE_RECORDS, 2, deleteRecords("sink", 0, -2));
    add("to the high watermark", ApiKeys.DELETE_RECORDS, 2, deleteRecords("sink", 0, -1));
    add("below the new start", ApiKeys.LIST_OFFSETS, 7, listOffsets("sink", 0, -2));
    add("below the new start", ApiKeys.FETCH, 12, fetch("sink", Uuid.ZERO_UUID, fetchFrom(0, 0)));
    add("below the start again", ApiKeys.DELETE_RECORDS, 2, deleteRecords("sink", 0, 0));
    add("unknown partition", ApiKeys.DELETE_RECORDS, 2, deleteRecords("log", 9, 0));
    add("unknown topic", ApiKeys.DELETE_RECORDS, 2, deleteRecords("nowhere", 0, 0));

    add("unknown topic", ApiKeys.OFFSET_FOR_LEADER_EPOCH, 4, epochEnd("nowhere", 0, -1, 0));
    add("unknown partition", ApiKeys.OFFSET_FOR_LEADER_EPOCH, 4, epochEnd("log", 9, -1, 0));
    add("epoch of the future", ApiKeys.OFFSET_FOR_LEADER_EPOCH, 4, epochEnd("log", 0, -1, 1 << 30));
    add(
        "current epoch of the future",
        ApiKeys.OFFSET_FOR_LEADER_EPOCH,
        4,
        epochEnd("log", 0, 1 << 30, 0));

    add("known topic", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, describePartitions(10, "log"));
    add("unknown topic", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, describePartitions(10, "nowhere"));
    add("bad name", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, describePartitions(10, "a/b"));
    add("limit one", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, describePartitions(1, "log"));
    add(
        "cursor",
        ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
        0,
        describePartitions(10, "log")
            .setCursor(
                new DescribeTopicPartitionsRequestData.Cursor()
                    .setTopicName("log")
                    .setPartitionIndex(1)));
    for (int version : new int[] {0, 1, 2}) {
      add("agents", ApiKeys.DESCRIBE_CLUSTER, version, new DescribeClusterRequestData());
    }
    add(
        "controllers from an agent",
        ApiKeys.DESCRIBE_CLUSTER,
        1,
        new DescribeClusterRequestData().setEndpointType((byte) 2));
    add(
        "unknown endpoint type",
        ApiKeys.DESCRIBE_CLUSTER,
        1,
        new DescribeClusterRequestData().setEndpointType((byte) 7));
    add(
        "empty software name",
        ApiKeys.API_VERSIONS,
        3,
        new ApiVersionsRequestData().setClientSoftwareName("").setClientSoftwareVersion("1"));
    add(
        "bad software name",
        ApiKeys.API_VERSIONS,
        3,
        new ApiVersionsRequestData().setClientSoftwareName("a b").setClientSoftwareVersion("1"));
  }

  private static DeleteRecordsRequestData deleteRecords(String topic, int partition, long offset) {
    return new DeleteRecordsRequestData()
        .setTimeoutMs(10_000)
        .setTopics(
            List.of(
                new DeleteRecordsRequestData.DeleteRecordsTopic()
                    .setName(topic)
                    .setPartitions(
                        List.of(
                            new DeleteRecordsRequestData.DeleteRecordsPartition()
                                .setPartitionIndex(partition)
                                .setOffset(offset)))));
  }

  private static OffsetForLeaderEpochRequestData epochEnd(
      String topic, int partition, int currentEpoch, int epoch) {
    var topics = new OffsetForLeaderEpochRequestData.OffsetForLeaderTopicCollection();
    topics.add(
        new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic()
            .setTopic(topic)
            .setPartitions(
                List.of(
                    new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition()
                        .setPartition(partition)
                        .setCurrentLeaderEpoch(currentEpoch)
                        .setLeaderEpoch(epoch))));
    return new OffsetForLeaderEpochRequestData().setReplicaId(-1).setTopics(topics);
  }

  private static DescribeTopicPartitionsRequestData describePartitions(int limit, String topic) {
    return new DescribeTopicPartitionsRequestData()
        .setResponsePartitionLimit(limit)
        .setTopics(List.of(new DescribeTopicPartitionsRequestData.TopicRequest().setName(topic)));
  }

  private static String shorten(String name) {
    return name.length() > 20 ? name.length() + " characters" : name;
  }
}
