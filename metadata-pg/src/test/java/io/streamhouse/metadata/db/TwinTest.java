package io.streamhouse.metadata.db;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.metadata.Audit.AuditedObject;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.RandomIds;
import io.streamhouse.metadata.SegmentManifest.DueObject;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.SegmentManifest.Replacement;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.metadata.testing.PostgresServer;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The store in memory answers what SQLite and PostgreSQL answer, whatever is asked of both: else
/// what a simulation proves, it proves of something else. Stale leases, dead sessions and deleted
/// topics are kept and used again.
class TwinTest {

  private static final int STEPS = 200;

  @TempDir Path directory;

  private final Random random = new Random(0);
  private final MetadataStore memory = new InMemoryMetadata(new Random(7));

  /// Each test's own.
  private MetadataStore database = memory;

  private final List<NewSession> sessions = new ArrayList<>();
  private final List<PartitionId> partitions = new ArrayList<>();
  private final List<UUID> topics = new ArrayList<>();
  private final List<Lease<PartitionId>> leases = new ArrayList<>();
  private final List<Lease<Integer>> shards = new ArrayList<>();
  private final Map<PartitionId, Long> ends = new LinkedHashMap<>();
  private final List<UUID> objects = new ArrayList<>();
  private final List<List<NewSegment>> commits = new ArrayList<>();
  private final List<List<Replacement>> replacements = new ArrayList<>();

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void memoryAndSqliteAnswerTheSame(long seed) {
    database = SqliteMetadata.open(directory.resolve("metadata.db"), new Random(7));
    answerTheSame(seed);
  }

  @ParameterizedTest
  @ValueSource(longs = {7, 8, 9})
  void memoryAndPostgresAnswerTheSame(long seed) throws Exception {
    var stores = new PostgresStores(PostgresServer.shared());
    database = PostgresMetadata.open(stores.next(), new Random(7));
    answerTheSame(seed);
  }

  private void answerTheSame(long seed) {
    random.setSeed(seed);
    try (var first = memory;
        var second = database) {
      assertThat(first.clusterId()).isEqualTo(second.clusterId());
      register();
      createTopic();
      for (var step = 0; step < STEPS; step++) {
        step();
        both(store -> store.topics().image());
        both(store -> Set.copyOf(store.audit().partitions(Optional.empty(), 1000)));
        both(store ->
            store.audit().objects(objects).stream()
                .collect(
                    Collectors.toMap(
                        AuditedObject::objectId,
                        one -> List.of(one.state(), one.segments(), one.referring()))));
        both(store -> store.audit().wals());
        both(store -> store.audit().danglingOffsets(10));
        for (var partition : ends.keySet()) {
          both(store -> store.manifest().segments(partition, 0, 100));
          both(store -> store.manifest().epochs(partition));
          both(store -> store.audit().segments(partition, 0, 100));
        }
      }
      assertThat(replacements).isNotEmpty();
    }
  }

  /// Asks both the same and expects the same, exceptions too.
  private <T> Optional<T> both(Function<MetadataStore, T> question) {
    var expected = ask(memory, question);
    assertThat(ask(database, question)).isEqualTo(expected);
    return expected instanceof Answer.Returned<T>(var value)
        ? Optional.ofNullable(value)
        : Optional.empty();
  }

  private sealed interface Answer<T> {
    record Returned<T>(T value) implements Answer<T> {}

    record Threw<T>(String what) implements Answer<T> {}
  }

  private static <T> Answer<T> ask(MetadataStore store, Function<MetadataStore, T> question) {
    try {
      return new Answer.Returned<>(question.apply(store));
    } catch (IllegalArgumentException e) {
      return new Answer.Threw<>(String.valueOf(e.getMessage()));
    }
  }

  private void tell(Consumer<MetadataStore> command) {
    both(store -> {
      command.accept(store);
      return true;
    });
  }

  private <T> T any(List<T> all) {
    return all.get(random.nextInt(all.size()));
  }

  private <T> List<T> some(List<T> all) {
    var chosen = new ArrayList<T>();
    for (var one : all) {
      if (random.nextInt(3) == 0 && !chosen.contains(one)) {
        chosen.add(one);
      }
    }
    return chosen;
  }

  /// Mostly what is recent, sometimes what is long over.
  private <T> T recent(List<T> all) {
    return random.nextInt(3) == 0 ? any(all) : all.getLast();
  }

