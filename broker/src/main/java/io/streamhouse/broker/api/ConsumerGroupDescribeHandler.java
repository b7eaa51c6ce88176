package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupFailure;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.ConsumerGroupDescribeRequestData;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData.Assignment;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData.DescribedGroup;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData.Member;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData.TopicPartitions;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// ConsumerGroupDescribe: epochs, members and assignments of consumer groups. Stateless.
final class ConsumerGroupDescribeHandler implements ApiHandler<ConsumerGroupDescribeRequestData> {

  /// A member that speaks the consumer protocol; told from version 1 on.
  private static final byte CLASSIC_MEMBER = 0;

  private static final byte CONSUMER_MEMBER = 1;

  private final GroupCoordinator groups;
  private final Catalog catalog;

  ConsumerGroupDescribeHandler(GroupCoordinator groups, Catalog catalog) {
    this.groups = groups;
    this.catalog = catalog;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.CONSUMER_GROUP_DESCRIBE;
  }

  @Override
  public CompletionStage<Reply> handle(Request<ConsumerGroupDescribeRequestData> request) {
    var body = request.body();
    var all = new ArrayList<CompletableFuture<DescribedGroup>>();
    for (var group : body.groupIds()) {
      all.add(
          group.isEmpty()
              ? CompletableFuture.completedFuture(
                  new DescribedGroup()
                      .setGroupId(group)
                      .setErrorCode(Errors.INVALID_GROUP_ID.code()))
              : groups
                  .handle(group, new GroupRequest.DescribeConsumer())
                  .thenApply(answer -> {
                    var described = describe(group, answer, catalog.image());
                    return body.includeAuthorizedOperations()
                            && described.errorCode() == Errors.NONE.code()
                        ? described.setAuthorizedOperations(Permissions.ON_GROUP)
                        : described;
                  }));
    }
    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
        .thenApply(_ ->
            Reply.of(
                new ConsumerGroupDescribeResponseData()
                    .setGroups(all.stream().map(CompletableFuture::join).toList())));
  }

  private static DescribedGroup describe(String group, GroupAnswer answer, Image image) {
    return switch (answer) {
      case GroupAnswer.ConsumersDescribed described ->
          new DescribedGroup()
              .setGroupId(group)
              .setGroupState(described.state().text())
              .setGroupEpoch(described.groupEpoch())
              .setAssignmentEpoch(described.assignmentEpoch())
              .setAssignorName(described.assignor())
              .setMembers(
                  described.members().stream().map(member -> member(member, image)).toList());
      case GroupAnswer.Failed(var failure, var _) -> failed(group, failure);
      default -> throw GroupErrors.unexpected(answer);
    };
  }

  private static DescribedGroup failed(String group, GroupFailure failure) {
    var described =
        new DescribedGroup().setGroupId(group).setErrorCode(GroupErrors.of(failure).code());
    return switch (failure) {
      case GROUP_NOT_FOUND -> described.setErrorMessage("Group " + group + " not found.");
      case WRONG_PROTOCOL ->
          described.setErrorMessage("Group " + group + " is not a consumer group.");
      default -> described;
    };
  }

  private static Member member(GroupAnswer.DescribedConsumer member, Image image) {
    return new Member()
        .setMemberId(member.memberId())
        .setInstanceId(member.instanceId())
        .setRackId(member.rackId())
        .setMemberEpoch(member.memberEpoch())
        .setClientId(member.clientId())
        .setClientHost(member.clientHost())
        .setSubscribedTopicNames(member.topics())
        .setSubscribedTopicRegex(member.pattern())
        .setAssignment(assignment(member.assigned(), image))
        .setTargetAssignment(assignment(member.target(), image))
        .setMemberType(member.classic() ? CLASSIC_MEMBER : CONSUMER_MEMBER);
  }

  /// Topics that are gone have no name to be told by.
  private static Assignment assignment(Set<PartitionId> partitions, Image image) {
    var byTopic = new LinkedHashMap<UUID, TopicPartitions>();
    for (var one : partitions) {
      var topic = image.topic(one.topicId());
      if (topic != null) {
        byTopic
            .computeIfAbsent(
                topic.id(),
                id ->
                    new TopicPartitions()
                        .setTopicId(TopicIds.toWire(id))
                        .setTopicName(topic.name())
                        .setPartitions(new ArrayList<>()))
            .partitions()
            .add(one.partition());
      }
    }
    return new Assignment().setTopicPartitions(List.copyOf(byTopic.values()));
  }

  @Override
  public ConsumerGroupDescribeResponseData failure(
      Request<ConsumerGroupDescribeRequestData> request, Errors error) {
    return new ConsumerGroupDescribeResponseData()
        .setGroups(
            request.body().groupIds().stream()
                .map(group -> new DescribedGroup().setGroupId(group).setErrorCode(error.code()))
                .toList());
  }
}
