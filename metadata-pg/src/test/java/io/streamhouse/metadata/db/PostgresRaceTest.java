package io.streamhouse.metadata.db;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.metadata.Audit.ObjectState;
import io.streamhouse.metadata.CatalogImage;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.Registration;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.RandomIds;
import io.streamhouse.metadata.SegmentManifest.CommitResult;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.SegmentManifest.ReplaceResult;
import io.streamhouse.metadata.SegmentManifest.ReplaceResult.Replaced;
import io.streamhouse.metadata.SegmentManifest.Replacement;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog.AddPartitions;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.testing.PostgresServer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Agents that do at one moment what only one of them may: unlike SQLite, PostgreSQL runs their
/// transactions beside each other, each judging by what was committed when its statement began.
@Timeout(120)
class PostgresRaceTest {

  private static final int AGENTS = 4;
  private static final int ROUNDS = 25;

  private final Random random = new Random(11);
  private final List<MetadataStore> stores = new ArrayList<>();
  private final List<NewSession> sessions = new ArrayList<>();
  private final ExecutorService threads = Executors.newFixedThreadPool(AGENTS);

  @BeforeEach
  void open() throws Exception {
    var options = new PostgresStores(PostgresServer.shared()).next();
    for (var i = 0; i < AGENTS; i++) {
      stores.add(PostgresMetadata.open(options, new Random(i)));
      sessions.add(session(i));
      stores.get(i).leases().register(sessions.get(i));
    }
  }

  @AfterEach
  void close() {
    threads.shutdown();
    stores.forEach(MetadataStore::close);
  }

  private UUID id() {
    return RandomIds.next(random);
  }

  private NewSession session(int nodeId) {
    return new NewSession(id(), OptionalInt.of(nodeId), id(), Optional.empty(), Map.of());
  }

  private <T> List<T> together(IntFunction<T> each) throws Exception {
    var barrier = new CyclicBarrier(AGENTS);
    var results = new ArrayList<T>();
    for (var one :
        threads.invokeAll(
            IntStream.range(0, AGENTS)
                .<Callable<T>>mapToObj(i ->
                    () -> {
                      barrier.await();
                      return each.apply(i);
                    })
                .toList())) {
      results.add(one.get());
    }
    return results;
  }

  private Topic topic(String name, int partitions) {
    return ((CreateTopic.Created) stores.getFirst().topics().create(name, partitions, Map.of()))
        .topic();
  }

  private List<TakeResult> take(int agent, Topic topic) {
    var claims =
        IntStream.range(0, topic.partitions())
            .mapToObj(p -> new Claim(new PartitionId(topic.id(), p), false, false))
            .toList();
    var session = sessions.get(agent);
    return stores
        .get(agent)
        .leases()
        .take(session.incarnation(), session.walId(), claims, List.of());
  }

  private static List<Grant> grants(List<TakeResult> results) {
    var grants = new ArrayList<Grant>();
    for (var result : results) {
      if (result instanceof TakeResult.Taken(var grant)) {
        grants.add(grant);
      }
    }
    return grants;
  }

  @Test
  void ofThoseWhoTakeAPartitionOneGetsIt() throws Exception {
    for (var round = 0; round < ROUNDS; round++) {
      var topic = topic("t" + round, 8);
      var taken =
          together(agent -> take(agent, topic)).stream().flatMap(r -> grants(r).stream()).toList();
      assertThat(taken).hasSize(8);
      assertThat(taken).extracting(grant -> grant.lease().key()).doesNotHaveDuplicates();
      assertThat(taken).allMatch(grant -> grant.lease().epoch() == 0);
    }
  }

  /// The taker is registered while others wait for the row: they must not think it dead because
  /// their statement began before it was there.
  @Test
  void anAgentThatHasJustBeenRegisteredIsNotTakenForDead() throws Exception {
    var topic = topic("t", 4);
    for (var round = 0; round < ROUNDS; round++) {
      var taken =
          together(agent -> {
            stores.get(agent).leases().end(sessions.get(agent).incarnation());
            sessions.set(agent, session(agent));
            stores.get(agent).leases().register(sessions.get(agent));
            return take(agent, topic);
          });
      var holders = stores.getFirst().topics().image().owners();
      // Some ended their session after others had looked, and so were taken from; of those who
      // were granted a partition last, all have it.
      for (var agent = 0; agent < AGENTS; agent++) {
        for (var grant : grants(taken.get(agent))) {
          var owner = holders.get(grant.lease().key());
          assertThat(owner).isNotNull();
          assertThat(owner.leaseEpoch()).isEqualTo(grant.lease().epoch());
          assertThat(owner.incarnation()).isEqualTo(grant.lease().incarnation());
        }
      }
    }
  }

