package io.streamhouse.broker.api;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.AlterConfigsResponseData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsResponseData;
import org.apache.kafka.common.message.CreatePartitionsResponseData;
import org.apache.kafka.common.message.CreateTopicsResponseData;
import org.apache.kafka.common.message.DeleteTopicsResponseData;
import org.apache.kafka.common.message.DescribeClusterResponseData;
import org.apache.kafka.common.message.DescribeConfigsResponseData;
import org.apache.kafka.common.message.DescribeQuorumResponseData;
import org.apache.kafka.common.message.DescribeQuorumResponseData.PartitionData;
import org.apache.kafka.common.message.DescribeQuorumResponseData.ReplicaState;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData;
import org.apache.kafka.common.message.ElectLeadersResponseData;
import org.apache.kafka.common.message.IncrementalAlterConfigsResponseData;
import org.apache.kafka.common.message.ListConfigResourcesResponseData;
import org.apache.kafka.common.message.ListPartitionReassignmentsResponseData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.UpdateFeaturesResponseData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// What an answer tells, as sorted lines of text: everything that two servers should agree on, and
/// nothing that is any server's own (ids, addresses, order, words about config values).
final class Told {

  private Told() {}

  static List<String> by(ApiMessage answer) {
    var lines = new ArrayList<String>();
    switch (answer) {
      case MetadataResponseData metadata -> metadata(metadata, lines);
      case DescribeClusterResponseData cluster -> cluster(cluster, lines);
      case DescribeTopicPartitionsResponseData topics -> topicPartitions(topics, lines);
      case CreateTopicsResponseData created -> {
        for (var topic : created.topics()) {
          lines.add(
              "%s: %s %s, %d partitions, %d replicas, %s"
                  .formatted(
                      topic.name(),
                      error(topic.errorCode(), topic.errorMessage()),
                      id(topic.topicId()),
                      topic.numPartitions(),
                      topic.replicationFactor(),
                      topic.configs().isEmpty() ? "no configs" : "configs"));
        }
      }
      case DeleteTopicsResponseData deleted -> {
        for (var topic : deleted.responses()) {
          lines.add(
              "%s: %s %s"
                  .formatted(
                      topic.name(),
                      error(topic.errorCode(), topic.errorMessage()),
                      id(topic.topicId())));
        }
      }
      case CreatePartitionsResponseData added -> {
        for (var topic : added.results()) {
          lines.add(topic.name() + ": " + error(topic.errorCode(), topic.errorMessage()));
        }
      }
      case DescribeConfigsResponseData configs -> configs(configs, lines);
      case IncrementalAlterConfigsResponseData altered -> {
        for (var resource : altered.responses()) {
          lines.add(
              "%d '%s': %s"
                  .formatted(
                      resource.resourceType(),
                      resource.resourceName(),
                      error(resource.errorCode(), resource.errorMessage())));
        }
      }
      case AlterConfigsResponseData altered -> {
        for (var resource : altered.responses()) {
          lines.add(
              "%d '%s': %s"
                  .formatted(
                      resource.resourceType(),
                      resource.resourceName(),
                      error(resource.errorCode(), resource.errorMessage())));
        }
      }
      case ElectLeadersResponseData elected -> elected(elected, lines);
      case AlterPartitionReassignmentsResponseData reassigned -> reassigned(reassigned, lines);
      case ListPartitionReassignmentsResponseData reassigning -> {
        lines.add("= " + error(reassigning.errorCode(), reassigning.errorMessage()));
        reassigning.topics().forEach(topic -> lines.add(topic.name() + ": reassigned"));
      }
      case ListConfigResourcesResponseData resources -> {
        lines.add("= " + error(resources.errorCode(), null));
        for (var resource : resources.configResources()) {
          lines.add("%d '%s'".formatted(resource.resourceType(), resource.resourceName()));
        }
      }
      case DescribeQuorumResponseData quorum -> quorum(quorum, lines);
      case UpdateFeaturesResponseData updated -> {
        lines.add("= " + error(updated.errorCode(), updated.errorMessage()));
        for (var feature : updated.results()) {
          lines.add(feature.feature() + ": " + error(feature.errorCode(), null));
        }
      }
      default -> throw new AssertionError(answer.getClass());
    }
    return lines.stream().map(String::stripTrailing).sorted().toList();
  }

  private static void metadata(MetadataResponseData metadata, List<String> lines) {
    lines.add(
        "= cluster %s, controller %d, nodes %s, may %d, %s"
            .formatted(
                metadata.clusterId() == null ? "unnamed" : "named",
                metadata.controllerId(),
                metadata.brokers().stream().map(b -> b.nodeId()).toList(),
                metadata.clusterAuthorizedOperations(),
                error(metadata.errorCode(), null)));
    for (var topic : metadata.topics()) {
      lines.add(
          "%s: %s %s%s, may %d, %s"
              .formatted(
                  topic.name(),
                  error(topic.errorCode(), null),
                  id(topic.topicId()),
                  topic.isInternal() ? " internal" : "",
                  topic.topicAuthorizedOperations(),
                  topic.partitions().stream()
                      .map(p ->
                          partition(
                              p.errorCode(),
                              p.partitionIndex(),
                              p.leaderId(),
                              p.leaderEpoch(),
                              p.replicaNodes(),
                              p.isrNodes(),
                              p.offlineReplicas()))
                      .collect(Collectors.joining(" "))));
    }
  }

