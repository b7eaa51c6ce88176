package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.catalog.FakeCatalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.config.GroupConfigs;
import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.Topics;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import org.apache.kafka.common.message.ConsumerGroupDescribeRequestData;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatResponseData;
import org.apache.kafka.common.message.DeleteGroupsRequestData;
import org.apache.kafka.common.message.DeleteGroupsResponseData;
import org.apache.kafka.common.message.DescribeGroupsRequestData;
import org.apache.kafka.common.message.DescribeGroupsResponseData;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.JoinGroupResponseData;
import org.apache.kafka.common.message.LeaveGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupResponseData;
import org.apache.kafka.common.message.ListGroupsRequestData;
import org.apache.kafka.common.message.ListGroupsResponseData;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetCommitResponseData;
import org.apache.kafka.common.message.OffsetDeleteRequestData;
import org.apache.kafka.common.message.OffsetDeleteResponseData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.message.SyncGroupResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// The life of a group in every version of every API, through bytes.
class GroupHandlersTest {

  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedLoop loop = new SimulatedLoop(time);
  private final FakeCatalog catalog = new FakeCatalog();
  private final Map<ApiKeys, ApiHandler<?>> handlers = new EnumMap<>(ApiKeys.class);

  GroupHandlersTest() {
    catalog.agent(1, Map.of("PLAINTEXT", "127.0.0.1:9092"));
    var topic = catalog.create("t", 2, Map.of());
    assertThat(topic).isDone();
    var metadata = new InMemoryMetadata(new Random(1));
    // As the catalogue knows the agent.
    var incarnation = new UUID(0, 1);
    metadata
        .leases()
        .register(
            new NewSession(
                incarnation, OptionalInt.of(1), new UUID(1, 1), Optional.empty(), Map.of()));
    // The coordinator's store has its own topics; ids follow from the seed, so offsets of the
    // catalogue's topic are kept in memory and left out of the store.
    var config =
        new AgentConfig.Groups(
            Duration.ZERO,
            Duration.ofSeconds(6),
            Duration.ofMinutes(5),
            9,
            5,
            Duration.ofDays(7),
            Duration.ofMinutes(10),
            new AgentConfig.Consumers(
                Duration.ofSeconds(45),
                new GroupConfigs.Range(45_000, 60_000),
                Duration.ofSeconds(5),
                new GroupConfigs.Range(5_000, 15_000),
                Duration.ZERO,
                new GroupConfigs.Range(0, 15_000),
                2,
                List.of("uniform", "range"),
                MigrationPolicy.BIDIRECTIONAL));
    var groups =
        new GroupCoordinator(
            metadata,
            incarnation,
            1,
            () -> true,
            loop,
            loop,
            loop,
            time,
            new Random(3),
            config,
            name -> catalog.image().groupConfigs(name),
            () -> Topics.of(catalog.image()),
            catalog::image);
    groups.start();
    for (var handler : GroupApis.handlers(catalog, groups, time, config)) {
      handlers.put(handler.api(), handler);
    }
    loop.drain();
  }

  private ApiMessage send(ApiKeys api, int version, ApiMessage request) {
    var handler = handlers.get(api);
    assertThat(handler).as("%s", api).isNotNull();
    return send(java.util.Objects.requireNonNull(handler), clip(api, version), request);
  }

  private static short clip(ApiKeys api, int version) {
    return (short) Math.clamp(version, api.oldestVersion(), api.latestVersion());
  }

  @SuppressWarnings("unchecked") // a handler's request type follows from its api
  private <Q extends ApiMessage> ApiMessage send(
      ApiHandler<Q> handler, short version, ApiMessage request) {
    var received =
        (Q) AdminCall.request(handler.api(), version, AdminCall.encode(request, version));
    var asked = new FakeRequest<>(received, version, "PLAINTEXT");
    var failure = handler.failure(asked, Errors.NOT_COORDINATOR);
    assertThat(AdminCall.encode(failure, version).remaining()).isPositive();
    var answer = handler.handle(asked).toCompletableFuture();
    loop.drain();
    assertThat(answer).as("%s %d", handler.api(), version).isDone();
    var body = ((Reply.Message) answer.join()).body();
    return AdminCall.response(handler.api(), version, AdminCall.encode(body, version));
  }