  @Test
  void ofThoseWhoTakeAShardOneGetsIt() throws Exception {
    for (var round = 0; round < ROUNDS; round++) {
      var shards = List.of(0, 1, 2, 3, 4, 5, 6, 7);
      var taken =
          together(agent ->
                  stores.get(agent).leases().takeShards(sessions.get(agent).incarnation(), shards))
              .stream()
              .flatMap(List::stream)
              .toList();
      assertThat(taken).hasSize(8);
      assertThat(taken).extracting(lease -> lease.key()).doesNotHaveDuplicates();
      stores.getFirst().leases().releaseShards(taken);
    }
  }

  @Test
  void ofThoseWhoRegisterANodeOneIsRegistered() throws Exception {
    for (var round = 0; round < ROUNDS; round++) {
      var node = 100 + round;
      var wanted = IntStream.range(0, AGENTS).mapToObj(_ -> session(node)).toList();
      var results = together(agent -> stores.get(agent).leases().register(wanted.get(agent)));
      assertThat(results)
          .filteredOn(result -> result instanceof Registration.Registered)
          .hasSize(1);
      assertThat(stores.getFirst().leases().sessions())
          .filteredOn(session -> session.nodeId() == node)
          .hasSize(1);
    }
  }

  @Test
  void thoseAssignedANodeIdAtOnceGetDifferentOnes() throws Exception {
    var given = new HashSet<>(List.of(0, 1, 2, 3));
    for (var round = 0; round < ROUNDS; round++) {
      var wanted = IntStream.range(0, AGENTS).mapToObj(_ -> unnumbered(id(), id())).toList();
      var ids =
          together(agent -> {
            var leases = stores.get(agent).leases();
            int nodeId = nodeId(leases.register(wanted.get(agent)));
            // What one that is over by now had is not given away either.
            leases.end(wanted.get(agent).incarnation());
            return nodeId;
          });
      for (int nodeId : ids) {
        assertThat(given.add(nodeId)).as("%s was given before", nodeId).isTrue();
      }
    }
    assertThat(given).hasSize(AGENTS * (ROUNDS + 1)).allMatch(one -> one < AGENTS * (ROUNDS + 1));
  }

  @Test
  void ofSessionsOfOneWalWithoutNodeIdOneLivesAndAllHaveItsNodeId() throws Exception {
    for (var round = 0; round < ROUNDS; round++) {
      var wal = id();
      var wanted = IntStream.range(0, AGENTS).mapToObj(_ -> unnumbered(id(), wal)).toList();
      var ids = together(agent -> nodeId(stores.get(agent).leases().register(wanted.get(agent))));
      assertThat(ids).containsOnly(AGENTS + round);
      assertThat(stores.getFirst().leases().sessions())
          .filteredOn(session -> session.walId().equals(wal))
          .hasSize(1);
    }
  }

  private static NewSession unnumbered(UUID incarnation, UUID walId) {
    return new NewSession(incarnation, OptionalInt.empty(), walId, Optional.empty(), Map.of());
  }

  private static int nodeId(Registration registration) {
    return ((Registration.Registered) registration).nodeId();
  }

  /// Whatever an image shows, the counter tells when it is old; also of what is done in the name of
  /// a session that others declare dead meanwhile.
  @Test
  void imagesOfOneCounterAreTheSame() throws Exception {
    var topic = topic("t", 6);
    var images = new ConcurrentHashMap<Long, CatalogImage>();
    together(agent -> {
      var store = stores.get(agent);
      var dice = new Random(agent);
      var held = new ArrayList<Grant>();
      var shards = new ArrayList<Lease<Integer>>();
      for (var n = 0; n < ROUNDS * 20; n++) {
        var image = store.topics().image();
        assertThat(images.computeIfAbsent(image.changes(), _ -> image)).isEqualTo(image);
        var leases = held.stream().map(Grant::lease).toList();
        switch (dice.nextInt(8)) {
          case 0, 1 -> held.addAll(grants(take(agent, topic)));
          case 2, 3 ->
              store
                  .leases()
                  .setTails(
                      leases,
                      dice.nextBoolean()
                          ? Optional.of(sessions.get(agent).walId())
                          : Optional.empty());
          case 4 -> store.leases().release(leases, dice.nextBoolean());
          case 5 -> {
            shards.addAll(
                store
                    .leases()
                    .takeShards(sessions.get(agent).incarnation(), List.of(dice.nextInt(3), 3)));
            if (dice.nextBoolean()) {
              store.leases().releaseShards(shards);
            }
          }
          case 6 -> store.leases().drain(dice.nextInt(AGENTS), dice.nextBoolean());
          default -> {
            var seen = store.leases().sessions();
            if (!seen.isEmpty()) {
              var other = seen.get(dice.nextInt(seen.size()));
              store.leases().declareDead(other.incarnation(), other.renewals());
            }
            if (!store.leases().renew(sessions.get(agent).incarnation())) {
              var over = sessions.get(agent);
              sessions.set(
                  agent,
                  new NewSession(
                      new UUID(agent, n), over.nodeId(), over.walId(), Optional.empty(), Map.of()));
              store.leases().register(sessions.get(agent));
            }
          }
        }
      }
      return true;
    });
    assertThat(images.values()).anyMatch(image -> !image.orphanTails().isEmpty());
    assertThat(images.values()).anyMatch(image -> !image.shards().isEmpty());
  }

