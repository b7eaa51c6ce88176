package io.streamhouse.compat.groups;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.JoinGroupRequestData.JoinGroupRequestProtocol;
import org.apache.kafka.common.message.JoinGroupResponseData;
import org.apache.kafka.common.message.JoinGroupResponseData.JoinGroupResponseMember;
import org.apache.kafka.common.message.LeaveGroupRequestData;
import org.apache.kafka.common.message.LeaveGroupRequestData.MemberIdentity;
import org.apache.kafka.common.message.LeaveGroupResponseData;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.message.SyncGroupRequestData.SyncGroupRequestAssignment;
import org.apache.kafka.common.message.SyncGroupResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// A member that joins, syncs and heartbeats, gives everything up at each rebalance, and commits
/// what it did before it does.
final class ClassicMember extends LoadMember {

  private static final String PROTOCOL_TYPE = "consumer";
  private static final String PROTOCOL = "range";

  /// A client gives a join a little longer than the rebalance may take.
  private static final int JOIN_GRACE_MILLIS = 5_000;

  private enum Phase {
    OUT,
    JOINING,
    SYNCING,
    FETCHING,
    STEADY,
    COMMITTING_BEFORE_JOIN
  }

  private Phase phase = Phase.OUT;
  private String memberId = "";
  private int generation = -1;
  private List<JoinGroupResponseMember> toAssign = List.of();
  private long heartbeatDueNanos;

  ClassicMember(
      EventLoop loop, int port, LoadedGroup group, String clientId, Manner manner, Tally tally) {
    super(loop, port, group, clientId, manner, tally);
  }

  @Override
  boolean isMember() {
    return phase != Phase.OUT;
  }

  @Override
  boolean isSteady() {
    return phase == Phase.STEADY;
  }

  @Override
  int generation() {
    return generation;
  }

  @Override
  void connectionLost() {
    // It asks again; the generation tells whether it is still in it.
    if (phase == Phase.COMMITTING_BEFORE_JOIN) {
      phase = Phase.JOINING;
    }
  }

  @Override
  void next() {
    if (!isWanted() && phase != Phase.OUT) {
      if (memberId.isEmpty()) {
        forget();
        phase = Phase.OUT;
        step();
      } else {
        sendLeave();
      }
      return;
    }
    switch (phase) {
      case OUT -> {
        phase = Phase.JOINING;
        sendJoin();
      }
      case JOINING -> sendJoin();
      case SYNCING -> sendSync();
      case FETCHING -> fetch();
      case COMMITTING_BEFORE_JOIN -> {
        phase = Phase.JOINING;
        if (owned().isEmpty()) {
          sendJoin();
        } else {
          commit(memberId, this::refused);
        }
      }
      case STEADY -> {
        if (heartbeatDueNanos - System.nanoTime() <= 0) {
          sendHeartbeat();
        } else if (commitIsDue()) {
          commit(memberId, this::refused);
        } else {
          stepAt(Math.min(heartbeatDueNanos, commitDueNanos()));
        }
      }
    }
  }

  private void refused(Errors error) {
    switch (error) {
      case REBALANCE_IN_PROGRESS -> rejoin();
      case UNKNOWN_MEMBER_ID -> forget();
      case ILLEGAL_GENERATION -> rejoin();
      default -> {
        pause();
        forget();
      }
    }
  }

  private void rejoin() {
    group.unsettled();
    phase = Phase.JOINING;
  }

  /// It is no member, or cannot know whether it is: it joins as a new one.
  private void forget() {
    group.unsettled();
    owns(Set.of());
    memberId = "";
    generation = -1;
    phase = Phase.JOINING;
  }

  private void sendJoin() {
    group.unsettled();
    // Whoever joins has nothing any more.
    owns(Set.of());
    var protocols = new JoinGroupRequestData.JoinGroupRequestProtocolCollection();
    protocols.add(
        new JoinGroupRequestProtocol()
            .setName(PROTOCOL)
            .setMetadata(
                bytes(
                    ConsumerProtocol.serializeSubscription(
                        new Subscription(List.of(manner.topic()))))));
    var request =
        new JoinGroupRequestData()
            .setGroupId(group.name)
            .setMemberId(memberId)
            .setSessionTimeoutMs(manner.sessionMillis())
            .setRebalanceTimeoutMs(manner.rebalanceMillis())
            .setProtocolType(PROTOCOL_TYPE)
            .setProtocols(protocols);
    ask(
        ApiKeys.JOIN_GROUP,
        9,
        request,
        manner.rebalanceMillis() + JOIN_GRACE_MILLIS,
        body -> {
          var response = new JoinGroupResponseData(body, (short) 9);
          var error = Errors.forCode(response.errorCode());
          if (!tally.count(clientId, ApiKeys.JOIN_GROUP, error)) {
            if (error == Errors.MEMBER_ID_REQUIRED) {
              memberId = response.memberId();
            } else if (error == Errors.UNKNOWN_MEMBER_ID) {
              forget();
            } else if (!isOfCoordinator(error)) {
              pause();
            }
            return;
          }
          memberId = response.memberId();
          if (response.generationId() < generation) {
            tally.violation(
                "%s joined generation %d after %d"
                    .formatted(clientId, response.generationId(), generation));
          }
          generation = response.generationId();
          group.told(this, generation);
          toAssign =
              response.leader().equals(memberId) ? List.copyOf(response.members()) : List.of();
          phase = Phase.SYNCING;
        });
  }

