package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponsePartition;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponsePartitions;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseTopic;
import org.apache.kafka.common.message.OffsetFetchResponseData.OffsetFetchResponseTopics;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// OffsetFetch: how far groups have read; several groups from version 8 on, topics by id from
/// version 10 on. Nothing here is ever unstable: there are no transactions yet. Stateless.
final class OffsetFetchHandler implements ApiHandler<OffsetFetchRequestData> {

  private static final int TOP_ERROR_VERSION = 2;
  private static final int GROUPS_VERSION = 8;
  private static final int ID_VERSION = 10;

  private final GroupCoordinator groups;
  private final Catalog catalog;

  OffsetFetchHandler(GroupCoordinator groups, Catalog catalog) {
    this.groups = groups;
    this.catalog = catalog;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.OFFSET_FETCH;
  }

  @Override
  public CompletionStage<Reply> handle(Request<OffsetFetchRequestData> request) {
    return request.version() < GROUPS_VERSION ? one(request) : several(request);
  }

  private CompletionStage<Reply> one(Request<OffsetFetchRequestData> request) {
    var body = request.body();
    List<Asked> topics =
        body.topics() == null
            ? null
            : body.topics().stream()
                .map(one -> new Asked(one.name(), Uuid.ZERO_UUID, one.partitionIndexes()))
                .toList();
    return fetch(body.groupId(), null, -1, topics, false)
        .thenApply(found -> {
          if (found.error != Errors.NONE) {
            return Reply.of(failure(request, found.error));
          }
          var response = new OffsetFetchResponseData();
          for (var topic : found.topics) {
            var answers = new OffsetFetchResponseTopic().setName(topic.name);
            for (var partition : topic.partitions) {
              answers
                  .partitions()
                  .add(
                      new OffsetFetchResponsePartition()
                          .setPartitionIndex(partition.partitionIndex())
                          .setCommittedOffset(partition.committedOffset())
                          .setCommittedLeaderEpoch(partition.committedLeaderEpoch())
                          .setMetadata(partition.metadata())
                          .setErrorCode(partition.errorCode()));
            }
            response.topics().add(answers);
          }
          return Reply.of(response);
        });
  }

  private CompletionStage<Reply> several(Request<OffsetFetchRequestData> request) {
    boolean byId = request.version() >= ID_VERSION;
    var response = new OffsetFetchResponseData();
    var all = new ArrayList<CompletableFuture<Void>>();
    for (var group : request.body().groups()) {
      var answer = new OffsetFetchResponseGroup().setGroupId(group.groupId());
      response.groups().add(answer);
      List<Asked> topics =
          group.topics() == null
              ? null
              : group.topics().stream()
                  .map(one -> new Asked(one.name(), one.topicId(), one.partitionIndexes()))
                  .toList();
      all.add(
          fetch(group.groupId(), group.memberId(), group.memberEpoch(), topics, byId)
              .thenAccept(found -> {
                answer.setErrorCode(found.error.code());
                for (var topic : found.topics) {
                  answer
                      .topics()
                      .add(
                          new OffsetFetchResponseTopics()
                              .setName(topic.name)
                              .setTopicId(topic.id)
                              .setPartitions(topic.partitions));
                }
              }));
    }
    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
        .thenApply(_ -> Reply.of(response));
  }

  /// @param name used unless topics go by id
  private record Asked(String name, Uuid id, List<Integer> partitions) {}

  private record Found(Errors error, List<FoundTopic> topics) {}

  private record FoundTopic(String name, Uuid id, List<OffsetFetchResponsePartitions> partitions) {}