  @Test
  void ofThoseWhoMakeATopicOneHasMadeIt() throws Exception {
    for (var round = 0; round < ROUNDS; round++) {
      var name = "t" + round;
      var results = together(agent -> stores.get(agent).topics().create(name, 3, Map.of()));
      assertThat(results).filteredOn(result -> result instanceof CreateTopic.Created).hasSize(1);
    }
    assertThat(stores.getFirst().topics().image().topics()).hasSize(ROUNDS);
  }

  @Test
  void partitionsAddedAtOnceAreAddedOnce() throws Exception {
    for (var round = 0; round < ROUNDS; round++) {
      var topic = topic("t" + round, 1);
      together(agent -> stores.get(agent).topics().addPartitions(topic.id(), 2 + agent));
      assertThat(stores.getFirst().topics().addPartitions(topic.id(), 1))
          .isEqualTo(new AddPartitions.NotMore(1 + AGENTS));
      assertThat(grants(take(0, new Topic(topic.id(), topic.name(), 10, Map.of()))))
          .hasSize(1 + AGENTS);
    }
  }

  @Test
  void aTopicMadeAnewBeginsAboveEveryEpochThatWasGiven() throws Exception {
    var highest = -1;
    for (var round = 0; round < ROUNDS; round++) {
      var topic = topic("t", 2);
      var results =
          together(agent -> {
            if (agent == 0) {
              stores.get(0).topics().delete(topic.id());
              return List.<Grant>of();
            }
            return grants(take(agent, topic));
          });
      for (var grant : results.stream().flatMap(List::stream).toList()) {
        assertThat(grant.lease().epoch()).isGreaterThan(highest);
      }
      for (var grant : results.stream().flatMap(List::stream).toList()) {
        highest = Math.max(highest, grant.lease().epoch());
      }
    }
  }

  @Test
  void commitsRacingWithATakeLeaveNoGapAndNoOverlap() throws Exception {
    var topic = topic("t", 1);
    var partition = new PartitionId(topic.id(), 0);
    var grant = grants(take(0, topic)).getFirst();
    var committed = 0L;
    for (var round = 0; round < ROUNDS; round++) {
      var before = grant;
      var from = before.committedEnd();
      var results =
          together(agent -> {
            var store = stores.get(agent);
            if (agent == 0) {
              return Optional.of(grants(take(0, topic)).getFirst());
            }
            var object = new UUID(agent, System.nanoTime());
            store.manifest().registerObject(before.lease().incarnation(), object, "k" + object);
            var segment = new NewSegment(before.lease(), 0, from, from + agent, 0, 10, agent, 1);
            var first = store.manifest().commit(object, List.of(segment));
            var again = store.manifest().commit(object, List.of(segment));
            // Refused by the others' commits it says so, and by the take when that came between.
            assertThat(again.getFirst() instanceof CommitResult.Committed)
                .isEqualTo(first.getFirst() instanceof CommitResult.Committed);
            return Optional.<Grant>empty();
          });
      grant = results.getFirst().orElseThrow();
      var end = 0L;
      for (var segment : stores.getFirst().manifest().segments(partition, 0, 1000)) {
        assertThat(segment.baseOffset()).isEqualTo(end);
        end = segment.endOffset();
      }
      // What the taker was told is where the log ends: nothing of the old epoch came after.
      assertThat(grant.committedEnd()).isEqualTo(end);
      assertThat(end).isGreaterThanOrEqualTo(committed);
      committed = end;
    }
  }

