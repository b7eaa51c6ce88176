package io.streamhouse.broker.api;

import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupFailure;
import io.streamhouse.broker.group.GroupRequest.ConsumerHeartbeat;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatResponseData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatResponseData.Assignment;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatResponseData.TopicPartitions;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// ConsumerGroupHeartbeat: membership of consumer groups (KIP-848), in one request. Stateless.
final class ConsumerGroupHeartbeatHandler implements ApiHandler<ConsumerGroupHeartbeatRequestData> {

  /// From here on clients make their member ids themselves.
  private static final int CLIENT_ID_VERSION = 1;

  private final GroupCoordinator groups;
  private final List<String> assignors;

  /// @param assignors that members may wish for
  ConsumerGroupHeartbeatHandler(GroupCoordinator groups, List<String> assignors) {
    this.groups = groups;
    this.assignors = List.copyOf(assignors);
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.CONSUMER_GROUP_HEARTBEAT;
  }

  @Override
  public CompletionStage<Reply> handle(Request<ConsumerGroupHeartbeatRequestData> request) {
    var body = request.body();
    var wrong = invalid(body, request.version());
    if (wrong != null) {
      return refuse(Errors.INVALID_REQUEST, wrong);
    }
    if (body.serverAssignor() != null && !assignors.contains(body.serverAssignor())) {
      return refuse(
          Errors.UNSUPPORTED_ASSIGNOR,
          "ServerAssignor %s is not supported. Supported assignors: %s."
              .formatted(body.serverAssignor(), String.join(", ", assignors)));
    }
    var pattern = body.subscribedTopicRegex();
    if (pattern == null || pattern.isEmpty()) {
      return beat(request);
    }
    return groups
        .checkPattern(pattern)
        .handle((invalid, trouble) -> {
          if (trouble != null) {
            // Clients try again.
            return refuse(
                Errors.COORDINATOR_NOT_AVAILABLE, "SubscribedTopicRegex could not be checked.");
          }
          return invalid.isEmpty()
              ? beat(request)
              : refuse(
                  Errors.INVALID_REGULAR_EXPRESSION,
                  "SubscribedTopicRegex `%s` is not a valid regular expression: %s."
                      .formatted(pattern, invalid));
        })
        .thenCompose(answer -> answer);
  }

  private CompletionStage<Reply> beat(Request<ConsumerGroupHeartbeatRequestData> request) {
    var body = request.body();
    var clientId = request.clientId() == null ? "" : request.clientId();
    var memberId =
        body.memberId().isEmpty() && body.memberEpoch() == ConsumerHeartbeat.JOIN
            ? groups.newMemberId(clientId)
            : body.memberId();
    var beat =
        new ConsumerHeartbeat(
            memberId,
            body.instanceId(),
            body.rackId(),
            body.memberEpoch(),
            clientId,
            "/" + request.peer().getHostString(),
            body.rebalanceTimeoutMs(),
            body.subscribedTopicNames() == null ? null : new HashSet<>(body.subscribedTopicNames()),
            body.subscribedTopicRegex(),
            body.serverAssignor(),
            owned(body));
    return groups
        .handle(body.groupId(), beat)
        .thenApply(answer ->
            Reply.of(
                switch (answer) {
                  case GroupAnswer.Beaten beaten -> answer(beaten);
                  case GroupAnswer.Failed(var failure, var _) -> failed(body, failure);
                  default -> throw GroupErrors.unexpected(answer);
                }));
  }

  private static CompletionStage<Reply> refuse(Errors error, String message) {
    return CompletableFuture.completedFuture(
        Reply.of(
            new ConsumerGroupHeartbeatResponseData()
                .setErrorCode(error.code())
                .setErrorMessage(message)));
  }

