package io.streamhouse.compat.wire;

import static io.streamhouse.compat.wire.Requests.idempotentBatch;
import static io.streamhouse.compat.wire.Requests.produce;

import io.streamhouse.compat.wire.Cases.Case;
import io.streamhouse.compat.wire.Cases.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.AlterReplicaLogDirsRequestData;
import org.apache.kafka.common.message.DescribeConfigsRequestData;
import org.apache.kafka.common.message.DescribeLogDirsRequestData;
import org.apache.kafka.common.message.DescribeProducersRequestData;
import org.apache.kafka.common.message.DescribeQuorumRequestData;
import org.apache.kafka.common.message.ElectLeadersRequestData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData;
import org.apache.kafka.common.message.ListConfigResourcesRequestData;
import org.apache.kafka.common.message.ListPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.UpdateFeaturesRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.jspecify.annotations.Nullable;

/// The requests of Kafka's tools that are about controllers, replicas and directories. They come
/// before any other case, since some list all topics and later cases let Kafka create its own.
final class AdminCases {

  /// A partition of `sink` that no other case touches.
  private static final int PRODUCED_TO = 61;

  private final List<Case> cases = new ArrayList<>();

  private AdminCases() {}

  static List<Case> all() {
    var table = new AdminCases();
    table.elections();
    table.reassignments();
    table.directories();
    table.producers();
    table.resources();
    table.groupConfigs();
    table.quorum();
    table.features();
    return List.copyOf(table.cases);
  }

  private void add(String name, ApiKeys api, int version, ApiMessage body) {
    add(name, api, version, _ -> body);
  }

  private void add(String name, ApiKeys api, int version, Function<Target, ApiMessage> body) {
    cases.add(new Case(api.name + " v" + version + ": " + name, api, (short) version, body));
  }

  private void elections() {
    for (int version : new int[] {0, 1, 2}) {
      add("known partition", ApiKeys.ELECT_LEADERS, version, elect(0, "log", 0));
      add("all", ApiKeys.ELECT_LEADERS, version, elect(0, "log").setTopicPartitions(null));
    }
    add("unclean", ApiKeys.ELECT_LEADERS, 2, elect(1, "log", 0, 1));
    add("unknown partition", ApiKeys.ELECT_LEADERS, 2, elect(0, "log", 0, 9, -1));
    add("unknown topic", ApiKeys.ELECT_LEADERS, 2, elect(0, "nowhere", 0));
    add("no topics", ApiKeys.ELECT_LEADERS, 2, new ElectLeadersRequestData());
    add("unknown type", ApiKeys.ELECT_LEADERS, 2, elect(7, "log", 0));
  }

  private static ElectLeadersRequestData elect(int type, String topic, Integer... partitions) {
    var request = new ElectLeadersRequestData().setElectionType((byte) type).setTimeoutMs(10_000);
    request
        .topicPartitions()
        .add(
            new ElectLeadersRequestData.TopicPartitions()
                .setTopic(topic)
                .setPartitions(List.of(partitions)));
    return request;
  }

  private void reassignments() {
    var api = ApiKeys.ALTER_PARTITION_REASSIGNMENTS;
    for (int version : new int[] {0, 1}) {
      add("cancel", api, version, reassign("log", 0, null));
      add("where it is", api, version, reassign("log", 0, List.of(1)));
      add("to an unknown agent", api, version, reassign("log", 0, List.of(9)));
    }
    add("to nobody", api, 1, reassign("log", 0, List.of()));
    add("twice to one", api, 1, reassign("log", 0, List.of(1, 1)));
    add("cancel in an unknown partition", api, 1, reassign("log", 9, null));
    add("unknown topic", api, 1, reassign("nowhere", 0, List.of(1)));
    add("nothing", api, 1, new AlterPartitionReassignmentsRequestData().setTimeoutMs(10_000));
    var list = new ListPartitionReassignmentsRequestData().setTimeoutMs(10_000);
    add("all", ApiKeys.LIST_PARTITION_REASSIGNMENTS, 0, list.duplicate().setTopics(null));
    add(
        "some",
        ApiKeys.LIST_PARTITION_REASSIGNMENTS,
        0,
        list.duplicate()
            .setTopics(
                List.of(
                    new ListPartitionReassignmentsRequestData.ListPartitionReassignmentsTopics()
                        .setName("log")
                        .setPartitionIndexes(List.of(0, 9)))));
  }

  private static AlterPartitionReassignmentsRequestData reassign(
      String topic, int partition, @Nullable List<Integer> replicas) {
    return new AlterPartitionReassignmentsRequestData()
        .setTimeoutMs(10_000)
        .setTopics(
            List.of(
                new AlterPartitionReassignmentsRequestData.ReassignableTopic()
                    .setName(topic)
                    .setPartitions(
                        List.of(
                            new AlterPartitionReassignmentsRequestData.ReassignablePartition()
                                .setPartitionIndex(partition)
                                .setReplicas(replicas)))));
  }

