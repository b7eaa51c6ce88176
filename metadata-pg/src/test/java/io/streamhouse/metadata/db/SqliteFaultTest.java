package io.streamhouse.metadata.db;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.RandomIds;
import io.streamhouse.metadata.SegmentManifest.CommitResult;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/// Every transaction, with the connection lost before and after each of its statements.
class SqliteFaultTest {

  private static final int MOMENTS_AT_MOST = 200;

  @TempDir Path directory;

  private final Random random = new Random(3);
  private final UUID incarnation = id();
  private final UUID walId = id();
  private FailingConnections connections;
  private MetadataStore store;
  private UUID topicId;
  private List<Lease<PartitionId>> leases;
  private Lease<Integer> shard;

  private UUID id() {
    return RandomIds.next(random);
  }

  private String url() {
    return "jdbc:sqlite:" + directory.resolve("metadata.db");
  }

  @BeforeEach
  void open() {
    connections = new FailingConnections(SqliteTransactions.file(url()));
    store = SqliteMetadata.open(directory.resolve("metadata.db"), random, connections, true);
    store.leases().register(session(incarnation));
    topicId =
        ((CreateTopic.Created) store.topics().create("orders", 4, Map.of("a", "b"))).topic().id();
    leases = new ArrayList<>();
    for (var result : store.leases().take(incarnation, walId, claims(), List.of())) {
      leases.add(((TakeResult.Taken) result).grant().lease());
    }
    shard = store.leases().takeShards(incarnation, List.of(0)).getFirst();
    store.groups().save(shard, "g", ByteBuffer.wrap(new byte[] {1}));
    store.groups().commitOffsets(shard, "g", Map.of(new PartitionId(topicId, 0), offset(1)));
    store.groups().commitOffsets(shard, "h", Map.of(new PartitionId(topicId, 1), offset(1)));
    var object = id();
    store.manifest().registerObject(incarnation, object, "key");
    store.manifest().commit(object, segments(0));
  }

  @AfterEach
  void close() {
    store.close();
  }

  private NewSession session(UUID incarnation) {
    return new NewSession(
        incarnation, OptionalInt.of(1), walId, Optional.empty(), Map.of("PLAIN", "host:1"));
  }

  private NewSession unnumbered() {
    return new NewSession(id(), OptionalInt.empty(), id(), Optional.empty(), Map.of("A", "b:1"));
  }

  private List<Claim> claims() {
    return IntStream.range(0, 4)
        .mapToObj(p -> new Claim(new PartitionId(topicId, p), true, false))
        .toList();
  }

  private List<NewSegment> segments(long base) {
    return leases.stream()
        .map(lease -> new NewSegment(lease, lease.epoch(), base, base + 5, 0, 10, 5, 100))
        .toList();
  }

  private static CommittedOffset offset(long offset) {
    return new CommittedOffset(offset, Optional.empty(), null, 0);
  }

  /// Every row there is.
  private List<String> rows() throws SQLException {
    var rows = new ArrayList<String>();
    try (var connection = SqliteTransactions.file(url()).open(false);
        var statement = connection.createStatement()) {
      var tables = new ArrayList<String>();
      try (var names =
          statement.executeQuery("select name from sqlite_master where type = 'table'")) {
        while (names.next()) {
          tables.add(names.getString(1));
        }
      }
      for (var table : tables) {
        try (var all = statement.executeQuery("select * from " + table)) {
          while (all.next()) {
            var row = new StringBuilder(table);
            for (var column = 1; column <= all.getMetaData().getColumnCount(); column++) {
              row.append(' ').append(all.getString(column));
            }
            rows.add(row.toString());
          }
        }
      }
    }
    rows.sort(null);
    return rows;
  }

