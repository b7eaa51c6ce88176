package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.common.message.DescribeQuorumResponseData;
import org.apache.kafka.common.message.DescribeQuorumResponseData.ReplicaState;
import org.apache.kafka.common.message.ListConfigResourcesResponseData;
import org.apache.kafka.common.message.ListConfigResourcesResponseData.ConfigResource;
import org.apache.kafka.common.message.UpdateFeaturesRequestData;
import org.apache.kafka.common.message.UpdateFeaturesResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

/// What several agents are to Kafka's tools, and features where there are any; the rest is compared
/// with Kafka in [AdminCases].
final class ClusterHandlersTest {

  private final FakeAgent agent = FakeAgent.with();

  @Test
  void everyLiveAgentVotesAndTheFirstLeads() {
    agent.catalog.agent(2, Map.of("PLAINTEXT", "127.0.0.1:9094"));
    var partition = quorum().topics().getFirst().partitions().getFirst();
    assertThat(partition.leaderId()).isEqualTo(1);
    assertThat(partition.currentVoters()).extracting(ReplicaState::replicaId).containsExactly(1, 2);
    assertThat(partition.currentVoters())
        .extracting(ReplicaState::logEndOffset)
        .containsOnly(partition.highWatermark());
    var second = Objects.requireNonNull(quorum().nodes().find(2)).listeners().find("PLAINTEXT");
    assertThat(second.host()).isEqualTo("127.0.0.1");
    assertThat(second.port()).isEqualTo(9094);

    agent.catalog.endAgent(1);
    partition = quorum().topics().getFirst().partitions().getFirst();
    assertThat(partition.leaderId()).isEqualTo(2);
    assertThat(partition.currentVoters()).extracting(ReplicaState::replicaId).containsExactly(2);
  }

  @Test
  void theQuorumsLogGrowsWithTheCatalogue() {
    long before = quorum().topics().getFirst().partitions().getFirst().highWatermark();
    agent.catalog.create("t", 1, Map.of()).join();
    assertThat(quorum().topics().getFirst().partitions().getFirst().highWatermark())
        .isGreaterThan(before);
  }

  @Test
  void everyAgentThatCanBeReachedHasConfigs() {
    agent.catalog.agent(2, Map.of("PLAINTEXT", "127.0.0.1:9094"));
    assertThat(resources(4, 8))
        .extracting(ConfigResource::resourceType, ConfigResource::resourceName)
        .containsExactlyInAnyOrder(
            tuple((byte) 4, "1"), tuple((byte) 4, "2"), tuple((byte) 8, "1"), tuple((byte) 8, "2"));
    agent.on("INSIDE");
    assertThat(resources(4)).extracting(ConfigResource::resourceName).containsExactly("1");
  }

  @Test
  void theVersionOfAFeatureInForceIsAllThatCanBeAskedFor() {
    assertThat(updated(1, AdminCases.feature("some.version", 1, 1)).errorCode()).isZero();
    for (int version : new int[] {0, 2}) {
      var refused = updated(1, AdminCases.feature("some.version", version, 2));
      assertThat(refused.errorCode()).isEqualTo(Errors.INVALID_UPDATE_VERSION.code());
      assertThat(refused.results()).isEmpty();
      assertThat(refused.errorMessage())
          .endsWith(
              version == 0
                  ? "The agents' software decides which version is in force: 1."
                  : "Local controller 1 only supports versions 0-1");
    }
  }

  @Test
  void whatSucceedsIsNamedUpToVersionOne() {
    var request = AdminCases.feature("some.version", 1, 1);
    assertThat(updated(0, request).results()).hasSize(1);
    assertThat(updated(1, request).results()).hasSize(1);
    assertThat(updated(2, request).results()).isEmpty();
  }

  @Test
  void oneUpdateThatFailsFailsThemAll() {
    var request = AdminCases.feature("some.version", 1, 1);
    request
        .featureUpdates()
        .add(
            new UpdateFeaturesRequestData.FeatureUpdateKey()
                .setFeature("foo")
                .setMaxVersionLevel((short) 1));
    var refused = updated(1, request);
    assertThat(refused.errorCode()).isEqualTo(Errors.INVALID_UPDATE_VERSION.code());
    assertThat(refused.errorMessage()).contains("feature foo");
    assertThat(refused.results()).isEmpty();
  }

  private DescribeQuorumResponseData quorum() {
    return (DescribeQuorumResponseData)
        agent.send(ApiKeys.DESCRIBE_QUORUM, (short) 2, AdminCases.quorum("__cluster_metadata", 0));
  }

  private List<ConfigResource> resources(int... types) {
    return ((ListConfigResourcesResponseData)
            agent.send(ApiKeys.LIST_CONFIG_RESOURCES, (short) 1, AdminCases.resources(types)))
        .configResources();
  }

  private UpdateFeaturesResponseData updated(int version, UpdateFeaturesRequestData request) {
    return (UpdateFeaturesResponseData)
        agent.send(ApiKeys.UPDATE_FEATURES, (short) version, request);
  }
}
