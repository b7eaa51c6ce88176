package io.streamhouse.compat.wire;

import io.streamhouse.compat.wire.Cases.Case;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.message.ConsumerGroupDescribeRequestData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import org.apache.kafka.common.message.DeleteGroupsRequestData;
import org.apache.kafka.common.message.DescribeGroupsRequestData;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupRequestData;
import org.apache.kafka.common.message.ListGroupsRequestData;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/// Requests of consumer groups (KIP-848), as [Cases]. Later ones build on the groups that earlier
/// ones made.
final class ConsumerGroupCases {

  private final List<Case> cases = new ArrayList<>();

  private ConsumerGroupCases() {}

  static List<Case> all() {
    var table = new ConsumerGroupCases();
    table.malformed();
    table.life();
    table.fromOutside();
    table.end();
    table.migration();
    table.staleCommits();
    return List.copyOf(table.cases);
  }

  private void add(String name, ApiKeys api, int version, ApiMessage body) {
    cases.add(new Case(api.name + " v" + version + ": " + name, api, (short) version, _ -> body));
  }

  private void beat(String name, ConsumerGroupHeartbeatRequestData body) {
    add(name, ApiKeys.CONSUMER_GROUP_HEARTBEAT, 1, body);
  }

  /// To join `consumers` as member `m1`.
  private static ConsumerGroupHeartbeatRequestData join() {
    return new ConsumerGroupHeartbeatRequestData()
        .setGroupId("consumers")
        .setMemberId("m1")
        .setRebalanceTimeoutMs(60_000)
        .setSubscribedTopicNames(List.of("log"))
        .setTopicPartitions(List.of());
  }

  private static ConsumerGroupHeartbeatRequestData at(int epoch) {
    return new ConsumerGroupHeartbeatRequestData()
        .setGroupId("consumers")
        .setMemberId("m1")
        .setMemberEpoch(epoch);
  }

  /// A group that goes from one protocol to the other and back.
  private void migration() {
    var beat = join().setGroupId("moving");
    beat("a group to be moved", beat);
    for (var protocol : List.of("range", "mine")) {
      add(
          "another type into a consumer group, " + protocol,
          ApiKeys.JOIN_GROUP,
          9,
          classicJoin(protocol, "").setProtocolType("connect"));
    }
    add(
        "classic, dynamic",
        ApiKeys.JOIN_GROUP,
        9,
        classicJoin("range", "").setGroupInstanceId(null));
    add("classic, static", ApiKeys.JOIN_GROUP, 9, classicJoin("range", ""));
    add("classic, no common protocol", ApiKeys.JOIN_GROUP, 9, classicJoin("mine", ""));
    add(
        "of a member of the other protocol",
        ApiKeys.HEARTBEAT,
        4,
        new HeartbeatRequestData().setGroupId("moving").setMemberId("m1").setGenerationId(3));
    add(
        "of a member of the other protocol",
        ApiKeys.SYNC_GROUP,
        5,
        new SyncGroupRequestData()
            .setGroupId("moving")
            .setMemberId("m1")
            .setGenerationId(3)
            .setProtocolType("consumer")
            .setProtocolName("range"));
    add(
        "fenced in a mixed group",
        ApiKeys.HEARTBEAT,
        4,
        new HeartbeatRequestData()
            .setGroupId("moving")
            .setMemberId("m9")
            .setGroupInstanceId("s1")
            .setGenerationId(3));
    add("of the other protocol", ApiKeys.LEAVE_GROUP, 5, leaveMoving("m1", null));
    add("unknown in a group", ApiKeys.LEAVE_GROUP, 5, leaveMoving("m1", null));
    add(
        "moved back",
        ApiKeys.DESCRIBE_GROUPS,
        6,
        new DescribeGroupsRequestData().setGroups(List.of("moving")));
    beat("move again", join().setGroupId("moving").setMemberId("m2"));
    add("static one", ApiKeys.LEAVE_GROUP, 5, leaveMoving("", "s1"));
    beat("the moved leave", at(-1).setGroupId("moving").setMemberId("m2"));
  }

