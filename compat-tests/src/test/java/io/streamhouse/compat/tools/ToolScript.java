package io.streamhouse.compat.tools;

import java.util.List;
import java.util.Map;

/// The runs, in order: later ones find what earlier ones did.
public final class ToolScript {

  private static final String TOPICS = "org.apache.kafka.tools.TopicCommand";
  private static final String CONFIGS = "kafka.admin.ConfigCommand";
  private static final String PRODUCER = "org.apache.kafka.tools.ConsoleProducer";
  private static final String CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";
  private static final String OFFSETS = "org.apache.kafka.tools.GetOffsetShell";
  private static final String CONSUMER_GROUPS =
      "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
  private static final String GROUPS = "org.apache.kafka.tools.GroupsCommand";
  private static final String DELETE_RECORDS = "org.apache.kafka.tools.DeleteRecordsCommand";
  private static final String LOG_DIRS = "org.apache.kafka.tools.LogDirsCommand";
  private static final String ELECTION = "org.apache.kafka.tools.LeaderElectionCommand";
  private static final String REASSIGN =
      "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
  private static final String API_VERSIONS = "org.apache.kafka.tools.BrokerApiVersionsCommand";
  private static final String CLUSTER = "org.apache.kafka.tools.ClusterTool";
  private static final String FEATURES = "org.apache.kafka.tools.FeatureCommand";
  private static final String QUORUM = "org.apache.kafka.tools.MetadataQuorumCommand";
  private static final String PRODUCER_PERF = "org.apache.kafka.tools.ProducerPerformance";
  private static final String CONSUMER_PERF = "org.apache.kafka.tools.ConsumerPerformance";
  private static final String END_TO_END = "org.apache.kafka.tools.EndToEndLatency";
  private static final String VERIFIABLE_PRODUCER = "org.apache.kafka.tools.VerifiableProducer";
  private static final String VERIFIABLE_CONSUMER = "org.apache.kafka.tools.VerifiableConsumer";

  /// Files that runs name, and what is in them.
  static final Map<String, String> FILES =
      Map.of(
          "delete-records.json",
          """
          {"version": 1, "partitions": [
            {"topic": "orders", "partition": 0, "offset": 1},
            {"topic": "orders", "partition": 2, "offset": -1}]}
          """,
          "delete-too-many.json",
          """
          {"version": 1, "partitions": [{"topic": "orders", "partition": 1, "offset": 999}]}
          """,
          "topics.json",
          """
          {"version": 1, "topics": [{"topic": "orders"}]}
          """,
          "plan.json",
          """
          {"version": 1, "partitions": [{"topic": "orders", "partition": 0, "replicas": [1]}]}
          """,
          "plan-elsewhere.json",
          """
          {"version": 1, "partitions": [{"topic": "orders", "partition": 0, "replicas": [77]}]}
          """,
          "election.json",
          """
          {"partitions": [{"topic": "orders", "partition": 1}]}
          """,
          "offsets.csv",
          """
          orders,0,2
          orders,1,1
          """);

  private static final String SYNONYMS =
      "the default names the setting it comes from, also where that has another unit";

  private static final String LINES =
      """
      k1:first
      k2:second
      k3:third
      k4:fourth
      k5:fifth
      k6:sixth
      k7:seventh
      k8:Zoë
      """;

  private ToolScript() {}

  private static ToolRun topics(String name, String... arguments) {
    return server(name, TOPICS, arguments);
  }

  private static ToolRun configs(String name, String... arguments) {
    return server(name, CONFIGS, arguments);
  }

  private static ToolRun groups(String name, String... arguments) {
    return server(name, CONSUMER_GROUPS, arguments);
  }

  private static ToolRun server(String name, String main, String... arguments) {
    var all = new String[arguments.length + 2];
    all[0] = "--bootstrap-server";
    all[1] = "{server}";
    System.arraycopy(arguments, 0, all, 2, arguments.length);
    return ToolRun.of(name, main, all);
  }

