package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.read.LogReader.EpochResult;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.OffsetForLeaderEpochRequestData;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData.EpochEndOffset;
import org.apache.kafka.common.message.OffsetForLeaderEpochResponseData.OffsetForLeaderTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// OffsetForLeaderEpoch: where a leader epoch ended, by which a consumer sees that the log it read
/// is not the one that stands (KIP-320). Stateless.
final class OffsetForLeaderEpochHandler implements ApiHandler<OffsetForLeaderEpochRequestData> {

  /// The request names no time-out; below what clients give a request.
  private static final Duration TIMEOUT = Duration.ofSeconds(15);

  private final Catalog catalog;
  private final Logs logs;
  private final SerialLoop timers;

  OffsetForLeaderEpochHandler(Catalog catalog, Logs logs, SerialLoop timers) {
    this.catalog = catalog;
    this.logs = logs;
    this.timers = timers;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.OFFSET_FOR_LEADER_EPOCH;
  }

  @Override
  public CompletionStage<Reply> handle(Request<OffsetForLeaderEpochRequestData> request) {
    var image = catalog.image();
    var response = new OffsetForLeaderEpochResponseData();
    var lookups = new ArrayList<CompletableFuture<Void>>();
    for (var topic : request.body().topics()) {
      var answers = new OffsetForLeaderTopicResult().setTopic(topic.topic());
      response.topics().add(answers);
      for (var partition : topic.partitions()) {
        var answer = new EpochEndOffset().setPartition(partition.partition());
        answers.partitions().add(answer);
        switch (Target.byName(image, logs, topic.topic(), partition.partition())) {
          case Target.Failed(var _, var failure) ->
              answer.setErrorCode(KafkaErrors.of(failure).code());
          case Target.Led(var _, var reader, var _) -> {
            var mismatch =
                Target.epochMismatch(partition.currentLeaderEpoch(), reader.leaderEpoch());
            if (mismatch != null) {
              answer.setErrorCode(KafkaErrors.of(mismatch).code());
            } else if (partition.leaderEpoch() >= 0) {
              lookups.add(
                  Deadline.within(timers, TIMEOUT, reader.epochEnd(partition.leaderEpoch()))
                      .handle((result, thrown) -> {
                        write(result, thrown, answer);
                        return null;
                      }));
            }
          }
        }
      }
    }
    return CompletableFuture.allOf(lookups.toArray(CompletableFuture[]::new))
        .thenApply(_ -> Reply.of(response));
  }

  private static void write(
      @Nullable EpochResult result, @Nullable Throwable thrown, EpochEndOffset answer) {
    switch (result) {
      case EpochResult.Found(var end) -> {
        if (end.epoch() >= 0) {
          answer.setLeaderEpoch(end.epoch()).setEndOffset(end.endOffset());
        }
      }
      case EpochResult.Failed(var failure) -> answer.setErrorCode(KafkaErrors.of(failure).code());
      case null ->
          answer.setErrorCode(
              (thrown == null ? Errors.UNKNOWN_SERVER_ERROR : KafkaErrors.of(thrown)).code());
    }
  }

  @Override
  public OffsetForLeaderEpochResponseData failure(
      Request<OffsetForLeaderEpochRequestData> request, Errors error) {
    var response = new OffsetForLeaderEpochResponseData();
    for (var topic : request.body().topics()) {
      var answers = new OffsetForLeaderTopicResult().setTopic(topic.topic());
      for (var partition : topic.partitions()) {
        answers
            .partitions()
            .add(
                new EpochEndOffset()
                    .setPartition(partition.partition())
                    .setErrorCode(error.code()));
      }
      response.topics().add(answers);
    }
    return response;
  }
}
