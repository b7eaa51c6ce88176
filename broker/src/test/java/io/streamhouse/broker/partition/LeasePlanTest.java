package io.streamhouse.broker.partition;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.CatalogImage;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.CatalogImage.Owner;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LeasePlanTest {

  private static final UUID TOPIC = new UUID(7, 7);
  private static final int PARTITIONS = 100;
  private static final UUID GONE = new UUID(66, 66);

  private final List<LiveAgent> agents = new ArrayList<>();
  private final Map<PartitionId, Owner> owners = new HashMap<>();
  private final Map<PartitionId, UUID> tails = new HashMap<>();
  private final Map<String, String> configs = new HashMap<>();

  private void agent(int nodeId, boolean drained) {
    agent(nodeId, "", drained);
  }

  private void agent(int nodeId, String group, boolean drained) {
    agents.add(
        new LiveAgent(
            incarnation(nodeId),
            nodeId,
            wal(nodeId),
            Optional.empty(),
            group,
            Map.of(),
            false,
            drained));
  }

  private static UUID incarnation(int nodeId) {
    return new UUID(1, nodeId);
  }

  private static UUID wal(int nodeId) {
    return new UUID(2, nodeId);
  }

  private static PartitionId partition(int number) {
    return new PartitionId(TOPIC, number);
  }

  private Image image() {
    return new Image(
        "c",
        new CatalogImage(
            1,
            List.of(new Topic(TOPIC, "t", PARTITIONS, configs)),
            owners,
            tails,
            Map.of(),
            agents,
            Map.of(),
            Map.of()));
  }

  /// What an agent plans that leads what the image says it does.
  private LeasePlan plan(int nodeId, Set<UUID> readable) {
    return LeasePlan.of(
        image(),
        new LeasePlan.Self(
            incarnation(nodeId),
            wal(nodeId),
            id -> incarnation(nodeId).equals(owner(id)),
            readable::contains,
            _ -> true,
            topic -> topic.configs().containsKey("unclean")));
  }

  private UUID owner(PartitionId id) {
    var owner = owners.get(id);
    return owner == null ? GONE : owner.incarnation();
  }

  private static Set<PartitionId> claimed(List<Claim> claims) {
    var ids = new HashSet<PartitionId>();
    claims.forEach(claim -> assertThat(ids.add(claim.partition())).isTrue());
    return ids;
  }

  private static Set<PartitionId> all() {
    return Set.copyOf(IntStream.range(0, PARTITIONS).mapToObj(LeasePlanTest::partition).toList());
  }

  @Test
  void whatIsFreeIsClaimedByExactlyOneAgent() {
    agent(1, false);
    agent(2, false);
    agent(3, false);
    var claims = new ArrayList<Claim>();
    for (int node = 1; node <= 3; node++) {
      var plan = plan(node, Set.of());
      assertThat(plan.claims()).hasSizeGreaterThan(PARTITIONS / 6);
      assertThat(plan.moves()).isEmpty();
      claims.addAll(plan.claims());
    }
    assertThat(claimed(claims)).isEqualTo(all());
  }

  @Test
  void whatALiveAgentHoldsIsLeftToIt() {
    agent(1, false);
    agent(2, false);
    all().forEach(id -> owners.put(id, new Owner(incarnation(1), 4)));
    assertThat(plan(2, Set.of()).claims()).isEmpty();
    // Its holder gives away what is placed elsewhere, and nothing else.
    var moves = plan(1, Set.of()).moves();
    assertThat(moves).hasSizeBetween(PARTITIONS / 4, 3 * PARTITIONS / 4);
    assertThat(moves).allMatch(id -> requireNonNull(image().preferred(id)).nodeId() == 2);
  }

  @Test
  void aTopicIsLedByTheGroupOfAgentsItNames() {
    agent(1, "", false);
    agent(2, "a", false);
    agent(3, "a", false);
    assertThat(claimed(plan(1, Set.of()).claims())).isEqualTo(all());
    configs.put("streamhouse.leader.group", "a");
    assertThat(plan(1, Set.of()).claims()).isEmpty();
    var claims = new ArrayList<>(plan(2, Set.of()).claims());
    claims.addAll(plan(3, Set.of()).claims());
    assertThat(claimed(claims)).isEqualTo(all());
    // Nobody is in it.
    configs.put("streamhouse.leader.group", "b");
    assertThat(claimed(plan(1, Set.of()).claims())).isEqualTo(all());
    // All in it are drained.
    configs.put("streamhouse.leader.group", "c");
    agent(4, "c", true);
    assertThat(claimed(plan(1, Set.of()).claims())).isEqualTo(all());
    assertThat(plan(4, Set.of()).claims()).isEmpty();
  }

  @Test
  void whoeverIsDrainedGivesAllAwayAndTakesNothing() {
    agent(1, true);
    agent(2, false);
    all().forEach(id -> owners.put(id, new Owner(incarnation(1), 4)));
    assertThat(plan(1, Set.of()).moves()).hasSize(PARTITIONS);
    owners.clear();
    assertThat(plan(1, Set.of()).claims()).isEmpty();
    assertThat(claimed(plan(2, Set.of()).claims())).isEqualTo(all());
  }

  @Test
  void theLastOneKeepsAllThoughItIsDrained() {
    agent(1, true);
    assertThat(claimed(plan(1, Set.of()).claims())).isEqualTo(all());
  }

  @Test
  void aTailIsReadByItsOwnAgentWhereverItIsPlaced() {
    agent(1, false);
    agent(2, false);
    all().forEach(id -> tails.put(id, wal(2)));
    assertThat(plan(1, Set.of(wal(2))))
        .satisfies(plan -> {
          assertThat(plan.claims()).isEmpty();
          assertThat(plan.adoptions()).isEmpty();
          assertThat(plan.waiting()).isEmpty();
        });
    var own = plan(2, Set.of());
    assertThat(own.adoptions().keySet()).containsExactly(wal(2));
    assertThat(claimed(own.claimsWithTailsIn(wal(2)))).isEqualTo(all());
  }

  @Test
  void theTailOfAnAgentThatIsGoneIsAdoptedIfItsLogCanBeRead() {
    agent(1, false);
    all().forEach(id -> tails.put(id, wal(2)));
    assertThat(claimed(plan(1, Set.of(wal(2))).adoptions().getOrDefault(wal(2), List.of())))
        .isEqualTo(all());
    var without = plan(1, Set.of());
    assertThat(without.adoptions()).isEmpty();
    assertThat(without.claims()).isEmpty();
    assertThat(without.waiting().get(wal(2))).hasSize(PARTITIONS);
  }

  @Test
  void itIsLostOnlyWhereTheTopicSaysSo() {
    agent(1, false);
    configs.put("unclean", "true");
    all().forEach(id -> tails.put(id, wal(2)));
    assertThat(plan(1, Set.of(wal(2))).claims()).isEmpty();
    var claims = plan(1, Set.of()).claims();
    assertThat(claimed(claims)).isEqualTo(all());
    assertThat(claims).allMatch(Claim::unclean);
  }

  @Test
  void whatThisSessionTookWithoutHearingOfItIsTakenAgain() {
    agent(1, false);
    agent(2, false);
    all().forEach(id -> owners.put(id, new Owner(incarnation(1), 4)));
    var plan =
        LeasePlan.of(
            image(),
            new LeasePlan.Self(
                incarnation(1), wal(1), _ -> false, _ -> false, _ -> true, _ -> false));
    assertThat(claimed(plan.claims())).isEqualTo(all());
  }
}