  /// @param memberId null if no member of a consumer group asks
  /// @param asked null for all topics
  private CompletableFuture<Found> fetch(
      String group,
      @Nullable String memberId,
      int memberEpoch,
      @Nullable List<Asked> asked,
      boolean byId) {
    var image = catalog.image();
    Optional<Set<PartitionId>> wanted = Optional.empty();
    if (asked != null) {
      var ids = new HashSet<PartitionId>();
      for (var one : asked) {
        var topic = topic(image, one, byId);
        if (topic != null) {
          for (int partition : one.partitions) {
            if (partition >= 0) {
              ids.add(new PartitionId(topic.id(), partition));
            }
          }
        }
      }
      wanted = Optional.of(ids);
    }
    return groups
        .handle(group, new GroupRequest.Fetch(wanted, memberId, memberEpoch))
        .thenApply(answer ->
            switch (answer) {
              case GroupAnswer.Fetched(var offsets) ->
                  new Found(
                      Errors.NONE,
                      asked == null ? all(image, offsets) : some(image, asked, byId, offsets));
              case GroupAnswer.Failed(var failure, var _) ->
                  new Found(GroupErrors.of(failure), List.of());
              default -> throw GroupErrors.unexpected(answer);
            });
  }

  private static @Nullable Topic topic(Image image, Asked asked, boolean byId) {
    return byId ? image.topic(TopicIds.fromWire(asked.id)) : image.topic(asked.name);
  }

  /// What is committed for topics that still exist.
  private static List<FoundTopic> all(Image image, Map<PartitionId, CommittedOffset> offsets) {
    var topics = new LinkedHashMap<UUID, FoundTopic>();
    for (var one : offsets.entrySet()) {
      var topic = image.topic(one.getKey().topicId());
      if (topic != null) {
        topics
            .computeIfAbsent(
                topic.id(),
                id -> new FoundTopic(topic.name(), TopicIds.toWire(id), new ArrayList<>()))
            .partitions
            .add(partition(one.getKey().partition(), one.getValue()));
      }
    }
    return List.copyOf(topics.values());
  }

  private static List<FoundTopic> some(
      Image image, List<Asked> asked, boolean byId, Map<PartitionId, CommittedOffset> offsets) {
    var topics = new ArrayList<FoundTopic>();
    for (var one : asked) {
      var topic = topic(image, one, byId);
      var partitions = new ArrayList<OffsetFetchResponsePartitions>();
      for (int index : one.partitions) {
        var offset =
            topic == null || index < 0 ? null : offsets.get(new PartitionId(topic.id(), index));
        var answer = partition(index, offset);
        if (topic == null && byId) {
          answer.setErrorCode(Errors.UNKNOWN_TOPIC_ID.code());
        }
        partitions.add(answer);
      }
      topics.add(new FoundTopic(one.name, one.id, partitions));
    }
    return topics;
  }

  private static OffsetFetchResponsePartitions partition(
      int index, @Nullable CommittedOffset offset) {
    var answer = new OffsetFetchResponsePartitions().setPartitionIndex(index);
    if (offset == null) {
      return answer.setCommittedOffset(-1).setMetadata("");
    }
    var metadata = offset.metadata();
    return answer
        .setCommittedOffset(offset.offset())
        .setCommittedLeaderEpoch(offset.leaderEpoch().orElse(-1))
        .setMetadata(metadata == null ? "" : metadata);
  }

  @Override
  public OffsetFetchResponseData failure(Request<OffsetFetchRequestData> request, Errors error) {
    var body = request.body();
    var response = new OffsetFetchResponseData();
    if (request.version() >= GROUPS_VERSION) {
      for (var group : body.groups()) {
        response
            .groups()
            .add(
                new OffsetFetchResponseGroup()
                    .setGroupId(group.groupId())
                    .setErrorCode(error.code()));
      }
      return response;
    }
    if (request.version() >= TOP_ERROR_VERSION || body.topics() == null) {
      return response.setErrorCode(error.code());
    }
    for (var topic : body.topics()) {
      var answers = new OffsetFetchResponseTopic().setName(topic.name());
      for (int index : topic.partitionIndexes()) {
        answers
            .partitions()
            .add(
                new OffsetFetchResponsePartition()
                    .setPartitionIndex(index)
                    .setCommittedOffset(-1)
                    .setMetadata("")
                    .setErrorCode(error.code()));
      }
      response.topics().add(answers);
    }
    return response;
  }
}