  private static void topicPartitions(
      DescribeTopicPartitionsResponseData topics, List<String> lines) {
    var cursor = topics.nextCursor();
    lines.add(
        cursor == null
            ? "= no cursor"
            : "= next " + cursor.topicName() + "-" + cursor.partitionIndex());
    for (var topic : topics.topics()) {
      lines.add(
          "%s: %s %s%s, may %d, %s"
              .formatted(
                  topic.name(),
                  error(topic.errorCode(), null),
                  id(topic.topicId()),
                  topic.isInternal() ? " internal" : "",
                  topic.topicAuthorizedOperations(),
                  topic.partitions().stream()
                      .map(p ->
                          partition(
                                  p.errorCode(),
                                  p.partitionIndex(),
                                  p.leaderId(),
                                  p.leaderEpoch(),
                                  p.replicaNodes(),
                                  p.isrNodes(),
                                  p.offlineReplicas())
                              + p.eligibleLeaderReplicas()
                              + p.lastKnownElr())
                      .collect(Collectors.joining(" "))));
    }
  }

  private static void cluster(DescribeClusterResponseData cluster, List<String> lines) {
    lines.add(
        "= cluster %s, controller %d, nodes %s, may %d, type %d, %s"
            .formatted(
                cluster.clusterId().isEmpty() ? "unnamed" : "named",
                cluster.controllerId(),
                cluster.brokers().stream().map(b -> b.brokerId()).toList(),
                cluster.clusterAuthorizedOperations(),
                cluster.endpointType(),
                error(cluster.errorCode(), cluster.errorMessage())));
  }

  private static void elected(ElectLeadersResponseData elected, List<String> lines) {
    lines.add("= " + error(elected.errorCode(), null));
    for (var topic : elected.replicaElectionResults()) {
      lines.add(topic.topic() + ": " + topic.partitionResult().size() + " partitions");
      for (var partition : topic.partitionResult()) {
        lines.add(
            "%s-%d: %s"
                .formatted(
                    topic.topic(),
                    partition.partitionId(),
                    error(partition.errorCode(), partition.errorMessage())));
      }
    }
  }

  private static void reassigned(
      AlterPartitionReassignmentsResponseData reassigned, List<String> lines) {
    lines.add("= " + error(reassigned.errorCode(), reassigned.errorMessage()));
    for (var topic : reassigned.responses()) {
      for (var partition : topic.partitions()) {
        lines.add(
            "%s-%d: %s"
                .formatted(
                    topic.name(),
                    partition.partitionIndex(),
                    error(partition.errorCode(), partition.errorMessage())));
      }
    }
  }

  private static void quorum(DescribeQuorumResponseData quorum, List<String> lines) {
    lines.add(
        "= nodes %s, %s"
            .formatted(
                quorum.nodes().stream().map(n -> n.nodeId()).toList(),
                error(quorum.errorCode(), quorum.errorMessage())));
    for (var topic : quorum.topics()) {
      lines.add(topic.topicName() + ": " + topic.partitions().size() + " partitions");
      for (var partition : topic.partitions()) {
        lines.add(
            "%s-%d: %s, leader %d, voters %s, observers %s"
                .formatted(
                    topic.topicName(),
                    partition.partitionIndex(),
                    error(partition.errorCode(), partition.errorMessage()),
                    partition.leaderId(),
                    partition.currentVoters().stream().map(v -> voter(partition, v)).toList(),
                    partition.observers().size()));
      }
    }
  }

  private static String voter(PartitionData partition, ReplicaState voter) {
    return voter.replicaId()
        + (voter.logEndOffset() < partition.highWatermark() ? " behind" : "")
        + (voter.lastCaughtUpTimestamp() > 0 ? " heard of" : "");
  }

  private static void configs(DescribeConfigsResponseData configs, List<String> lines) {
    for (var resource : configs.results()) {
      String key = "%d '%s'".formatted(resource.resourceType(), resource.resourceName());
      lines.add(
          "%s: %s %s"
              .formatted(
                  key,
                  error(resource.errorCode(), resource.errorMessage()),
                  resource.configs().isEmpty() ? "no configs" : "configs"));
      if (resource.configs().size() > 10) {
        continue;
      }
      for (var config : resource.configs()) {
        lines.add(
            "%s %s=%s, source %d, type %d%s%s%s, synonyms %s"
                .formatted(
                    key,
                    config.name(),
                    config.value(),
                    config.configSource(),
                    config.configType(),
                    config.readOnly() ? ", read-only" : "",
                    config.isSensitive() ? ", secret" : "",
                    config.documentation() == null || config.documentation().isEmpty()
                        ? ""
                        : ", documented",
                    config.synonyms().stream()
                        .map(s -> s.name() + "=" + s.value() + " " + s.source())
                        .toList()));
      }
    }
  }

  private static String partition(
      short error,
      int index,
      int leader,
      int epoch,
      List<Integer> replicas,
      List<Integer> inSync,
      List<Integer> offline) {
    return (error == 0 ? "" : Errors.forCode(error) + " ")
        + index
        + "@"
        + leader
        + (epoch < 0 ? "" : "e")
        + replicas
        + inSync
        + offline;
  }

  private static String id(Uuid id) {
    return id.equals(Uuid.ZERO_UUID) ? "without id" : "with id";
  }

  /// The code, and its message where that is not about a config's value.
  private static String error(short code, @Nullable String message) {
    var error = Errors.forCode(code);
    return error == Errors.INVALID_CONFIG || message == null || message.isEmpty()
        ? error.toString()
        : error + " (" + message + ")";
  }
}