  private void sendSync() {
    var request =
        new SyncGroupRequestData()
            .setGroupId(group.name)
            .setMemberId(memberId)
            .setGenerationId(generation)
            .setProtocolType(PROTOCOL_TYPE)
            .setProtocolName(PROTOCOL)
            .setAssignments(assignments());
    ask(
        ApiKeys.SYNC_GROUP,
        5,
        request,
        manner.rebalanceMillis() + JOIN_GRACE_MILLIS,
        body -> {
          var response = new SyncGroupResponseData(body, (short) 5);
          var error = Errors.forCode(response.errorCode());
          if (!tally.count(clientId, ApiKeys.SYNC_GROUP, error)) {
            if (!isOfCoordinator(error)) {
              refused(error);
            }
            return;
          }
          var assigned =
              ConsumerProtocol.deserializeAssignment(ByteBuffer.wrap(response.assignment()));
          owns(
              assigned.partitions().stream()
                  .map(TopicPartition::partition)
                  .collect(Collectors.toSet()));
          group.given(this, true);
          phase = Phase.FETCHING;
        });
  }

  /// Of a leader: each partition to one member.
  private List<SyncGroupRequestAssignment> assignments() {
    var ids = new TreeSet<String>();
    toAssign.forEach(one -> ids.add(one.memberId()));
    var assignments = new ArrayList<SyncGroupRequestAssignment>();
    int index = 0;
    for (var id : ids) {
      var partitions = new ArrayList<TopicPartition>();
      for (int partition = index++; partition < group.partitions(); partition += ids.size()) {
        partitions.add(new TopicPartition(manner.topic(), partition));
      }
      assignments.add(
          new SyncGroupRequestAssignment()
              .setMemberId(id)
              .setAssignment(
                  bytes(ConsumerProtocol.serializeAssignment(new Assignment(partitions)))));
    }
    return assignments;
  }

  private void fetch() {
    if (owned().isEmpty()) {
      begin();
      step();
      return;
    }
    fetchOffsets(
        null,
        -1,
        error -> {
          if (error == Errors.NONE) {
            begin();
          } else {
            pause();
          }
        });
  }

  private void begin() {
    phase = Phase.STEADY;
    heartbeatDueNanos = System.nanoTime() + manner.heartbeatMillis() * 1_000_000L;
    heard();
  }

  private void sendHeartbeat() {
    long began = System.nanoTime();
    heartbeatDueNanos = began + manner.heartbeatMillis() * 1_000_000L;
    var request =
        new HeartbeatRequestData()
            .setGroupId(group.name)
            .setMemberId(memberId)
            .setGenerationId(generation);
    ask(
        ApiKeys.HEARTBEAT,
        4,
        request,
        body -> {
          var error = Errors.forCode(new HeartbeatResponseData(body, (short) 4).errorCode());
          if (tally.count(clientId, ApiKeys.HEARTBEAT, error)) {
            if (!tally.aroundRestart) {
              tally.heartbeats.add(System.nanoTime() - began);
            }
            heard();
          } else if (error == Errors.REBALANCE_IN_PROGRESS) {
            group.unsettled();
            phase = Phase.COMMITTING_BEFORE_JOIN;
          } else if (isOfCoordinator(error)) {
            heartbeatDueNanos = System.nanoTime();
          } else {
            refused(error);
          }
        });
  }

  private void sendLeave() {
    group.unsettled();
    owns(Set.of());
    var request =
        new LeaveGroupRequestData()
            .setGroupId(group.name)
            .setMembers(List.of(new MemberIdentity().setMemberId(memberId)));
    ask(
        ApiKeys.LEAVE_GROUP,
        5,
        request,
        body -> {
          var response = new LeaveGroupResponseData(body, (short) 5);
          var error = Errors.forCode(response.errorCode());
          if (error == Errors.NONE && !response.members().isEmpty()) {
            error = Errors.forCode(response.members().getFirst().errorCode());
          }
          tally.count(clientId, ApiKeys.LEAVE_GROUP, error);
          if (!isOfCoordinator(error)) {
            forget();
            phase = Phase.OUT;
          }
        });
  }

  private static byte[] bytes(ByteBuffer buffer) {
    var bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return bytes;
  }

  @Override
  public String toString() {
    return phase + "@" + generation + owned();
  }
}
