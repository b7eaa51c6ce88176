package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData.ReassignablePartition;
import org.apache.kafka.common.message.AlterPartitionReassignmentsResponseData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsResponseData.ReassignablePartitionResponse;
import org.apache.kafka.common.message.AlterPartitionReassignmentsResponseData.ReassignableTopicResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// AlterPartitionReassignments: plans are checked as Kafka checks them, and none is carried out.
/// Agents share the storage, so there are no replicas to move, and who leads follows from who
/// lives. The plan that is the present state succeeds; any other that could be Kafka's is refused.
final class AlterPartitionReassignmentsHandler
    implements ApiHandler<AlterPartitionReassignmentsRequestData> {

  private final Catalog catalog;

  AlterPartitionReassignmentsHandler(Catalog catalog) {
    this.catalog = catalog;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.ALTER_PARTITION_REASSIGNMENTS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<AlterPartitionReassignmentsRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private AlterPartitionReassignmentsResponseData answer(
      Request<AlterPartitionReassignmentsRequestData> request) {
    var body = request.body();
    var response =
        new AlterPartitionReassignmentsResponseData()
            .setAllowReplicationFactorChange(body.allowReplicationFactorChange())
            .setErrorMessage(body.topics().isEmpty() ? "" : null);
    var image = catalog.image();
    var leaders = new Leaders(image, request.listener());
    for (var topic : body.topics()) {
      var answers = new ReassignableTopicResponse().setName(topic.name());
      for (var partition : topic.partitions()) {
        var refusal =
            refuses(image, leaders, topic.name(), partition, body.allowReplicationFactorChange());
        var answer =
            new ReassignablePartitionResponse()
                .setPartitionIndex(partition.partitionIndex())
                .setErrorMessage(null);
        if (refusal != null) {
          answer.setErrorCode(refusal.error().code()).setErrorMessage(refusal.message());
        }
        answers.partitions().add(answer);
      }
      response.responses().add(answers);
    }
    return response;
  }

  private static @Nullable Refusal refuses(
      Image image,
      Leaders leaders,
      String name,
      ReassignablePartition partition,
      boolean replicationMayChange) {
    var topic = image.topic(name);
    if (topic == null) {
      return Refusal.of(
          Errors.UNKNOWN_TOPIC_OR_PARTITION, "Unable to find a topic named " + name + ".");
    }
    int index = partition.partitionIndex();
    if (index < 0 || index >= topic.partitions()) {
      return Refusal.of(
          Errors.UNKNOWN_TOPIC_OR_PARTITION,
          "Unable to find partition " + name + ":" + index + ".");
    }
    var plan = partition.replicas();
    if (plan == null) {
      return new Refusal(Errors.NO_REASSIGNMENT_IN_PROGRESS, null);
    }
    var present = leaders.of(new PartitionId(topic.id(), index)).replicas();
    return refuses(image, plan, present, replicationMayChange);
  }

  private static @Nullable Refusal refuses(
      Image image, List<Integer> plan, List<Integer> present, boolean replicationMayChange) {
    var refusal = new Assignments(image).refuses(plan);
    if (refusal != null) {
      return refusal;
    }
    if (!replicationMayChange && plan.size() != present.size()) {
      return Refusal.of(
          Errors.INVALID_REPLICATION_FACTOR,
          "The replication factor is changed from " + present.size() + " to " + plan.size());
    }
    return plan.equals(present)
        ? null
        : Refusal.of(
            Errors.INVALID_REPLICA_ASSIGNMENT,
            "Partitions cannot be assigned: leases place them, this one with " + present + ".");
  }

  @Override
  public ApiMessage failure(Request<AlterPartitionReassignmentsRequestData> request, Errors error) {
    var response =
        new AlterPartitionReassignmentsResponseData()
            .setErrorCode(error.code())
            .setErrorMessage(error.message());
    for (var topic : request.body().topics()) {
      var answers = new ReassignableTopicResponse().setName(topic.name());
      for (var partition : topic.partitions()) {
        answers
            .partitions()
            .add(
                new ReassignablePartitionResponse()
                    .setPartitionIndex(partition.partitionIndex())
                    .setErrorCode(error.code())
                    .setErrorMessage(error.message()));
      }
      response.responses().add(answers);
    }
    return response;
  }
}