  /// Commits of a member that has one partition of two since the epoch it names, and the other only
  /// since a later one.
  private void staleCommits() {
    beat("both partitions", join().setGroupId("late"));
    beat("another for one of them", join().setGroupId("late").setMemberId("m2"));
    beat("is to give one up", at(2).setGroupId("late"));
    for (int one : new int[] {0, 1}) {
      String revoked = "while it gives one up, partition " + one;
      add(revoked, ApiKeys.OFFSET_COMMIT, 9, commitLate(2, one));
    }
    beat("the other leaves", at(-1).setGroupId("late").setMemberId("m2"));
    beat("has given one up", at(2).setGroupId("late").setTopicPartitions(List.of()));
    beat("has it again", at(4).setGroupId("late"));
    for (var partitions : List.of(List.of(0), List.of(1), List.of(0, 1), List.of(1, 0))) {
      var numbers = partitions.stream().mapToInt(Integer::intValue).toArray();
      add(
          "of an old epoch, partitions " + partitions,
          ApiKeys.OFFSET_COMMIT,
          9,
          commitLate(2, numbers));
    }
    add("what is committed", ApiKeys.OFFSET_FETCH, 9, fetch(null, -1, "late"));
    add("partition that is not", ApiKeys.OFFSET_COMMIT, 9, commitLate(2, 0, 77));
    add("partition that is not, now", ApiKeys.OFFSET_COMMIT, 9, commitLate(4, 0, 77));
    beat("late one leaves", at(-1).setGroupId("late"));
  }

  private static OffsetCommitRequestData commitLate(int epoch, int... partitions) {
    var topic = new OffsetCommitRequestData.OffsetCommitRequestTopic().setName("log");
    for (int one : partitions) {
      topic
          .partitions()
          .add(
              new OffsetCommitRequestData.OffsetCommitRequestPartition()
                  .setPartitionIndex(one)
                  .setCommittedOffset(10 * partitions.length + one)
                  .setCommittedMetadata(""));
    }
    return new OffsetCommitRequestData()
        .setGroupId("late")
        .setMemberId("m1")
        .setGenerationIdOrMemberEpoch(epoch)
        .setTopics(List.of(topic));
  }

  private static JoinGroupRequestData classicJoin(String protocol, String member) {
    var protocols = new JoinGroupRequestData.JoinGroupRequestProtocolCollection();
    var subscription =
        ConsumerProtocol.serializeSubscription(
            new ConsumerPartitionAssignor.Subscription(List.of("log")));
    protocols.add(
        new JoinGroupRequestData.JoinGroupRequestProtocol()
            .setName(protocol)
            .setMetadata(Utils.toArray(subscription)));
    return new JoinGroupRequestData()
        .setGroupId("moving")
        .setMemberId(member)
        .setGroupInstanceId("s1")
        .setSessionTimeoutMs(30_000)
        .setRebalanceTimeoutMs(30_000)
        .setProtocolType("consumer")
        .setProtocols(protocols);
  }

  private static LeaveGroupRequestData leaveMoving(String member, @Nullable String instance) {
    return new LeaveGroupRequestData()
        .setGroupId("moving")
        .setMembers(
            List.of(
                new LeaveGroupRequestData.MemberIdentity()
                    .setMemberId(member)
                    .setGroupInstanceId(instance)));
  }

  private void malformed() {
    beat("no member id", join().setMemberId(""));
    beat("no group", join().setGroupId(""));
    beat("empty instance", join().setInstanceId(""));
    beat("empty rack", join().setRackId(""));
    beat("no rebalance time-out", join().setRebalanceTimeoutMs(-1));
    beat("no owned partitions", join().setTopicPartitions(null));
    beat("no subscription", join().setSubscribedTopicNames(null));
    beat("epoch -3", at(-3));
    beat("leave for a while without instance", at(-2));
    beat("unknown assignor", join().setServerAssignor("mine"));
    beat("unknown group", at(1).setGroupId("nobody"));
    beat("leave unknown group", at(-1).setGroupId("nobody"));
    add("no member id in an epoch", ApiKeys.CONSUMER_GROUP_HEARTBEAT, 0, at(1).setMemberId(""));
    for (var pattern : List.of("(", "[z-a]", "(?=lo).*", "a**", "lo\\", "a{1001}")) {
      beat("invalid " + pattern, join().setGroupId("patterns").setSubscribedTopicRegex(pattern));
    }
    beat(
        "pattern without topics",
        join().setGroupId("patterns").setSubscribedTopicRegex("nothing-.*"));
    beat(
        "leave with a pattern",
        new ConsumerGroupHeartbeatRequestData()
            .setGroupId("patterns")
            .setMemberId("m1")
            .setMemberEpoch(-1));
  }

