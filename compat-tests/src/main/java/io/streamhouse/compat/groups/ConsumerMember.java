package io.streamhouse.compat.groups;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatRequestData;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatRequestData.TopicPartitions;
import org.apache.kafka.common.message.ConsumerGroupHeartbeatResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// A member of a consumer group (KIP-848): it is told what to have at its heartbeats, commits and
/// gives up what it is to have no more, and says so.
final class ConsumerMember extends LoadMember {

  private static final int JOIN = 0;
  private static final int LEAVE = -1;

  private final Uuid topicId;
  private String memberId;
  private boolean member;
  private int epoch = JOIN;

  /// It says everything of itself, not only what changed.
  private boolean whole = true;

  /// What it has is not yet known to the coordinator.
  private boolean tellOwned;

  /// What it is to have, null when it has it.
  private @Nullable Set<Integer> target;

  private boolean committedBefore;
  private Set<Integer> toFetch = Set.of();
  private long heartbeatDueNanos;
  private long intervalNanos = 1_000_000_000L;

  /// @param memberId that it gave itself
  ConsumerMember(
      EventLoop loop,
      int port,
      LoadedGroup group,
      String clientId,
      Manner manner,
      Tally tally,
      Uuid topicId,
      String memberId) {
    super(loop, port, group, clientId, manner, tally);
    this.topicId = topicId;
    this.memberId = memberId;
  }

  @Override
  boolean isMember() {
    return member;
  }

  @Override
  boolean isSteady() {
    return member && epoch > JOIN && target == null && !tellOwned;
  }

  @Override
  int generation() {
    return epoch;
  }

  @Override
  void connectionLost() {
    whole = true;
    heartbeatDueNanos = System.nanoTime();
  }

  @Override
  void next() {
    if (!isWanted()) {
      sendLeave();
      return;
    }
    member = true;
    var wanted = target;
    if (wanted != null) {
      reconcile(wanted);
    } else if (!toFetch.isEmpty()) {
      fetch();
    } else if (tellOwned || heartbeatDueNanos - System.nanoTime() <= 0) {
      sendHeartbeat();
    } else if (commitIsDue()) {
      commit(memberId, this::refused);
    } else {
      stepAt(Math.min(heartbeatDueNanos, commitDueNanos()));
    }
  }

  private void refused(Errors error) {
    switch (error) {
      case FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID -> joinAnew();
      // The next heartbeat brings the epoch of now.
      case STALE_MEMBER_EPOCH -> heartbeatDueNanos = System.nanoTime();
      default -> {
        pause();
        joinAnew();
      }
    }
  }

  private void joinAnew() {
    group.unsettled();
    owns(Set.of());
    epoch = JOIN;
    whole = true;
    target = null;
    committedBefore = false;
    toFetch = Set.of();
    tellOwned = false;
    heartbeatDueNanos = System.nanoTime();
  }

  /// Takes over what it is to have. Before it gives something up, it commits.
  private void reconcile(Set<Integer> wanted) {
    if (!wanted.containsAll(owned()) && !committedBefore) {
      committedBefore = true;
      commit(memberId, this::refused);
      return;
    }
    var added = new TreeSet<>(wanted);
    added.removeAll(owned());
    owns(wanted);
    target = null;
    committedBefore = false;
    tellOwned = true;
    toFetch = added;
    group.given(this, false);
    step();
  }

  private void fetch() {
    fetchOffsets(
        memberId,
        epoch,
        error -> {
          if (error == Errors.NONE) {
            toFetch = Set.of();
          } else {
            refused(error);
          }
        });
  }

  private void sendHeartbeat() {
    boolean all = whole || epoch == JOIN;
    var request =
        new ConsumerGroupHeartbeatRequestData()
            .setGroupId(group.name)
            .setMemberId(memberId)
            .setMemberEpoch(epoch);
    if (all) {
      request
          .setRebalanceTimeoutMs(manner.rebalanceMillis())
          .setSubscribedTopicNames(List.of(manner.topic()));
    }
    if (all || tellOwned) {
      request.setTopicPartitions(
          owned().isEmpty()
              ? List.of()
              : List.of(
                  new TopicPartitions()
                      .setTopicId(topicId)
                      .setPartitions(new ArrayList<>(owned()))));
    }
    long began = System.nanoTime();
    int floor = epoch == JOIN ? group.generation() : epoch;
    heartbeatDueNanos = began + intervalNanos;
    ask(
        ApiKeys.CONSUMER_GROUP_HEARTBEAT,
        1,
        request,
        body -> {
          var response = new ConsumerGroupHeartbeatResponseData(body, (short) 1);
          var error = Errors.forCode(response.errorCode());
          if (!tally.count(clientId, ApiKeys.CONSUMER_GROUP_HEARTBEAT, error)) {
            if (isOfCoordinator(error)) {
              whole = true;
              heartbeatDueNanos = System.nanoTime();
            } else {
              refused(error);
            }
            return;
          }
          if (!tally.aroundRestart) {
            tally.heartbeats.add(System.nanoTime() - began);
          }
          whole = false;
          tellOwned = false;
          intervalNanos = response.heartbeatIntervalMs() * 1_000_000L;
          heartbeatDueNanos = began + intervalNanos;
          told(response, floor);
          heard();
        });
  }

  private void told(ConsumerGroupHeartbeatResponseData response, int floor) {
    if (response.memberEpoch() < floor) {
      tally.violation(
          "%s was told epoch %d after %d".formatted(clientId, response.memberEpoch(), floor));
    }
    if (response.memberEpoch() != epoch) {
      epoch = response.memberEpoch();
      group.unsettled();
    }
    group.toldEpoch(epoch);
    if (response.assignment() != null) {
      var assigned = new TreeSet<Integer>();
      for (var topic : response.assignment().topicPartitions()) {
        assigned.addAll(topic.partitions());
      }
      if (!assigned.equals(owned())) {
        target = assigned;
        group.unsettled();
      }
    }
  }

  private void sendLeave() {
    group.unsettled();
    owns(Set.of());
    var request =
        new ConsumerGroupHeartbeatRequestData()
            .setGroupId(group.name)
            .setMemberId(memberId)
            .setMemberEpoch(LEAVE);
    ask(
        ApiKeys.CONSUMER_GROUP_HEARTBEAT,
        1,
        request,
        body -> {
          var response = new ConsumerGroupHeartbeatResponseData(body, (short) 1);
          var error = Errors.forCode(response.errorCode());
          tally.count(clientId, ApiKeys.CONSUMER_GROUP_HEARTBEAT, error);
          if (!isOfCoordinator(error)) {
            joinAnew();
            memberId = Uuid.randomUuid().toString();
            member = false;
          }
        });
  }

  @Override
  public String toString() {
    return (member ? "in" : "out") + "@" + epoch + owned() + (target == null ? "" : "->" + target);
  }
}
