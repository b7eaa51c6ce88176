package io.streamhouse.metadata;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.streamhouse.metadata.Audit.AuditedObject;
import io.streamhouse.metadata.Audit.AuditedPartition;
import io.streamhouse.metadata.Audit.AuditedSegment;
import io.streamhouse.metadata.Audit.ObjectState;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.GroupStore.GroupChange;
import io.streamhouse.metadata.GroupStore.ShardChanges;
import io.streamhouse.metadata.GroupStore.StoredGroup;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.Registration;
import io.streamhouse.metadata.Leases.Tail;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.SegmentManifest.CommitResult;
import io.streamhouse.metadata.SegmentManifest.DueObject;
import io.streamhouse.metadata.SegmentManifest.EpochStart;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.SegmentManifest.ReplaceResult;
import io.streamhouse.metadata.SegmentManifest.Replacement;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.metadata.Sweeps.Sweep;
import io.streamhouse.metadata.TopicCatalog.AddPartitions;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What every metadata store promises, whatever it keeps its rows in.
public abstract class MetadataStoreContract {

  private final Random random = new Random(1);
  protected MetadataStore store;

  /// A new, empty store.
  protected abstract MetadataStore open() throws Exception;

  @BeforeEach
  final void openStore() throws Exception {
    store = open();
  }

  @AfterEach
  final void closeStore() {
    store.close();
  }

  /// An agent as the store knows it.
  protected record Agent(UUID incarnation, UUID walId, int nodeId) {}

  protected final UUID id() {
    return RandomIds.next(random);
  }

  protected final Agent agent(int nodeId) {
    return agent(nodeId, id());
  }

  protected final Agent agent(int nodeId, UUID walId) {
    var agent = new Agent(id(), walId, nodeId);
    assertThat(store.leases().register(session(agent)))
        .isEqualTo(new Registration.Registered(agent.incarnation, agent.nodeId));
    return agent;
  }

  /// An agent whose node id the store chooses.
  private Agent assigned(UUID walId) {
    var incarnation = id();
    var registered =
        (Registration.Registered) store.leases().register(unnumbered(incarnation, walId));
    assertThat(registered.incarnation()).isEqualTo(incarnation);
    return new Agent(incarnation, walId, registered.nodeId());
  }

  private static NewSession unnumbered(UUID incarnation, UUID walId) {
    return new NewSession(incarnation, OptionalInt.empty(), walId, Optional.empty(), Map.of());
  }

  protected static NewSession session(Agent agent) {
    return new NewSession(
        agent.incarnation,
        OptionalInt.of(agent.nodeId),
        agent.walId,
        Optional.of("rack-" + agent.nodeId),
        Map.of("PLAIN", "host-" + agent.nodeId + ":9092", "TLS", "host-" + agent.nodeId + ":9093"));
  }

  protected final Topic topic(String name, int partitions) {
    return ((CreateTopic.Created) store.topics().create(name, partitions, Map.of())).topic();
  }

  protected static PartitionId partition(Topic topic, int partition) {
    return new PartitionId(topic.id(), partition);
  }

  protected final TakeResult takeResult(Agent agent, PartitionId partition) {
    return takeResult(agent, partition, true, false);
  }

  private TakeResult takeResult(
      Agent agent, PartitionId partition, boolean local, boolean unclean, UUID... openWals) {
    var claims = List.of(new Claim(partition, local, unclean));
    var results = store.leases().take(agent.incarnation, agent.walId, claims, List.of(openWals));
    assertThat(results).hasSize(1);
    assertThat(results.getFirst().partition()).isEqualTo(partition);
    return results.getFirst();
  }

  protected final Grant take(Agent agent, PartitionId partition) {
    return ((TakeResult.Taken) takeResult(agent, partition)).grant();
  }

  private static NewSegment segment(Lease<PartitionId> lease, long base, long end) {
    return segment(lease, base, end, end);
  }

  private static NewSegment segment(
      Lease<PartitionId> lease, long base, long end, long maxTimestamp) {
    return new NewSegment(lease, lease.epoch(), base, end, base * 10, 10, end - base, maxTimestamp);
  }

  /// Registers and commits an object of these segments.
  protected final List<CommitResult> commit(NewSegment... segments) {
    return commit(id(), segments);
  }

  private List<CommitResult> commit(UUID object, NewSegment... segments) {
    store.manifest().registerObject(segments[0].lease().incarnation(), object, "key-of-" + object);
    return store.manifest().commit(object, List.of(segments));
  }

  private void declareDead(Agent agent) {
    var seen =
        store.leases().sessions().stream()
            .filter(s -> s.incarnation().equals(agent.incarnation))
            .findFirst()
            .orElseThrow();
    assertThat(store.leases().declareDead(agent.incarnation, seen.renewals())).isTrue();
  }

  private static CommitResult committed(long end) {
    return new CommitResult.Committed(end);
  }

  // Catalogue

  @Test
  void clusterIdIsKafkasFormOfAnId() {
    assertThat(store.clusterId()).matches("[A-Za-z0-9_][A-Za-z0-9_-]{21}");
  }

  @Test
  void aTopicCreatedIsInTheImage() {
    var created = store.topics().create("orders", 3, Map.of("retention.ms", "10", "a", ""));
    assertThat(created).isInstanceOf(CreateTopic.Created.class);
    var topic = ((CreateTopic.Created) created).topic();
    assertThat(topic.name()).isEqualTo("orders");
    assertThat(topic.partitions()).isEqualTo(3);
    assertThat(topic.configs()).isEqualTo(Map.of("retention.ms", "10", "a", ""));
    var image = store.topics().image();
    assertThat(image.topics()).containsExactly(topic);
    assertThat(image.owners()).isEmpty();
    assertThat(image.changes()).isEqualTo(store.topics().changes());
  }

  @Test
  void aNameIsTakenOnce() {
    var first = topic("orders", 3);
    assertThat(store.topics().create("orders", 5, Map.of("a", "b")))
        .isEqualTo(new CreateTopic.Exists(first));
    assertThat(store.topics().image().topics()).containsExactly(first);
  }

  @Test
  void namesDifferByCase() {
    topic("orders", 1);
    topic("Orders", 1);
    assertThat(store.topics().image().topics()).hasSize(2);
  }

  @Test
  void everyLegalCharacterIsLegalInANameAndAConfig() {
    var name = "._-aZ09".repeat(36).substring(0, 249);
    var config = Map.of("k'\";--%", "Zoë \u0001 \uD83D\uDE80 ' \" \\ ${x} {0} ? :a");
    var topic = ((CreateTopic.Created) store.topics().create(name, 1, config)).topic();
    var stored = store.topics().image().topics().getFirst();
    assertThat(stored).isEqualTo(topic);
    assertThat(stored.configs()).isEqualTo(config);
    assertThat(store.topics().delete(topic.id())).contains(topic);
  }

  @Test
  void concurrentCreatesOfOneNameMakeOneTopic() throws Exception {
    var made =
        together(8, _ -> store.topics().create("orders", 2, Map.of())).stream()
            .filter(CreateTopic.Created.class::isInstance)
            .toList();
    assertThat(made).hasSize(1);
    assertThat(store.topics().image().topics())
        .containsExactly(((CreateTopic.Created) made.getFirst()).topic());
  }

  @Test
  void topicsAreListedByName() {
    topic("b", 1);
    topic("c", 1);
    topic("a", 1);
    assertThat(store.topics().image().topics())
        .extracting(Topic::name)
        .containsExactly("a", "b", "c");
  }

