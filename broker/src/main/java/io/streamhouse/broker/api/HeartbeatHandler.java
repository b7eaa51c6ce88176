package io.streamhouse.broker.api;

import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// Heartbeat: keeps a member's session, and tells it of rebalances. Stateless.
final class HeartbeatHandler implements ApiHandler<HeartbeatRequestData> {

  private final GroupCoordinator groups;

  HeartbeatHandler(GroupCoordinator groups) {
    this.groups = groups;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.HEARTBEAT;
  }

  @Override
  public CompletionStage<Reply> handle(Request<HeartbeatRequestData> request) {
    var body = request.body();
    if (body.groupId().isEmpty()) {
      return CompletableFuture.completedFuture(Reply.of(failure(request, Errors.INVALID_GROUP_ID)));
    }
    return groups
        .handle(
            body.groupId(),
            new GroupRequest.Heartbeat(
                body.memberId(), body.groupInstanceId(), body.generationId()))
        .thenApply(answer -> Reply.of(failure(request, GroupErrors.of(answer))));
  }

  @Override
  public HeartbeatResponseData failure(Request<HeartbeatRequestData> request, Errors error) {
    return new HeartbeatResponseData().setErrorCode(error.code());
  }
}
