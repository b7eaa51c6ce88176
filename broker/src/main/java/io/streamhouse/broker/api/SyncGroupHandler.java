package io.streamhouse.broker.api;

import io.streamhouse.broker.group.Bytes;
import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.HashMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.message.SyncGroupResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// SyncGroup: brings the leader's assignment, and waits for one's own. Stateless.
final class SyncGroupHandler implements ApiHandler<SyncGroupRequestData> {

  /// From here on members say what protocol they believe in (KIP-559).
  private static final int PROTOCOL_VERSION = 5;

  private final GroupCoordinator groups;

  SyncGroupHandler(GroupCoordinator groups) {
    this.groups = groups;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.SYNC_GROUP;
  }

  @Override
  public CompletionStage<Reply> handle(Request<SyncGroupRequestData> request) {
    var body = request.body();
    if (body.groupId().isEmpty()) {
      return CompletableFuture.completedFuture(Reply.of(failure(request, Errors.INVALID_GROUP_ID)));
    }
    if (request.version() >= PROTOCOL_VERSION
        && (body.protocolType() == null || body.protocolName() == null)) {
      return CompletableFuture.completedFuture(
          Reply.of(failure(request, Errors.INCONSISTENT_GROUP_PROTOCOL)));
    }
    var assignments = new HashMap<String, Bytes>();
    for (var one : body.assignments()) {
      assignments.put(one.memberId(), Bytes.of(one.assignment()));
    }
    var sync =
        new GroupRequest.Sync(
            body.memberId(),
            body.groupInstanceId(),
            body.generationId(),
            body.protocolType(),
            body.protocolName(),
            assignments);
    return groups
        .handle(body.groupId(), sync)
        .thenApply(answer ->
            Reply.of(
                switch (answer) {
                  case GroupAnswer.Synced(var type, var protocol, var assignment) ->
                      new SyncGroupResponseData()
                          .setProtocolType(type)
                          .setProtocolName(protocol)
                          .setAssignment(assignment.array());
                  case GroupAnswer.Failed(var failure, var _) ->
                      failure(request, GroupErrors.of(failure));
                  default -> throw GroupErrors.unexpected(answer);
                }));
  }

  @Override
  public SyncGroupResponseData failure(Request<SyncGroupRequestData> request, Errors error) {
    return new SyncGroupResponseData().setErrorCode(error.code());
  }
}