  @Test
  void aGroupLivesInEveryVersion() {
    for (int v = 0; v <= 10; v++) {
      live(v);
    }
  }

  private void live(int v) {
    String group = "g" + v;
    var topicId = TopicIds.toWire(catalog.image().topics().iterator().next().id());

    var find = new FindCoordinatorRequestData();
    boolean batched = v >= 4;
    var found =
        (FindCoordinatorResponseData)
            send(
                ApiKeys.FIND_COORDINATOR,
                v,
                batched ? find.setCoordinatorKeys(List.of(group, "other")) : find.setKey(group));
    if (batched) {
      assertThat(found.coordinators()).hasSize(2).allMatch(one -> one.port() == 9092);
    } else {
      assertThat(found.port()).isEqualTo(9092);
    }

    var join =
        new JoinGroupRequestData()
            .setGroupId(group)
            .setSessionTimeoutMs(10_000)
            .setRebalanceTimeoutMs(60_000)
            .setProtocolType("consumer");
    join.protocols()
        .add(
            new JoinGroupRequestData.JoinGroupRequestProtocol()
                .setName("range")
                .setMetadata("m".getBytes(StandardCharsets.UTF_8)));
    var joined = (JoinGroupResponseData) send(ApiKeys.JOIN_GROUP, v, join);
    if (v >= 4) {
      assertThat(joined.errorCode()).isEqualTo(Errors.MEMBER_ID_REQUIRED.code());
      joined =
          (JoinGroupResponseData) send(ApiKeys.JOIN_GROUP, v, join.setMemberId(joined.memberId()));
    }
    assertThat(joined.errorCode()).isZero();
    assertThat(joined.generationId()).isEqualTo(1);
    assertThat(joined.leader()).isEqualTo(joined.memberId()).startsWith("test-");
    assertThat(joined.members()).hasSize(1);
    String member = joined.memberId();

    var sync = new SyncGroupRequestData().setGroupId(group).setMemberId(member).setGenerationId(1);
    if (v >= 5) {
      sync.setProtocolType("consumer").setProtocolName("range");
    }
    sync.assignments()
        .add(
            new SyncGroupRequestData.SyncGroupRequestAssignment()
                .setMemberId(member)
                .setAssignment(new byte[] {7}));
    var synced = (SyncGroupResponseData) send(ApiKeys.SYNC_GROUP, v, sync);
    assertThat(synced.assignment()).containsExactly(7);

    var beat = new HeartbeatRequestData().setGroupId(group).setMemberId(member).setGenerationId(1);
    assertThat(((HeartbeatResponseData) send(ApiKeys.HEARTBEAT, v, beat)).errorCode()).isZero();
    beat.setGenerationId(2);
    assertThat(((HeartbeatResponseData) send(ApiKeys.HEARTBEAT, v, beat)).errorCode())
        .isEqualTo(Errors.ILLEGAL_GENERATION.code());

    var partitions = new ArrayList<OffsetCommitRequestData.OffsetCommitRequestPartition>();
    for (int index = 0; index < 3; index++) {
      partitions.add(
          new OffsetCommitRequestData.OffsetCommitRequestPartition()
              .setPartitionIndex(index)
              .setCommittedOffset(40 + index)
              .setCommittedLeaderEpoch(3)
              .setCommittedMetadata(index == 1 ? "too long" : "meta"));
    }
    var commit =
        new OffsetCommitRequestData()
            .setGroupId(group)
            .setMemberId(member)
            .setGenerationIdOrMemberEpoch(1)
            .setTopics(
                List.of(
                    new OffsetCommitRequestData.OffsetCommitRequestTopic()
                        .setName("t")
                        .setTopicId(topicId)
                        .setPartitions(partitions)));
    var committed = (OffsetCommitResponseData) send(ApiKeys.OFFSET_COMMIT, v, commit);
    assertThat(committed.topics().getFirst().partitions())
        .extracting(one -> Errors.forCode(one.errorCode()))
        .containsExactly(
            Errors.NONE, Errors.OFFSET_METADATA_TOO_LARGE, Errors.UNKNOWN_TOPIC_OR_PARTITION);

    var fetch = new OffsetFetchRequestData();
    if (v >= 8) {
      fetch.setGroups(
          List.of(
              new OffsetFetchRequestData.OffsetFetchRequestGroup()
                  .setGroupId(group)
                  .setTopics(
                      List.of(
                          new OffsetFetchRequestData.OffsetFetchRequestTopics()
                              .setName("t")
                              .setTopicId(topicId)
                              .setPartitionIndexes(List.of(0, 1)))),
              new OffsetFetchRequestData.OffsetFetchRequestGroup()
                  .setGroupId(group)
                  .setTopics(null)));
      var fetched = (OffsetFetchResponseData) send(ApiKeys.OFFSET_FETCH, v, fetch);
      var both = fetched.groups().getFirst().topics().getFirst().partitions();
      assertThat(both).extracting(one -> one.committedOffset()).containsExactly(40L, -1L);
      assertThat(both.getFirst().metadata()).isEqualTo("meta");
      assertThat(both.getFirst().committedLeaderEpoch()).isEqualTo(3);
      assertThat(fetched.groups().get(1).topics().getFirst().partitions()).hasSize(1);
    } else {
      fetch
          .setGroupId(group)
          .setTopics(
              List.of(
                  new OffsetFetchRequestData.OffsetFetchRequestTopic()
                      .setName("t")
                      .setPartitionIndexes(List.of(0, 1))));
      var fetched = (OffsetFetchResponseData) send(ApiKeys.OFFSET_FETCH, v, fetch);
      assertThat(fetched.topics().getFirst().partitions())
          .extracting(one -> one.committedOffset())
          .containsExactly(40L, -1L);
    }

    var listed = (ListGroupsResponseData) send(ApiKeys.LIST_GROUPS, v, new ListGroupsRequestData());
    assertThat(listed.groups()).extracting(one -> one.groupId()).contains(group);
    var describe = new DescribeGroupsRequestData().setGroups(List.of(group, "nobody"));
    var described = (DescribeGroupsResponseData) send(ApiKeys.DESCRIBE_GROUPS, v, describe);
    assertThat(described.groups().getFirst().groupState()).isEqualTo("Stable");
    assertThat(described.groups().getFirst().members().getFirst().memberAssignment())
        .containsExactly(7);
    assertThat(described.groups().get(1).groupState()).isEqualTo("Dead");

    var delete = new DeleteGroupsRequestData().setGroupsNames(List.of(group));
    var refused = (DeleteGroupsResponseData) send(ApiKeys.DELETE_GROUPS, v, delete);
    assertThat(refused.results().find(group).errorCode()).isEqualTo(Errors.NON_EMPTY_GROUP.code());
    var leave = new LeaveGroupRequestData().setGroupId(group);
    if (v < 3) {
      leave.setMemberId(member);
    } else {
      leave.setMembers(List.of(new LeaveGroupRequestData.MemberIdentity().setMemberId(member)));
    }
    assertThat(((LeaveGroupResponseData) send(ApiKeys.LEAVE_GROUP, v, leave)).errorCode()).isZero();
    var forget = new OffsetDeleteRequestData().setGroupId(group);
    forget
        .topics()
        .add(
            new OffsetDeleteRequestData.OffsetDeleteRequestTopic()
                .setName("t")
                .setPartitions(
                    List.of(
                        new OffsetDeleteRequestData.OffsetDeleteRequestPartition()
                            .setPartitionIndex(0))));
    assertThat(((OffsetDeleteResponseData) send(ApiKeys.OFFSET_DELETE, v, forget)).errorCode())
        .isZero();
    var deleted = (DeleteGroupsResponseData) send(ApiKeys.DELETE_GROUPS, v, delete);
    assertThat(deleted.results().find(group).errorCode()).isZero();
  }

