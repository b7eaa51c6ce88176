package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupFailure;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetCommitResponseData;
import org.apache.kafka.common.message.OffsetCommitResponseData.OffsetCommitResponsePartition;
import org.apache.kafka.common.message.OffsetCommitResponseData.OffsetCommitResponseTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// OffsetCommit: stores how far a group has read, by topic id from version 10 on, else by name.
/// Stateless.
final class OffsetCommitHandler implements ApiHandler<OffsetCommitRequestData> {

  private static final int ID_VERSION = 10;

  /// Older clients are told that their generation is not known, which makes them join anew.
  private static final int GROUP_NOT_FOUND_VERSION = 9;

  /// From here on clients know the errors of consumer groups.
  private static final int MEMBER_EPOCH_VERSION = 9;

  private static final long NO_RETENTION = -1;

  private final GroupCoordinator groups;
  private final Catalog catalog;
  private final TimeSource time;
  private final int metadataMaxBytes;

  OffsetCommitHandler(
      GroupCoordinator groups, Catalog catalog, TimeSource time, int metadataMaxBytes) {
    this.groups = groups;
    this.catalog = catalog;
    this.time = time;
    this.metadataMaxBytes = metadataMaxBytes;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.OFFSET_COMMIT;
  }

  @Override
  public CompletionStage<Reply> handle(Request<OffsetCommitRequestData> request) {
    var body = request.body();
    var image = catalog.image();
    boolean byId = request.version() >= ID_VERSION;
    var response = new OffsetCommitResponseData();
    var offsets = new HashMap<PartitionId, CommittedOffset>();
    var accepted = new HashMap<PartitionId, List<OffsetCommitResponsePartition>>();
    boolean known = false;
    long now = time.wallMillis();
    // Versions 2 to 4 could ask for a retention of their own; the default asks for none.
    var expire =
        body.retentionTimeMs() == NO_RETENTION
            ? Optional.<Long>empty()
            : Optional.of(now + body.retentionTimeMs());
    for (var asked : body.topics()) {
      var answers =
          new OffsetCommitResponseTopic().setName(asked.name()).setTopicId(asked.topicId());
      response.topics().add(answers);
      var topic =
          byId ? image.topic(TopicIds.fromWire(asked.topicId())) : image.topic(asked.name());
      for (var partition : asked.partitions()) {
        int index = partition.partitionIndex();
        var answer = new OffsetCommitResponsePartition().setPartitionIndex(index);
        answers.partitions().add(answer);
        if (topic == null && byId) {
          answer.setErrorCode(Errors.UNKNOWN_TOPIC_ID.code());
        } else if (topic == null || index < 0 || index >= topic.partitions()) {
          answer.setErrorCode(Errors.UNKNOWN_TOPIC_OR_PARTITION.code());
        } else {
          known = true;
          var metadata = partition.committedMetadata() == null ? "" : partition.committedMetadata();
          if (metadata.length() > metadataMaxBytes) {
            answer.setErrorCode(Errors.OFFSET_METADATA_TOO_LARGE.code());
          } else {
            int epoch = partition.committedLeaderEpoch();
            var id = new PartitionId(topic.id(), index);
            accepted.computeIfAbsent(id, _ -> new ArrayList<>()).add(answer);
            offsets.put(
                id,
                new CommittedOffset(
                    partition.committedOffset(),
                    epoch < 0 ? Optional.empty() : Optional.of(epoch),
                    metadata,
                    now,
                    expire));
          }
        }
      }
    }
    if (!known && !body.topics().isEmpty()) {
      return CompletableFuture.completedFuture(Reply.of(response));
    }
    var commit =
        new GroupRequest.Commit(
            body.memberId(),
            body.groupInstanceId(),
            body.generationIdOrMemberEpoch(),
            request.version() >= MEMBER_EPOCH_VERSION,
            offsets);
    return groups
        .handle(body.groupId(), commit)
        .thenApply(answer ->
            switch (answer) {
              case GroupAnswer.Committed() -> Reply.of(response);
              case GroupAnswer.Failed(var failure, var _) -> {
                short code = error(failure, request.version()).code();
                accepted.values().forEach(all -> all.forEach(one -> one.setErrorCode(code)));
                yield Reply.of(response);
              }
              default -> throw GroupErrors.unexpected(answer);
            });
  }

  private static Errors error(GroupFailure failure, short version) {
    return failure == GroupFailure.GROUP_NOT_FOUND && version < GROUP_NOT_FOUND_VERSION
        ? Errors.ILLEGAL_GENERATION
        : GroupErrors.of(failure);
  }

  @Override
  public OffsetCommitResponseData failure(Request<OffsetCommitRequestData> request, Errors error) {
    var response = new OffsetCommitResponseData();
    for (var asked : request.body().topics()) {
      var answers =
          new OffsetCommitResponseTopic().setName(asked.name()).setTopicId(asked.topicId());
      for (var partition : asked.partitions()) {
        answers
            .partitions()
            .add(
                new OffsetCommitResponsePartition()
                    .setPartitionIndex(partition.partitionIndex())
                    .setErrorCode(error.code()));
      }
      response.topics().add(answers);
    }
    return response;
  }
}