  private void directories() {
    for (int version : new int[] {1, 2, 3, 4, 5}) {
      add("known topic", ApiKeys.DESCRIBE_LOG_DIRS, version, directories("log", 0, 1));
    }
    add("all", ApiKeys.DESCRIBE_LOG_DIRS, 4, directories("log").setTopics(null));
    add("unknown partition", ApiKeys.DESCRIBE_LOG_DIRS, 4, directories("log", 0, 9));
    add("unknown topic", ApiKeys.DESCRIBE_LOG_DIRS, 4, directories("nowhere", 0));
    add("no topics", ApiKeys.DESCRIBE_LOG_DIRS, 4, new DescribeLogDirsRequestData());
    for (int version : new int[] {1, 2}) {
      add("elsewhere", ApiKeys.ALTER_REPLICA_LOG_DIRS, version, move("/elsewhere", "log", 0, 9));
    }
    add("elsewhere, unknown", ApiKeys.ALTER_REPLICA_LOG_DIRS, 2, move("/elsewhere", "nowhere", 0));
    add("nothing", ApiKeys.ALTER_REPLICA_LOG_DIRS, 2, new AlterReplicaLogDirsRequestData());
  }

  private static DescribeLogDirsRequestData directories(String topic, Integer... partitions) {
    var request = new DescribeLogDirsRequestData();
    request
        .topics()
        .add(
            new DescribeLogDirsRequestData.DescribableLogDirTopic()
                .setTopic(topic)
                .setPartitions(List.of(partitions)));
    return request;
  }