  @Test
  void aConsumerGroupLivesInEveryVersion() {
    for (int v = 0; v <= 1; v++) {
      liveAsConsumer(v);
    }
  }

  private void liveAsConsumer(int v) {
    String group = "consumers" + v;
    var topicId = TopicIds.toWire(catalog.image().topics().iterator().next().id());
    var join =
        new ConsumerGroupHeartbeatRequestData()
            .setGroupId(group)
            .setMemberId(v == 0 ? "" : "m")
            .setRebalanceTimeoutMs(60_000)
            .setSubscribedTopicNames(List.of("t"))
            .setTopicPartitions(List.of());
    var joined =
        (ConsumerGroupHeartbeatResponseData) send(ApiKeys.CONSUMER_GROUP_HEARTBEAT, v, join);
    assertThat(joined.errorCode()).isZero();
    assertThat(joined.memberEpoch()).isEqualTo(2);
    assertThat(joined.heartbeatIntervalMs()).isEqualTo(5_000);
    var given = joined.assignment().topicPartitions();
    assertThat(given).hasSize(1);
    assertThat(given.getFirst().topicId()).isEqualTo(topicId);
    assertThat(given.getFirst().partitions()).containsExactly(0, 1);
    String member = joined.memberId();
    assertThat(member).startsWith(v == 0 ? "test-" : "m");
    var beat =
        new ConsumerGroupHeartbeatRequestData()
            .setGroupId(group)
            .setMemberId(member)
            .setMemberEpoch(2);
    var beaten =
        (ConsumerGroupHeartbeatResponseData) send(ApiKeys.CONSUMER_GROUP_HEARTBEAT, v, beat);
    assertThat(beaten.errorCode()).isZero();
    assertThat(beaten.assignment()).isNull();

    var described =
        ((ConsumerGroupDescribeResponseData)
                send(
                    ApiKeys.CONSUMER_GROUP_DESCRIBE,
                    v,
                    new ConsumerGroupDescribeRequestData()
                        .setGroupIds(List.of(group, "nobody", ""))))
            .groups();
    assertThat(described)
        .extracting(one -> Errors.forCode(one.errorCode()))
        .containsExactly(Errors.NONE, Errors.GROUP_ID_NOT_FOUND, Errors.INVALID_GROUP_ID);
    var whole = described.getFirst();
    assertThat(whole.groupState()).isEqualTo("Stable");
    assertThat(whole.assignorName()).isEqualTo("uniform");
    assertThat(whole.groupEpoch()).isEqualTo(2);
    assertThat(whole.assignmentEpoch()).isEqualTo(2);
    var only = whole.members().getFirst();
    assertThat(only.memberType()).isEqualTo((byte) (v == 0 ? -1 : 1));
    assertThat(only.assignment()).isEqualTo(only.targetAssignment());
    assertThat(only.assignment().topicPartitions().getFirst().topicName()).isEqualTo("t");

    var listed =
        (ListGroupsResponseData)
            send(
                ApiKeys.LIST_GROUPS,
                5,
                new ListGroupsRequestData()
                    .setTypesFilter(List.of("Consumer"))
                    .setStatesFilter(List.of("stable")));
    assertThat(listed.groups()).extracting(one -> one.groupId()).containsExactly(group);
    assertThat(listed.groups().getFirst().groupType()).isEqualTo("consumer");
    var classic =
        ((DescribeGroupsResponseData)
                send(
                    ApiKeys.DESCRIBE_GROUPS,
                    6,
                    new DescribeGroupsRequestData().setGroups(List.of(group))))
            .groups()
            .getFirst();
    assertThat(classic.groupState()).isEqualTo("Dead");
    assertThat(classic.errorMessage()).isEqualTo("Group " + group + " is not a classic group.");

    assertThat(commit(group, member, 2, 8)).isEqualTo(Errors.UNSUPPORTED_VERSION);
    assertThat(commit(group, member, 3, 9)).isEqualTo(Errors.STALE_MEMBER_EPOCH);
    assertThat(commit(group, member, 0, 9)).isEqualTo(Errors.STALE_MEMBER_EPOCH);
    assertThat(commit(group, member, 2, 9)).isEqualTo(Errors.NONE);
    assertThat(fetch(group, member, 3)).isEqualTo(Errors.STALE_MEMBER_EPOCH);
    assertThat(fetch(group, "other", 2)).isEqualTo(Errors.UNKNOWN_MEMBER_ID);
    assertThat(fetch(group, member, 2)).isEqualTo(Errors.NONE);

    assertThat(joinAsClassic(group)).isEqualTo(Errors.INCONSISTENT_GROUP_PROTOCOL);
    var forget = new OffsetDeleteRequestData().setGroupId(group);
    forget
        .topics()
        .add(
            new OffsetDeleteRequestData.OffsetDeleteRequestTopic()
                .setName("t")
                .setPartitions(
                    List.of(
                        new OffsetDeleteRequestData.OffsetDeleteRequestPartition()
                            .setPartitionIndex(0))));
    var kept = (OffsetDeleteResponseData) send(ApiKeys.OFFSET_DELETE, 0, forget);
    assertThat(kept.topics().find("t").partitions().find(0).errorCode())
        .isEqualTo(Errors.GROUP_SUBSCRIBED_TO_TOPIC.code());
    var delete = new DeleteGroupsRequestData().setGroupsNames(List.of(group));
    var refused = (DeleteGroupsResponseData) send(ApiKeys.DELETE_GROUPS, 2, delete);
    assertThat(refused.results().find(group).errorCode()).isEqualTo(Errors.NON_EMPTY_GROUP.code());
    var left =
        (ConsumerGroupHeartbeatResponseData)
            send(ApiKeys.CONSUMER_GROUP_HEARTBEAT, v, beat.setMemberEpoch(-1));
    assertThat(left.memberEpoch()).isEqualTo(-1);
    assertThat(joinAsClassic(group))
        .as("empty groups convert")
        .isEqualTo(Errors.MEMBER_ID_REQUIRED);
    assertThat(fetch(group, null, -1)).as("offsets stay").isEqualTo(Errors.NONE);
    var deleted = (DeleteGroupsResponseData) send(ApiKeys.DELETE_GROUPS, 2, delete);
    assertThat(deleted.results().find(group).errorCode()).isZero();
  }

