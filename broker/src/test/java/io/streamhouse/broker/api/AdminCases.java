package io.streamhouse.broker.api;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.AlterConfigsRequestData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData.ReassignableTopic;
import org.apache.kafka.common.message.CreatePartitionsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.DeleteTopicsRequestData;
import org.apache.kafka.common.message.DescribeClusterRequestData;
import org.apache.kafka.common.message.DescribeConfigsRequestData;
import org.apache.kafka.common.message.DescribeQuorumRequestData;
import org.apache.kafka.common.message.DescribeTopicPartitionsRequestData;
import org.apache.kafka.common.message.ElectLeadersRequestData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData.AlterConfigsResource;
import org.apache.kafka.common.message.ListConfigResourcesRequestData;
import org.apache.kafka.common.message.ListPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.UpdateFeaturesRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.jspecify.annotations.Nullable;

/// Admin requests that go from one to the next on a server that begins empty, and what Apache Kafka
/// 4.3.1 answered to each: the rules that are easily got wrong, as a table that any server can be
/// asked.
final class AdminCases {

  private static final String RECORDING = "/admin-cases-kafka-4.3.1.txt";
  private static final String DIFFERENCES = "/admin-cases-differences.txt";

  private AdminCases() {}

  /// @param name unique
  record Case(String name, ApiKeys api, int version, ApiMessage request) {}

