package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Appends.TruncateResult;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.DeleteRecordsRequestData;
import org.apache.kafka.common.message.DeleteRecordsResponseData;
import org.apache.kafka.common.message.DeleteRecordsResponseData.DeleteRecordsPartitionResult;
import org.apache.kafka.common.message.DeleteRecordsResponseData.DeleteRecordsTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// DeleteRecords: raises the log start offset of partitions, up to their high watermark. Stateless.
final class DeleteRecordsHandler implements ApiHandler<DeleteRecordsRequestData> {

  private final Catalog catalog;
  private final Logs logs;
  private final SerialLoop timers;

  DeleteRecordsHandler(Catalog catalog, Logs logs, SerialLoop timers) {
    this.catalog = catalog;
    this.logs = logs;
    this.timers = timers;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DELETE_RECORDS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DeleteRecordsRequestData> request) {
    var body = request.body();
    var image = catalog.image();
    var timeout = Duration.ofMillis(Math.max(0, body.timeoutMs()));
    var response = new DeleteRecordsResponseData();
    var truncations = new ArrayList<CompletableFuture<Void>>();
    for (var topic : body.topics()) {
      var answers = answers(response, topic.name());
      for (var partition : topic.partitions()) {
        if (answers.partitions().find(partition.partitionIndex()) != null) {
          // Named twice: as with any other order of the two, the first one's answer stands.
          continue;
        }
        var answer =
            new DeleteRecordsPartitionResult()
                .setPartitionIndex(partition.partitionIndex())
                .setLowWatermark(-1);
        answers.partitions().add(answer);
        switch (Target.byName(image, logs, topic.name(), partition.partitionIndex())) {
          case Target.Failed(var _, var failure) ->
              answer.setErrorCode(KafkaErrors.of(failure).code());
          case Target.Led(var _, var _, var appends) -> {
            if (neverDeletes(image, topic.name())) {
              answer.setErrorCode(Errors.POLICY_VIOLATION.code());
            } else if (partition.offset() < -1) {
              answer.setErrorCode(Errors.OFFSET_OUT_OF_RANGE.code());
            } else {
              truncations.add(
                  Deadline.within(timers, timeout, appends.deleteRecordsBefore(partition.offset()))
                      .handle((truncated, thrown) -> {
                        write(truncated, thrown, answer);
                        return null;
                      }));
            }
          }
        }
      }
    }
    return CompletableFuture.allOf(truncations.toArray(CompletableFuture[]::new))
        .thenApply(_ -> Reply.of(response));
  }

  private static DeleteRecordsTopicResult answers(DeleteRecordsResponseData response, String name) {
    var answers = response.topics().find(name);
    if (answers == null) {
      answers = new DeleteRecordsTopicResult().setName(name);
      response.topics().add(answers);
    }
    return answers;
  }

  /// A topic that is only compacted keeps its records, as in Apache Kafka.
  private static boolean neverDeletes(Image image, String topicName) {
    var topic = image.topic(topicName);
    var policy = topic == null ? null : topic.configs().get("cleanup.policy");
    return policy != null
        && Arrays.stream(policy.split(",", -1)).map(String::strip).noneMatch("delete"::equals);
  }

  private static void write(
      @Nullable TruncateResult truncated,
      @Nullable Throwable thrown,
      DeleteRecordsPartitionResult answer) {
    switch (truncated) {
      case TruncateResult.Truncated(var logStart) -> answer.setLowWatermark(logStart);
      case TruncateResult.Refused(var failure) ->
          answer.setErrorCode(KafkaErrors.of(failure).code());
      case null ->
          answer.setErrorCode(
              (thrown == null ? Errors.UNKNOWN_SERVER_ERROR : KafkaErrors.of(thrown)).code());
    }
  }

  @Override
  public DeleteRecordsResponseData failure(
      Request<DeleteRecordsRequestData> request, Errors error) {
    var response = new DeleteRecordsResponseData();
    for (var topic : request.body().topics()) {
      var answers = answers(response, topic.name());
      for (var partition : topic.partitions()) {
        answers
            .partitions()
            .add(
                new DeleteRecordsPartitionResult()
                    .setPartitionIndex(partition.partitionIndex())
                    .setLowWatermark(-1)
                    .setErrorCode(error.code()));
      }
    }
    return response;
  }
}