  private Errors commit(String group, String member, int epoch, int version) {
    var commit =
        new OffsetCommitRequestData()
            .setGroupId(group)
            .setMemberId(member)
            .setGenerationIdOrMemberEpoch(epoch)
            .setTopics(
                List.of(
                    new OffsetCommitRequestData.OffsetCommitRequestTopic()
                        .setName("t")
                        .setPartitions(
                            List.of(
                                new OffsetCommitRequestData.OffsetCommitRequestPartition()
                                    .setPartitionIndex(0)
                                    .setCommittedOffset(5)))));
    var answer = (OffsetCommitResponseData) send(ApiKeys.OFFSET_COMMIT, version, commit);
    return Errors.forCode(answer.topics().getFirst().partitions().getFirst().errorCode());
  }

  private Errors fetch(String group, @Nullable String member, int epoch) {
    var fetch =
        new OffsetFetchRequestData()
            .setGroups(
                List.of(
                    new OffsetFetchRequestData.OffsetFetchRequestGroup()
                        .setGroupId(group)
                        .setMemberId(member)
                        .setMemberEpoch(epoch)
                        .setTopics(null)));
    var answer = (OffsetFetchResponseData) send(ApiKeys.OFFSET_FETCH, 9, fetch);
    var only = answer.groups().getFirst();
    if (only.errorCode() == 0) {
      assertThat(only.topics().getFirst().partitions().getFirst().committedOffset()).isEqualTo(5);
    }
    return Errors.forCode(only.errorCode());
  }

