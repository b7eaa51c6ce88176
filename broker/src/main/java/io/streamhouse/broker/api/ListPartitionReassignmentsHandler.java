package io.streamhouse.broker.api;

import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.ListPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.ListPartitionReassignmentsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// ListPartitionReassignments: none is ever going on, as [AlterPartitionReassignmentsHandler]
/// begins none. Kafka too leaves out what it does not know.
final class ListPartitionReassignmentsHandler
    implements ApiHandler<ListPartitionReassignmentsRequestData> {

  @Override
  public ApiKeys api() {
    return ApiKeys.LIST_PARTITION_REASSIGNMENTS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<ListPartitionReassignmentsRequestData> request) {
    return CompletableFuture.completedFuture(
        Reply.of(new ListPartitionReassignmentsResponseData().setErrorMessage(null)));
  }

  @Override
  public ApiMessage failure(Request<ListPartitionReassignmentsRequestData> request, Errors error) {
    return new ListPartitionReassignmentsResponseData()
        .setErrorCode(error.code())
        .setErrorMessage(error.message());
  }
}
