package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.streamhouse.metadata.PartitionId;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.common.message.AlterPartitionReassignmentsRequestData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsResponseData;
import org.apache.kafka.common.message.AlterPartitionReassignmentsResponseData.ReassignablePartitionResponse;
import org.apache.kafka.common.message.ElectLeadersRequestData;
import org.apache.kafka.common.message.ElectLeadersResponseData;
import org.apache.kafka.common.message.ElectLeadersResponseData.PartitionResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Elections and reassignments where several agents live, or none; one alone is compared with Kafka
/// in [AdminCases].
final class PlacementHandlersTest {

  private final FakeAgent agent = FakeAgent.with();

  @BeforeEach
  void twoAgentsOfWhichTheFirstLeads() {
    agent.catalog.agent(2, Map.of("PLAINTEXT", "127.0.0.1:9094"));
    agent.catalog.create("t", 2, Map.of()).join();
  }

  @Test
  void whereNoAgentLivesEveryPartitionLacksItsLeader() {
    agent.catalog.endAgent(1);
    agent.catalog.endAgent(2);
    assertThat(elected(AdminCases.elect(0).setTopicPartitions(null)))
        .extracting(PartitionResult::partitionId, PartitionResult::errorCode)
        .containsExactly(
            tuple(0, Errors.PREFERRED_LEADER_NOT_AVAILABLE.code()),
            tuple(1, Errors.PREFERRED_LEADER_NOT_AVAILABLE.code()));
    assertThat(elected(AdminCases.elect(1, AdminCases.elected("t", 1))))
        .extracting(PartitionResult::errorCode)
        .containsExactly(Errors.ELIGIBLE_LEADERS_NOT_AVAILABLE.code());
  }

  @Test
  void anotherAgentTakesOverWithoutAnElection() {
    agent.catalog.endAgent(1);
    assertThat(elected(AdminCases.elect(0, AdminCases.elected("t", 0))))
        .extracting(PartitionResult::errorCode)
        .containsExactly(Errors.ELECTION_NOT_NEEDED.code());
  }

  @Test
  void aPlanOntoOtherAgentsIsRefusedAndSaysWhy() {
    int changes = agent.catalog.changes();
    for (var plan : List.of(List.of(2), List.of(1, 2), List.of(2, 1))) {
      var answer = planned(AdminCases.reassign(AdminCases.planned("t", 0, plan)));
      assertThat(answer.errorCode()).isEqualTo(Errors.INVALID_REPLICA_ASSIGNMENT.code());
      assertThat(answer.errorMessage()).contains("leases place them").contains("[1]");
    }
    assertThat(agent.catalog.changes()).isEqualTo(changes);
  }

  @Test
  void thePresentAssignmentIsTheLeader() {
    agent.catalog.leaveLeaderless();
    agent.catalog.create("u", 1, Map.of()).join();
    var topic = Objects.requireNonNull(agent.catalog.image().topic("u"));
    agent.catalog.lead(2, new PartitionId(topic.id(), 0));
    assertThat(planned(AdminCases.reassign(AdminCases.planned("u", 0, List.of(2)))).errorCode())
        .isZero();
    assertThat(planned(AdminCases.reassign(AdminCases.planned("u", 0, List.of(1)))).errorCode())
        .isEqualTo(Errors.INVALID_REPLICA_ASSIGNMENT.code());
  }

  @Test
  void aSizeThatMayNotChangeIsToldApart() {
    var plan = AdminCases.reassign(AdminCases.planned("t", 0, List.of(1, 2)));
    assertThat(planned(plan.setAllowReplicationFactorChange(false)).errorCode())
        .isEqualTo(Errors.INVALID_REPLICATION_FACTOR.code());
    var sameSize = AdminCases.reassign(AdminCases.planned("t", 0, List.of(1)));
    assertThat(planned(sameSize.setAllowReplicationFactorChange(false)).errorCode()).isZero();
  }

  private List<PartitionResult> elected(ElectLeadersRequestData request) {
    var answer = (ElectLeadersResponseData) agent.send(ApiKeys.ELECT_LEADERS, (short) 2, request);
    assertThat(answer.errorCode()).isZero();
    return answer.replicaElectionResults().getFirst().partitionResult();
  }

  private ReassignablePartitionResponse planned(AlterPartitionReassignmentsRequestData request) {
    var answer =
        (AlterPartitionReassignmentsResponseData)
            agent.send(ApiKeys.ALTER_PARTITION_REASSIGNMENTS, (short) 1, request);
    return answer.responses().getFirst().partitions().getFirst();
  }
}