  @Test
  void aTopicNeedsAPartition() {
    assertThatThrownBy(() -> store.topics().create("orders", 0, Map.of()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(store.topics().image().topics()).isEmpty();
  }

  @Test
  void aDeletedTopicIsGoneAndKnownAsDeleted() {
    var agent = agent(1);
    var topic = topic("orders", 1);
    var lease = take(agent, partition(topic, 0)).lease();
    commit(segment(lease, 0, 5));
    assertThat(store.topics().delete(topic.id())).contains(topic);
    assertThat(store.topics().delete(topic.id())).isEmpty();
    assertThat(store.topics().image().topics()).isEmpty();
    assertThat(store.topics().image().owners()).isEmpty();
    assertThat(store.manifest().segments(partition(topic, 0), 0, 10)).isEmpty();
    assertThat(store.manifest().epochs(partition(topic, 0))).isEmpty();
    assertThat(store.manifest().raiseLogStart(lease, 1, null)).isFalse();
    assertThat(takeResult(agent, partition(topic, 0)))
        .isEqualTo(new TakeResult.NotFound(partition(topic, 0)));
    var living = topic("living", 1);
    assertThat(store.topics().deletedAmong(List.of(living.id(), topic.id(), id())))
        .containsExactly(topic.id());
    assertThat(store.topics().alterConfigs(topic.id(), Map.of("a", "b"), List.of())).isEmpty();
    assertThat(store.topics().addPartitions(topic.id(), 5))
        .isEqualTo(new AddPartitions.NoSuchTopic());
  }

  @Test
  void partitionsAreAddedUnownedAtOffsetZero() {
    var topic = topic("orders", 2);
    assertThat(store.topics().addPartitions(topic.id(), 2)).isEqualTo(new AddPartitions.NotMore(2));
    assertThat(store.topics().addPartitions(topic.id(), 1)).isEqualTo(new AddPartitions.NotMore(2));
    var added = store.topics().addPartitions(topic.id(), 4);
    var expected = new Topic(topic.id(), "orders", 4, Map.of());
    assertThat(added).isEqualTo(new AddPartitions.Added(expected));
    assertThat(store.topics().image().topics()).containsExactly(expected);
    var agent = agent(1);
    assertThat(take(agent, partition(topic, 3)).committedEnd()).isZero();
    assertThat(takeResult(agent, partition(topic, 4))).isInstanceOf(TakeResult.NotFound.class);
  }

  @Test
  void configsAreSetAndRemovedInOneStep() {
    var topic = topic("orders", 1);
    store.topics().alterConfigs(topic.id(), Map.of("a", "1", "b", "2"), List.of());
    var altered =
        store.topics().alterConfigs(topic.id(), Map.of("b", "3", "c", "4"), List.of("a", "absent"));
    assertThat(altered.orElseThrow().configs()).isEqualTo(Map.of("b", "3", "c", "4"));
    assertThat(store.topics().image().topics()).containsExactly(altered.orElseThrow());
  }

  @Test
  void agentConfigsAreKeptPerNodeAndForAll() {
    store.topics().alterAgentConfigs(Optional.of(0), Map.of("x", "1"), List.of());
    store.topics().alterAgentConfigs(Optional.empty(), Map.of("x", "2", "y", "3"), List.of());
    assertThat(store.topics().image().agentConfigs())
        .isEqualTo(
            Map.of(Optional.of(0), Map.of("x", "1"), Optional.empty(), Map.of("x", "2", "y", "3")));
    store.topics().alterAgentConfigs(Optional.of(0), Map.of(), List.of("x"));
    store.topics().alterAgentConfigs(Optional.empty(), Map.of("y", "4"), List.of("x"));
    assertThat(store.topics().image().agentConfigs())
        .isEqualTo(Map.of(Optional.empty(), Map.of("y", "4")));
  }

  @Test
  void groupConfigsAreKeptPerGroupWhetherOrNotThereIsSuchAGroup() {
    store.topics().alterGroupConfigs("readers", Map.of("x", "1", "y", "2"), List.of());
    store.topics().alterGroupConfigs("o'thers %", Map.of("x", "3"), List.of());
    assertThat(store.topics().image().groupConfigs())
        .isEqualTo(Map.of("readers", Map.of("x", "1", "y", "2"), "o'thers %", Map.of("x", "3")));
    store.topics().alterGroupConfigs("readers", Map.of("x", "4"), List.of("y", "absent"));
    store.topics().alterGroupConfigs("o'thers %", Map.of(), List.of("x"));
    assertThat(store.topics().image().groupConfigs())
        .isEqualTo(Map.of("readers", Map.of("x", "4")));
  }

  @Test
  void anyTextNamesAGroupThatHasConfigs() {
    for (var name : List.of("", "nul\0nul", "sub\u001a", "\u001a0", "\uD83D\uDE80")) {
      store.topics().alterGroupConfigs(name, Map.of("x", "1\0", "y", "2\u001a"), List.of());
      assertThat(store.topics().image().groupConfigs())
          .isEqualTo(Map.of(name, Map.of("x", "1\0", "y", "2\u001a")));
      store.topics().alterGroupConfigs(name, Map.of(), List.of("x", "y"));
      assertThat(store.topics().image().groupConfigs()).isEmpty();
    }
  }

  @Test
  void theImageNamesOwnersAndLiveAgents() {
    var topic = topic("orders", 3);
    var one = agent(1);
    var two = agent(2);
    var lease = take(two, partition(topic, 1)).lease();
    var image = store.topics().image();
    assertThat(image.owners())
        .isEqualTo(
            Map.of(partition(topic, 1), new CatalogImage.Owner(two.incarnation, lease.epoch())));
    assertThat(image.agents())
        .containsExactly(
            new CatalogImage.LiveAgent(
                one.incarnation,
                1,
                one.walId,
                session(one).rack(),
                session(one).group(),
                session(one).listeners(),
                false,
                false),
            new CatalogImage.LiveAgent(
                two.incarnation,
                2,
                two.walId,
                session(two).rack(),
                session(two).group(),
                session(two).listeners(),
                false,
                false));
    declareDead(two);
    assertThat(store.topics().image().owners()).isEmpty();
    assertThat(store.topics().image().agents()).hasSize(1);
  }

  @Test
  void theImageNamesWhoHoldsWhichShard() {
    var one = agent(1);
    var two = agent(2);
    assertThat(store.topics().image().shards()).isEmpty();
    var first = store.leases().takeShards(one.incarnation, List.of(0, 63));
    store.leases().takeShards(two.incarnation, List.of(5));
    store.leases().takeShards(two.incarnation, List.of(5));
    assertThat(store.topics().image().shards())
        .isEqualTo(
            Map.of(
                0, new CatalogImage.Owner(one.incarnation, 0),
                63, new CatalogImage.Owner(one.incarnation, 0),
                5, new CatalogImage.Owner(two.incarnation, 1)));
    store.leases().releaseShards(first.subList(0, 1));
    declareDead(two);
    assertThat(store.topics().image().shards().keySet()).containsExactly(63);
    store.leases().end(one.incarnation);
    assertThat(store.topics().image().shards()).isEmpty();
  }

  @Test
  void theImageNamesTheTailsOfPartitionsThatNobodyHolds() {
    var topic = topic("orders", 6);
    var dies = agent(1);
    var ends = agent(2);
    var gone = take(dies, partition(topic, 0)).lease();
    take(ends, partition(topic, 1));
    var held = agent(3);
    take(held, partition(topic, 2));
    takeResult(dies, partition(topic, 3), false, false);
    var unclean = take(held, partition(topic, 4)).lease();
    var clean = take(held, partition(topic, 5)).lease();
    assertThat(store.topics().image().orphanTails()).isEmpty();

    declareDead(dies);
    store.leases().end(ends.incarnation);
    store.leases().release(List.of(unclean), false);
    store.leases().release(List.of(clean), true);
    var image = store.topics().image();
    assertThat(image.orphanTails())
        .isEqualTo(
            Map.of(
                partition(topic, 0), dies.walId,
                partition(topic, 1), ends.walId,
                partition(topic, 4), held.walId));
    assertThat(image.owners().keySet()).containsExactly(partition(topic, 2));

    // Adopted by one that can open the log, it is no orphan, though its tail stays where it is.
    takeResult(held, partition(topic, 1), true, false, ends.walId);
    assertThat(store.topics().image().orphanTails())
        .isEqualTo(Map.of(partition(topic, 0), dies.walId, partition(topic, 4), held.walId));
    // A session that is over may still have flushed.
    raises(true, () -> store.leases().setTails(List.of(gone), Optional.empty()));
    assertThat(store.topics().image().orphanTails())
        .isEqualTo(Map.of(partition(topic, 4), held.walId));
    raises(true, () -> store.leases().setTails(List.of(gone), Optional.of(dies.walId)));
    assertThat(store.topics().image().orphanTails()).hasSize(2);
    store.topics().delete(topic.id());
    assertThat(store.topics().image().orphanTails()).isEmpty();
  }

  @Test
  void theTailsInALogAreListedWhoeverHoldsThem() {
    var agent = agent(1);
    var other = agent(2);
    var topics = List.of(topic("a", 2), topic("b", 2), topic("c", 2));
    for (var topic : topics) {
      take(agent, partition(topic, 1));
      take(other, partition(topic, 0));
    }
    var expected = topics.stream().map(topic -> partition(topic, 1)).sorted().toList();
    assertThat(store.leases().tailsIn(agent.walId)).isEqualTo(expected);
    assertThat(store.leases().tailsIn(id())).isEmpty();
    var adopter = agent(3);
    declareDead(agent);
    assertThat(store.leases().tailsIn(agent.walId)).isEqualTo(expected);
    var adopted = takeResult(adopter, expected.get(1), true, false, agent.walId);
    assertThat(store.leases().tailsIn(agent.walId)).isEqualTo(expected);
    store.leases().release(List.of(((TakeResult.Taken) adopted).grant().lease()), true);
    assertThat(store.leases().tailsIn(agent.walId))
        .containsExactly(expected.get(0), expected.get(2));
    store.topics().delete(expected.get(0).topicId());
    assertThat(store.leases().tailsIn(agent.walId)).containsExactly(expected.get(2));
    assertThat(store.leases().tailsIn(adopter.walId)).isEmpty();
  }

  @Test
  void changesRiseOnCatalogAndLeaseChangesOnly() {
    var agent = new Agent[1];
    var other = new Agent[1];
    var topic = new Topic[1];
    var lease = new ArrayList<Lease<PartitionId>>();
    var shards = new ArrayList<Lease<Integer>>();
    raises(true, () -> agent[0] = agent(1));
    raises(true, () -> other[0] = agent(2));
    raises(true, () -> topic[0] = topic("orders", 2));
    raises(false, () -> store.topics().create("orders", 2, Map.of()));
    raises(true, () -> store.topics().addPartitions(topic[0].id(), 3));
    raises(false, () -> store.topics().addPartitions(topic[0].id(), 3));
    raises(true, () -> store.topics().alterConfigs(topic[0].id(), Map.of("a", "b"), List.of()));
    raises(
        true,
        () -> store.topics().alterAgentConfigs(Optional.empty(), Map.of("a", "b"), List.of()));
    raises(true, () -> store.topics().alterGroupConfigs("g", Map.of("a", "b"), List.of()));
    raises(true, () -> lease.add(take(agent[0], partition(topic[0], 0)).lease()));
    raises(false, () -> takeResult(other[0], partition(topic[0], 0)));
    raises(false, () -> commit(segment(lease.getFirst(), 0, 5)));
    raises(false, () -> store.manifest().raiseLogStart(lease.getFirst(), 5, null));
    raises(false, () -> store.manifest().dueForDeletion(0, 10));
    raises(false, () -> store.leases().renew(agent[0].incarnation));
    raises(false, () -> store.leases().setTails(lease, Optional.empty()));
    raises(false, () -> store.leases().declareDead(other[0].incarnation, 7));
    raises(true, () -> shards.addAll(store.leases().takeShards(agent[0].incarnation, List.of(3))));
    raises(false, () -> store.leases().takeShards(other[0].incarnation, List.of(3)));
    raises(false, () -> store.leases().takeShards(id(), List.of(4)));
    raises(false, () -> store.leases().takeShards(agent[0].incarnation, List.of()));
    raises(false, () -> store.groups().save(shards.getFirst(), "g", bytes("s")));
    raises(
        false,
        () ->
            store
                .groups()
                .commitOffsets(
                    shards.getFirst(), "g", Map.of(partition(topic[0], 0), offset(1, null))));
    raises(true, () -> store.leases().takeShards(agent[0].incarnation, List.of(3)));
    raises(false, () -> store.leases().releaseShards(shards));
    raises(
        true,
        () ->
            store
                .leases()
                .releaseShards(store.leases().takeShards(agent[0].incarnation, List.of(4))));
    raises(false, () -> store.leases().releaseShards(List.of()));
    raises(true, () -> store.leases().drain(1, true));
    raises(false, () -> store.leases().drain(1, true));
    raises(false, () -> store.leases().drain(9, true));
    raises(true, () -> store.leases().drain(1, false));
    raises(false, () -> store.leases().tailsIn(agent[0].walId));
    raises(true, () -> store.leases().release(lease, true));
    raises(false, () -> store.leases().release(lease, true));
    raises(true, () -> store.leases().declareDead(other[0].incarnation, 0));
    raises(true, () -> store.leases().end(agent[0].incarnation));
    raises(false, () -> store.leases().end(agent[0].incarnation));
    raises(true, () -> store.topics().delete(topic[0].id()));
    raises(false, () -> store.topics().delete(topic[0].id()));
  }

  private void raises(boolean expected, Runnable action) {
    var before = store.topics().changes();
    action.run();
    if (expected) {
      assertThat(store.topics().changes()).isGreaterThan(before);
    } else {
      assertThat(store.topics().changes()).isEqualTo(before);
    }
  }

  // Sessions

  @Test
  void renewalsAreSeenByObservers() {
    var agent = agent(1);
    assertThat(store.leases().renew(agent.incarnation)).isTrue();
    assertThat(store.leases().renew(agent.incarnation)).isTrue();
    assertThat(store.leases().sessions())
        .containsExactly(new Leases.ObservedSession(agent.incarnation, 1, agent.walId, 2));
  }

  @Test
  void anUnknownSessionCannotRenew() {
    assertThat(store.leases().renew(id())).isFalse();
  }

  @Test
  void declareDeadOnlyWithTheSeenCounter() {
    var agent = agent(1);
    assertThat(store.leases().renew(agent.incarnation)).isTrue();
    assertThat(store.leases().declareDead(agent.incarnation, 0)).isFalse();
    assertThat(store.leases().declareDead(agent.incarnation, 2)).isFalse();
    assertThat(store.leases().renew(agent.incarnation)).isTrue();
    assertThat(store.leases().declareDead(agent.incarnation, 2)).isTrue();
  }

  @Test
  void deadIsFinal() {
    var agent = agent(1);
    declareDead(agent);
    assertThat(store.leases().renew(agent.incarnation)).isFalse();
    assertThat(store.leases().declareDead(agent.incarnation, 0)).isFalse();
    assertThat(store.leases().sessions()).isEmpty();
    assertThatThrownBy(() -> store.leases().register(session(agent)))
        .isInstanceOf(IllegalArgumentException.class);
    var topic = topic("orders", 1);
    assertThat(takeResult(agent, partition(topic, 0))).isInstanceOf(TakeResult.NotFound.class);
    assertThat(store.leases().takeShards(agent.incarnation, List.of(0))).isEmpty();
  }

  @Test
  void registeringAgainAfterAnUnknownOutcomeIsTheSameSession() {
    var agent = agent(1);
    assertThat(store.leases().renew(agent.incarnation)).isTrue();
    assertThat(store.leases().register(session(agent)))
        .isEqualTo(new Registration.Registered(agent.incarnation, agent.nodeId));
    assertThat(store.leases().sessions()).hasSize(1);
    assertThat(store.leases().renew(agent.incarnation)).isTrue();
  }

  @Test
  void restartAfterKillDoesNotWait() {
    var topic = topic("orders", 2);
    var before = agent(1);
    var old = take(before, partition(topic, 0));
    var oldShard = store.leases().takeShards(before.incarnation, List.of(5)).getFirst();
    var after = agent(1, before.walId);
    assertThat(store.leases().renew(before.incarnation)).isFalse();
    var taken = take(after, partition(topic, 0));
    assertThat(taken.lease().epoch()).isGreaterThan(old.lease().epoch());
    assertThat(taken.tail()).isEqualTo(old.tail());
    var shard = store.leases().takeShards(after.incarnation, List.of(5)).getFirst();
    assertThat(shard.epoch()).isGreaterThan(oldShard.epoch());
    assertThat(commit(segment(old.lease(), 0, 5))).containsExactly(new CommitResult.Fenced());
  }

  @Test
  void aWalProvesItselfUnderAnyNodeId() {
    var before = agent(1);
    agent(2, before.walId);
    assertThat(store.leases().renew(before.incarnation)).isFalse();
  }

  @Test
  void aNodeIdInUseIsNamedUntilItsSessionIsDead() {
    var first = agent(1);
    assertThat(store.leases().renew(first.incarnation)).isTrue();
    var second = new Agent(id(), id(), 1);
    assertThat(store.leases().register(session(second)))
        .isEqualTo(new Registration.NodeIdInUse(first.incarnation, 1));
    assertThat(store.leases().renew(second.incarnation)).isFalse();
    assertThat(store.leases().renew(first.incarnation)).isTrue();
    declareDead(first);
    assertThat(store.leases().register(session(second)))
        .isEqualTo(new Registration.Registered(second.incarnation, second.nodeId));
  }

  @Test
  void anAgentWithoutNodeIdGetsTheLowestThatNoOtherEverHad() {
    agent(0);
    var dead = agent(2);
    declareDead(dead);
    assertThat(assigned(id()).nodeId).isEqualTo(1);
    var next = assigned(id());
    assertThat(next.nodeId).isEqualTo(3);
    store.leases().end(next.incarnation);
    assertThat(assigned(id()).nodeId).isEqualTo(4);
    assertThat(store.leases().sessions())
        .extracting(Leases.ObservedSession::nodeId)
        .containsExactly(0, 1, 4);
    assertThat(store.topics().image().agents())
        .extracting(CatalogImage.LiveAgent::nodeId)
        .containsExactly(0, 1, 4);
  }

  @Test
  void aWalKeepsTheNodeIdItWasAssigned() {
    var first = assigned(id());
    assertThat(first.nodeId).isZero();
    // Killed, not ended: its session is live.
    var second = assigned(first.walId);
    assertThat(second.nodeId).isZero();
    assertThat(store.leases().renew(first.incarnation)).isFalse();
    store.leases().end(second.incarnation);
    assertThat(assigned(id()).nodeId).isEqualTo(1);
    assertThat(assigned(first.walId).nodeId).isZero();
  }

  @Test
  void theNodeIdOfTheNewestSessionIsKept() {
    var wal = id();
    for (var node : List.of(5, 9, 3, 7, 4)) {
      store.leases().end(agent(node, wal).incarnation);
    }
    assertThat(assigned(wal).nodeId).isEqualTo(4);
    store.leases().end(agent(8, wal).incarnation);
    assertThat(assigned(wal).nodeId).isEqualTo(8);
  }

  @Test
  void aNodeIdThatAnotherHasByNowIsNotKept() {
    var wal = id();
    store.leases().end(agent(0, wal).incarnation);
    store.leases().end(agent(6, wal).incarnation);
    var other = agent(6);
    // Its own former ones are no other's.
    var moved = assigned(wal);
    assertThat(moved.nodeId).isZero();
    store.leases().end(moved.incarnation);
    agent(0);
    assertThat(assigned(wal).nodeId).isEqualTo(1);
    // Once nobody has it any more, the newest is kept although others had it.
    var seven = agent(7, wal);
    store.leases().end(seven.incarnation);
    declareDead(agent(7));
    assertThat(assigned(wal).nodeId).isEqualTo(7);
    assertThat(store.leases().renew(other.incarnation)).isTrue();
  }

  @Test
  void anAssignedNodeIdIsInUse() {
    var agent = assigned(id());
    var second = new Agent(id(), id(), agent.nodeId);
    assertThat(store.leases().register(session(second)))
        .isEqualTo(new Registration.NodeIdInUse(agent.incarnation, 0));
  }

  @Test
  void registeringAgainWithoutNodeIdIsTheSameSession() {
    agent(0);
    var agent = assigned(id());
    assertThat(agent.nodeId).isEqualTo(1);
    var registered = new Registration.Registered(agent.incarnation, 1);
    assertThat(store.leases().register(unnumbered(agent.incarnation, agent.walId)))
        .isEqualTo(registered);
    assertThat(store.leases().register(session(agent))).isEqualTo(registered);
    assertThat(store.leases().sessions()).hasSize(2);
    assertThatThrownBy(
            () -> store.leases().register(session(new Agent(agent.incarnation, agent.walId, 2))))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> store.leases().register(unnumbered(agent.incarnation, id())))
        .isInstanceOf(IllegalArgumentException.class);
    declareDead(agent);
    assertThatThrownBy(() -> store.leases().register(unnumbered(agent.incarnation, agent.walId)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void thoseAssignedANodeIdAtOnceGetDifferentOnes() throws Exception {
    agent(2);
    var sessions = Stream.generate(() -> unnumbered(id(), id())).limit(8).toList();
    var registered = together(8, n -> store.leases().register(sessions.get(n)));
    assertThat(registered)
        .extracting(one -> ((Registration.Registered) one).nodeId())
        .containsExactlyInAnyOrder(0, 1, 3, 4, 5, 6, 7, 8);
  }

  @Test
  void aNodeIsDrainedUntilThatIsTakenBackInEverySessionOfIt() {
    var agent = agent(1);
    var other = agent(2);
    assertThat(drained()).isEmpty();
    assertThat(store.leases().drain(1, true)).isTrue();
    assertThat(drained()).containsExactly(1);
    assertThat(store.leases().drain(1, true)).isTrue();
    assertThat(store.leases().drain(2, false)).isTrue();
    assertThat(drained()).containsExactly(1);
    assertThat(store.leases().renew(agent.incarnation)).isTrue();
    assertThat(store.leases().drain(3, true)).isFalse();
    assertThat(store.leases().drain(3, false)).isFalse();

    agent(1, agent.walId);
    assertThat(drained()).containsExactly(1);
    declareDead(other);
    assertThat(store.leases().drain(2, true)).isTrue();
    assertThat(drained()).containsExactly(1);
    assertThat(store.leases().drainedNodes()).containsExactly(1, 2);
    agent(2, id());
    assertThat(drained()).containsExactly(1, 2);
    assertThat(store.leases().drain(1, false)).isTrue();
    assertThat(drained()).containsExactly(2);
    assertThat(store.leases().drainedNodes()).containsExactly(2);
  }

  @Test
  void aSessionMayBeginDrainingAndDrainsByItself() {
    agent(1);
    var begun =
        new NewSession(
            id(), OptionalInt.of(2), id(), Optional.empty(), "g", Map.of("A", "b:1"), true);
    store.leases().register(begun);
    assertThat(draining()).containsExactly(2);
    assertThat(store.leases().setDraining(begun.incarnation(), false)).isTrue();
    // Registered again after an unknown outcome.
    store.leases().register(begun);
    assertThat(draining()).isEmpty();
    assertThat(store.leases().setDraining(begun.incarnation(), true)).isTrue();
    assertThat(store.leases().setDraining(begun.incarnation(), true)).isTrue();
    assertThat(draining()).containsExactly(2);
    store.leases().end(begun.incarnation());
    assertThat(store.leases().setDraining(begun.incarnation(), false)).isFalse();
    assertThat(store.leases().setDraining(id(), true)).isFalse();
  }

  @Test
  void whatASessionSaysOfItselfAndWhatIsAskedOfItsNodeAreApart() {
    var starting =
        new NewSession(
            id(), OptionalInt.of(1), id(), Optional.empty(), "", Map.of("A", "b:1"), true);
    store.leases().register(starting);
    assertThat(store.leases().drain(1, true)).isTrue();
    assertThat(draining()).containsExactly(1);
    assertThat(store.leases().setDraining(starting.incarnation(), false)).isTrue();
    assertThat(draining()).isEmpty();
    assertThat(drained()).containsExactly(1);
    assertThat(store.leases().setDraining(starting.incarnation(), true)).isTrue();
    assertThat(store.leases().drain(1, false)).isTrue();
    assertThat(draining()).containsExactly(1);
    assertThat(drained()).isEmpty();
  }

  @Test
  void aSessionIsOfTheGroupItWasRegisteredWith() {
    agent(1);
    store
        .leases()
        .register(
            new NewSession(
                id(), OptionalInt.of(2), id(), Optional.empty(), "g", Map.of("A", "b:1"), false));
    assertThat(store.topics().image().agents())
        .extracting(CatalogImage.LiveAgent::group)
        .containsExactly("", "g");
  }

  private List<Integer> draining() {
    return nodes(CatalogImage.LiveAgent::draining);
  }

  private List<Integer> drained() {
    return nodes(CatalogImage.LiveAgent::drained);
  }

  private List<Integer> nodes(Predicate<CatalogImage.LiveAgent> which) {
    return store.topics().image().agents().stream()
        .filter(which)
        .map(CatalogImage.LiveAgent::nodeId)
        .toList();
  }

  @Test
  void endFreesPartitionsAndShardsAndKeepsTails() {
    var topic = topic("orders", 1);
    var one = agent(1);
    var tail = take(one, partition(topic, 0)).tail();
    store.leases().takeShards(one.incarnation, List.of(7));
    store.leases().end(one.incarnation);
    assertThat(store.leases().renew(one.incarnation)).isFalse();
    assertThat(coordinators()).isEmpty();
    var two = agent(2);
    assertThat(takeResult(two, partition(topic, 0)))
        .isEqualTo(new TakeResult.TailElsewhere(partition(topic, 0), one.walId));
    assertThat(take(agent(1, one.walId), partition(topic, 0)).tail()).isEqualTo(tail);
    assertThat(store.leases().takeShards(two.incarnation, List.of(7))).hasSize(1);
  }

  // Taking leases

  @Test
  void theFirstTakeOfANewPartitionIsEpochZeroAtOffsetZero() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    assertThat(take(agent, partition(topic, 0)))
        .isEqualTo(
            new Grant(
                new Lease<>(partition(topic, 0), agent.incarnation, 0),
                0,
                0,
                Optional.of(new Tail(agent.walId, 0)),
                Optional.empty()));
  }

  @Test
  void aHeldLeaseIsRefusedAndItsHolderNamed() {
    var topic = topic("orders", 1);
    var one = agent(1);
    take(one, partition(topic, 0));
    assertThat(takeResult(agent(2), partition(topic, 0)))
        .isEqualTo(new TakeResult.HeldBy(partition(topic, 0), one.incarnation));
  }

  @Test
  void aLeaseOfADeadIncarnationIsFree() {
    var topic = topic("orders", 1);
    var one = agent(1);
    var lease = take(one, partition(topic, 0)).lease();
    store.leases().setTails(List.of(lease), Optional.empty());
    declareDead(one);
    assertThat(take(agent(2), partition(topic, 0)).lease().epoch()).isEqualTo(lease.epoch() + 1);
  }

  @Test
  void aTakeSentAgainVoidsTheFirst() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    var first = take(agent, partition(topic, 0));
    var second = take(agent, partition(topic, 0));
    assertThat(second.lease().epoch()).isEqualTo(first.lease().epoch() + 1);
    assertThat(second.tail()).isEqualTo(first.tail());
    assertThat(commit(segment(first.lease(), 0, 1))).containsExactly(new CommitResult.Fenced());
    assertThat(commit(segment(second.lease(), 0, 1))).containsExactly(committed(1));
  }

  @Test
  void claimsAreAnsweredInTheOrderGiven() {
    var topic = topic("orders", 5);
    var one = agent(1);
    var two = agent(2);
    take(two, partition(topic, 3));
    var order = List.of(4, 0, 3, 9, 1);
    var claims = order.stream().map(p -> new Claim(partition(topic, p), true, false)).toList();
    var results = store.leases().take(one.incarnation, one.walId, claims, List.of());
    assertThat(results)
        .extracting(TakeResult::partition)
        .containsExactlyElementsOf(order.stream().map(p -> partition(topic, p)).toList());
    assertThat(results.get(2)).isInstanceOf(TakeResult.HeldBy.class);
    assertThat(results.get(3)).isInstanceOf(TakeResult.NotFound.class);
    assertThat(results.get(4)).isInstanceOf(TakeResult.Taken.class);
    assertThat(store.leases().take(one.incarnation, one.walId, List.of(), List.of())).isEmpty();
  }

  @Test
  void aPartitionIsNotClaimedTwice() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    var claim = new Claim(partition(topic, 0), true, false);
    assertThatThrownBy(() ->
            store.leases().take(agent.incarnation, agent.walId, List.of(claim, claim), List.of()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(store.topics().image().owners()).isEmpty();
  }

  @Test
  void epochRisesAcrossRecreation() {
    var agent = agent(1);
    var first = topic("orders", 2);
    take(agent, partition(first, 1));
    var highest = take(agent, partition(first, 1)).lease().epoch();
    store.topics().delete(first.id());
    var second = topic("orders", 1);
    assertThat(second.id()).isNotEqualTo(first.id());
    assertThat(take(agent, partition(second, 0)).lease().epoch()).isGreaterThan(highest);
    store.topics().addPartitions(second.id(), 2);
    assertThat(take(agent, partition(second, 1)).lease().epoch()).isGreaterThan(highest);
    store.topics().delete(second.id());
    var third = topic("orders", 1);
    assertThat(take(agent, partition(third, 0)).lease().epoch()).isGreaterThan(highest + 1);
    assertThat(take(agent, partition(topic("other", 1), 0)).lease().epoch()).isZero();
  }

  @Test
  void manyTakersGetEachPartitionOnce() throws Exception {
    var topic = topic("orders", 200);
    var agents = IntStream.range(0, 4).mapToObj(this::agent).toList();
    var all =
        IntStream.range(0, 200).mapToObj(p -> new Claim(partition(topic, p), true, false)).toList();
    var taken =
        together(
            4,
            n -> {
              var mine = new ArrayList<Lease<PartitionId>>();
              for (var claims : split(all, 23, n)) {
                var agent = agents.get(n);
                for (var result :
                    store.leases().take(agent.incarnation, agent.walId, claims, List.of())) {
                  if (result instanceof TakeResult.Taken(Grant grant)) {
                    mine.add(grant.lease());
                  }
                }
              }
              return mine;
            });
    var seen = new HashSet<PartitionId>();
    for (var mine : taken) {
      for (var lease : mine) {
        assertThat(seen.add(lease.key())).isTrue();
      }
    }
    assertThat(seen).hasSize(200);
    assertThat(store.topics().image().owners()).hasSize(200);
  }

  private static List<List<Claim>> split(List<Claim> all, int size, int seed) {
    var shuffled = new ArrayList<>(all);
    Collections.shuffle(shuffled, new Random(seed));
    var parts = new ArrayList<List<Claim>>();
    for (var from = 0; from < all.size(); from += size) {
      parts.add(shuffled.subList(from, Math.min(all.size(), from + size)));
    }
    return parts;
  }

  @Test
  void tenThousandPartitionsAreTakenAndReleasedInReasonableTime() {
    var topic = topic("orders", 10_000);
    var agent = agent(1);
    var claims =
        IntStream.range(0, 10_000)
            .mapToObj(p -> new Claim(partition(topic, p), true, false))
            .toList();
    var started = System.nanoTime();
    var leases = new ArrayList<Lease<PartitionId>>();
    for (var result : store.leases().take(agent.incarnation, agent.walId, claims, List.of())) {
      leases.add(((TakeResult.Taken) result).grant().lease());
    }
    assertThat(store.topics().image().owners()).hasSize(10_000);
    assertThat(store.leases().setTails(leases, Optional.empty())).hasSize(10_000);
    store.leases().release(leases, true);
    assertThat(System.nanoTime() - started).isLessThan(20_000_000_000L);
    assertThat(store.topics().image().owners()).isEmpty();
    assertThat(store.topics().delete(topic.id())).isPresent();
  }

  // Tails

  @Test
  void aPartitionThatIsNotLocalHasNoTail() {
    var topic = topic("orders", 1);
    var result = takeResult(agent(1), partition(topic, 0), false, false);
    assertThat(((TakeResult.Taken) result).grant().tail()).isEmpty();
  }

  @Test
  void tailOfAnotherWalIsRefused() {
    var topic = topic("orders", 1);
    var one = agent(1);
    take(one, partition(topic, 0));
    declareDead(one);
    var two = agent(2);
    var refused = new TakeResult.TailElsewhere(partition(topic, 0), one.walId);
    assertThat(takeResult(two, partition(topic, 0))).isEqualTo(refused);
    assertThat(takeResult(two, partition(topic, 0), false, false)).isEqualTo(refused);
    assertThat(store.topics().image().owners()).isEmpty();
  }

  @Test
  void anAdoptedTailStaysUntilItIsSet() {
    var topic = topic("orders", 1);
    var one = agent(1);
    var tail = take(one, partition(topic, 0)).tail();
    declareDead(one);
    var two = agent(2);
    for (var local : List.of(true, false)) {
      var result = takeResult(two, partition(topic, 0), local, true, one.walId);
      var grant = ((TakeResult.Taken) result).grant();
      assertThat(grant.tail()).isEqualTo(tail);
      assertThat(grant.lostTail()).isEmpty();
    }
    var lease =
        ((TakeResult.Taken) takeResult(two, partition(topic, 0), true, false, one.walId))
            .grant()
            .lease();
    assertThat(store.leases().setTails(List.of(lease), Optional.of(two.walId)))
        .containsExactly(lease);
    var again = take(two, partition(topic, 0));
    assertThat(again.tail()).contains(new Tail(two.walId, lease.epoch()));
  }

  @Test
  void anUncleanTakeNamesTheTailItGivesUp() {
    var topic = topic("orders", 2);
    var one = agent(1);
    var lease = take(one, partition(topic, 0)).lease();
    take(one, partition(topic, 1));
    commit(segment(lease, 0, 5));
    declareDead(one);
    var two = agent(2);
    var local = ((TakeResult.Taken) takeResult(two, partition(topic, 0), true, true)).grant();
    assertThat(local.lostTail()).contains(one.walId);
    assertThat(local.tail()).contains(new Tail(two.walId, local.lease().epoch()));
    assertThat(local.committedEnd()).isEqualTo(5);
    var uploaded = ((TakeResult.Taken) takeResult(two, partition(topic, 1), false, true)).grant();
    assertThat(uploaded.lostTail()).contains(one.walId);
    assertThat(uploaded.tail()).isEmpty();
  }

  @Test
  void aCommitNeverClearsTheTail() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    var grant = take(agent, partition(topic, 0));
    commit(segment(grant.lease(), 0, 5));
    assertThat(take(agent, partition(topic, 0)).tail()).isEqualTo(grant.tail());
  }

  @Test
  void onlyACleanReleaseClearsTheTail() {
    var topic = topic("orders", 2);
    var one = agent(1);
    var flushed = take(one, partition(topic, 0)).lease();
    var unflushed = take(one, partition(topic, 1)).lease();
    store.leases().release(List.of(flushed), true);
    store.leases().release(List.of(unflushed), false);
    var two = agent(2);
    assertThat(take(two, partition(topic, 0)).tail())
        .contains(new Tail(two.walId, flushed.epoch() + 1));
    assertThat(takeResult(two, partition(topic, 1)))
        .isEqualTo(new TakeResult.TailElsewhere(partition(topic, 1), one.walId));
  }

  @Test
  void aStaleLeaseNeitherReleasesNorSetsTails() {
    var topic = topic("orders", 1);
    var one = agent(1);
    var stale = take(one, partition(topic, 0)).lease();
    var current = take(one, partition(topic, 0));
    assertThat(store.leases().setTails(List.of(stale), Optional.empty())).isEmpty();
    store.leases().release(List.of(stale), true);
    assertThat(store.topics().image().owners()).hasSize(1);
    assertThat(take(one, partition(topic, 0)).tail()).isEqualTo(current.tail());
  }

  @Test
  void setTailsAnswersWhoseLeaseHeld() {
    var topic = topic("orders", 3);
    var agent = agent(1);
    var a = take(agent, partition(topic, 0)).lease();
    var b = take(agent, partition(topic, 1)).lease();
    var c = take(agent, partition(topic, 2)).lease();
    store.leases().release(List.of(b), true);
    assertThat(store.leases().setTails(List.of(c, b, a), Optional.empty()))
        .containsExactlyInAnyOrder(a, c);
    assertThat(store.leases().setTails(List.of(), Optional.empty())).isEmpty();
    assertThat(store.leases().setTails(List.of(a), Optional.of(agent.walId))).containsExactly(a);
  }

  // Committing

  @Test
  void committedSegmentsAreReadInOrder() {
    var topic = topic("orders", 2);
    var agent = agent(1);
    var lease = take(agent, partition(topic, 0)).lease();
    var other = take(agent, partition(topic, 1)).lease();
    var objects = List.of(id(), id(), id());
    assertThat(commit(objects.get(0), segment(other, 0, 1), segment(lease, 0, 10)))
        .containsExactly(committed(1), committed(10));
    assertThat(commit(objects.get(1), segment(lease, 10, 20), segment(lease, 20, 30)))
        .containsExactly(committed(20), committed(30));
    assertThat(commit(objects.get(2), segment(lease, 30, 31))).containsExactly(committed(31));
    var id = partition(topic, 0);
    assertThat(store.manifest().segments(id, 0, 10))
        .containsExactly(
            stored(id, 0, 10, objects.get(0)),
            stored(id, 10, 20, objects.get(1)),
            stored(id, 20, 30, objects.get(1)),
            stored(id, 30, 31, objects.get(2)));
    assertThat(store.manifest().segments(id, 9, 2))
        .extracting(Segment::baseOffset)
        .containsExactly(0L, 10L);
    assertThat(store.manifest().segments(id, 10, 1))
        .extracting(Segment::baseOffset)
        .containsExactly(10L);
    assertThat(store.manifest().segments(id, 31, 10)).isEmpty();
    assertThat(store.manifest().segmentsBefore(id, 30, 2))
        .extracting(Segment::baseOffset)
        .containsExactly(20L, 10L);
    assertThat(store.manifest().segmentsBefore(id, 9, 2)).isEmpty();
    assertThat(store.manifest().storedBytes(id, 0)).isEqualTo(40);
    assertThat(store.manifest().storedBytes(id, 10)).isEqualTo(30);
    assertThat(store.manifest().storedBytes(id, 31)).isEqualTo(0);
    assertThat(take(agent, id).committedEnd()).isEqualTo(31);
  }

  @Test
  void storedBytesOfASessionAreThoseOfThePartitionsItHolds() {
    var orders = topic("orders", 2);
    var payments = topic("payments", 1);
    var agent = agent(1);
    var other = agent(2);
    var lease = take(agent, partition(orders, 0)).lease();
    var empty = take(agent, partition(orders, 1)).lease();
    var paid = take(other, partition(payments, 0)).lease();
    assertThat(bytesOf(agent, null)).isEmpty();
    commit(id(), segment(lease, 0, 10), segment(paid, 0, 10));
    commit(id(), segment(lease, 10, 20));
    assertThat(bytesOf(agent, null)).isEqualTo(Map.of(lease.key(), 20L));
    assertThat(bytesOf(other, null)).isEqualTo(Map.of(paid.key(), 10L));
    assertThat(bytesOf(agent, List.of())).isEmpty();
    assertThat(bytesOf(agent, List.of(payments.id()))).isEmpty();
    assertThat(bytesOf(agent, List.of(payments.id(), orders.id())))
        .isEqualTo(Map.of(lease.key(), 20L));
    var many = new ArrayList<>(Stream.generate(this::id).limit(2000).toList());
    assertThat(bytesOf(agent, many)).isEmpty();
    many.add(orders.id());
    assertThat(bytesOf(agent, many)).isEqualTo(Map.of(lease.key(), 20L));

    store.manifest().raiseLogStart(lease, 10, null);
    commit(id(), segment(empty, 0, 10));
    assertThat(bytesOf(agent, null)).isEqualTo(Map.of(lease.key(), 10L, empty.key(), 10L));
  }

  private Map<PartitionId, Long> bytesOf(Agent agent, @Nullable Collection<UUID> topics) {
    return store.manifest().storedBytes(agent.incarnation, topics);
  }

  private static Segment stored(PartitionId id, long base, long end, UUID object) {
    return new Segment(id, base, end, object, "key-of-" + object, base * 10, 10, end - base, end);
  }

  @Test
  void segmentsOfOneObjectMayComeInAnyOrder() {
    var topic = topic("orders", 2);
    var agent = agent(1);
    var a = take(agent, partition(topic, 0)).lease();
    var b = take(agent, partition(topic, 1)).lease();
    assertThat(commit(segment(b, 5, 9), segment(a, 0, 3), segment(b, 0, 5)))
        .containsExactly(committed(9), committed(3), committed(5));
  }

  @Test
  void staleLeaseCannotCommitSegment() {
    var topic = topic("orders", 1);
    var one = agent(1);
    var stale = take(one, partition(topic, 0)).lease();
    store.leases().release(List.of(stale), true);
    assertThat(commit(segment(stale, 0, 5))).containsExactly(new CommitResult.Fenced());
    var lease = take(agent(2), partition(topic, 0)).lease();
    assertThat(commit(segment(stale, 0, 5))).containsExactly(new CommitResult.Fenced());
    assertThat(commit(segment(lease, 0, 2))).containsExactly(committed(2));
    assertThat(store.manifest().segments(partition(topic, 0), 0, 10)).hasSize(1);
  }

  @Test
  void gapIsRefused() {
    var topic = topic("orders", 1);
    var lease = take(agent(1), partition(topic, 0)).lease();
    commit(segment(lease, 0, 5));
    assertThat(commit(segment(lease, 6, 7))).containsExactly(new CommitResult.Gap(5));
    assertThat(commit(segment(lease, 4, 7))).containsExactly(new CommitResult.Gap(5));
    assertThat(commit(segment(lease, 0, 5))).containsExactly(new CommitResult.Gap(5));
    assertThat(commit(segment(lease, 5, 7))).containsExactly(committed(7));
  }

  @Test
  void aRefusedSegmentDoesNotHoldUpTheOthers() {
    var topic = topic("orders", 3);
    var gone = topic("gone", 1);
    var agent = agent(1);
    var a = take(agent, partition(topic, 0)).lease();
    var b = take(agent, partition(topic, 1)).lease();
    var c = take(agent, partition(topic, 2)).lease();
    var d = take(agent, partition(gone, 0)).lease();
    store.leases().release(List.of(b), true);
    store.topics().delete(gone.id());
    var object = id();
    var segments = List.of(segment(a, 0, 3), segment(b, 0, 3), segment(c, 2, 3), segment(d, 0, 3));
    var expected =
        List.of(
            committed(3),
            new CommitResult.Fenced(),
            new CommitResult.Gap(0),
            new CommitResult.TopicGone());
    store.manifest().registerObject(agent.incarnation, object, "key");
    assertThat(store.manifest().commit(object, segments)).isEqualTo(expected);
    assertThat(store.manifest().commit(object, segments)).isEqualTo(expected);
    assertThat(store.manifest().dueForDeletion(0, 10)).isEmpty();
  }

  @Test
  void commitSentAgainAnswersTheSame() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    var lease = take(agent, partition(topic, 0)).lease();
    var object = id();
    var segments = List.of(segment(lease, 0, 5));
    store.manifest().registerObject(agent.incarnation, object, "key");
    store.manifest().registerObject(agent.incarnation, object, "key");
    assertThat(store.manifest().commit(object, segments)).containsExactly(committed(5));
    assertThat(store.manifest().commit(object, segments)).containsExactly(committed(5));
    commit(segment(lease, 5, 9));
    assertThat(store.manifest().commit(object, segments)).containsExactly(committed(5));
    store.manifest().raiseLogStart(lease, 9, null);
    assertThat(store.manifest().commit(object, segments)).containsExactly(committed(5));
    take(agent, partition(topic, 0));
    assertThat(store.manifest().commit(object, segments))
        .containsExactly(new CommitResult.Fenced());
    assertThat(store.manifest().segments(partition(topic, 0), 0, 10)).isEmpty();
  }

  @Test
  void aCommitKnownToHaveHappenedIsSoForItsSuccessorToo() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    var lease = take(agent, partition(topic, 0)).lease();
    var object = id();
    commit(object, segment(lease, 0, 5));
    take(agent, partition(topic, 0));
    assertThat(store.manifest().commit(object, List.of(segment(lease, 0, 5))))
        .containsExactly(committed(5));
  }

