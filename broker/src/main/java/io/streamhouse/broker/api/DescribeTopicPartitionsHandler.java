package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.DescribeTopicPartitionsRequestData;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData.Cursor;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData.DescribeTopicPartitionsResponsePartition;
import org.apache.kafka.common.message.DescribeTopicPartitionsResponseData.DescribeTopicPartitionsResponseTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// DescribeTopicPartitions: topics in the order of their names, a bounded number of partitions at a
/// time ([KIP-966](https://cwiki.apache.org/confluence/x/mpOzDw)).
final class DescribeTopicPartitionsHandler
    implements ApiHandler<DescribeTopicPartitionsRequestData> {

  private final Catalog catalog;
  private final TopicRules rules;

  DescribeTopicPartitionsHandler(Catalog catalog, TopicRules rules) {
    this.catalog = catalog;
    this.rules = rules;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DESCRIBE_TOPIC_PARTITIONS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DescribeTopicPartitionsRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private ApiMessage answer(Request<DescribeTopicPartitionsRequestData> request) {
    var body = request.body();
    var image = catalog.image();
    var cursor = body.cursor();
    boolean all = body.topics().isEmpty();
    var names = names(image, body);
    if (cursor != null
        && (cursor.partitionIndex() < 0 || (!all && !names.contains(cursor.topicName())))) {
      return failure(request, Errors.INVALID_REQUEST);
    }
    int room = Math.max(1, Math.min(body.responsePartitionLimit(), rules.partitionLimit()));
    var leaders = new Leaders(image, request.listener());
    var response = new DescribeTopicPartitionsResponseData();
    for (String name : names) {
      if (room == 0) {
        return response.setNextCursor(new Cursor().setTopicName(name).setPartitionIndex(0));
      }
      var topic = image.topic(name);
      if (topic == null) {
        response.topics().add(missing(name));
        continue;
      }
      int first =
          cursor != null && cursor.topicName().equals(name)
              ? Math.min(cursor.partitionIndex(), topic.partitions())
              : 0;
      int end = Math.min(topic.partitions() - first, room) + first;
      response.topics().add(described(topic, first, end, leaders));
      if (end < topic.partitions()) {
        return response.setNextCursor(new Cursor().setTopicName(name).setPartitionIndex(end));
      }
      room -= end - first;
    }
    return response;
  }

  /// The topics asked for, in order, from the cursor on.
  private static SortedSet<String> names(Image image, DescribeTopicPartitionsRequestData body) {
    Collection<String> asked = new ArrayList<>();
    if (body.topics().isEmpty()) {
      image.topics().forEach(topic -> asked.add(topic.name()));
    } else {
      body.topics().forEach(topic -> asked.add(topic.name()));
    }
    var from = body.cursor() == null ? "" : body.cursor().topicName();
    asked.removeIf(name -> name.compareTo(from) < 0);
    return new TreeSet<>(asked);
  }

  private static DescribeTopicPartitionsResponseTopic described(
      Topic topic, int first, int end, Leaders leaders) {
    var partitions = new ArrayList<DescribeTopicPartitionsResponsePartition>(end - first);
    for (int i = first; i < end; i++) {
      var leader = leaders.of(new PartitionId(topic.id(), i));
      partitions.add(
          new DescribeTopicPartitionsResponsePartition()
              .setErrorCode(leader.error().code())
              .setPartitionIndex(i)
              .setLeaderId(leader.nodeId())
              .setLeaderEpoch(leader.epoch())
              .setReplicaNodes(leader.replicas())
              .setIsrNodes(leader.replicas())
              .setEligibleLeaderReplicas(List.of())
              .setLastKnownElr(List.of())
              .setOfflineReplicas(List.of()));
    }
    return new DescribeTopicPartitionsResponseTopic()
        .setName(topic.name())
        .setTopicId(TopicIds.toWire(topic.id()))
        .setIsInternal(TopicNames.internal(topic.name()))
        .setPartitions(partitions)
        .setTopicAuthorizedOperations(Permissions.ON_TOPIC);
  }

  private static DescribeTopicPartitionsResponseTopic missing(String name) {
    return new DescribeTopicPartitionsResponseTopic()
        .setName(name)
        .setIsInternal(TopicNames.internal(name))
        .setErrorCode(TopicNames.missing(name).code())
        .setTopicAuthorizedOperations(Permissions.ON_TOPIC);
  }

  @Override
  public ApiMessage failure(Request<DescribeTopicPartitionsRequestData> request, Errors error) {
    var response = new DescribeTopicPartitionsResponseData();
    for (var topic : request.body().topics()) {
      response
          .topics()
          .add(
              new DescribeTopicPartitionsResponseTopic()
                  .setName(topic.name())
                  .setErrorCode(error.code()));
    }
    return response;
  }
}
