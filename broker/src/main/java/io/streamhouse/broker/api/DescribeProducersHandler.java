package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Appends.ProducersResult;
import io.streamhouse.broker.partition.ProducerEntry;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.DescribeProducersRequestData;
import org.apache.kafka.common.message.DescribeProducersResponseData;
import org.apache.kafka.common.message.DescribeProducersResponseData.PartitionResponse;
import org.apache.kafka.common.message.DescribeProducersResponseData.ProducerState;
import org.apache.kafka.common.message.DescribeProducersResponseData.TopicResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// DescribeProducers: the idempotent producers of partitions led here
/// ([KIP-664](https://cwiki.apache.org/confluence/x/gI4lCg)). None is ever in a transaction.
///
/// A partition named again is not answered again, since its answer may be long and its name is
/// short.
final class DescribeProducersHandler implements ApiHandler<DescribeProducersRequestData> {

  private static final int NO_COORDINATOR = -1;
  private static final long NO_TRANSACTION = -1;

  private final Catalog catalog;
  private final Logs logs;

  DescribeProducersHandler(Catalog catalog, Logs logs) {
    this.catalog = catalog;
    this.logs = logs;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DESCRIBE_PRODUCERS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DescribeProducersRequestData> request) {
    var image = catalog.image();
    var response = new DescribeProducersResponseData();
    var named = new HashMap<String, Set<Integer>>();
    var waiting = new ArrayList<CompletableFuture<Void>>();
    for (var topic : request.body().topics()) {
      var answers = new TopicResponse().setName(topic.name());
      response.topics().add(answers);
      var seen = named.computeIfAbsent(topic.name(), _ -> new HashSet<>());
      for (int partition : topic.partitionIndexes()) {
        if (seen.add(partition)) {
          var answer = new PartitionResponse().setPartitionIndex(partition).setErrorMessage(null);
          answers.partitions().add(answer);
          waiting.add(answer(image, topic.name(), answer));
        }
      }
    }
    return CompletableFuture.allOf(waiting.toArray(CompletableFuture[]::new))
        .thenApply(_ -> Reply.of(response));
  }

  private CompletableFuture<Void> answer(Image image, String topic, PartitionResponse answer) {
    var unknown = unknown(image, topic);
    if (unknown != null) {
      answer.setErrorCode(unknown.error().code()).setErrorMessage(unknown.message());
      return CompletableFuture.completedFuture(null);
    }
    return switch (Target.byName(image, logs, topic, answer.partitionIndex())) {
      case Target.Failed(var _, var failure) -> {
        answer.setErrorCode(KafkaErrors.of(failure).code());
        yield CompletableFuture.completedFuture(null);
      }
      case Target.Led(var _, var _, var appends) ->
          appends
              .activeProducers()
              .handle((known, thrown) -> {
                write(known, thrown, answer);
                return null;
              });
    };
  }

  private static @Nullable Refusal unknown(Image image, String topic) {
    var malformed = TopicNames.malformed(topic);
    if (malformed != null) {
      return malformed;
    }
    return image.topic(topic) == null ? Refusal.of(Errors.UNKNOWN_TOPIC_OR_PARTITION) : null;
  }

  private static void write(
      @Nullable ProducersResult known, @Nullable Throwable thrown, PartitionResponse answer) {
    switch (known) {
      case ProducersResult.Known(var producers) ->
          producers.forEach(producer -> answer.activeProducers().add(state(producer)));
      case ProducersResult.Refused(var failure) ->
          answer
              .setErrorCode(KafkaErrors.of(failure).code())
              .setErrorMessage(KafkaErrors.explanation(failure));
      case null ->
          answer.setErrorCode(
              (thrown == null ? Errors.UNKNOWN_SERVER_ERROR : KafkaErrors.of(thrown)).code());
    }
  }

  private static ProducerState state(ProducerEntry producer) {
    return new ProducerState()
        .setProducerId(producer.producerId())
        .setProducerEpoch(producer.epoch())
        .setLastSequence(producer.latest().lastSequence())
        .setLastTimestamp(producer.latest().timestamp())
        .setCoordinatorEpoch(NO_COORDINATOR)
        .setCurrentTxnStartOffset(NO_TRANSACTION);
  }

  @Override
  public ApiMessage failure(Request<DescribeProducersRequestData> request, Errors error) {
    var response = new DescribeProducersResponseData();
    for (var topic : request.body().topics()) {
      var answers = new TopicResponse().setName(topic.name());
      for (int partition : topic.partitionIndexes()) {
        answers
            .partitions()
            .add(
                new PartitionResponse()
                    .setPartitionIndex(partition)
                    .setErrorCode(error.code())
                    .setErrorMessage(error.message()));
      }
      response.topics().add(answers);
    }
    return response;
  }
}