  private static AlterReplicaLogDirsRequestData move(
      String path, String topic, Integer... partitions) {
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

  private void producers() {
    add("none", ApiKeys.DESCRIBE_PRODUCERS, 0, producers("log", 0, 1));
    add(
        "of a producer to be described",
        ApiKeys.PRODUCE,
        9,
        target ->
            produce(-1, "sink", PRODUCED_TO, idempotentBatch(4711, 0, 0, false, target.now())));
    add("one", ApiKeys.DESCRIBE_PRODUCERS, 0, producers("sink", PRODUCED_TO));
    add("unknown partition", ApiKeys.DESCRIBE_PRODUCERS, 0, producers("log", 0, 9, -1));
    add("unknown topic", ApiKeys.DESCRIBE_PRODUCERS, 0, producers("nowhere", 0));
    add("bad name", ApiKeys.DESCRIBE_PRODUCERS, 0, producers("a/b", 0));
    add("nothing", ApiKeys.DESCRIBE_PRODUCERS, 0, new DescribeProducersRequestData());
  }

  private static DescribeProducersRequestData producers(String topic, Integer... partitions) {
    return new DescribeProducersRequestData()
        .setTopics(
            List.of(
                new DescribeProducersRequestData.TopicRequest()
                    .setName(topic)
                    .setPartitionIndexes(List.of(partitions))));
  }

  private void resources() {
    add("client metrics", ApiKeys.LIST_CONFIG_RESOURCES, 0, new ListConfigResourcesRequestData());
    add("all", ApiKeys.LIST_CONFIG_RESOURCES, 1, new ListConfigResourcesRequestData());
    for (int type : new int[] {2, 4, 8, 16, 32, 0, 77}) {
      add(
          "type " + type,
          ApiKeys.LIST_CONFIG_RESOURCES,
          1,
          new ListConfigResourcesRequestData().setResourceTypes(List.of((byte) type)));
    }
  }

  private void groupConfigs() {
    int group = 32;
    String session = "consumer.session.timeout.ms";
    String heartbeat = "consumer.heartbeat.interval.ms";
    add("group without configs", ApiKeys.DESCRIBE_CONFIGS, 4, describeGroup("readers"));
    add("group without name", ApiKeys.DESCRIBE_CONFIGS, 4, describeGroup(""));
    alterGroup("set", Cases.alter(group, "readers", 0, session, "50000"));
    add("group with configs", ApiKeys.DESCRIBE_CONFIGS, 4, describeGroup("readers"));
    alterGroup("without name", Cases.alter(group, "", 0, session, "50000"));
    alterGroup("below the least", Cases.alter(group, "readers", 0, session, "44999"));
    alterGroup("above the most", Cases.alter(group, "readers", 0, session, "60001"));
    alterGroup("below the least heartbeat", Cases.alter(group, "readers", 0, heartbeat, "4999"));
    alterGroup("above the most heartbeat", Cases.alter(group, "readers", 0, heartbeat, "15001"));
    alterGroup("no number", Cases.alter(group, "readers", 0, session, "soon"));
    alterGroup("unknown key", Cases.alter(group, "readers", 0, "session.timeout.ms", "50000"));
    alterGroup("append", Cases.alter(group, "readers", 2, session, "50000"));
    alterGroup("null", Cases.alter(group, "readers", 0, session, null));
    for (var config :
        List.of(
            "consumer.assignment.interval.ms=15001",
            "share.auto.offset.reset=by_duration:PT1H",
            "share.auto.offset.reset=never",
            "share.isolation.level=read_committed",
            "share.isolation.level=none",
            "share.renew.acknowledge.enable=perhaps",
            "share.record.lock.duration.ms=14999",
            "share.record.lock.duration.ms=15000",
            "share.delivery.count.limit=11",
            "share.partition.max.record.locks=4001",
            "share.session.timeout.ms=60001",
            "share.heartbeat.interval.ms=4999",
            "share.assignment.interval.ms=-1",
            "streams.session.timeout.ms=44999",
            "streams.heartbeat.interval.ms=15001",
            "streams.num.standby.replicas=2",
            "streams.num.standby.replicas=3",
            "streams.initial.rebalance.delay.ms=-1",
            "streams.assignment.interval.ms=15001")) {
      var parts = config.split("=", -1);
      alterGroup(config, Cases.alter(group, "others", 0, parts[0], parts[1]));
    }
    alterGroup(
        "only check", Cases.alter(group, "unseen", 0, session, "50000").setValidateOnly(true));
    add("of others", ApiKeys.DESCRIBE_CONFIGS, 4, describeGroup("others"));
    var groups = new ListConfigResourcesRequestData().setResourceTypes(List.of((byte) group));
    add("groups with configs", ApiKeys.LIST_CONFIG_RESOURCES, 1, groups);
    add(
        "group, replace",
        ApiKeys.ALTER_CONFIGS,
        2,
        Cases.replace(group, "readers", heartbeat, "6000"));
    add("group, replaced", ApiKeys.DESCRIBE_CONFIGS, 4, describeGroup("readers"));
    alterGroup("delete", Cases.alter(group, "readers", 1, heartbeat, null));
    alterGroup("delete what is not there", Cases.alter(group, "readers", 1, "no.such", null));
    add("groups that still have some", ApiKeys.LIST_CONFIG_RESOURCES, 1, groups);
  }

  private static DescribeConfigsRequestData describeGroup(String name) {
    return Cases.describe(32, name, List.of()).setIncludeSynonyms(true);
  }

  private void alterGroup(String name, IncrementalAlterConfigsRequestData body) {
    add("group, " + name, ApiKeys.INCREMENTAL_ALTER_CONFIGS, 1, body);
  }

  private void quorum() {
    for (int version : new int[] {0, 1, 2}) {
      add("metadata", ApiKeys.DESCRIBE_QUORUM, version, quorum("__cluster_metadata", 0));
      add("unknown partition", ApiKeys.DESCRIBE_QUORUM, version, quorum("__cluster_metadata", 1));
    }
    add("of a topic", ApiKeys.DESCRIBE_QUORUM, 2, quorum("log", 0));
    add("of nothing", ApiKeys.DESCRIBE_QUORUM, 2, new DescribeQuorumRequestData());
  }

  private static DescribeQuorumRequestData quorum(String topic, int partition) {
    return new DescribeQuorumRequestData()
        .setTopics(
            List.of(
                new DescribeQuorumRequestData.TopicData()
                    .setTopicName(topic)
                    .setPartitions(
                        List.of(
                            new DescribeQuorumRequestData.PartitionData()
                                .setPartitionIndex(partition)))));
  }

  private void features() {
    for (int version : new int[] {0, 1, 2}) {
      add("unknown", ApiKeys.UPDATE_FEATURES, version, feature("no.such", 1, 1));
      add("nothing", ApiKeys.UPDATE_FEATURES, version, new UpdateFeaturesRequestData());
    }
    add("unknown, to 0", ApiKeys.UPDATE_FEATURES, 2, feature("no.such", 0, 2));
    add("below 0", ApiKeys.UPDATE_FEATURES, 2, feature("no.such", -1, 1));
    add("unknown type", ApiKeys.UPDATE_FEATURES, 2, feature("no.such", 1, 9));
    add("unsupported version", ApiKeys.UPDATE_FEATURES, 2, feature("metadata.version", 99, 1));
  }

  private static UpdateFeaturesRequestData feature(String name, int version, int type) {
    var request = new UpdateFeaturesRequestData().setTimeoutMs(10_000);
    request
        .featureUpdates()
        .add(
            new UpdateFeaturesRequestData.FeatureUpdateKey()
                .setFeature(name)
                .setMaxVersionLevel((short) version)
                .setUpgradeType((byte) type));
    return request;
  }
}