  public static final List<ToolRun> RUNS =
      List.of(
          topics(
                  "create a topic",
                  "--create",
                  "--topic",
                  "orders",
                  "--partitions",
                  "3",
                  "--config",
                  "retention.ms=86400000")
              .inBrief(),
          topics("create it again", "--create", "--topic", "orders", "--partitions", "3"),
          topics("create if it is not there", "--create", "--if-not-exists", "--topic", "orders"),
          topics("create with a bad name", "--create", "--topic", "a/b"),
          topics(
              "create with an unknown setting",
              "--create",
              "--topic",
              "x",
              "--config",
              "no.such=1"),
          topics("create by default", "--create", "--topic", "payments"),
          topics("list topics", "--list").inBrief(),
          topics("describe a topic", "--describe", "--topic", "orders").inBrief(),
          topics("describe an unknown topic", "--describe", "--topic", "nowhere"),
          topics("describe under-replicated", "--describe", "--under-replicated-partitions"),
          topics("describe unavailable", "--describe", "--unavailable-partitions"),
          topics("describe with overrides", "--describe", "--topics-with-overrides")
              .alike("^Topic: orders .* Configs: .*retention.ms=86400000$"),
          topics("add partitions", "--alter", "--topic", "orders", "--partitions", "4"),
          topics("take partitions away", "--alter", "--topic", "orders", "--partitions", "2"),
          configs("describe a topic's configs", "--describe", "--topic", "orders")
              .differs(
                  SYNONYMS,
                  0,
                  "^retention.ms=86400000 .*\\{DYNAMIC_TOPIC_CONFIG:retention.ms=86400000[,}]")
              .inBrief(),
          configs(
                  "alter a topic's configs",
                  "--alter",
                  "--topic",
                  "orders",
                  "--add-config",
                  "retention.ms=3600000,cleanup.policy=[delete,compact]")
              .inBrief(),
          configs("describe what was altered", "--describe", "--topic", "orders")
              .differs(
                  SYNONYMS,
                  0,
                  "^cleanup.policy=delete,compact"
                      + " .*\\{DYNAMIC_TOPIC_CONFIG:cleanup.policy=delete,compact,"
                      + " DEFAULT_CONFIG:log.cleanup.policy=delete\\}$",
                  "^retention.ms=3600000 ")
              .inBrief(),
          configs(
              "delete a topic's config",
              "--alter",
              "--topic",
              "orders",
              "--delete-config",
              "cleanup.policy"),
          configs(
              "delete a config that is not set",
              "--alter",
              "--topic",
              "orders",
              "--delete-config",
              "max.message.bytes"),
          configs(
                  "alter to a bad value",
                  "--alter",
                  "--topic",
                  "orders",
                  "--add-config",
                  "retention.ms=soon")
              .differs(
                  "our own words",
                  1,
                  "InvalidConfigurationException: invalid value 'soon' for retention.ms"),
          configs(
              "alter an unknown topic",
              "--alter",
              "--topic",
              "nope",
              "--add-config",
              "retention.ms=1"),
          configs(
              "describe broker defaults",
              "--describe",
              "--entity-type",
              "brokers",
              "--entity-default"),
          configs(
              "alter broker defaults",
              "--alter",
              "--entity-type",
              "brokers",
              "--entity-default",
              "--add-config",
              "log.retention.ms=7200000"),
          configs(
              "describe altered broker defaults",
              "--describe",
              "--entity-type",
              "brokers",
              "--entity-default"),
          configs(
              "delete a broker default",
              "--alter",
              "--entity-type",
              "brokers",
              "--entity-default",
              "--delete-config",
              "log.retention.ms"),
          configs(
              "describe a broker", "--describe", "--entity-type", "brokers", "--entity-name", "1"),
          configs("describe groups' configs", "--describe", "--entity-type", "groups"),
          configs(
              "alter a group's configs",
              "--alter",
              "--group",
              "lines",
              "--add-config",
              "consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=6000"),
          configs("describe the group's configs", "--describe", "--group", "lines"),
          configs(
              "alter a group beyond the bounds",
              "--alter",
              "--group",
              "lines",
              "--add-config",
              "consumer.session.timeout.ms=70000"),
          configs(
              "alter what no group has",
              "--alter",
              "--group",
              "lines",
              "--add-config",
              "session.timeout.ms=50000"),
          configs("describe all groups' configs", "--describe", "--entity-type", "groups"),
          configs(
              "delete a group's configs",
              "--alter",
              "--group",
              "lines",
              "--delete-config",
              "consumer.session.timeout.ms,consumer.heartbeat.interval.ms"),
          configs("describe clients' metrics", "--describe", "--entity-type", "client-metrics"),
          server(
                  "produce lines",
                  PRODUCER,
                  "--topic",
                  "orders",
                  "--reader-property",
                  "parse.key=true",
                  "--reader-property",
                  "key.separator=:")
              .input(LINES)
              .inBrief(),
          server("produce with a bad option", PRODUCER, "--no-such-option"),
          server("latest offsets", OFFSETS, "--topic", "orders").inBrief(),
          server("earliest offsets", OFFSETS, "--topic", "orders", "--time", "earliest"),
          server("offsets of the newest", OFFSETS, "--topic", "orders", "--time", "max-timestamp")
              // Two records of one batch may have been read in the same millisecond.
              .alike("^orders:0:\\d$", "^orders:1:\\d$", "^orders:2:\\d$"),
          server("offsets by time", OFFSETS, "--topic", "orders", "--time", "1000"),
          server("offsets of some", OFFSETS, "--topic-partitions", "orders:1-3,payments"),
          server(
                  "consume with a group",
                  CONSUMER,
                  "--topic",
                  "orders",
                  "--group",
                  "readers",
                  "--from-beginning",
                  "--max-messages",
                  "8",
                  "--timeout-ms",
                  "30000",
                  "--formatter-property",
                  "print.key=true",
                  "--formatter-property",
                  "print.partition=true",
                  "--formatter-property",
                  "print.offset=true")
              .inAnyOrder()
              .inBrief(),
          server(
              "consume one partition",
              CONSUMER,
              "--topic",
              "orders",
              "--partition",
              "1",
              "--offset",
              "earliest",
              "--max-messages",
              "1",
              "--timeout-ms",
              "30000"),
          groups("list groups", "--list").inBrief(),
          groups("list groups with states", "--list", "--state"),
          groups("list groups with types", "--list", "--type"),
          server("list groups of any type", GROUPS, "--list"),
          server("list consumer groups", GROUPS, "--list", "--consumer"),
          groups("describe a group", "--describe", "--group", "readers").inAnyOrder().inBrief(),
          groups("describe its state", "--describe", "--group", "readers", "--state"),
          groups(
              "describe its members", "--describe", "--group", "readers", "--members", "--verbose"),
          groups("describe all groups", "--describe", "--all-groups").inAnyOrder(),
          groups("describe an unknown group", "--describe", "--group", "strangers"),
          groups(
                  "reset to the earliest, dry run",
                  "--reset-offsets",
                  "--group",
                  "readers",
                  "--topic",
                  "orders",
                  "--to-earliest",
                  "--dry-run")
              .inAnyOrder(),
          reset("reset to the earliest", "--to-earliest").inBrief(),
          reset("reset to the latest", "--to-latest"),
          reset("reset by shifting", "--shift-by", "-1"),
          reset("reset to an offset", "--to-offset", "1"),
          reset("reset by duration", "--by-duration", "PT1H"),
          reset("reset to a time", "--to-datetime", "2020-01-01T00:00:00.000"),
          reset("reset to where it is", "--to-current"),
          groups(
                  "reset from a file",
                  "--reset-offsets",
                  "--group",
                  "readers",
                  "--from-file",
                  "{dir}/offsets.csv",
                  "--execute")
              .inAnyOrder(),
          groups(
                  "export offsets",
                  "--reset-offsets",
                  "--group",
                  "readers",
                  "--topic",
                  "orders",
                  "--to-current",
                  "--dry-run",
                  "--export")
              .inAnyOrder(),
          groups(
                  "delete offsets",
                  "--delete-offsets",
                  "--group",
                  "readers",
                  "--topic",
                  "orders:0,1")
              .inAnyOrder(),
          groups("delete a group", "--delete", "--group", "readers").inBrief(),
          groups("delete an unknown group", "--delete", "--group", "readers"),
          server(
                  "delete records",
                  DELETE_RECORDS,
                  "--offset-json-file",
                  "{dir}/delete-records.json")
              .inAnyOrder()
              .inBrief(),
          server(
              "delete more records than there are",
              DELETE_RECORDS,
              "--offset-json-file",
              "{dir}/delete-too-many.json"),
          server("earliest offsets after", OFFSETS, "--topic", "orders", "--time", "earliest"),
          server("describe log dirs", LOG_DIRS, "--describe", "--topic-list", "orders")
              .alike("^Querying brokers", "\"partition\":\"orders-2\"", "\"broker\":1")
              .inBrief(),
          server(
                  "elect leaders",
                  ELECTION,
                  "--election-type",
                  "preferred",
                  "--path-to-json-file",
                  "{dir}/election.json")
              .inBrief(),
          server(
              "elect all leaders",
              ELECTION,
              "--election-type",
              "preferred",
              "--all-topic-partitions"),
          server(
              "elect a leader of an unknown topic",
              ELECTION,
              "--election-type",
              "unclean",
              "--topic",
              "nowhere",
              "--partition",
              "0"),
          server("list reassignments", REASSIGN, "--list").inBrief(),
          server(
              "propose reassignments",
              REASSIGN,
              "--topics-to-move-json-file",
              "{dir}/topics.json",
              "--broker-list",
              "1",
              "--generate"),
          server(
              "reassign to where it is",
              REASSIGN,
              "--reassignment-json-file",
              "{dir}/plan.json",
              "--execute"),
          server(
              "verify reassignments",
              REASSIGN,
              "--reassignment-json-file",
              "{dir}/plan.json",
              "--verify"),
          server(
              "cancel reassignments",
              REASSIGN,
              "--reassignment-json-file",
              "{dir}/plan.json",
              "--cancel"),
          server(
              "reassign to a broker that is not there",
              REASSIGN,
              "--reassignment-json-file",
              "{dir}/plan-elsewhere.json",
              "--execute"),
          server("API versions", API_VERSIONS)
              .alike(
                  "id: 1 rack: null isFenced: false\\) -> \\(",
                  "Produce\\(0\\): .*usable: 13",
                  "Fetch\\(1\\): .*usable: 18")
              .inBrief(),
          server("cluster id", CLUSTER, "cluster-id").inBrief(),
          server("cluster's endpoints", CLUSTER, "list-endpoints"),
          server("features", FEATURES, "describe")
              .differs("Kafka's features are of its own metadata and replicas", 0)
              .inBrief(),
          server("quorum status", QUORUM, "describe", "--status")
              .alike("^ClusterId: ID", "^LeaderId: 1$", "^LeaderEpoch: \\d+$", "^CurrentVoters: ")
              .inBrief(),
          server("quorum replication", QUORUM, "describe", "--replication")
              .alike("^NodeId DirectoryId LogEndOffset Lag", "^1 .* Leader$"),
          server(
                  "producer performance",
                  PRODUCER_PERF,
                  "--topic",
                  "payments",
                  "--num-records",
                  "500",
                  "--record-size",
                  "100",
                  "--throughput",
                  "-1")
              .alike("^500 records sent, .* records/sec .* 99.9th\\.$")
              .inBrief(),
          server(
                  "consumer performance",
                  CONSUMER_PERF,
                  "--topic",
                  "payments",
                  "--num-records",
                  "500",
                  "--timeout",
                  "30000")
              .alike(
                  "^start.time, end.time, data.consumed.in.MB",
                  "^TIME, TIME, [\\d.]+, [\\d.]+, 500, ")
              .inBrief(),
          server(
                  "end-to-end latency",
                  END_TO_END,
                  "--topic",
                  "payments",
                  "--num-records",
                  "20",
                  "--producer-acks",
                  "all",
                  "--record-size",
                  "20")
              .alike("^Avg latency: ", "^Percentiles: 50th = "),
          server(
                  "verifiable producer",
                  VERIFIABLE_PRODUCER,
                  "--topic",
                  "verified",
                  "--max-messages",
                  "5")
              .alike(
                  "\"name\":\"producer_send_success\".*\"partition\":0,\"offset\":4",
                  "\"name\":\"tool_data\".*\"sent\":5,\"acked\":5"),
          server(
                  "verifiable consumer",
                  VERIFIABLE_CONSUMER,
                  "--topic",
                  "verified",
                  "--group-id",
                  "verifiers",
                  "--max-messages",
                  "5",
                  "--reset-policy",
                  "earliest")
              .alike(
                  "\"name\":\"partitions_assigned\"",
                  "\"name\":\"records_consumed\",\"count\":\\d",
                  "\"name\":\"offsets_committed\""),
          topics("delete a topic", "--delete", "--topic", "orders").inBrief(),
          topics("delete it again", "--delete", "--topic", "orders"),
          topics("list what is left", "--list", "--exclude-internal"),
          topics("list internal topics, too", "--list")
              .differs(
                  "offsets of groups are in the metadata store, not in a topic", 0, "^payments$"));

  private static ToolRun reset(String name, String... to) {
    var arguments = new String[to.length + 6];
    arguments[0] = "--reset-offsets";
    arguments[1] = "--group";
    arguments[2] = "readers";
    arguments[3] = "--topic";
    arguments[4] = "orders";
    arguments[5] = "--execute";
    System.arraycopy(to, 0, arguments, 6, to.length);
    return groups(name, arguments).inAnyOrder();
  }
}