  private void life() {
    beat("first member", join());
    add(
        "server's member id",
        ApiKeys.CONSUMER_GROUP_HEARTBEAT,
        0,
        join().setGroupId("g0").setMemberId(""));
    beat("nothing new", at(2));
    beat("whole", join().setMemberEpoch(2).setTopicPartitions(null));
    beat("join again", join());
    beat("epoch ahead", at(7));
    beat("unknown member", at(1).setMemberId("other"));
    beat("unknown instance", at(1).setInstanceId("other"));
    beat("join with instance", join().setMemberId("m2").setInstanceId("i2"));
    beat("instance of another", join().setMemberId("m3").setInstanceId("i2"));
    beat("fenced instance", at(3).setMemberId("m3").setInstanceId("i2"));
    beat("leave for a while", at(-2).setMemberId("m2").setInstanceId("i2"));
    beat("come back", join().setMemberId("m4").setInstanceId("i2"));
    beat("revoke", at(2));
    beat("revoked", at(2).setTopicPartitions(List.of()));
    beat("topic that is not", join().setMemberEpoch(3).setSubscribedTopicNames(List.of("no")));
    for (int version : new int[] {0, 1}) {
      add(
          "some",
          ApiKeys.CONSUMER_GROUP_DESCRIBE,
          version,
          new ConsumerGroupDescribeRequestData()
              .setGroupIds(List.of("nobody", ""))
              .setIncludeAuthorizedOperations(true));
    }
  }

  private void fromOutside() {
    add(
        "consumers",
        ApiKeys.LIST_GROUPS,
        5,
        new ListGroupsRequestData()
            .setTypesFilter(List.of("consumer"))
            .setStatesFilter(List.of("dead")));
    add(
        "consumer group",
        ApiKeys.DESCRIBE_GROUPS,
        6,
        new DescribeGroupsRequestData().setGroups(List.of("consumers")));
    add(
        "consumer group",
        ApiKeys.DESCRIBE_GROUPS,
        5,
        new DescribeGroupsRequestData().setGroups(List.of("consumers")));
    add(
        "classic member of consumer group",
        ApiKeys.HEARTBEAT,
        4,
        new HeartbeatRequestData().setGroupId("consumers").setMemberId("x").setGenerationId(1));
    add("unknown protocol in consumer group", ApiKeys.JOIN_GROUP, 9, classicJoin());
    for (int version : new int[] {8, 9}) {
      add("consumer group, member's epoch", ApiKeys.OFFSET_COMMIT, version, commit("m4", 3));
      add("consumer group, future epoch", ApiKeys.OFFSET_COMMIT, version, commit("m4", 77));
      add("consumer group, unknown member", ApiKeys.OFFSET_COMMIT, version, commit("x", 1));
    }
    add("consumer group, nobody", ApiKeys.OFFSET_FETCH, 9, fetch(null, -1));
    add("consumer group, future epoch", ApiKeys.OFFSET_FETCH, 9, fetch("m4", 77));
    add("consumer group, unknown member", ApiKeys.OFFSET_FETCH, 9, fetch("x", 1));
    add("consumer group with members", ApiKeys.DELETE_GROUPS, 2, delete());
  }

  private void end() {
    beat("leave", at(-1));
    beat("leave again", at(-1));
    beat("last leaves", at(-1).setMemberId("m4").setInstanceId("i2"));
    add("empty consumer group", ApiKeys.DELETE_GROUPS, 2, delete());
  }

  private static JoinGroupRequestData classicJoin() {
    var join =
        new JoinGroupRequestData()
            .setGroupId("consumers")
            .setMemberId("")
            .setSessionTimeoutMs(30_000)
            .setRebalanceTimeoutMs(30_000)
            .setProtocolType("unknown");
    join.protocols()
        .add(
            new JoinGroupRequestData.JoinGroupRequestProtocol()
                .setName("range")
                .setMetadata(new byte[0]));
    return join;
  }

  private static OffsetCommitRequestData commit(String member, int epoch) {
    return new OffsetCommitRequestData()
        .setGroupId("consumers")
        .setMemberId(member)
        .setGenerationIdOrMemberEpoch(epoch)
        .setTopics(
            List.of(
                new OffsetCommitRequestData.OffsetCommitRequestTopic()
                    .setName("log")
                    .setPartitions(
                        List.of(
                            new OffsetCommitRequestData.OffsetCommitRequestPartition()
                                .setPartitionIndex(0)
                                .setCommittedOffset(1)
                                .setCommittedMetadata("")))));
  }

  private static OffsetFetchRequestData fetch(@Nullable String member, int epoch) {
    return fetch(member, epoch, "consumers");
  }

  private static OffsetFetchRequestData fetch(@Nullable String member, int epoch, String group) {
    return new OffsetFetchRequestData()
        .setGroups(
            List.of(
                new OffsetFetchRequestData.OffsetFetchRequestGroup()
                    .setGroupId(group)
                    .setMemberId(member)
                    .setMemberEpoch(epoch)
                    .setTopics(null)));
  }

  private static DeleteGroupsRequestData delete() {
    return new DeleteGroupsRequestData().setGroupsNames(List.of("consumers"));
  }
}
