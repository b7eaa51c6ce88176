package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.message.ElectLeadersRequestData;
import org.apache.kafka.common.message.ElectLeadersResponseData;
import org.apache.kafka.common.message.ElectLeadersResponseData.PartitionResult;
import org.apache.kafka.common.message.ElectLeadersResponseData.ReplicaElectionResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// ElectLeaders: there is nothing to elect. A partition is led by the agent its lease is placed
/// with, and moves by itself when that agent is gone, so as long as an agent lives, the preferred
/// one leads.
final class ElectLeadersHandler implements ApiHandler<ElectLeadersRequestData> {

  /// The oldest version with an error for the whole request.
  private static final short FIRST_WITH_ERROR = 1;

  private final Catalog catalog;

  ElectLeadersHandler(Catalog catalog) {
    this.catalog = catalog;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.ELECT_LEADERS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<ElectLeadersRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private ElectLeadersResponseData answer(Request<ElectLeadersRequestData> request) {
    var body = request.body();
    var image = catalog.image();
    Refusal outcome;
    try {
      outcome = outcome(image, ElectionType.valueOf(body.electionType()));
    } catch (IllegalArgumentException e) {
      return refused(
          request, Refusal.invalid("Unknown election type " + (int) body.electionType()));
    }
    return body.topicPartitions() == null ? ofAll(image, outcome) : ofNamed(image, body, outcome);
  }

  /// What every partition that exists is told.
  private static Refusal outcome(Image image, ElectionType type) {
    if (!image.agents().isEmpty()) {
      return Refusal.of(Errors.ELECTION_NOT_NEEDED);
    }
    return switch (type) {
      case PREFERRED -> Refusal.of(Errors.PREFERRED_LEADER_NOT_AVAILABLE);
      case UNCLEAN -> Refusal.of(Errors.ELIGIBLE_LEADERS_NOT_AVAILABLE);
    };
  }

  /// Of all topics only those partitions are told that needed an election.
  private static ElectLeadersResponseData ofAll(Image image, Refusal outcome) {
    var response = new ElectLeadersResponseData();
    for (var topic : image.topics()) {
      var result = new ReplicaElectionResult().setTopic(topic.name());
      if (outcome.error() != Errors.ELECTION_NOT_NEEDED) {
        for (int i = 0; i < topic.partitions(); i++) {
          result.partitionResult().add(result(i, outcome));
        }
      }
      response.replicaElectionResults().add(result);
    }
    return response;
  }

  private static ElectLeadersResponseData ofNamed(
      Image image, ElectLeadersRequestData body, Refusal outcome) {
    var response = new ElectLeadersResponseData();
    for (var named : body.topicPartitions()) {
      var result = new ReplicaElectionResult().setTopic(named.topic());
      for (int partition : named.partitions()) {
        var missing = missing(image, named.topic(), partition);
        result.partitionResult().add(result(partition, missing == null ? outcome : missing));
      }
      response.replicaElectionResults().add(result);
    }
    return response;
  }

  private static @Nullable Refusal missing(Image image, String name, int partition) {
    var topic = image.topic(name);
    if (topic == null) {
      return Refusal.of(Errors.UNKNOWN_TOPIC_OR_PARTITION, "No such topic as " + name);
    }
    return partition >= 0 && partition < topic.partitions()
        ? null
        : Refusal.of(
            Errors.UNKNOWN_TOPIC_OR_PARTITION, "No such partition as " + name + "-" + partition);
  }

  private static PartitionResult result(int partition, Refusal outcome) {
    return new PartitionResult()
        .setPartitionId(partition)
        .setErrorCode(outcome.error().code())
        .setErrorMessage(outcome.message());
  }

  private static ElectLeadersResponseData refused(
      Request<ElectLeadersRequestData> request, Refusal why) {
    var body = request.body();
    var response = new ElectLeadersResponseData();
    if (request.version() >= FIRST_WITH_ERROR) {
      response.setErrorCode(why.error().code());
    }
    if (body.topicPartitions() != null) {
      for (var named : body.topicPartitions()) {
        var result = new ReplicaElectionResult().setTopic(named.topic());
        for (int partition : named.partitions()) {
          result.partitionResult().add(result(partition, why));
        }
        response.replicaElectionResults().add(result);
      }
    }
    return response;
  }

  @Override
  public ApiMessage failure(Request<ElectLeadersRequestData> request, Errors error) {
    return refused(request, Refusal.of(error));
  }
}