  private Errors joinAsClassic(String group) {
    var join =
        new JoinGroupRequestData()
            .setGroupId(group)
            .setSessionTimeoutMs(10_000)
            .setRebalanceTimeoutMs(60_000)
            .setProtocolType("consumer");
    join.protocols()
        .add(
            new JoinGroupRequestData.JoinGroupRequestProtocol()
                .setName("range")
                .setMetadata(new byte[0]));
    var answer = (JoinGroupResponseData) send(ApiKeys.JOIN_GROUP, 9, join);
    return Errors.forCode(answer.errorCode());
  }

  @Test
  void aMalformedConsumerHeartbeatIsToldWhatIsWrong() {
    assertThat(refusal(beat().setMemberId(""))).isEqualTo("MemberId can't be empty.");
    assertThat(refusal(beat().setGroupId(""))).isEqualTo("GroupId can't be empty.");
    assertThat(refusal(beat().setInstanceId(""))).isEqualTo("InstanceId can't be empty.");
    assertThat(refusal(beat().setRackId(" "))).isEqualTo("RackId can't be empty.");
    assertThat(refusal(beat().setRebalanceTimeoutMs(-1)))
        .isEqualTo("RebalanceTimeoutMs must be provided in first request.");
    assertThat(refusal(beat().setTopicPartitions(null)))
        .isEqualTo("TopicPartitions must be empty when (re-)joining.");
    assertThat(refusal(beat().setSubscribedTopicNames(null)))
        .startsWith("Either SubscribedTopicNames or SubscribedTopicRegex");
    assertThat(refusal(beat().setMemberEpoch(-2))).isEqualTo("InstanceId can't be null.");
    assertThat(refusal(beat().setMemberEpoch(-3)))
        .isEqualTo("MemberEpoch is -3, but must be greater than or equal to -2.");

    assertThat(beaten(beat().setServerAssignor("mine"))).isEqualTo(Errors.UNSUPPORTED_ASSIGNOR);
    assertThat(beaten(beat().setSubscribedTopicRegex("t(")))
        .isEqualTo(Errors.INVALID_REGULAR_EXPRESSION);
    assertThat(beaten(beat().setMemberEpoch(3))).isEqualTo(Errors.GROUP_ID_NOT_FOUND);
    assertThat(beaten(beat())).isEqualTo(Errors.NONE);
    assertThat(beaten(beat().setMemberEpoch(3))).isEqualTo(Errors.FENCED_MEMBER_EPOCH);
    assertThat(beaten(beat().setMemberId("m2"))).isEqualTo(Errors.NONE);
    assertThat(beaten(beat().setMemberId("m3"))).isEqualTo(Errors.GROUP_MAX_SIZE_REACHED);
  }