  private void step() {
    switch (random.nextInt(28)) {
      case 0 -> register();
      case 1 -> createTopic();
      case 2, 3, 4 -> take();
      case 5, 6, 7, 8 -> commit();
      case 9 -> resend();
      case 10 -> {
        var id = recent(sessions).incarnation();
        both(store -> store.leases().renew(id));
      }
      case 11 -> {
        var id = recent(sessions).incarnation();
        var seen = random.nextInt(3);
        both(store -> store.leases().sessions());
        both(store -> store.leases().declareDead(id, seen));
      }
      case 12 -> {
        var clean = random.nextBoolean();
        var released = some(leases);
        tell(store -> store.leases().release(released, clean));
      }
      case 13 -> {
        var id = any(sessions).incarnation();
        if (random.nextInt(4) == 0) {
          tell(store -> store.leases().end(id));
        }
      }
      case 14 -> {
        var id = any(topics);
        if (random.nextInt(3) == 0) {
          both(store -> store.topics().delete(id));
          both(store -> store.topics().deletedAmong(List.of(id)));
        }
      }
      case 15 -> {
        var id = any(topics);
        var total = 1 + random.nextInt(6);
        both(store -> store.topics().addPartitions(id, total));
        for (var p = 0; p < total; p++) {
          if (!partitions.contains(new PartitionId(id, p))) {
            partitions.add(new PartitionId(id, p));
          }
        }
      }
      case 16 -> {
        var id = any(topics);
        var set = Map.of("k" + random.nextInt(3), "v" + random.nextInt());
        var remove = List.of("k" + random.nextInt(3));
        both(store -> store.topics().alterConfigs(id, set, remove));
        tell(store -> store.topics().alterAgentConfigs(Optional.of(1), set, remove));
        tell(store -> store.topics().alterGroupConfigs("g", set, remove));
      }
      case 17 -> {
        if (!leases.isEmpty()) {
          var lease = recent(leases);
          var start = random.nextInt(1 + ends.getOrDefault(lease.key(), 0L).intValue() + 2);
          var producers =
              random.nextBoolean() ? null : ByteBuffer.wrap(new byte[] {(byte) random.nextInt()});
          both(store -> store.manifest().raiseLogStart(lease, start, producers));
          both(store -> store.manifest().logStartProducers(lease.key()));
        }
      }
      case 18 -> groups();
      case 19 -> {
        var due = both(TwinTest::due).orElseThrow();
        if (!due.isEmpty()) {
          tell(store -> store.manifest().forgetObjects(List.of(due.getFirst())));
        }
        if (!objects.isEmpty()) {
          tell(store -> store.manifest().forgetObjects(List.of(objects.getFirst())));
        }
      }
      case 20 -> {
        var partition = any(partitions);
        var time = random.nextInt(100);
        var from = random.nextInt(50);
        both(store -> store.manifest().segmentAtTimestamp(partition, time, from));
        both(store -> store.manifest().segmentWithMaxTimestamp(partition, from));
        both(store -> store.manifest().segmentsBefore(partition, from, 3));
      }
      case 21 -> {
        var chosen = some(leases);
        var keys = chosen.stream().map(Lease::key).distinct().count();
        Optional<UUID> wal =
            random.nextBoolean() ? Optional.of(any(sessions).walId()) : Optional.empty();
        if (keys == chosen.size()) {
          both(store -> Set.copyOf(store.leases().setTails(chosen, wal)));
        }
      }
      case 22 -> {
        var node = random.nextInt(4);
        var draining = random.nextBoolean();
        var session = any(sessions).incarnation();
        if (random.nextBoolean()) {
          both(store -> store.leases().drain(node, draining));
        } else {
          both(store -> store.leases().setDraining(session, draining));
        }
      }
      case 23 -> {
        var wal = any(sessions).walId();
        both(store -> store.leases().tailsIn(wal));
      }
      case 24, 25, 26, 27 -> replace();
      default -> throw new AssertionError();
    }
  }

  /// Some rows of each of some partitions by one; now and then rows that were replaced before, and
  /// an object that was used before.
  private void replace() {
    var wanted = new ArrayList<Replacement>();
    for (var partition : some(List.copyOf(ends.keySet()))) {
      var those = leases.stream().filter(one -> one.key().equals(partition)).toList();
      var lease = random.nextInt(5) == 0 ? any(those) : those.getLast();
      var rows = memory.audit().segments(lease.key(), -1, 100);
      if (rows.isEmpty() || random.nextInt(5) == 0) {
        continue;
      }
      var from = random.nextInt(rows.size());
      var to = from + 1 + random.nextInt(Math.min(3, rows.size() - from));
      var epoch = rows.get(from).leaderEpoch();
      if (epoch <= lease.epoch()) {
        var base = rows.get(from).baseOffset();
        var end = rows.get(to - 1).endOffset();
        wanted.add(
            new Replacement(
                memory.manifest().segments(lease.key(), base, to - from),
                new NewSegment(lease, epoch, base, end, 0, 10, end - base, 1)));
      }
    }
    if (!replacements.isEmpty() && random.nextInt(3) == 0) {
      wanted.addAll(any(replacements));
    }
    var object = objects.isEmpty() || random.nextInt(4) > 0 ? RandomIds.next(random) : any(objects);
    if (!objects.contains(object)) {
      objects.add(object);
      commits.add(List.of());
    }
    if (wanted.stream().map(one -> one.by().lease().key()).distinct().count() < wanted.size()) {
      return;
    }
    replacements.add(wanted);
    var incarnation = recent(sessions).incarnation();
    tell(store -> store.manifest().registerObject(incarnation, object, "key-" + object));
    both(store -> store.manifest().replace(object, wanted));
  }