  @TestFactory
  Stream<DynamicTest> aConnectionLostInATransactionLeavesNothingOrEverything() {
    var object = id();
    store.manifest().registerObject(incarnation, object, "next");
    var set = Map.of("x", "1", "y", "2");
    var offsets =
        Map.of(new PartitionId(topicId, 2), offset(7), new PartitionId(topicId, 9), offset(8));
    return Stream.of(
        lost("renew", () -> store.leases().renew(incarnation)),
        lost("setDraining", () -> store.leases().setDraining(incarnation, true)),
        lost("create", () -> store.topics().create("new", 3, set)),
        lost("addPartitions", () -> store.topics().addPartitions(topicId, 7)),
        lost("alterConfigs", () -> store.topics().alterConfigs(topicId, set, List.of("a"))),
        lost(
            "alterAgentConfigs",
            () -> store.topics().alterAgentConfigs(Optional.of(1), set, List.of())),
        lost("registerObject", () -> store.manifest().registerObject(incarnation, id(), "other")),
        lost("commit", () -> store.manifest().commit(object, segments(5))),
        lost("raiseLogStart", () -> store.manifest().raiseLogStart(leases.getFirst(), 5, null)),
        lost("setTails", () -> store.leases().setTails(leases, Optional.empty())),
        lost("save", () -> store.groups().save(shard, "i", ByteBuffer.allocate(3))),
        lost("commitOffsets", () -> store.groups().commitOffsets(shard, "g", offsets)),
        lost(
            "deleteOffsets",
            () -> store.groups().deleteOffsets(shard, "h", List.of(new PartitionId(topicId, 1)))),
        lost("deleteGroup", () -> store.groups().deleteGroup(shard, "g")),
        lost("take", () -> store.leases().take(incarnation, walId, claims(), List.of())),
        lost("release", () -> store.leases().release(retaken(), true)),
        lost("takeShards", () -> store.leases().takeShards(incarnation, List.of(0, 1, 2))),
        lost("releaseShards", () -> store.leases().releaseShards(List.of(shard))),
        lost("delete", () -> store.topics().delete(topicId)),
        lost("dueForDeletion", () -> store.manifest().dueForDeletion(0, 5)),
        lost("drain", () -> store.leases().drain(1, true)),
        lost("register", () -> store.leases().register(session(id()))),
        lost("assigned", () -> store.leases().register(unnumbered())),
        lost("end", () -> store.leases().end(store.leases().sessions().getFirst().incarnation())));
  }

  private List<Lease<PartitionId>> retaken() {
    return store.topics().image().owners().entrySet().stream()
        .map(e -> new Lease<>(e.getKey(), e.getValue().incarnation(), e.getValue().leaseEpoch()))
        .toList();
  }

  /// Runs the transaction again and again, each time losing the connection one moment later, until
  /// it goes through.
  private DynamicTest lost(String name, Runnable transaction) {
    return DynamicTest.dynamicTest(
        name,
        () -> {
          for (var moment = 0; moment < MOMENTS_AT_MOST; moment++) {
            var before = rows();
            connections.failAfter(moment);
            var unavailable = false;
            try {
              transaction.run();
            } catch (MetadataUnavailable e) {
              unavailable = true;
            }
            var lost = connections.heal();
            assertThat(unavailable).isEqualTo(lost.isPresent());
            if (lost.isEmpty()) {
              return;
            }
            if (lost.get().equals("after commit")) {
              // It has happened; the next round would be another transaction.
              return;
            }
            assertThat(rows()).as(lost.get()).isEqualTo(before);
          }
          throw new AssertionError("never went through");
        });
  }

  @Test
  void aCommitOfUnknownOutcomeIsSentAgain() {
    var lost = true;
    for (var round = 0; lost; round++) {
      assertThat(round).isLessThan(MOMENTS_AT_MOST);
      var base = 5 + round * 5L;
      var object = id();
      store.manifest().registerObject(incarnation, object, "next");
      connections.failAfter(round);
      try {
        store.manifest().commit(object, segments(base));
      } catch (MetadataUnavailable e) {
        assertThat(e).hasMessageStartingWith("commit: ");
      }
      lost = connections.heal().isPresent();
      assertThat(store.manifest().commit(object, segments(base)))
          .hasSize(4)
          .containsOnly(new CommitResult.Committed(base + 5));
      assertThat(store.manifest().segments(leases.getFirst().key(), base, 10)).hasSize(1);
    }
  }
}
