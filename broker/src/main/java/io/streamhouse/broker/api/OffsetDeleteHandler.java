package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupFailure;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.HashMap;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.OffsetDeleteRequestData;
import org.apache.kafka.common.message.OffsetDeleteResponseData;
import org.apache.kafka.common.message.OffsetDeleteResponseData.OffsetDeleteResponsePartition;
import org.apache.kafka.common.message.OffsetDeleteResponseData.OffsetDeleteResponsePartitionCollection;
import org.apache.kafka.common.message.OffsetDeleteResponseData.OffsetDeleteResponseTopic;
import org.apache.kafka.common.message.OffsetDeleteResponseData.OffsetDeleteResponseTopicCollection;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// OffsetDelete: forgets offsets of topics that no member of the group reads. Stateless.
final class OffsetDeleteHandler implements ApiHandler<OffsetDeleteRequestData> {

  private final GroupCoordinator groups;
  private final Catalog catalog;

  OffsetDeleteHandler(GroupCoordinator groups, Catalog catalog) {
    this.groups = groups;
    this.catalog = catalog;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.OFFSET_DELETE;
  }

  @Override
  public CompletionStage<Reply> handle(Request<OffsetDeleteRequestData> request) {
    var image = catalog.image();
    var topics = new OffsetDeleteResponseTopicCollection();
    var wanted = new HashMap<PartitionId, String>();
    var answers = new HashMap<PartitionId, OffsetDeleteResponsePartition>();
    for (var asked : request.body().topics()) {
      var partitions = new OffsetDeleteResponsePartitionCollection();
      topics.add(new OffsetDeleteResponseTopic().setName(asked.name()).setPartitions(partitions));
      var topic = image.topic(asked.name());
      for (var partition : asked.partitions()) {
        int index = partition.partitionIndex();
        var answer = new OffsetDeleteResponsePartition().setPartitionIndex(index);
        partitions.add(answer);
        if (topic == null || index < 0 || index >= topic.partitions()) {
          answer.setErrorCode(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
        } else {
          var id = new PartitionId(topic.id(), index);
          wanted.put(id, topic.name());
          answers.put(id, answer);
        }
      }
    }
    return groups
        .handle(request.body().groupId(), new GroupRequest.DeleteOffsets(wanted))
        .thenApply(answer ->
            switch (answer) {
              case GroupAnswer.OffsetsDeleted(var subscribed) -> {
                for (var one : answers.entrySet()) {
                  if (subscribed.contains(one.getKey())) {
                    one.getValue().setErrorCode(GroupErrors.of(GroupFailure.SUBSCRIBED).code());
                  }
                }
                yield Reply.of(new OffsetDeleteResponseData().setTopics(topics));
              }
              case GroupAnswer.Failed(var failure, var _) ->
                  Reply.of(failure(request, GroupErrors.of(failure)));
              default -> throw GroupErrors.unexpected(answer);
            });
  }

  @Override
  public OffsetDeleteResponseData failure(Request<OffsetDeleteRequestData> request, Errors error) {
    return new OffsetDeleteResponseData().setErrorCode(error.code());
  }
}
