package io.streamhouse.broker.api;

import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupFailure;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.broker.group.GroupRequest.Leaver;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.LeaveGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupResponseData;
import org.apache.kafka.common.message.LeaveGroupResponseData.MemberResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// LeaveGroup: ends membership, of several members from version 3 on. Stateless.
final class LeaveGroupHandler implements ApiHandler<LeaveGroupRequestData> {

  private static final int BATCH_VERSION = 3;

  private final GroupCoordinator groups;

  LeaveGroupHandler(GroupCoordinator groups) {
    this.groups = groups;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.LEAVE_GROUP;
  }

  @Override
  public CompletionStage<Reply> handle(Request<LeaveGroupRequestData> request) {
    var body = request.body();
    if (body.groupId().isEmpty()) {
      return CompletableFuture.completedFuture(Reply.of(failure(request, Errors.INVALID_GROUP_ID)));
    }
    var leavers = new ArrayList<Leaver>();
    if (request.version() < BATCH_VERSION) {
      leavers.add(new Leaver(body.memberId(), null, ""));
    } else {
      for (var one : body.members()) {
        leavers.add(
            new Leaver(
                one.memberId(), one.groupInstanceId(), one.reason() == null ? "" : one.reason()));
      }
    }
    return groups
        .handle(body.groupId(), new GroupRequest.Leave(leavers))
        .thenApply(answer ->
            Reply.of(
                switch (answer) {
                  case GroupAnswer.Left(var failures) -> left(request, leavers, failures);
                  case GroupAnswer.Failed(var failure, var _)
                      when failure == GroupFailure.UNKNOWN_MEMBER ->
                      left(
                          request,
                          leavers,
                          Collections.nCopies(leavers.size(), Optional.of(failure)));
                  case GroupAnswer.Failed(var failure, var _) ->
                      failure(request, GroupErrors.of(failure));
                  default -> throw GroupErrors.unexpected(answer);
                }));
  }

  private LeaveGroupResponseData left(
      Request<LeaveGroupRequestData> request,
      List<Leaver> leavers,
      List<Optional<GroupFailure>> failures) {
    var errors =
        failures.stream().map(one -> one.map(GroupErrors::of).orElse(Errors.NONE)).toList();
    if (request.version() < BATCH_VERSION) {
      return failure(request, errors.getFirst());
    }
    var response = new LeaveGroupResponseData();
    for (int i = 0; i < leavers.size(); i++) {
      response
          .members()
          .add(
              new MemberResponse()
                  .setMemberId(leavers.get(i).memberId())
                  .setGroupInstanceId(leavers.get(i).instanceId())
                  .setErrorCode(errors.get(i).code()));
    }
    return response;
  }

  @Override
  public LeaveGroupResponseData failure(Request<LeaveGroupRequestData> request, Errors error) {
    return new LeaveGroupResponseData().setErrorCode(error.code());
  }
}
