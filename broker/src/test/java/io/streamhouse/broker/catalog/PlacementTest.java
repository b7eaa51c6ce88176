package io.streamhouse.broker.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

final class PlacementTest {

  private static final UUID TOPIC = new UUID(7, 9);

  private static LiveAgent agent(int nodeId) {
    return agent(nodeId, "", false, false);
  }

  private static LiveAgent agent(int nodeId, String group, boolean draining, boolean drained) {
    return new LiveAgent(
        new UUID(nodeId, nodeId),
        nodeId,
        new UUID(0, nodeId),
        Optional.empty(),
        group,
        Map.of(),
        draining,
        drained);
  }

  private static LiveAgent starting(int nodeId) {
    return agent(nodeId, "", true, false);
  }

  private static LiveAgent drained(int nodeId) {
    return agent(nodeId, "", false, true);
  }

  private static LiveAgent of(String group, int nodeId) {
    return agent(nodeId, group, false, false);
  }

  private static int leader(int partition, List<LiveAgent> agents) {
    return Objects.requireNonNull(Placement.of(new PartitionId(TOPIC, partition), agents)).nodeId();
  }

  @Test
  void noAgentsMeansNoOne() {
    assertThat(Placement.of(new PartitionId(TOPIC, 0), List.of())).isNull();
  }

  @Test
  void everyAgentGetsAboutItsShare() {
    var agents = List.of(agent(0), agent(1), agent(2), agent(3));
    var shares = new int[4];
    for (int i = 0; i < 4_000; i++) {
      shares[leader(i, agents)]++;
    }
    for (int share : shares) {
      assertThat(share).isBetween(850, 1_150);
    }
  }

  @Test
  void anAgentThatGoesMovesOnlyWhatItHad() {
    var before = List.of(agent(0), agent(1), agent(2));
    var after = List.of(agent(0), agent(2));
    for (int i = 0; i < 1_000; i++) {
      int was = leader(i, before);
      if (was != 1) {
        assertThat(leader(i, after)).isEqualTo(was);
      }
    }
  }

  @Test
  void theOrderOfTheAgentsDoesNotMatter() {
    var agents = new ArrayList<>(List.of(agent(5), agent(6), agent(7), agent(8)));
    var random = new Random(3);
    for (int i = 0; i < 100; i++) {
      int expected = leader(i, agents);
      Collections.shuffle(agents, random);
      assertThat(leader(i, agents)).isEqualTo(expected);
    }
  }

  @Test
  void whoServesAndIsNotDrainedTakesLeasesOrElseWhoServes() {
    var bothAtOnce = agent(4, "", true, true);
    assertThat(Placement.willing(List.of(agent(1), starting(2), drained(3), bothAtOnce)))
        .containsExactly(agent(1));
    assertThat(Placement.willing(List.of(starting(2), drained(3), bothAtOnce)))
        .containsExactly(drained(3));
    assertThat(Placement.willing(List.of(starting(2), bothAtOnce)))
        .containsExactly(starting(2), bothAtOnce);
    assertThat(Placement.willing(List.of())).isEmpty();
  }

  @Test
  void groupsAreServedByTheirOwnAndTheRestByThoseOfNone() {
    assertThat(Placement.byGroup(List.of(agent(1), of("a", 2), of("b", 3), of("a", 4))))
        .isEqualTo(
            Map.of(
                "", List.of(agent(1)),
                "a", List.of(of("a", 2), of("a", 4)),
                "b", List.of(of("b", 3))));
    assertThat(Placement.byGroup(List.of(of("a", 2), of("b", 3))))
        .containsEntry("", List.of(of("a", 2), of("b", 3)));
  }
}