  @Test
  void anObjectNeverRegisteredCommitsNothing() {
    var topic = topic("orders", 1);
    var lease = take(agent(1), partition(topic, 0)).lease();
    assertThat(store.manifest().commit(id(), List.of(segment(lease, 0, 5))))
        .containsExactly(new CommitResult.Fenced());
    assertThat(store.manifest().segments(partition(topic, 0), 0, 10)).isEmpty();
  }

  @Test
  void anAbandonedObjectCommitsNothing() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    var lease = take(agent, partition(topic, 0)).lease();
    var object = id();
    store.manifest().registerObject(agent.incarnation, object, "key");
    declareDead(agent);
    assertThat(store.manifest().dueForDeletion(0, 10))
        .extracting(DueObject::objectId, DueObject::key)
        .containsExactly(tuple(object, "key"));
    assertThat(store.manifest().commit(object, List.of(segment(lease, 0, 5))))
        .containsExactly(new CommitResult.Fenced());
    assertThat(store.manifest().segments(partition(topic, 0), 0, 10)).isEmpty();
  }

  @Test
  void anEpochBeginsWithItsFirstCommittedSegment() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    var id = partition(topic, 0);
    var first = take(agent, id).lease();
    commit(segment(first, 0, 5));
    commit(segment(first, 5, 8));
    take(agent, id);
    var third = take(agent, id).lease();
    assertThat(store.manifest().epochs(id)).containsExactly(new EpochStart(0, 0));
    commit(new NewSegment(third, 1, 8, 9, 0, 1, 1, 1));
    commit(segment(third, 9, 10));
    assertThat(store.manifest().epochs(id))
        .containsExactly(new EpochStart(0, 0), new EpochStart(1, 8), new EpochStart(2, 9));
  }

  @Test
  void aSegmentIsNotOfALaterEpochThanItsLease() {
    var lease = new Lease<>(new PartitionId(id(), 0), id(), 3);
    assertThatThrownBy(() -> new NewSegment(lease, 4, 0, 1, 0, 1, 1, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void concurrentCommitsOfOneRangeHaveOneWinner() throws Exception {
    var topic = topic("orders", 1);
    var lease = take(agent(1), partition(topic, 0)).lease();
    var objects = IntStream.range(0, 6).mapToObj(_ -> id()).toList();
    var results = together(6, n -> commit(objects.get(n), segment(lease, 0, n + 1)).getFirst());
    assertThat(results).filteredOn(CommitResult.Committed.class::isInstance).hasSize(1);
    assertThat(results).filteredOn(CommitResult.Gap.class::isInstance).hasSize(5);
    assertThat(store.manifest().segments(partition(topic, 0), 0, 10)).hasSize(1);
    assertThat(store.manifest().dueForDeletion(0, 10)).hasSize(5);
  }

  // Reading by time

  @Test
  void segmentsAreFoundByTimestamp() {
    var topic = topic("orders", 1);
    var id = partition(topic, 0);
    var lease = take(agent(1), id).lease();
    commit(segment(lease, 0, 10, 100));
    commit(segment(lease, 10, 20, 300));
    commit(segment(lease, 20, 30, 200));
    commit(segment(lease, 30, 40, 300));
    var manifest = store.manifest();
    assertThat(base(manifest.segmentAtTimestamp(id, 0, 0))).contains(0L);
    assertThat(base(manifest.segmentAtTimestamp(id, 101, 0))).contains(10L);
    assertThat(base(manifest.segmentAtTimestamp(id, 101, 20))).contains(20L);
    assertThat(base(manifest.segmentAtTimestamp(id, 250, 20))).contains(30L);
    assertThat(base(manifest.segmentAtTimestamp(id, 301, 0))).isEmpty();
    assertThat(base(manifest.segmentWithMaxTimestamp(id, 0))).contains(10L);
    assertThat(base(manifest.segmentWithMaxTimestamp(id, 19))).contains(10L);
    assertThat(base(manifest.segmentWithMaxTimestamp(id, 20))).contains(30L);
    assertThat(base(manifest.segmentWithMaxTimestamp(id, 40))).isEmpty();
  }

  private static Optional<Long> base(Optional<Segment> segment) {
    return segment.map(Segment::baseOffset);
  }

  // Log start and deletion

  @Test
  void raisingTheLogStartDropsWholeSegmentsAndTheirEpochs() {
    var topic = topic("orders", 1);
    var id = partition(topic, 0);
    var agent = agent(1);
    commit(segment(take(agent, id).lease(), 0, 10));
    commit(segment(take(agent, id).lease(), 10, 20));
    var lease = take(agent, id).lease();
    commit(segment(lease, 20, 30));
    var manifest = store.manifest();
    assertThat(manifest.raiseLogStart(lease, 15, null)).isTrue();
    assertThat(manifest.segments(id, 0, 10))
        .extracting(Segment::baseOffset)
        .containsExactly(10L, 20L);
    assertThat(manifest.epochs(id)).containsExactly(new EpochStart(1, 10), new EpochStart(2, 20));
    assertThat(manifest.raiseLogStart(lease, 15, null)).isTrue();
    assertThat(manifest.raiseLogStart(lease, 3, null)).isTrue();
    var grant = take(agent, id);
    assertThat(grant.logStart()).isEqualTo(15);
    assertThat(manifest.raiseLogStart(lease, 30, null)).isFalse();
    assertThatThrownBy(() -> manifest.raiseLogStart(grant.lease(), 31, null))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(manifest.raiseLogStart(grant.lease(), 30, null)).isTrue();
    assertThat(manifest.segments(id, 0, 10)).isEmpty();
    assertThat(manifest.epochs(id)).containsExactly(new EpochStart(2, 20));
    assertThat(take(agent, id).committedEnd()).isEqualTo(30);
  }

  @Test
  void anObjectIsDueWhenItsLastSegmentGoes() {
    var topic = topic("orders", 2);
    var agent = agent(1);
    var a = take(agent, partition(topic, 0)).lease();
    var b = take(agent, partition(topic, 1)).lease();
    var object = id();
    commit(object, segment(a, 0, 5), segment(a, 5, 6), segment(b, 0, 5));
    var manifest = store.manifest();
    manifest.raiseLogStart(a, 6, null);
    assertThat(manifest.dueForDeletion(0, 10)).isEmpty();
    manifest.forgetObjects(List.of(object));
    manifest.raiseLogStart(b, 5, null);
    var due = manifest.dueForDeletion(0, 10);
    assertThat(due)
        .extracting(DueObject::objectId, DueObject::key)
        .containsExactly(tuple(object, "key-of-" + object));
    assertThat(manifest.dueForDeletion(0, 10)).isEqualTo(due);
    manifest.forgetObjects(List.of(object));
    assertThat(manifest.dueForDeletion(0, 10)).isEmpty();
  }

  // Merging

  private UUID registered(Agent agent) {
    var object = id();
    store.manifest().registerObject(agent.incarnation, object, "key-of-" + object);
    return object;
  }

  /// All rows of the lease's partition that lie within a range, to be replaced by one.
  private Replacement merge(Lease<PartitionId> lease, int leaderEpoch, long base, long end) {
    var rows =
        store.manifest().segments(lease.key(), base, 100).stream()
            .filter(row -> row.endOffset() <= end)
            .toList();
    return new Replacement(
        rows, new NewSegment(lease, leaderEpoch, base, end, 7, 77, end - base, 99));
  }

  private List<UUID> due() {
    return store.manifest().dueForDeletion(0, 100).stream().map(DueObject::objectId).toList();
  }

  @Test
  void mergedSegmentsTakeThePlaceOfThoseTheyWereMadeOf() {
    var topic = topic("orders", 2);
    var agent = agent(1);
    var first = take(agent, partition(topic, 0)).lease();
    var shared = id();
    var old = id();
    commit(old, segment(first, 0, 5));
    var a = take(agent, partition(topic, 0)).lease();
    var b = take(agent, partition(topic, 1)).lease();
    commit(shared, segment(a, 5, 10), segment(b, 0, 3));
    var kept = id();
    commit(kept, segment(a, 10, 20), segment(b, 3, 4));
    var manifest = store.manifest();
    var object = registered(agent);
    var replacements = List.of(merge(b, 0, 0, 4), merge(a, 0, 0, 10));
    assertThat(manifest.replace(object, replacements))
        .containsExactly(new ReplaceResult.Replaced(), new ReplaceResult.Replaced());
    var key = "key-of-" + object;
    assertThat(manifest.segments(a.key(), 0, 10))
        .containsExactly(
            new Segment(a.key(), 0, 10, object, key, 7, 77, 10, 99), stored(a.key(), 10, 20, kept));
    assertThat(manifest.segments(b.key(), 0, 10))
        .containsExactly(new Segment(b.key(), 0, 4, object, key, 7, 77, 4, 99));
    // Epochs begin where they did, within a segment too.
    assertThat(manifest.epochs(a.key()))
        .containsExactly(new EpochStart(0, 0), new EpochStart(1, 5));
    assertThat(due()).containsExactly(old, shared);
    assertThat(commit(segment(a, 20, 21))).containsExactly(committed(21));
    // Sent again, after whatever happened, it says what it did.
    assertThat(manifest.replace(object, replacements))
        .containsExactly(new ReplaceResult.Replaced(), new ReplaceResult.Replaced());
    assertThat(due()).containsExactly(old, shared);
    assertThat(store.audit().objects(List.of(object, kept)))
        .extracting(AuditedObject::state, AuditedObject::segments, AuditedObject::referring)
        .containsExactlyInAnyOrder(
            tuple(ObjectState.COMMITTED, 2, 2), tuple(ObjectState.COMMITTED, 1, 1));
  }

  @Test
  void aReplacementThatIsRefusedHoldsUpNoOther() {
    var topic = topic("orders", 4);
    var gone = topic("gone", 1);
    var agent = agent(1);
    var stale = take(agent, partition(topic, 0)).lease();
    var passed = take(agent, partition(topic, 1)).lease();
    var good = take(agent, partition(topic, 2)).lease();
    var moved = take(agent, partition(topic, 3)).lease();
    var deleted = take(agent, partition(gone, 0)).lease();
    for (var lease : List.of(stale, passed, good, moved, deleted)) {
      commit(segment(lease, 0, 5), segment(lease, 5, 9));
    }
    var all =
        List.of(
            merge(stale, 0, 0, 9),
            merge(passed, 0, 0, 9),
            merge(good, 0, 0, 9),
            merge(moved, 0, 0, 9),
            merge(deleted, 0, 0, 9));
    take(agent, stale.key());
    store.manifest().raiseLogStart(passed, 6, null);
    store.topics().delete(gone.id());
    store.manifest().replace(registered(agent), List.of(merge(moved, 0, 0, 5)));
    var object = registered(agent);
    var expected =
        List.of(
            new ReplaceResult.Fenced(),
            new ReplaceResult.Changed(),
            new ReplaceResult.Replaced(),
            new ReplaceResult.Changed(),
            new ReplaceResult.Fenced());
    assertThat(store.manifest().replace(object, all)).isEqualTo(expected);
    assertThat(store.manifest().replace(object, all)).isEqualTo(expected);
    assertThat(store.manifest().segments(stale.key(), 0, 9)).hasSize(2);
    assertThat(store.manifest().segments(passed.key(), 0, 9)).hasSize(1);
    assertThat(store.manifest().segments(good.key(), 0, 9)).hasSize(1);
    assertThat(store.manifest().segments(moved.key(), 0, 9)).hasSize(2);
    assertThat(due()).doesNotContain(object);
  }

  @Test
  void anObjectOfWhichNothingIsReplacedIsDue() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    var stale = take(agent, partition(topic, 0)).lease();
    commit(segment(stale, 0, 5), segment(stale, 5, 9));
    take(agent, stale.key());
    var object = registered(agent);
    assertThat(store.manifest().replace(object, List.of(merge(stale, 0, 0, 9))))
        .containsExactly(new ReplaceResult.Fenced());
    assertThat(due()).containsExactly(object);
    var never = id();
    assertThat(store.manifest().replace(never, List.of(merge(stale, 0, 0, 9))))
        .containsExactly(new ReplaceResult.Fenced());
  }

  @Test
  void anObjectThatWasAbandonedReplacesNothing() {
    var topic = topic("orders", 1);
    var old = agent(1);
    var lease = take(old, partition(topic, 0)).lease();
    commit(segment(lease, 0, 5), segment(lease, 5, 9));
    var object = registered(old);
    store.leases().end(old.incarnation);
    assertThat(due()).containsExactly(object);
    assertThat(store.manifest().replace(object, List.of(merge(lease, 0, 0, 9))))
        .doesNotContain(new ReplaceResult.Replaced());
    assertThat(store.manifest().segments(lease.key(), 0, 9)).hasSize(2);
  }

  @Test
  void aLogStartWithinAMergedSegmentLeavesItThere() {
    var topic = topic("orders", 1);
    var agent = agent(1);
    commit(segment(take(agent, partition(topic, 0)).lease(), 0, 5));
    var lease = take(agent, partition(topic, 0)).lease();
    commit(segment(lease, 5, 9), segment(lease, 9, 12));
    var manifest = store.manifest();
    manifest.replace(registered(agent), List.of(merge(lease, 0, 0, 9)));
    assertThat(manifest.raiseLogStart(lease, 7, null)).isTrue();
    assertThat(manifest.segments(lease.key(), 0, 9)).hasSize(2);
    assertThat(manifest.epochs(lease.key())).containsExactly(new EpochStart(1, 5));
    var moved = manifest.replace(registered(agent), List.of(merge(lease, 0, 0, 12)));
    assertThat(moved).containsExactly(new ReplaceResult.Replaced());
    assertThat(manifest.epochs(lease.key())).containsExactly(new EpochStart(1, 5));
    assertThat(manifest.raiseLogStart(lease, 12, null)).isTrue();
    assertThat(manifest.segments(lease.key(), 0, 9)).isEmpty();
  }

  @Test
  void aReplacementCoversItsRowsAndNothingElse() {
    var topic = topic("orders", 1);
    var lease = take(agent(1), partition(topic, 0)).lease();
    commit(segment(lease, 0, 5), segment(lease, 5, 9), segment(lease, 9, 12));
    var rows = store.manifest().segments(lease.key(), 0, 9);
    for (var some :
        List.of(rows.subList(0, 2), List.of(rows.get(0), rows.get(2)), rows.subList(1, 3))) {
      assertThatThrownBy(() -> new Replacement(some, segment(lease, 0, 12)))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void whatIsKnownOfProducersIsKeptWithTheLogStart() {
    var topic = topic("orders", 2);
    var agent = agent(1);
    var lease = take(agent, partition(topic, 0)).lease();
    var other = take(agent, partition(topic, 1)).lease();
    commit(segment(lease, 0, 20), segment(other, 0, 20));
    var manifest = store.manifest();
    assertThat(manifest.logStartProducers(lease.key())).isEmpty();
    assertThat(manifest.raiseLogStart(lease, 5, bytes("five"))).isTrue();
    assertThat(manifest.logStartProducers(lease.key())).hasValue(bytes("five"));
    assertThat(manifest.logStartProducers(other.key())).isEmpty();
    // What raises nothing says nothing.
    assertThat(manifest.raiseLogStart(lease, 5, bytes("again"))).isTrue();
    assertThat(manifest.raiseLogStart(lease, 4, null)).isTrue();
    assertThat(manifest.logStartProducers(lease.key())).hasValue(bytes("five"));
    assertThat(manifest.raiseLogStart(lease, 10, bytes("ten"))).isTrue();
    assertThat(manifest.logStartProducers(lease.key())).hasValue(bytes("ten"));
    var fenced = new Lease<>(lease.key(), lease.incarnation(), lease.epoch() - 1);
    assertThat(manifest.raiseLogStart(fenced, 15, bytes("fenced"))).isFalse();
    assertThat(manifest.logStartProducers(lease.key())).hasValue(bytes("ten"));
    assertThat(manifest.raiseLogStart(lease, 15, null)).isTrue();
    assertThat(manifest.logStartProducers(lease.key())).isEmpty();

    assertThat(manifest.raiseLogStart(other, 20, bytes("all"))).isTrue();
    store.topics().delete(topic.id());
    assertThat(manifest.logStartProducers(other.key())).isEmpty();
    assertThat(store.audit().strays(10)).isEmpty();
  }

  @Test
  void objectsOfDeletedTopicsAndDeadSessionsAreDueOldestFirst() {
    var agent = agent(1);
    var topic = topic("orders", 1);
    var lease = take(agent, partition(topic, 0)).lease();
    var manifest = store.manifest();
    var first = id();
    manifest.registerObject(agent.incarnation, first, "first");
    var second = id();
    commit(second, segment(lease, 0, 5));
    var third = id();
    commit(third, segment(lease, 7, 8));
    assertThat(manifest.dueForDeletion(0, 10))
        .extracting(DueObject::objectId)
        .containsExactly(third);
    store.topics().delete(topic.id());
    assertThat(manifest.dueForDeletion(0, 10))
        .extracting(DueObject::objectId)
        .containsExactly(second, third);
    store.leases().end(agent.incarnation);
    assertThat(manifest.dueForDeletion(0, 10))
        .extracting(DueObject::objectId)
        .containsExactly(first, second, third);
    assertThat(manifest.dueForDeletion(0, 2))
        .extracting(DueObject::objectId)
        .containsExactly(first, second);
    long passed = manifest.dueForDeletion(0, 2).getLast().sequence();
    assertThat(manifest.dueForDeletion(passed, 10))
        .extracting(DueObject::objectId)
        .containsExactly(third);
    manifest.forgetObjects(List.of(first, third, id()));
    assertThat(manifest.dueForDeletion(0, 10))
        .extracting(DueObject::objectId)
        .containsExactly(second);
  }

  @Test
  void anObjectOfALiveSessionIsNotDue() {
    var agent = agent(1);
    store.manifest().registerObject(agent.incarnation, id(), "key");
    assertThat(store.manifest().dueForDeletion(0, 10)).isEmpty();
  }

  // Sweeps

  @Test
  void aSweepBeginsOnlyAfterTheLastOne() {
    var sweeps = store.sweeps();
    var first = new Sweep(1, 77);
    assertThat(sweeps.last()).isEqualTo(new Sweep(0, 0));
    assertThat(sweeps.begin(new Sweep(0, 0), first)).isTrue();
    assertThat(sweeps.last()).isEqualTo(first);
    assertThat(sweeps.begin(new Sweep(0, 0), new Sweep(1, 78))).isFalse();
    assertThat(sweeps.begin(new Sweep(1, 78), new Sweep(2, 79))).isFalse();
    assertThat(sweeps.begin(first, new Sweep(1, 80))).isFalse();
    assertThat(sweeps.last()).isEqualTo(first);
    assertThat(sweeps.begin(first, new Sweep(2, Long.MIN_VALUE))).isTrue();
    assertThat(sweeps.last()).isEqualTo(new Sweep(2, Long.MIN_VALUE));
  }

  @Test
  void adoptingVoidsEveryLeaseAndRaisesEveryEpoch() {
    var agent = agent(1);
    var gone = topic("orders", 1);
    take(agent, partition(gone, 0));
    store.topics().delete(gone.id());
    var topic = topic("events", 1);
    var lease = take(agent, partition(topic, 0)).lease();
    var shard = store.leases().takeShards(agent.incarnation, List.of(3)).getFirst();
    commit(segment(lease, 0, 5));
    var sweeps = store.sweeps();
    sweeps.begin(sweeps.last(), new Sweep(1, 1));

    raises(true, () -> sweeps.adopt(new Sweep(9, 5)));

    assertThat(sweeps.last()).isEqualTo(new Sweep(9, 5));
    assertThat(commit(segment(lease, 5, 6))).containsExactly(new CommitResult.Fenced());
    assertThat(store.groups().save(shard, "g", bytes("s"))).isFalse();
    assertThat(take(agent, partition(topic, 0)).lease().epoch())
        .isEqualTo(lease.epoch() + Sweeps.EPOCH_STEP + 1);
    assertThat(take(agent, partition(topic("orders", 1), 0)).lease().epoch())
        .isGreaterThan(Sweeps.EPOCH_STEP);
    assertThat(store.leases().takeShards(agent.incarnation, List.of(3)).getFirst().epoch())
        .isEqualTo(shard.epoch() + Sweeps.EPOCH_STEP + 1);
    assertThatThrownBy(() -> sweeps.adopt(new Sweep(9, 6)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  // Audit

  @Test
  void theAuditShowsRowsAsTheyStandPageByPage() {
    var agent = agent(1);
    var topic = topic("orders", 3);
    var lease = take(agent, partition(topic, 1)).lease();
    var object = id();
    commit(object, segment(lease, 0, 5), segment(lease, 5, 9));
    commit(segment(lease, 9, 12));
    store.manifest().registerObject(agent.incarnation, id(), "pending");
    store.manifest().raiseLogStart(lease, 5, null);
    var audit = store.audit();

    assertThat(audit.partition(partition(topic, 1)))
        .contains(
            new AuditedPartition(
                partition(topic, 1),
                Optional.of("orders"),
                lease.epoch(),
                5,
                12,
                Optional.of(new Tail(agent.walId, lease.epoch()))));
    assertThat(audit.partition(partition(topic, 3))).isEmpty();
    var first = audit.partitions(Optional.empty(), 2);
    var rest = audit.partitions(Optional.of(first.getLast().id()), 2);
    assertThat(first).extracting(one -> one.id().partition()).containsExactly(0, 1);
    assertThat(rest).extracting(one -> one.id().partition()).containsExactly(2);

    assertThat(audit.segments(partition(topic, 1), 0, 1))
        .containsExactly(
            new AuditedSegment(
                5, 9, lease.epoch(), object, Optional.of("key-of-" + object), 50, 10, 4, 9));
    assertThat(audit.segments(partition(topic, 1), 9, 10)).hasSize(1);

    var objects = audit.objects(0, 10);
    assertThat(objects)
        .extracting(AuditedObject::state, AuditedObject::segments, AuditedObject::referring)
        .containsExactly(
            tuple(ObjectState.COMMITTED, 1, 1),
            tuple(ObjectState.COMMITTED, 1, 1),
            tuple(ObjectState.PENDING, 0, 0));
    assertThat(audit.objects(objects.getFirst().sequence(), 1)).containsExactly(objects.get(1));
    assertThat(audit.objects(List.of(object, id()))).containsExactly(objects.getFirst());
    assertThat(audit.objects(List.of())).isEmpty();
    assertThat(audit.wals()).containsExactly(agent.walId);
    assertThat(audit.topicsMissingPartitions(10)).isEmpty();
    assertThat(audit.strays(10)).isEmpty();
    assertThat(audit.danglingOffsets(10)).isEmpty();
    assertThat(audit.recount(object)).isTrue();
    assertThat(audit.recount(objects.getLast().objectId())).isFalse();
    assertThat(audit.objects(0, 10)).isEqualTo(objects);
  }

  // Shards and groups

  @Test
  void everyShardCanBeTakenAtOnce() {
    var one = agent(1);
    var two = agent(2);
    var all = IntStream.range(0, Leases.SHARDS).boxed().toList();
    assertThat(store.leases().takeShards(one.incarnation, List.of(3, 1)))
        .extracting(Lease::key)
        .containsExactly(1, 3);
    var rest = store.leases().takeShards(two.incarnation, all);
    assertThat(rest).hasSize(Leases.SHARDS - 2);
    assertThat(rest).extracting(Lease::epoch).containsOnly(0);
    assertThat(coordinators()).hasSize(Leases.SHARDS);
    assertThat(coordinators()).containsEntry(3, 1).containsEntry(4, 2);
    var again = store.leases().takeShards(one.incarnation, all);
    assertThat(again).extracting(Lease::epoch).containsExactly(1, 1);
    store.leases().releaseShards(again);
    assertThat(coordinators()).doesNotContainKey(3).containsEntry(4, 2);
    declareDead(two);
    assertThat(coordinators()).isEmpty();
    assertThat(store.leases().takeShards(one.incarnation, all)).hasSize(Leases.SHARDS);
    assertThat(store.leases().takeShards(one.incarnation, List.of())).isEmpty();
  }

  /// Node ids by shard.
  private Map<Integer, Integer> coordinators() {
    var image = store.topics().image();
    var nodes =
        image.agents().stream()
            .collect(
                Collectors.toMap(
                    CatalogImage.LiveAgent::incarnation, CatalogImage.LiveAgent::nodeId));
    return image.shards().entrySet().stream()
        .collect(
            Collectors.toMap(
                Map.Entry::getKey,
                shard -> requireNonNull(nodes.get(shard.getValue().incarnation()))));
  }

  @Test
  void groupStateAndOffsetsAreLoadedByTheNextHolder() {
    var topic = topic("orders", 2);
    var one = agent(1);
    var leases = store.leases().takeShards(one.incarnation, List.of(0, 1));
    var shard = leases.get(0);
    var groups = store.groups();
    assertThat(groups.save(shard, "b", bytes("first"))).isTrue();
    assertThat(groups.save(shard, "b", bytes("second"))).isTrue();
    assertThat(groups.save(leases.get(1), "elsewhere", bytes("x"))).isTrue();
    var offsets =
        Map.of(
            partition(topic, 0), new CommittedOffset(5, Optional.of(2), "note", 99),
            partition(topic, 1),
                new CommittedOffset(7, Optional.empty(), null, 100, Optional.of(9L)));
    assertThat(groups.commitOffsets(shard, "b", offsets)).isTrue();
    assertThat(groups.commitOffsets(shard, "a", Map.of(partition(topic, 0), offset(1, ""))))
        .isTrue();
    assertThat(groups.commitOffsets(shard, "a", Map.of(partition(topic, 1), offset(8, null))))
        .isTrue();
    declareDead(one);
    var next = store.leases().takeShards(agent(2).incarnation, List.of(0)).getFirst();
    assertThat(groups.load(next))
        .containsExactly(
            new StoredGroup(
                "a",
                bytes(""),
                Map.of(partition(topic, 0), offset(1, ""), partition(topic, 1), offset(8, null))),
            new StoredGroup(
                "b",
                bytes("second"),
                Map.of(
                    partition(topic, 0),
                    new CommittedOffset(5, Optional.of(2), "note", 99),
                    partition(topic, 1),
                    new CommittedOffset(7, Optional.empty(), null, 100, Optional.of(9L)))));
  }

  @Test
  void changesOfManyGroupsAreWrittenTogetherWithoutThoseOfLeasesThatAreLost() {
    var topic = topic("orders", 2);
    var one = agent(1);
    var leases = store.leases().takeShards(one.incarnation, List.of(0, 1));
    var stale = leases.get(0);
    var groups = store.groups();
    assertThat(groups.commitOffsets(leases.get(1), "b", Map.of(partition(topic, 0), offset(1, ""))))
        .isTrue();
    var fresh = store.leases().takeShards(one.incarnation, List.of(0)).getFirst();
    var zero = new TreeMap<>(Map.of(partition(topic, 0), offset(2, null)));
    var nothing = new TreeSet<PartitionId>();
    var refused =
        groups.write(
            List.of(
                new ShardChanges(
                    stale,
                    new TreeMap<>(Map.of("z", new GroupChange(false, bytes("s"), zero, nothing)))),
                new ShardChanges(
                    fresh,
                    new TreeMap<>(Map.of("f", new GroupChange(false, bytes("s"), zero, nothing)))),
                new ShardChanges(
                    leases.get(1),
                    new TreeMap<>(
                        Map.of(
                            "a", new GroupChange(false, null, zero, nothing),
                            // It begins anew.
                            "b", new GroupChange(true, bytes("t"), new TreeMap<>(), nothing),
                            "c", new GroupChange(true, null, new TreeMap<>(), nothing))))));
    assertThat(refused).containsExactly(stale);
    assertThat(groups.load(fresh)).containsExactly(new StoredGroup("f", bytes("s"), zero));
    assertThat(groups.load(leases.get(1)))
        .containsExactly(
            new StoredGroup("a", bytes(""), zero), new StoredGroup("b", bytes("t"), Map.of()));
  }

  private static CommittedOffset offset(long offset, @Nullable String metadata) {
    return new CommittedOffset(offset, Optional.empty(), metadata, 1000 + offset);
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void theCallersBufferIsLeftAlone() {
    var shard = store.leases().takeShards(agent(1).incarnation, List.of(0)).getFirst();
    var state = bytes("state");
    state.position(2);
    store.groups().save(shard, "g", state);
    assertThat(state.position()).isEqualTo(2);
    assertThat(store.groups().load(shard).getFirst().state()).isEqualTo(bytes("ate"));
  }

  @Test
  void aStaleShardLeaseChangesNothing() {
    var topic = topic("orders", 1);
    var one = agent(1);
    var stale = store.leases().takeShards(one.incarnation, List.of(0)).getFirst();
    var groups = store.groups();
    var offsets = Map.of(partition(topic, 0), offset(1, null));
    assertThat(groups.save(stale, "g", bytes("old"))).isTrue();
    assertThat(groups.commitOffsets(stale, "g", offsets)).isTrue();
    var lease = store.leases().takeShards(one.incarnation, List.of(0)).getFirst();
    var before = groups.load(lease);
    assertThat(groups.save(stale, "g", bytes("new"))).isFalse();
    assertThat(groups.save(stale, "h", bytes("new"))).isFalse();
    assertThat(groups.commitOffsets(stale, "g", Map.of(partition(topic, 0), offset(2, null))))
        .isFalse();
    assertThat(groups.commitOffsets(stale, "h", offsets)).isFalse();
    assertThat(groups.deleteOffsets(stale, "g", List.of(partition(topic, 0)))).isFalse();
    assertThat(groups.deleteGroup(stale, "g")).isFalse();
    store.leases().releaseShards(List.of(stale));
    assertThat(groups.load(lease)).isEqualTo(before);
    assertThat(groups.save(lease, "g", bytes("new"))).isTrue();
  }

  @Test
  void committedOffsetsOfDeletedTopicAreLeftOut() {
    var topic = topic("orders", 1);
    var gone = topic("gone", 1);
    var shard = store.leases().takeShards(agent(1).incarnation, List.of(0)).getFirst();
    var groups = store.groups();
    assertThat(groups.commitOffsets(shard, "early", Map.of(partition(gone, 0), offset(1, null))))
        .isTrue();
    assertThat(groups.save(shard, "stateful", bytes("s"))).isTrue();
    assertThat(groups.commitOffsets(shard, "stateful", Map.of(partition(gone, 0), offset(1, null))))
        .isTrue();
    store.topics().delete(gone.id());
    assertThat(
            groups.commitOffsets(
                shard,
                "late",
                Map.of(
                    partition(gone, 0), offset(1, null),
                    partition(topic, 0), offset(2, null),
                    partition(topic, 1), offset(3, null))))
        .isTrue();
    assertThat(groups.commitOffsets(shard, "none", Map.of(partition(gone, 0), offset(1, null))))
        .isTrue();
    assertThat(groups.load(shard))
        .containsExactly(
            new StoredGroup("late", bytes(""), Map.of(partition(topic, 0), offset(2, null))),
            new StoredGroup("stateful", bytes("s"), Map.of()));
  }

  @Test
  void offsetsAndGroupsAreDeleted() {
    var topic = topic("orders", 2);
    var shard = store.leases().takeShards(agent(1).incarnation, List.of(0)).getFirst();
    var groups = store.groups();
    var both = Map.of(partition(topic, 0), offset(1, null), partition(topic, 1), offset(2, null));
    groups.save(shard, "g", bytes("s"));
    groups.commitOffsets(shard, "g", both);
    groups.commitOffsets(shard, "simple", both);
    assertThat(groups.deleteOffsets(shard, "g", List.of(partition(topic, 0)))).isTrue();
    assertThat(groups.deleteOffsets(shard, "absent", List.of(partition(topic, 0)))).isTrue();
    assertThat(groups.deleteOffsets(shard, "simple", List.copyOf(both.keySet()))).isTrue();
    assertThat(groups.load(shard))
        .containsExactly(
            new StoredGroup("g", bytes("s"), Map.of(partition(topic, 1), offset(2, null))));
    assertThat(groups.deleteGroup(shard, "g")).isTrue();
    assertThat(groups.deleteGroup(shard, "g")).isTrue();
    assertThat(groups.load(shard)).isEmpty();
  }

  @Test
  void inhabitedShardsAreThoseWithGroups() {
    var topic = topic("orders", 1);
    var leases = store.leases().takeShards(agent(1).incarnation, List.of(3, 4, 5, 6));
    var groups = store.groups();
    assertThat(groups.inhabited(leases)).isEmpty();
    assertThat(groups.inhabited(List.of())).isEmpty();
    groups.save(leases.get(0), "stateful", bytes("s"));
    groups.save(leases.get(0), "another", bytes("s"));
    groups.commitOffsets(leases.get(1), "simple", Map.of(partition(topic, 0), offset(1, null)));
    groups.save(leases.get(3), "gone", bytes("s"));
    groups.deleteGroup(leases.get(3), "gone");
    assertThat(groups.inhabited(leases))
        .containsExactlyInAnyOrder(leases.get(0).key(), leases.get(1).key());
    assertThat(groups.inhabited(leases.subList(1, 4))).containsExactly(leases.get(1).key());
  }

  @Test
  void anyTextNamesAGroup() {
    var topic = topic("orders", 1);
    var shard = store.leases().takeShards(agent(1).incarnation, List.of(0)).getFirst();
    var names =
        List.of(
            "", "Zoë", "zoë", "a b\tc\n", "nul\0nul", "'; drop table groups; --", "\uD83D\uDE80");
    for (var name : names) {
      assertThat(store.groups().save(shard, name, bytes(name))).isTrue();
      assertThat(
              store
                  .groups()
                  .commitOffsets(shard, name, Map.of(partition(topic, 0), offset(1, name))))
          .isTrue();
    }
    assertThat(store.groups().load(shard))
        .extracting(StoredGroup::group)
        .containsExactlyInAnyOrderElementsOf(names);
    for (var group : store.groups().load(shard)) {
      assertThat(group.state()).isEqualTo(bytes(group.group()));
      assertThat(group.offsets()).isEqualTo(Map.of(partition(topic, 0), offset(1, group.group())));
    }
  }

  /// Runs `task` on `n` threads that start together.
  private static <T> List<T> together(int n, IntFunction<T> task) throws Exception {
    var start = new CyclicBarrier(n);
    try (var threads = Executors.newFixedThreadPool(n)) {
      var tasks = new ArrayList<Callable<T>>();
      for (var i = 0; i < n; i++) {
        var number = i;
        tasks.add(() -> {
          start.await();
          return task.apply(number);
        });
      }
      var results = new ArrayList<T>();
      for (var future : threads.invokeAll(tasks)) {
        results.add(future.get());
      }
      return results;
    }
  }
}