  /// Without sequences, which need not be the same.
  private static List<UUID> due(MetadataStore store) {
    return store.manifest().dueForDeletion(0, 5).stream().map(DueObject::objectId).toList();
  }

  private void register() {
    var wal =
        sessions.isEmpty() || random.nextBoolean() ? RandomIds.next(random) : any(sessions).walId();
    var node = random.nextInt(3) == 0 ? OptionalInt.empty() : OptionalInt.of(random.nextInt(3));
    var session =
        new NewSession(
            RandomIds.next(random),
            node,
            wal,
            Optional.empty(),
            random.nextBoolean() ? "g" : "",
            Map.of("A", "b:1"),
            random.nextBoolean());
    both(store -> store.leases().register(session));
    sessions.add(session);
  }

  private void createTopic() {
    var name = "topic-" + random.nextInt(3);
    var count = 1 + random.nextInt(4);
    var result = both(store -> store.topics().create(name, count, Map.of())).orElseThrow();
    if (result instanceof CreateTopic.Created(var topic)) {
      topics.add(topic.id());
      for (var p = 0; p < count; p++) {
        partitions.add(new PartitionId(topic.id(), p));
      }
    }
  }

  private void take() {
    var session = recent(sessions);
    var claims = new ArrayList<Claim>();
    for (var partition : some(partitions)) {
      claims.add(new Claim(partition, random.nextInt(4) > 0, random.nextInt(4) == 0));
    }
    var open = random.nextInt(3) == 0 ? List.of(any(sessions).walId()) : List.<UUID>of();
    var results =
        both(store -> store.leases().take(session.incarnation(), session.walId(), claims, open))
            .orElseThrow();
    for (var result : results) {
      if (result instanceof TakeResult.Taken(var grant)) {
        leases.add(grant.lease());
        ends.put(grant.lease().key(), grant.committedEnd());
      }
    }
  }

  private void commit() {
    if (leases.isEmpty()) {
      return;
    }
    var segments = new ArrayList<NewSegment>();
    for (var lease : some(leases.reversed())) {
      var base = ends.getOrDefault(lease.key(), 0L) + (random.nextInt(6) == 0 ? 1 : 0);
      var end = base + 1 + random.nextInt(5);
      var epoch = random.nextInt(lease.epoch() + 1);
      segments.add(new NewSegment(lease, epoch, base, end, 0, 10, end - base, random.nextInt(100)));
    }
    var object = RandomIds.next(random);
    objects.add(object);
    commits.add(segments);
    var incarnation = recent(sessions).incarnation();
    tell(store -> store.manifest().registerObject(incarnation, object, "key-" + object));
    if (random.nextInt(8) > 0) {
      both(store -> store.manifest().commit(object, segments));
      for (var segment : segments) {
        var partition = segment.lease().key();
        for (var stored : memory.manifest().segments(partition, 0, 1000)) {
          ends.merge(partition, stored.endOffset(), Math::max);
        }
      }
    }
  }

  private void resend() {
    if (!objects.isEmpty()) {
      var n = random.nextInt(objects.size());
      both(store -> store.manifest().commit(objects.get(n), commits.get(n)));
    }
  }

  private void groups() {
    var session = recent(sessions);
    var wanted = List.of(random.nextInt(3), 3);
    var taken =
        both(store -> store.leases().takeShards(session.incarnation(), wanted)).orElseThrow();
    shards.addAll(taken);
    both(store -> store.topics().image().shards());
    if (shards.isEmpty()) {
      return;
    }
    var shard = recent(shards);
    var group = "group-" + shard.key() + "-" + random.nextInt(2);
    var partition = any(partitions);
    var offset = new CommittedOffset(random.nextInt(9), Optional.of(1), null, 5);
    switch (random.nextInt(5)) {
      case 0 -> both(store -> store.groups().save(shard, group, ByteBuffer.wrap(new byte[] {7})));
      case 1, 2 ->
          both(store -> store.groups().commitOffsets(shard, group, Map.of(partition, offset)));
      case 3 -> both(store -> store.groups().deleteOffsets(shard, group, List.of(partition)));
      default -> both(store -> store.groups().deleteGroup(shard, group));
    }
    both(store -> store.groups().load(shard));
    both(store -> store.groups().inhabited(shards));
    if (random.nextInt(4) == 0) {
      tell(store -> store.leases().releaseShards(List.of(shard)));
    }
  }
}
