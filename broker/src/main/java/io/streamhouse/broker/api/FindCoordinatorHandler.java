package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.FindCoordinatorResponseData.Coordinator;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// FindCoordinator: which agent coordinates a group; several groups from version 4 on. Stateless.
///
/// Transactions come later. Their keys get the code that every client takes as final, as
/// InitProducerId gives; share groups are asked for by brokers only.
final class FindCoordinatorHandler implements ApiHandler<FindCoordinatorRequestData> {

  private static final int BATCH_VERSION = 4;

  private final GroupCoordinator groups;
  private final Catalog catalog;

  FindCoordinatorHandler(GroupCoordinator groups, Catalog catalog) {
    this.groups = groups;
    this.catalog = catalog;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.FIND_COORDINATOR;
  }

  @Override
  public CompletionStage<Reply> handle(Request<FindCoordinatorRequestData> request) {
    var body = request.body();
    boolean batched = request.version() >= BATCH_VERSION;
    var keys = batched ? body.coordinatorKeys() : List.of(body.key());
    var leaders = new Leaders(catalog.image(), request.listener());
    var found = new ArrayList<CompletableFuture<Coordinator>>();
    for (var key : keys) {
      found.add(find(key, body.keyType(), leaders));
    }
    return CompletableFuture.allOf(found.toArray(CompletableFuture[]::new))
        .thenApply(_ -> {
          if (batched) {
            return Reply.of(
                new FindCoordinatorResponseData()
                    .setCoordinators(found.stream().map(CompletableFuture::join).toList()));
          }
          var only = found.getFirst().join();
          return Reply.of(
              new FindCoordinatorResponseData()
                  .setErrorCode(only.errorCode())
                  .setErrorMessage(only.errorMessage())
                  .setNodeId(only.nodeId())
                  .setHost(only.host())
                  .setPort(only.port()));
        });
  }

  private CompletableFuture<Coordinator> find(String key, byte type, Leaders leaders) {
    return switch (CoordinatorKind.of(type)) {
      case GROUP ->
          groups
              .coordinatorOf(key)
              .thenApply(node -> {
                for (var endpoint : leaders.endpoints()) {
                  if (node.isPresent() && endpoint.nodeId() == node.getAsInt()) {
                    return new Coordinator()
                        .setKey(key)
                        .setNodeId(endpoint.nodeId())
                        .setHost(endpoint.host())
                        .setPort(endpoint.port());
                  }
                }
                return refused(
                    key,
                    Errors.COORDINATOR_NOT_AVAILABLE,
                    Errors.COORDINATOR_NOT_AVAILABLE.message());
              });
      case TRANSACTION ->
          CompletableFuture.completedFuture(
              refused(
                  key,
                  Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                  "transactions are not supported yet"));
      case OTHER ->
          CompletableFuture.completedFuture(
              refused(
                  key, Errors.INVALID_REQUEST, "there is no coordinator for keys of type " + type));
    };
  }

  private enum CoordinatorKind {
    GROUP,
    TRANSACTION,
    OTHER;

    static CoordinatorKind of(byte type) {
      return type == 0 ? GROUP : type == 1 ? TRANSACTION : OTHER;
    }
  }

  private static Coordinator refused(String key, Errors error, String message) {
    return new Coordinator()
        .setKey(key)
        .setErrorCode(error.code())
        .setErrorMessage(message)
        .setNodeId(-1)
        .setHost("")
        .setPort(-1);
  }

  @Override
  public FindCoordinatorResponseData failure(
      Request<FindCoordinatorRequestData> request, Errors error) {
    if (request.version() < BATCH_VERSION) {
      return new FindCoordinatorResponseData()
          .setErrorCode(error.code())
          .setErrorMessage(error.message())
          .setNodeId(-1)
          .setHost("")
          .setPort(-1);
    }
    return new FindCoordinatorResponseData()
        .setCoordinators(
            request.body().coordinatorKeys().stream()
                .map(key -> refused(key, error, error.message()))
                .toList());
  }
}