  /// In the order to send them.
  static List<Case> all() {
    var c = new ArrayList<Case>();
    c.add(
        new Case(
            "create",
            ApiKeys.CREATE_TOPICS,
            7,
            create(
                false,
                topic("a.b", 3, 1),
                topic("big", 12, -1),
                with(topic("conf", 2, 1), "retention.ms", "1000"))));
    c.add(new Case("create v2", ApiKeys.CREATE_TOPICS, 2, create(false, topic("old", 1, 1))));
    c.add(
        new Case(
            "create bad",
            ApiKeys.CREATE_TOPICS,
            7,
            create(
                false,
                topic("a_b", 3, 1),
                topic("a.b", 1, 1),
                topic("", 1, 1),
                topic(".", 1, 1),
                topic("x y", 1, 1),
                topic("z".repeat(250), 1, 1),
                topic("p0", 0, 1),
                topic("pneg", -2, 1),
                topic("r0", 1, 0),
                topic("rneg", 1, -2),
                topic("r3", 1, 3),
                topic("__cluster_metadata", 1, 1))));
    c.add(
        new Case(
            "create bad both",
            ApiKeys.CREATE_TOPICS,
            7,
            create(
                false,
                with(topic("p0", 0, 0), "nope", "1"),
                with(topic("bad name", 1, 1), "nope", "1"),
                with(topic("a.b", 1, 1), "nope", "1"))));
    c.add(
        new Case(
            "create dup",
            ApiKeys.CREATE_TOPICS,
            7,
            create(false, topic("dup", 1, 1), topic("dup", 2, 1), topic("nodup", 1, 1))));
    c.add(
        new Case(
            "create conf",
            ApiKeys.CREATE_TOPICS,
            7,
            create(
                false,
                with(topic("c1", 1, 1), "nope", "1"),
                with(topic("c2", 1, 1), "retention.ms", "abc"),
                with(topic("c3", 1, 1), "retention.ms", null),
                with(topic("c4", 1, 1), "cleanup.policy", "foo"),
                with(topic("c5", 1, 1), "max.message.bytes", "-1"),
                with(with(topic("c6", 1, 1), "retention.ms", "1"), "retention.ms", "2"))));
    c.add(
        new Case(
            "create validate",
            ApiKeys.CREATE_TOPICS,
            7,
            create(true, topic("v1", 3, 1), topic("a_b", 3, 1))));
    c.add(
        new Case(
            "create assigned",
            ApiKeys.CREATE_TOPICS,
            7,
            create(
                false,
                assign(assign(topic("m1", -1, -1), 0, 1), 1, 1),
                assign(topic("m2", -1, -1), 1, 1),
                assign(topic("m3", -1, -1), 0, 9),
                assign(topic("m4", -1, -1), 0, 1, 1),
                assign(topic("m5", -1, -1), 0),
                assign(topic("m6", 1, -1), 0, 1),
                assign(topic("m7", -1, 1), 0, 1),
                assign(assign(topic("m8", -1, -1), 0, 1), 0, 1),
                assign(assign(topic("m9", -1, -1), 0, 1), 1, 1, 2),
                assign(topic("m10", -1, -1), -1, 1),
                assign(topic("m11", -1, -1), 0, -1))));
    c.add(
        new Case(
            "create many",
            ApiKeys.CREATE_TOPICS,
            7,
            create(true, topic("y1", 9999, 1), topic("y2", 2, 1))));
    c.add(
        new Case(
            "create 10000 validate",
            ApiKeys.CREATE_TOPICS,
            7,
            create(true, topic("y1", 9999, 1), topic("y2", 1, 1))));
    c.add(
        new Case(
            "create dup many",
            ApiKeys.CREATE_TOPICS,
            7,
            create(true, topic("y1", 9999, 1), topic("y1", 9999, 1))));
    c.add(
        new Case(
            "create maxint",
            ApiKeys.CREATE_TOPICS,
            2,
            create(false, topic("y1", Integer.MAX_VALUE, 1), topic("y2", Integer.MAX_VALUE, 1))));
    c.add(new Case("create none", ApiKeys.CREATE_TOPICS, 7, create(false)));
    c.add(
        new Case(
            "create timeout 0",
            ApiKeys.CREATE_TOPICS,
            7,
            create(false, topic("t0", 1, 1)).setTimeoutMs(0)));
    c.add(
        new Case(
            "create timeout -1",
            ApiKeys.CREATE_TOPICS,
            7,
            create(false, topic("t1", 1, 1)).setTimeoutMs(-1)));
    c.add(
        new Case(
            "parts",
            ApiKeys.CREATE_PARTITIONS,
            3,
            parts(false, "a.b", 4, "big", 12, "conf", 1, "nosuch", 3, "old", -1, "bad name", 2)));
    c.add(
        new Case(
            "parts validate", ApiKeys.CREATE_PARTITIONS, 0, parts(true, "a.b", 9, "big", 20000)));
    c.add(new Case("parts many", ApiKeys.CREATE_PARTITIONS, 3, parts(true, "big", 10013)));
    c.add(
        new Case(
            "parts many 2",
            ApiKeys.CREATE_PARTITIONS,
            3,
            parts(true, "big", 10000, "conf", 10000)));
    c.add(
        new Case(
            "parts maxint", ApiKeys.CREATE_PARTITIONS, 3, parts(true, "big", Integer.MAX_VALUE)));
    c.add(
        new Case(
            "parts dup", ApiKeys.CREATE_PARTITIONS, 3, parts(false, "a.b", 5, "a.b", 6, "old", 2)));
    c.add(
        new Case(
            "parts assigned",
            ApiKeys.CREATE_PARTITIONS,
            3,
            partsAssigned("a.b", 6, List.of(List.of(1)))));
    c.add(
        new Case(
            "parts assigned 2",
            ApiKeys.CREATE_PARTITIONS,
            3,
            partsAssigned("a.b", 6, List.of(List.of(1), List.of(9)))));
    c.add(
        new Case(
            "parts assigned 3",
            ApiKeys.CREATE_PARTITIONS,
            3,
            partsAssigned("a.b", 5, List.of(List.of()))));
    c.add(
        new Case(
            "parts assigned 4", ApiKeys.CREATE_PARTITIONS, 3, partsAssigned("a.b", 5, List.of())));
    c.add(
        new Case(
            "parts assigned 5",
            ApiKeys.CREATE_PARTITIONS,
            3,
            partsAssigned("a.b", 5, List.of(List.of(1)))));
    c.add(
        new Case(
            "cluster",
            ApiKeys.DESCRIBE_CLUSTER,
            0,
            new DescribeClusterRequestData().setIncludeClusterAuthorizedOperations(true)));
    c.add(
        new Case(
            "cluster 2",
            ApiKeys.DESCRIBE_CLUSTER,
            2,
            new DescribeClusterRequestData().setIncludeFencedBrokers(true)));
    c.add(
        new Case(
            "cluster c",
            ApiKeys.DESCRIBE_CLUSTER,
            1,
            new DescribeClusterRequestData().setEndpointType((byte) 2)));
    c.add(
        new Case(
            "cluster 7",
            ApiKeys.DESCRIBE_CLUSTER,
            2,
            new DescribeClusterRequestData().setEndpointType((byte) 7)));
    c.add(new Case("md v0 some", ApiKeys.METADATA, 0, md(true, "a.b", "bad name", "conf", "conf")));
    c.add(new Case("md v1 none", ApiKeys.METADATA, 1, md(true)));
    c.add(
        new Case(
            "md v4",
            ApiKeys.METADATA,
            4,
            md(false, "conf", "nosuch", "__consumer_offsets", "bad name", "")));
    c.add(
        new Case(
            "md v8 ops",
            ApiKeys.METADATA,
            8,
            md(false, "conf", "nosuch", "bad name")
                .setIncludeClusterAuthorizedOperations(true)
                .setIncludeTopicAuthorizedOperations(true)));
    c.add(
        new Case(
            "md v10 id",
            ApiKeys.METADATA,
            10,
            new MetadataRequestData()
                .setTopics(
                    List.of(
                        new MetadataRequestData.MetadataRequestTopic()
                            .setName("conf")
                            .setTopicId(new Uuid(1, 2))))));
    c.add(
        new Case(
            "md v12 id",
            ApiKeys.METADATA,
            12,
            new MetadataRequestData()
                .setTopics(
                    List.of(
                        new MetadataRequestData.MetadataRequestTopic()
                            .setName(null)
                            .setTopicId(new Uuid(1, 2))))));
    c.add(
        new Case(
            "md v13 id ops",
            ApiKeys.METADATA,
            13,
            new MetadataRequestData()
                .setIncludeTopicAuthorizedOperations(true)
                .setTopics(
                    List.of(
                        new MetadataRequestData.MetadataRequestTopic()
                            .setName(null)
                            .setTopicId(new Uuid(1, 2)),
                        new MetadataRequestData.MetadataRequestTopic().setName("conf")))));
    c.add(
        new Case(
            "md v13 name and id",
            ApiKeys.METADATA,
            13,
            new MetadataRequestData()
                .setTopics(
                    List.of(
                        new MetadataRequestData.MetadataRequestTopic()
                            .setName("conf")
                            .setTopicId(new Uuid(1, 2))))));
    c.add(
        new Case(
            "md v13 null",
            ApiKeys.METADATA,
            13,
            new MetadataRequestData()
                .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName(null)))));
    c.add(
        new Case(
            "md auto",
            ApiKeys.METADATA,
            13,
            md(true, "auto1", "bad name", "a_b", "__transaction_state2", "__cluster_metadata")));
    c.add(new Case("md auto v0", ApiKeys.METADATA, 0, md(true, "auto2")));
    c.add(new Case("dtp all 5", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, dtp(5, null, 0)));
    c.add(
        new Case(
            "dtp some",
            ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            0,
            dtp(2000, null, 0, "conf", "nosuch", "a.b", "bad name", "conf")));
    c.add(
        new Case(
            "dtp exact", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, dtp(2, null, 0, "conf", "old")));
    c.add(
        new Case("dtp exact last", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, dtp(2, null, 0, "conf")));
    c.add(
        new Case(
            "dtp cursor", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, dtp(2, "conf", 1, "conf", "old")));
    c.add(
        new Case(
            "dtp cursor neg",
            ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            0,
            dtp(2, "conf", -1, "conf", "old")));
    c.add(
        new Case(
            "dtp cursor high",
            ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            0,
            dtp(2, "conf", 99, "conf", "old")));
    c.add(
        new Case(
            "dtp cursor not listed",
            ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            0,
            dtp(2, "cong", 0, "conf", "old")));
    c.add(
        new Case(
            "dtp cursor not existing, all",
            ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            0,
            dtp(2, "cong", 7)));
    c.add(
        new Case(
            "dtp cursor not existing, listed",
            ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            0,
            dtp(2, "cong", 7, "cong", "old")));
    c.add(
        new Case(
            "dtp limit 0", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, dtp(0, null, 0, "conf", "old")));
    c.add(
        new Case(
            "dtp limit -1", ApiKeys.DESCRIBE_TOPIC_PARTITIONS, 0, dtp(-1, null, 0, "conf", "old")));
    c.add(
        new Case(
            "dtp missing at full",
            ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            0,
            dtp(2, null, 0, "conf", "nosuch")));
    c.add(
        new Case(
            "desc topic 2 keys",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "conf", true, false, "retention.ms", "cleanup.policy", "nosuch")));
    c.add(
        new Case(
            "desc topic all",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "conf", true, false, (String) null)));
    c.add(
        new Case(
            "desc topic empty keys", ApiKeys.DESCRIBE_CONFIGS, 1, desc(2, "old", false, false)));
    c.add(
        new Case(
            "desc topic doc",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "conf", false, true, "retention.ms")));
    c.add(
        new Case(
            "desc topic missing",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "nosuch", true, true, (String) null)));
    c.add(
        new Case(
            "desc topic bad",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "bad name", true, true, (String) null)));
    c.add(
        new Case(
            "desc topic empty",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "", true, true, (String) null)));
    c.add(
        new Case(
            "desc broker default",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(4, "", true, false, (String) null)));
    c.add(
        new Case(
            "desc broker other",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(4, "9", true, false, (String) null)));
    c.add(
        new Case(
            "desc broker nan",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(4, "x", true, false, (String) null)));
    c.add(
        new Case(
            "desc broker",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(
                4,
                "1",
                true,
                false,
                "log.retention.ms",
                "log.retention.hours",
                "num.partitions",
                "node.id",
                "listeners",
                "message.max.bytes",
                "log.cleaner.threads")));
    c.add(
        new Case(
            "desc broker all",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(4, "1", false, false, (String) null)));
    c.add(
        new Case(
            "desc logger",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(8, "1", false, false, "root", "org.apache.kafka")));
    c.add(
        new Case(
            "desc logger empty",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(8, "", false, false, (String) null)));
    c.add(
        new Case(
            "desc group", ApiKeys.DESCRIBE_CONFIGS, 4, desc(32, "g", true, false, (String) null)));
    c.add(
        new Case(
            "desc client metrics",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(16, "g", true, false, (String) null)));
    c.add(
        new Case(
            "desc unknown", ApiKeys.DESCRIBE_CONFIGS, 4, desc(3, "g", true, false, (String) null)));
    c.add(
        new Case(
            "desc unknown 77",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(77, "g", true, false, (String) null)));
    c.add(
        new Case(
            "inc set",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(
                false,
                res(
                    2,
                    "conf",
                    "retention.ms",
                    0,
                    "5",
                    "cleanup.policy",
                    2,
                    "compact",
                    "max.message.bytes",
                    1,
                    null))));
    c.add(
        new Case(
            "inc sub",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(2, "conf", "cleanup.policy", 3, "delete"))));
    c.add(
        new Case(
            "after",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "conf", true, false, "retention.ms", "cleanup.policy")));
    c.add(
        new Case(
            "inc sub last",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(2, "conf", "cleanup.policy", 3, "compact"))));
    c.add(
        new Case(
            "after 2",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "conf", true, false, "retention.ms", "cleanup.policy")));
    c.add(
        new Case(
            "inc append scalar",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(false, res(2, "conf", "retention.ms", 2, "5"))));
    c.add(
        new Case(
            "inc append unknown",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(false, res(2, "conf", "nope", 2, "5"))));
    c.add(
        new Case(
            "inc append bad",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(false, res(2, "conf", "cleanup.policy", 2, "foo"))));
    c.add(
        new Case(
            "inc set unknown",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(false, res(2, "conf", "nope", 0, "5"))));
    c.add(
        new Case(
            "inc delete unknown",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(false, res(2, "conf", "nope", 1, null))));
    c.add(
        new Case(
            "inc set null",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(false, res(2, "conf", "retention.ms", 0, null))));
    c.add(
        new Case(
            "inc dup keys",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(false, res(2, "conf", "retention.ms", 0, "1", "retention.ms", 1, null))));
    c.add(
        new Case(
            "inc bad op",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(false, res(2, "conf", "retention.ms", 9, "1"))));
    c.add(
        new Case(
            "inc dup res",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(
                false,
                res(2, "conf", "retention.ms", 0, "1"),
                res(2, "conf", "retention.ms", 0, "2"),
                res(2, "old", "retention.ms", 0, "3"))));
    c.add(
        new Case(
            "inc no topic",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(
                false,
                res(2, "nosuch", "retention.ms", 0, "1"),
                res(2, "", "retention.ms", 0, "1"),
                res(2, "bad name", "retention.ms", 0, "1"),
                res(3, "x"),
                res(77, "y"),
                res(2, "old"),
                res(4, "9", "num.io.threads", 0, "1"),
                res(4, "x", "num.io.threads", 0, "1"))));
    c.add(
        new Case(
            "inc empty", ApiKeys.INCREMENTAL_ALTER_CONFIGS, 0, alter(false, res(2, "nosuch"))));
    c.add(
        new Case(
            "inc validate",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            0,
            alter(
                true,
                res(2, "conf", "retention.ms", 0, "77"),
                res(2, "old", "retention.ms", 0, "x"))));
    c.add(
        new Case(
            "inc broker",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(
                false,
                res(4, "1", "message.max.bytes", 0, "2000000"),
                res(4, "", "log.retention.ms", 0, "9000000"))));
    c.add(
        new Case(
            "inc broker bad",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(4, "1", "node.id", 0, "2"))));
    c.add(
        new Case(
            "inc broker bad value",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(4, "1", "message.max.bytes", 0, "x"))));
    c.add(
        new Case(
            "inc broker unknown",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(4, "", "nope.nope", 0, "x"))));
    c.add(
        new Case(
            "inc broker cluster of per broker",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(4, "", "advertised.listeners", 0, "x"))));
    c.add(
        new Case(
            "inc broker autocreate",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(4, "", "auto.create.topics.enable", 0, "false"))));
    c.add(
        new Case(
            "inc broker append",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(4, "", "message.max.bytes", 2, "1"))));
    c.add(
        new Case(
            "desc after",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(4, "1", true, false, "log.retention.ms", "message.max.bytes")));
    c.add(
        new Case(
            "desc after 2", ApiKeys.DESCRIBE_CONFIGS, 4, desc(4, "", true, false, (String) null)));
    c.add(
        new Case(
            "desc after topic",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "old", true, false, "retention.ms", "max.message.bytes")));
    c.add(
        new Case(
            "inc logger",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(8, "1", "root", 0, "INFO"))));
    c.add(
        new Case(
            "inc logger bad",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(8, "1", "nosuch.x", 0, "INFO"))));
    c.add(
        new Case(
            "inc group",
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            alter(false, res(32, "g", "nope", 0, "INFO"))));
    c.add(
        new Case(
            "legacy", ApiKeys.ALTER_CONFIGS, 2, legacy(false, 2, "conf", "retention.ms", "42")));
    c.add(
        new Case(
            "after 3",
            ApiKeys.DESCRIBE_CONFIGS,
            4,
            desc(2, "conf", true, false, "retention.ms", "cleanup.policy")));
    c.add(
        new Case(
            "legacy bad", ApiKeys.ALTER_CONFIGS, 0, legacy(false, 2, "conf", "retention.ms", "x")));
    c.add(
        new Case(
            "legacy unknown", ApiKeys.ALTER_CONFIGS, 0, legacy(false, 2, "conf", "nope", "x")));
    c.add(
        new Case(
            "legacy null",
            ApiKeys.ALTER_CONFIGS,
            0,
            legacy(false, 2, "conf", "retention.ms", null)));
    c.add(
        new Case(
            "legacy dup",
            ApiKeys.ALTER_CONFIGS,
            0,
            legacy(false, 2, "conf", "retention.ms", "1", "retention.ms", "2")));
    c.add(
        new Case(
            "legacy missing",
            ApiKeys.ALTER_CONFIGS,
            0,
            legacy(false, 2, "nosuch", "retention.ms", "1")));
    c.add(
        new Case("legacy logger", ApiKeys.ALTER_CONFIGS, 0, legacy(false, 8, "1", "root", "INFO")));
    c.add(
        new Case(
            "legacy broker",
            ApiKeys.ALTER_CONFIGS,
            0,
            legacy(false, 4, "", "message.max.bytes", "3000000")));
    c.add(
        new Case(
            "delete v1",
            ApiKeys.DELETE_TOPICS,
            1,
            new DeleteTopicsRequestData()
                .setTimeoutMs(10000)
                .setTopicNames(List.of("old", "nosuch", "nosuch2", "nosuch2", ""))));
    c.add(
        new Case(
            "delete v5",
            ApiKeys.DELETE_TOPICS,
            5,
            new DeleteTopicsRequestData()
                .setTimeoutMs(10000)
                .setTopicNames(List.of("nosuch", "bad name"))));
    c.add(
        new Case(
            "delete v6",
            ApiKeys.DELETE_TOPICS,
            6,
            del(
                "conf",
                "big",
                "big",
                "nosuch",
                new Uuid(1, 2),
                new Uuid(3, 4),
                new Uuid(3, 4),
                null)));
    var both = del();
    both.topics()
        .add(
            new DeleteTopicsRequestData.DeleteTopicState().setName("x").setTopicId(new Uuid(5, 6)));
    c.add(new Case("delete both", ApiKeys.DELETE_TOPICS, 6, both));
    c.add(new Case("delete timeout 0", ApiKeys.DELETE_TOPICS, 6, del("big").setTimeoutMs(0)));
    placement(c);
    cluster(c);
    return c;
  }

  /// Elections and reassignments, of `a.b` and of what does not exist.
  private static void placement(List<Case> c) {
    for (int version : new int[] {0, 1, 2}) {
      c.add(
          new Case(
              "elect v" + version,
              ApiKeys.ELECT_LEADERS,
              version,
              elect(0, elected("a.b", 0, 1, 99, -1), elected("nosuch", 0))));
    }
    c.add(new Case("elect all", ApiKeys.ELECT_LEADERS, 2, elect(0).setTopicPartitions(null)));
    c.add(new Case("elect none", ApiKeys.ELECT_LEADERS, 2, elect(0)));
    c.add(new Case("elect twice", ApiKeys.ELECT_LEADERS, 2, elect(0, elected("a.b", 0, 0))));
    c.add(new Case("elect bad name", ApiKeys.ELECT_LEADERS, 2, elect(0, elected("bad name", 0))));
    c.add(
        new Case(
            "elect unclean",
            ApiKeys.ELECT_LEADERS,
            2,
            elect(1, elected("a.b", 0), elected("nosuch", 0))));
    c.add(
        new Case("elect unclean all", ApiKeys.ELECT_LEADERS, 1, elect(1).setTopicPartitions(null)));
    c.add(new Case("elect type 7", ApiKeys.ELECT_LEADERS, 2, elect(7, elected("a.b", 0))));
    c.add(
        new Case("elect all type 7", ApiKeys.ELECT_LEADERS, 2, elect(7).setTopicPartitions(null)));
    for (int version : new int[] {0, 1}) {
      c.add(
          new Case(
              "reassign v" + version,
              ApiKeys.ALTER_PARTITION_REASSIGNMENTS,
              version,
              reassign(
                  planned("a.b", 0, null),
                  planned("a.b", 1, List.of(1)),
                  planned("a.b", 2, List.of(9)),
                  planned("a.b", 99, List.of(1)),
                  planned("a.b", -1, null),
                  planned("nosuch", 0, List.of(1)),
                  planned("nosuch", 1, null))));
    }
    c.add(
        new Case(
            "reassign wrong",
            ApiKeys.ALTER_PARTITION_REASSIGNMENTS,
            1,
            reassign(
                planned("a.b", 0, List.of()),
                planned("a.b", 1, List.of(1, 1)),
                planned("a.b", 2, List.of(1, 9)),
                planned("a.b", 3, List.of(-1)))));
    c.add(
        new Case(
            "reassign twice",
            ApiKeys.ALTER_PARTITION_REASSIGNMENTS,
            1,
            reassign(planned("a.b", 0, List.of(1)), planned("a.b", 0, List.of(9)))));
    c.add(
        new Case(
            "reassign same size",
            ApiKeys.ALTER_PARTITION_REASSIGNMENTS,
            1,
            reassign(planned("a.b", 0, List.of(1)), planned("a.b", 1, List.of(1, 9)))
                .setAllowReplicationFactorChange(false)));
    c.add(new Case("reassign none", ApiKeys.ALTER_PARTITION_REASSIGNMENTS, 1, reassign()));
    c.add(
        new Case(
            "reassigning all",
            ApiKeys.LIST_PARTITION_REASSIGNMENTS,
            0,
            new ListPartitionReassignmentsRequestData().setTopics(null)));
    c.add(
        new Case(
            "reassigning some",
            ApiKeys.LIST_PARTITION_REASSIGNMENTS,
            0,
            new ListPartitionReassignmentsRequestData()
                .setTopics(
                    List.of(
                        new ListPartitionReassignmentsRequestData.ListPartitionReassignmentsTopics()
                            .setName("a.b")
                            .setPartitionIndexes(List.of(0, 99)),
                        new ListPartitionReassignmentsRequestData.ListPartitionReassignmentsTopics()
                            .setName("nosuch")
                            .setPartitionIndexes(List.of(0))))));
  }

  /// What has configs, the quorum and the features.
  private static void cluster(List<Case> c) {
    c.add(new Case("resources v0", ApiKeys.LIST_CONFIG_RESOURCES, 0, resources()));
    c.add(new Case("resources topics", ApiKeys.LIST_CONFIG_RESOURCES, 1, resources(2)));
    c.add(new Case("resources all", ApiKeys.LIST_CONFIG_RESOURCES, 1, resources()));
    c.add(new Case("resources agents", ApiKeys.LIST_CONFIG_RESOURCES, 1, resources(4, 8, 4)));
    c.add(new Case("resources others", ApiKeys.LIST_CONFIG_RESOURCES, 1, resources(16, 32)));
    c.add(new Case("resources unknown", ApiKeys.LIST_CONFIG_RESOURCES, 1, resources(2, 3)));
    c.add(new Case("resources unknown 0", ApiKeys.LIST_CONFIG_RESOURCES, 1, resources(0)));
    for (int version : new int[] {0, 1, 2}) {
      c.add(
          new Case(
              "quorum v" + version,
              ApiKeys.DESCRIBE_QUORUM,
              version,
              quorum("__cluster_metadata", 0)));
    }
    c.add(new Case("quorum two", ApiKeys.DESCRIBE_QUORUM, 2, quorum("__cluster_metadata", 0, 1)));
    c.add(
        new Case(
            "quorum of partition 1", ApiKeys.DESCRIBE_QUORUM, 1, quorum("__cluster_metadata", 1)));
    c.add(new Case("quorum of none", ApiKeys.DESCRIBE_QUORUM, 2, quorum("__cluster_metadata")));
    c.add(new Case("quorum of a topic", ApiKeys.DESCRIBE_QUORUM, 2, quorum("a.b", 0)));
    c.add(new Case("quorum nothing", ApiKeys.DESCRIBE_QUORUM, 2, new DescribeQuorumRequestData()));
    for (int version : new int[] {0, 1, 2}) {
      c.add(
          new Case(
              "feature unknown v" + version,
              ApiKeys.UPDATE_FEATURES,
              version,
              feature("foo", 1, 1)));
    }
    c.add(new Case("feature none", ApiKeys.UPDATE_FEATURES, 2, new UpdateFeaturesRequestData()));
    c.add(
        new Case(
            "feature unknown validate",
            ApiKeys.UPDATE_FEATURES,
            1,
            feature("foo", 1, 1).setValidateOnly(true)));
    c.add(new Case("feature 0", ApiKeys.UPDATE_FEATURES, 2, feature("foo", 0, 2)));
    c.add(new Case("feature -1", ApiKeys.UPDATE_FEATURES, 2, feature("foo", -1, 1)));
    c.add(new Case("feature type 0", ApiKeys.UPDATE_FEATURES, 2, feature("foo", 1, 0)));
    c.add(new Case("feature -1 type 9", ApiKeys.UPDATE_FEATURES, 1, feature("foo", -1, 9)));
    c.add(new Case("feature without name", ApiKeys.UPDATE_FEATURES, 2, feature("", 1, 1)));
  }

  /// What Apache Kafka answered, by case.
  static Map<String, List<String>> recorded() throws IOException {
    return read(RECORDING);
  }

  /// What we answer where that differs; each with its reason.
  static Map<String, List<String>> differences() throws IOException {
    return read(DIFFERENCES);
  }

  private static Map<String, List<String>> read(String resource) throws IOException {
    var recorded = new LinkedHashMap<String, List<String>>();
    try (var in = AdminCases.class.getResourceAsStream(resource)) {
      var text = new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
      List<String> lines = new ArrayList<>();
      for (String line : text.lines().toList()) {
        if (line.startsWith("## ")) {
          lines = new ArrayList<>();
          recorded.put(line.substring(3), lines);
        } else if (!line.startsWith("# ")) {
          lines.add(line);
        }
      }
    }
    return recorded;
  }

  /// Prints what the server on a port of this machine answers: the recording, when that is a fresh
  /// Apache Kafka with node id 1.
  public static void main(String[] args) throws IOException {
    for (var one : all()) {
      System.out.println("## " + one.name());
      try (var call = new SocketCall(Integer.parseInt(args[0]))) {
        Told.by(call.send(one.api(), (short) one.version(), one.request()))
            .forEach(System.out::println);
      }
    }
  }

  static CreateTopicsRequestData create(boolean validateOnly, CreatableTopic... topics) {
    var request = new CreateTopicsRequestData().setTimeoutMs(10_000).setValidateOnly(validateOnly);
    for (var topic : topics) {
      request.topics().add(topic);
    }
    return request;
  }

  static CreatableTopic topic(String name, int partitions, int replication) {
    return new CreatableTopic()
        .setName(name)
        .setNumPartitions(partitions)
        .setReplicationFactor((short) replication);
  }

  static CreatableTopic with(CreatableTopic topic, String config, @Nullable String value) {
    topic
        .configs()
        .add(new CreateTopicsRequestData.CreatableTopicConfig().setName(config).setValue(value));
    return topic;
  }

  static CreatableTopic assign(CreatableTopic topic, int partition, Integer... nodes) {
    topic
        .assignments()
        .add(
            new CreateTopicsRequestData.CreatableReplicaAssignment()
                .setPartitionIndex(partition)
                .setBrokerIds(List.of(nodes)));
    return topic;
  }

  static CreatePartitionsRequestData parts(boolean validateOnly, Object... nameAndCount) {
    var request =
        new CreatePartitionsRequestData().setTimeoutMs(10_000).setValidateOnly(validateOnly);
    for (int i = 0; i < nameAndCount.length; i += 2) {
      request
          .topics()
          .add(
              new CreatePartitionsRequestData.CreatePartitionsTopic()
                  .setName((String) nameAndCount[i])
                  .setCount((Integer) nameAndCount[i + 1])
                  .setAssignments(null));
    }
    return request;
  }

  static CreatePartitionsRequestData partsAssigned(
      String name, int count, List<List<Integer>> assignments) {
    var assigned = new ArrayList<CreatePartitionsRequestData.CreatePartitionsAssignment>();
    for (var nodes : assignments) {
      assigned.add(
          new CreatePartitionsRequestData.CreatePartitionsAssignment().setBrokerIds(nodes));
    }
    var request = new CreatePartitionsRequestData().setTimeoutMs(10_000);
    request
        .topics()
        .add(
            new CreatePartitionsRequestData.CreatePartitionsTopic()
                .setName(name)
                .setCount(count)
                .setAssignments(assigned));
    return request;
  }

  static IncrementalAlterConfigsRequestData alter(
      boolean validateOnly, AlterConfigsResource... resources) {
    var request = new IncrementalAlterConfigsRequestData().setValidateOnly(validateOnly);
    for (var resource : resources) {
      request.resources().add(resource);
    }
    return request;
  }

  /// @param edits name, operation, value, and so on
  static AlterConfigsResource res(int type, String name, @Nullable Object... edits) {
    var resource = new AlterConfigsResource().setResourceType((byte) type).setResourceName(name);
    for (int i = 0; i < edits.length; i += 3) {
      resource
          .configs()
          .add(
              new IncrementalAlterConfigsRequestData.AlterableConfig()
                  .setName((String) edits[i])
                  .setConfigOperation(((Integer) Objects.requireNonNull(edits[i + 1])).byteValue())
                  .setValue((String) edits[i + 2]));
    }
    return resource;
  }

  static AlterConfigsRequestData legacy(
      boolean validateOnly, int type, String name, @Nullable String... nameAndValue) {
    var resource =
        new AlterConfigsRequestData.AlterConfigsResource()
            .setResourceType((byte) type)
            .setResourceName(name);
    for (int i = 0; i < nameAndValue.length; i += 2) {
      resource
          .configs()
          .add(
              new AlterConfigsRequestData.AlterableConfig()
                  .setName(nameAndValue[i])
                  .setValue(nameAndValue[i + 1]));
    }
    var request = new AlterConfigsRequestData().setValidateOnly(validateOnly);
    request.resources().add(resource);
    return request;
  }

  /// @param keys a single null for all
  static DescribeConfigsRequestData desc(
      int type, String name, boolean synonyms, boolean documentation, @Nullable String... keys) {
    var request =
        new DescribeConfigsRequestData()
            .setIncludeSynonyms(synonyms)
            .setIncludeDocumentation(documentation);
    request
        .resources()
        .add(
            new DescribeConfigsRequestData.DescribeConfigsResource()
                .setResourceType((byte) type)
                .setResourceName(name)
                .setConfigurationKeys(keys.length == 1 && keys[0] == null ? null : List.of(keys)));
    return request;
  }

  static DescribeTopicPartitionsRequestData dtp(
      int limit, @Nullable String cursor, int partition, String... names) {
    var request = new DescribeTopicPartitionsRequestData().setResponsePartitionLimit(limit);
    if (cursor != null) {
      request.setCursor(
          new DescribeTopicPartitionsRequestData.Cursor()
              .setTopicName(cursor)
              .setPartitionIndex(partition));
    }
    for (String name : names) {
      request.topics().add(new DescribeTopicPartitionsRequestData.TopicRequest().setName(name));
    }
    return request;
  }

  static MetadataRequestData md(boolean autoCreate, String... names) {
    var request = new MetadataRequestData().setAllowAutoTopicCreation(autoCreate);
    for (String name : names) {
      request.topics().add(new MetadataRequestData.MetadataRequestTopic().setName(name));
    }
    return request;
  }

  /// @param namesOrIds strings and ids
  static DeleteTopicsRequestData del(@Nullable Object... namesOrIds) {
    var request = new DeleteTopicsRequestData().setTimeoutMs(10_000);
    for (var one : namesOrIds) {
      request
          .topics()
          .add(
              one instanceof Uuid id
                  ? new DeleteTopicsRequestData.DeleteTopicState().setTopicId(id)
                  : new DeleteTopicsRequestData.DeleteTopicState().setName((String) one));
    }
    return request;
  }

  static ElectLeadersRequestData elect(
      int type, ElectLeadersRequestData.TopicPartitions... topics) {
    var request = new ElectLeadersRequestData().setElectionType((byte) type).setTimeoutMs(10_000);
    for (var topic : topics) {
      request.topicPartitions().add(topic);
    }
    return request;
  }

  static ElectLeadersRequestData.TopicPartitions elected(String topic, Integer... partitions) {
    return new ElectLeadersRequestData.TopicPartitions()
        .setTopic(topic)
        .setPartitions(List.of(partitions));
  }

  static AlterPartitionReassignmentsRequestData reassign(ReassignableTopic... topics) {
    return new AlterPartitionReassignmentsRequestData()
        .setTimeoutMs(10_000)
        .setTopics(List.of(topics));
  }

  static ReassignableTopic planned(String topic, int partition, @Nullable List<Integer> replicas) {
    return new ReassignableTopic()
        .setName(topic)
        .setPartitions(
            List.of(
                new AlterPartitionReassignmentsRequestData.ReassignablePartition()
                    .setPartitionIndex(partition)
                    .setReplicas(replicas)));
  }

  static ListConfigResourcesRequestData resources(int... types) {
    var request = new ListConfigResourcesRequestData();
    for (int type : types) {
      request.resourceTypes().add((byte) type);
    }
    return request;
  }

  static DescribeQuorumRequestData quorum(String topic, int... partitions) {
    var named = new DescribeQuorumRequestData.TopicData().setTopicName(topic);
    for (int partition : partitions) {
      named
          .partitions()
          .add(new DescribeQuorumRequestData.PartitionData().setPartitionIndex(partition));
    }
    return new DescribeQuorumRequestData().setTopics(List.of(named));
  }

  /// @param type 1 upgrade, 2 safe downgrade, 3 unsafe downgrade
  static UpdateFeaturesRequestData feature(String name, int version, int type) {
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
