package io.streamhouse.broker.api;

import io.streamhouse.broker.group.Bytes;
import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.JoinGroupResponseData;
import org.apache.kafka.common.message.JoinGroupResponseData.JoinGroupResponseMember;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// JoinGroup: becomes a member, and waits for the next generation. Stateless.
final class JoinGroupHandler implements ApiHandler<JoinGroupRequestData> {

  /// From here on a new member comes back with the id it is given (KIP-394).
  private static final int KNOWN_ID_VERSION = 4;

  private static final int NULL_PROTOCOL_VERSION = 7;
  private static final int SKIP_VERSION = 9;

  private final GroupCoordinator groups;

  JoinGroupHandler(GroupCoordinator groups) {
    this.groups = groups;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.JOIN_GROUP;
  }

  @Override
  public CompletionStage<Reply> handle(Request<JoinGroupRequestData> request) {
    var body = request.body();
    if (body.groupId().isEmpty()) {
      return CompletableFuture.completedFuture(Reply.of(failure(request, Errors.INVALID_GROUP_ID)));
    }
    var clientId = request.clientId() == null ? "" : request.clientId();
    var instanceId = body.groupInstanceId();
    var protocols = new ArrayList<GroupRequest.Protocol>();
    for (var protocol : body.protocols()) {
      protocols.add(new GroupRequest.Protocol(protocol.name(), Bytes.of(protocol.metadata())));
    }
    var join =
        new GroupRequest.Join(
            body.memberId(),
            instanceId,
            groups.newMemberId(instanceId == null ? clientId : instanceId),
            request.version() >= KNOWN_ID_VERSION,
            request.version() >= SKIP_VERSION,
            clientId,
            "/" + request.peer().getHostString(),
            body.sessionTimeoutMs(),
            request.version() == 0 ? body.sessionTimeoutMs() : body.rebalanceTimeoutMs(),
            body.protocolType(),
            protocols,
            body.reason() == null ? "" : body.reason());
    return groups
        .handle(body.groupId(), join)
        .thenApply(answer ->
            Reply.of(
                switch (answer) {
                  case GroupAnswer.Joined joined -> joined(joined);
                  case GroupAnswer.Failed(var failure, var memberId) ->
                      failed(GroupErrors.of(failure), memberId, request.version());
                  default -> throw GroupErrors.unexpected(answer);
                }));
  }

  private static JoinGroupResponseData joined(GroupAnswer.Joined joined) {
    return new JoinGroupResponseData()
        .setMemberId(joined.memberId())
        .setGenerationId(joined.generation())
        .setProtocolType(joined.protocolType())
        .setProtocolName(joined.protocol())
        .setLeader(joined.leader())
        .setSkipAssignment(joined.skipAssignment())
        .setMembers(
            joined.members().stream()
                .map(one ->
                    new JoinGroupResponseMember()
                        .setMemberId(one.memberId())
                        .setGroupInstanceId(one.instanceId())
                        .setMetadata(one.metadata().array()))
                .toList());
  }

  private static JoinGroupResponseData failed(Errors error, String memberId, short version) {
    return new JoinGroupResponseData()
        .setErrorCode(error.code())
        .setMemberId(memberId)
        .setProtocolName(version >= NULL_PROTOCOL_VERSION ? null : "");
  }

  @Override
  public JoinGroupResponseData failure(Request<JoinGroupRequestData> request, Errors error) {
    return failed(error, request.body().memberId(), request.version());
  }
}