  private static ConsumerGroupHeartbeatRequestData beat() {
    return new ConsumerGroupHeartbeatRequestData()
        .setGroupId("malformed")
        .setMemberId("m")
        .setRebalanceTimeoutMs(60_000)
        .setSubscribedTopicNames(List.of("t"))
        .setTopicPartitions(List.of());
  }

  private Errors beaten(ConsumerGroupHeartbeatRequestData request) {
    var answer =
        (ConsumerGroupHeartbeatResponseData) send(ApiKeys.CONSUMER_GROUP_HEARTBEAT, 1, request);
    return Errors.forCode(answer.errorCode());
  }

  private String refusal(ConsumerGroupHeartbeatRequestData request) {
    var answer =
        (ConsumerGroupHeartbeatResponseData) send(ApiKeys.CONSUMER_GROUP_HEARTBEAT, 1, request);
    assertThat(answer.errorCode()).isEqualTo(Errors.INVALID_REQUEST.code());
    return answer.errorMessage();
  }

  @Test
  void aTransactionsCoordinatorIsRefusedForGoodAndSaysWhy() {
    var find =
        new FindCoordinatorRequestData().setKeyType((byte) 1).setCoordinatorKeys(List.of("tx"));
    var found = (FindCoordinatorResponseData) send(ApiKeys.FIND_COORDINATOR, 6, find);
    var only = found.coordinators().getFirst();
    assertThat(only.errorCode()).isEqualTo(Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED.code());
    assertThat(only.errorMessage()).isEqualTo("transactions are not supported yet");
  }
}