  /// One merges, one commits, one raises the log start, one deletes the topic or takes the lease:
  /// what is left has no gap, and every object counts just what refers to it.
  @Test
  void aReplacementRacingWithAllElseLeavesNoGapAndNoWrongCount() throws Exception {
    for (var round = 0; round < 3 * ROUNDS; round++) {
      var n = round;
      // Then nothing may hinder it.
      boolean onlyCommits = n % 5 == 4;
      var topic = topic("t" + round, 1);
      var partition = new PartitionId(topic.id(), 0);
      var lease = grants(take(0, topic)).getFirst().lease();
      var used = Collections.synchronizedList(new ArrayList<UUID>());
      for (var base = 0L; base < 40; base += 10) {
        used.add(commit(lease, base));
      }
      var rows = stores.getFirst().manifest().segments(partition, 0, 10);
      var results =
          together(agent -> {
            var manifest = stores.get(agent).manifest();
            switch (agent) {
              case 0 -> {
                var object = id(agent);
                used.add(object);
                manifest.registerObject(lease.incarnation(), object, "k" + object);
                var by = new NewSegment(lease, 0, 0, 40, 0, 10, 40, 1);
                var wanted = List.of(new Replacement(rows, by));
                var first = manifest.replace(object, wanted).getFirst();
                if (n % 3 != 1) {
                  assertThat(manifest.replace(object, wanted).getFirst() instanceof Replaced)
                      .isEqualTo(first instanceof Replaced && !gone(topic, object));
                }
                return Optional.of(first);
              }
              case 1 -> used.add(commit(lease, 40));
              case 2 -> {
                // Below, at the end of, and above the rows that are merged.
                if (onlyCommits) {
                  break;
                }
                if (n % 3 == 0) {
                  manifest.raiseLogStart(lease, 10 + 10 * (n % 4), null);
                } else {
                  manifest.raiseLogStart(lease, 5, null);
                }
              }
              default -> {
                if (onlyCommits) {
                  break;
                }
                if (n % 3 == 1) {
                  stores.get(agent).topics().delete(topic.id());
                } else if (n % 3 == 2) {
                  take(0, topic);
                }
              }
            }
            return Optional.<ReplaceResult>empty();
          });
      if (onlyCommits) {
        assertThat(results.getFirst().orElseThrow()).isInstanceOf(Replaced.class);
      }
      var store = stores.getFirst();
      var row = store.audit().partition(partition);
      var left = store.manifest().segments(partition, 0, 100);
      if (row.isEmpty()) {
        assertThat(left).isEmpty();
      } else {
        var end = left.isEmpty() ? row.get().committedEnd() : left.getFirst().baseOffset();
        assertThat(end).isLessThanOrEqualTo(row.get().logStart());
        for (var segment : left) {
          assertThat(segment.baseOffset()).isEqualTo(end);
          assertThat(segment.endOffset()).isGreaterThan(row.get().logStart());
          end = segment.endOffset();
        }
        assertThat(end).isEqualTo(row.get().committedEnd());
      }
      for (var object : store.audit().objects(used)) {
        assertThat(object.segments()).isEqualTo(object.referring());
        assertThat(object.state())
            .isEqualTo(object.referring() > 0 ? ObjectState.COMMITTED : ObjectState.ABANDONED);
      }
    }
  }

  /// Whether what was put in place has gone again, with all rows at or below the log start.
  private boolean gone(Topic topic, UUID object) {
    return stores.getFirst().manifest().segments(new PartitionId(topic.id(), 0), 0, 100).stream()
        .noneMatch(row -> row.objectId().equals(object));
  }

  private static UUID id(int agent) {
    return new UUID(agent, System.nanoTime());
  }

  /// Ten offsets from `base` on, in an object of their own.
  private UUID commit(Lease<PartitionId> lease, long base) {
    var object = id(100);
    var manifest = stores.getFirst().manifest();
    manifest.registerObject(lease.incarnation(), object, "k" + object);
    manifest.commit(object, List.of(new NewSegment(lease, 0, base, base + 10, 0, 10, 10, 1)));
    return object;
  }

  @Test
  void changesAreCountedOneByOne() throws Exception {
    var topic = topic("t", 1);
    var before = stores.getFirst().topics().changes();
    together(agent -> {
      for (var n = 0; n < ROUNDS; n++) {
        stores
            .get(agent)
            .topics()
            .alterConfigs(topic.id(), Map.of("k" + agent, "v" + n), List.of());
      }
      return true;
    });
    assertThat(stores.getFirst().topics().changes()).isEqualTo(before + AGENTS * ROUNDS);
    assertThat(stores.getFirst().topics().image().topics().getFirst().configs())
        .hasSize(AGENTS)
        .containsValue("v" + (ROUNDS - 1));
  }
}
