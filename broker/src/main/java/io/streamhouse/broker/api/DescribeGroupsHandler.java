package io.streamhouse.broker.api;

import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupFailure;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.DescribeGroupsRequestData;
import org.apache.kafka.common.message.DescribeGroupsResponseData;
import org.apache.kafka.common.message.DescribeGroupsResponseData.DescribedGroup;
import org.apache.kafka.common.message.DescribeGroupsResponseData.DescribedGroupMember;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// DescribeGroups: state, members and assignments of groups. Stateless.
final class DescribeGroupsHandler implements ApiHandler<DescribeGroupsRequestData> {

  private static final int NOT_FOUND_VERSION = 6;

  private final GroupCoordinator groups;

  DescribeGroupsHandler(GroupCoordinator groups) {
    this.groups = groups;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DESCRIBE_GROUPS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DescribeGroupsRequestData> request) {
    var body = request.body();
    var all = new ArrayList<CompletableFuture<DescribedGroup>>();
    for (var group : body.groups()) {
      all.add(
          groups
              .handle(group, new GroupRequest.Describe())
              .thenApply(answer -> {
                var described = describe(group, answer, request.version());
                return body.includeAuthorizedOperations()
                    ? described.setAuthorizedOperations(Permissions.ON_GROUP)
                    : described;
              }));
    }
    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
        .thenApply(_ ->
            Reply.of(
                new DescribeGroupsResponseData()
                    .setGroups(all.stream().map(CompletableFuture::join).toList())));
  }

  private static DescribedGroup describe(String group, GroupAnswer answer, short version) {
    return switch (answer) {
      case GroupAnswer.Described(var state, var type, var protocol, var members) ->
          new DescribedGroup()
              .setGroupId(group)
              .setGroupState(state.text())
              .setProtocolType(type)
              .setProtocolData(protocol == null ? "" : protocol)
              .setMembers(members.stream().map(DescribeGroupsHandler::member).toList());
      case GroupAnswer.Failed(var failure, var _) -> failed(group, failure, version);
      default -> throw GroupErrors.unexpected(answer);
    };
  }

  private static DescribedGroup failed(String group, GroupFailure failure, short version) {
    if (GroupErrors.of(failure) != Errors.GROUP_ID_NOT_FOUND) {
      return new DescribedGroup().setGroupId(group).setErrorCode(GroupErrors.of(failure).code());
    }
    // Older clients know a group that does not exist by its state alone.
    var dead = new DescribedGroup().setGroupId(group).setGroupState("Dead");
    return version < NOT_FOUND_VERSION
        ? dead
        : dead.setErrorCode(Errors.GROUP_ID_NOT_FOUND.code())
            .setErrorMessage(
                failure == GroupFailure.WRONG_PROTOCOL
                    ? "Group " + group + " is not a classic group."
                    : "Group " + group + " not found.");
  }

  private static DescribedGroupMember member(GroupAnswer.DescribedMember member) {
    return new DescribedGroupMember()
        .setMemberId(member.memberId())
        .setGroupInstanceId(member.instanceId())
        .setClientId(member.clientId())
        .setClientHost(member.clientHost())
        .setMemberMetadata(member.metadata().array())
        .setMemberAssignment(member.assignment().array());
  }

  @Override
  public DescribeGroupsResponseData failure(
      Request<DescribeGroupsRequestData> request, Errors error) {
    return new DescribeGroupsResponseData()
        .setGroups(
            request.body().groups().stream()
                .map(group -> new DescribedGroup().setGroupId(group).setErrorCode(error.code()))
                .toList());
  }
}
