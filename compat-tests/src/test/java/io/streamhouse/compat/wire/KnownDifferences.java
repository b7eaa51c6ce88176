package io.streamhouse.compat.wire;

import io.streamhouse.compat.wire.OracleComparisonTest.Difference;
import java.util.List;

/// Where StreamHouse answers otherwise than Apache Kafka 4.3.1, and why. The first that covers a
/// field counts.
final class KnownDifferences {

  static final List<Difference> LIST =
      List.of(
          new Difference(
              "CreateTopics .*|DescribeConfigs .*: no keys",
              ".*\\[streamhouse\\.(durability|leader\\.group)\\].*|.*\\.configs\\.size",
              "settings of our own"),
          new Difference(
              "CreateTopics .*|DescribeConfigs .*: no keys",
              ".*\\[min\\.insync\\.replicas\\]\\.config_source",
              "Kafka sets it for its replicas at cluster level; here there are none"),
          new Difference(
              "CreateTopics .*: three replicas",
              ".*",
              "a replication factor is accepted and noted: the storage replicates"),
          new Difference(
              "CreateTopics .*: validate only",
              ".*\\.topic_id",
              "no id is made up for a topic that was not created"),
          new Difference(
              "ListOffsets .*: (earliest.*|below the new start)",
              ".*\\.leader_epoch",
              "the epoch of the earliest record is not looked up"),
          new Difference(
              "ListOffsets .*: same partition twice",
              ".*partitions\\.size",
              "each naming gets its answer"),
          new Difference(
              "Fetch .*: unknown isolation level",
              ".*",
              "Kafka fails unexpectedly; any level but 1 is taken as 0"),
          new Difference(
              "Fetch .*: last fetched epoch of the future|OffsetForLeaderEpoch .*: epoch of the"
                  + " future",
              ".*",
              "as KIP-320 says, the largest epoch known is named; Kafka names none, which resets"
                  + " readers"),
          new Difference(
              "Fetch .*: (unknown|zero) (topic|partition|id)",
              ".*\\.aborted_transactions(\\.size)?",
              "a refused partition has no list here, whatever the refusal"),
          new Difference(
              "DescribeGroups v6: moved back",
              ".*\\.member_assignment",
              "what was to be assigned does not hold until the rebalance it began has ended"),
          new Difference(
              "DescribeQuorum v2: metadata",
              "nodes\\[1\\]\\.listeners\\[.*",
              "agents take part with the listeners clients use; there are no controllers"),
          new Difference(
              "FindCoordinator v[13]: group", "error_message", "Kafka calls success NONE in words"),
          new Difference(
              "IncrementalAlterConfigs .*: unknown operation", ".*", "Kafka fails unexpectedly"),
          new Difference(
              "Produce .*: (magic [01]|cut batch|only a header's beginning)",
              ".*\\.error_code",
              "the code of the defect instead of one for all"),
          new Difference(
              "Produce .*",
              ".*\\.(error_message|log_start_offset|log_append_time_ms|record_errors.*)",
              "what accompanies a refusal or a duplicate is not for programs"),
          new Difference("Produce .*: null records", ".*", "Kafka fails and never answers"),
          new Difference("Produce .*: codec 7", ".*\\.error_code", "Kafka fails unexpectedly"),
          new Difference(
              ".*(log append time|producer id without epoch).*",
              ".*",
              "a header that contradicts itself is refused; Kafka accepts it"));

  private KnownDifferences() {}
}