  /// What is wrong with a request whatever the group is, null if nothing.
  private static @Nullable String invalid(ConsumerGroupHeartbeatRequestData body, short version) {
    if (body.memberId().isBlank()
        && (version >= CLIENT_ID_VERSION || body.memberEpoch() != ConsumerHeartbeat.JOIN)) {
      return "MemberId can't be empty.";
    }
    if (body.groupId().isBlank()) {
      return "GroupId can't be empty.";
    }
    if (isBlank(body.instanceId())) {
      return "InstanceId can't be empty.";
    }
    if (isBlank(body.rackId())) {
      return "RackId can't be empty.";
    }
    if (body.memberEpoch() == ConsumerHeartbeat.JOIN) {
      if (body.rebalanceTimeoutMs() == -1) {
        return "RebalanceTimeoutMs must be provided in first request.";
      }
      if (body.topicPartitions() == null || !body.topicPartitions().isEmpty()) {
        return "TopicPartitions must be empty when (re-)joining.";
      }
      if (body.subscribedTopicNames() == null && body.subscribedTopicRegex() == null) {
        return "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when"
            + " (re-)joining.";
      }
    } else if (body.memberEpoch() == ConsumerHeartbeat.LEAVE_FOR_A_WHILE) {
      if (body.instanceId() == null) {
        return "InstanceId can't be null.";
      }
    } else if (body.memberEpoch() < ConsumerHeartbeat.LEAVE_FOR_A_WHILE) {
      return "MemberEpoch is %d, but must be greater than or equal to -2."
          .formatted(body.memberEpoch());
    }
    return null;
  }

  private static boolean isBlank(@Nullable String text) {
    return text != null && text.isBlank();
  }

  private static @Nullable Set<PartitionId> owned(ConsumerGroupHeartbeatRequestData body) {
    if (body.topicPartitions() == null) {
      return null;
    }
    var owned = new HashSet<PartitionId>();
    for (var topic : body.topicPartitions()) {
      for (int partition : topic.partitions()) {
        // A negative one cannot have been assigned; the nearest that cannot either stands for it.
        owned.add(
            new PartitionId(
                TopicIds.fromWire(topic.topicId()), partition < 0 ? Integer.MAX_VALUE : partition));
      }
    }
    return owned;
  }

  private static ConsumerGroupHeartbeatResponseData answer(GroupAnswer.Beaten beaten) {
    return new ConsumerGroupHeartbeatResponseData()
        .setMemberId(beaten.memberId())
        .setMemberEpoch(beaten.memberEpoch())
        .setHeartbeatIntervalMs(
            beaten.memberEpoch() < ConsumerHeartbeat.JOIN ? 0 : beaten.heartbeatIntervalMillis())
        .setAssignment(
            beaten.assignment().map(ConsumerGroupHeartbeatHandler::assignment).orElse(null));
  }

  private static Assignment assignment(Set<PartitionId> partitions) {
    var byTopic = new LinkedHashMap<UUID, TopicPartitions>();
    for (var one : partitions) {
      byTopic
          .computeIfAbsent(
              one.topicId(),
              id ->
                  new TopicPartitions()
                      .setTopicId(TopicIds.toWire(id))
                      .setPartitions(new ArrayList<>()))
          .partitions()
          .add(one.partition());
    }
    return new Assignment().setTopicPartitions(new ArrayList<>(byTopic.values()));
  }

  private static ConsumerGroupHeartbeatResponseData failed(
      ConsumerGroupHeartbeatRequestData body, GroupFailure failure) {
    var error = GroupErrors.of(failure);
    return new ConsumerGroupHeartbeatResponseData()
        .setErrorCode(error.code())
        .setErrorMessage(
            switch (failure) {
              case GROUP_NOT_FOUND -> "Consumer group " + body.groupId() + " not found.";
              case WRONG_PROTOCOL -> "Group " + body.groupId() + " is not a consumer group.";
              case UNKNOWN_MEMBER ->
                  body.instanceId() == null
                      ? "Member %s is not a member of group %s."
                          .formatted(body.memberId(), body.groupId())
                      : "Instance id " + body.instanceId() + " is unknown.";
              default -> error.message();
            });
  }

  @Override
  public ConsumerGroupHeartbeatResponseData failure(
      Request<ConsumerGroupHeartbeatRequestData> request, Errors error) {
    return new ConsumerGroupHeartbeatResponseData().setErrorCode(error.code());
  }
}
