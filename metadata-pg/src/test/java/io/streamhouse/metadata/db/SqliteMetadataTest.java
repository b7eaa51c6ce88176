package io.streamhouse.metadata.db;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.Registration;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataStoreContract;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.SchemaMismatch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SqliteMetadataTest extends MetadataStoreContract {

  @TempDir Path directory;

  private Path file() {
    return directory.resolve("metadata.db");
  }

  @Override
  protected MetadataStore open() {
    return SqliteMetadata.open(file(), new Random(42));
  }

  @Test
  void everyCommitIsSynced() throws Exception {
    for (var writer : new boolean[] {true, false}) {
      try (var connection = SqliteTransactions.file("jdbc:sqlite:" + file()).open(writer)) {
        assertThat(pragma(connection, "journal_mode")).isEqualTo("wal");
        assertThat(pragma(connection, "synchronous")).isEqualTo("2");
        assertThat(pragma(connection, "query_only")).isEqualTo(writer ? "0" : "1");
      }
    }
  }

  private static String pragma(Connection connection, String name) throws SQLException {
    try (var statement = connection.createStatement();
        var row = statement.executeQuery("PRAGMA " + name)) {
      assertThat(row.next()).isTrue();
      return row.getString(1);
    }
  }

  /// What a process killed at this moment leaves: the files as they are, nothing closed.
  private MetadataStore afterKill() throws IOException {
    var copy = Files.createDirectory(directory.resolve("copy"));
    try (var files = Files.list(directory)) {
      for (var source : files.filter(Files::isRegularFile).toList()) {
        Files.copy(source, copy.resolve(source.getFileName()));
      }
    }
    return SqliteMetadata.open(copy.resolve("metadata.db"), new Random(43));
  }

  @Test
  void aKillAndARestartKeepEverything() throws Exception {
    var agent = agent(1);
    var topic = topic("orders", 3);
    store.topics().alterConfigs(topic.id(), Map.of("a", "b"), List.of());
    store.topics().alterGroupConfigs("readers", Map.of("c", "d"), List.of());
    var grant = take(agent, partition(topic, 1));
    try (var killed = afterKill()) {
      assertSame(killed, topic.id());
    }
    var image = store.topics().image();
    var cluster = store.clusterId();
    store.close();
    store = open();
    assertThat(store.clusterId()).isEqualTo(cluster);
    assertThat(store.topics().image()).isEqualTo(image);
    var again = agent(1, agent.walId());
    var retaken = take(again, partition(topic, 1));
    assertThat(retaken.lease().epoch()).isEqualTo(grant.lease().epoch() + 1);
    assertThat(retaken.tail()).isEqualTo(grant.tail());
  }

  private void assertSame(MetadataStore other, UUID topicId) {
    assertThat(other.clusterId()).isEqualTo(store.clusterId());
    assertThat(other.topics().image()).isEqualTo(store.topics().image());
    assertThat(other.topics().image().topics()).extracting(t -> t.id()).containsExactly(topicId);
  }

  @Test
  void theVersionAskedForIsTheNewestMigration() throws Exception {
    try (var connection = SqliteTransactions.file("jdbc:sqlite:" + file()).open(true)) {
      assertThat(Schema.versionOf(connection)).isEqualTo(Schema.VERSION);
    }
  }

  @Test
  void aNewerSchemaIsUsedOnlyWhereItSaysThatThisProgramMay() throws Exception {
    var topic = topic("orders", 1);
    newerSchema(Schema.VERSION);
    store = open();
    assertThat(store.topics().image().topics()).containsExactly(topic);
    newerSchema(Schema.VERSION + 1);
    assertThatThrownBy(this::open)
        .isInstanceOf(SchemaMismatch.class)
        .hasMessageContaining("for programs of version " + (Schema.VERSION + 1));
  }

  /// As a program leaves it that is one version newer.
  private void newerSchema(int oldest) throws Exception {
    store.close();
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file());
        var statement = connection.createStatement()) {
      statement.execute("delete from flyway_schema_history where version > " + Schema.VERSION);
      statement.execute(
          "insert into flyway_schema_history select installed_rank + 1, version + 1, description,"
              + " type, script, checksum, installed_by, installed_on, execution_time, success"
              + " from flyway_schema_history where version = "
              + Schema.VERSION);
      statement.execute("update counters set counter = " + oldest + " where name = 'oldest'");
    }
  }

  @Test
  void aSchemaThatIsOldOrMissingIsLeftAsItIsWhereThatIsAsked() throws Exception {
    store.close();
    SqliteMetadata.openAsIs(file(), new Random(1)).close();
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file());
        var statement = connection.createStatement()) {
      statement.execute("delete from flyway_schema_history where version > 7");
    }
    assertThatThrownBy(() -> SqliteMetadata.openAsIs(file(), new Random(1)))
        .isInstanceOf(SchemaMismatch.class)
        .hasMessageContaining("has schema version 7");
    assertThatThrownBy(() -> SqliteMetadata.openAsIs(directory.resolve("new.db"), new Random(1)))
        .isInstanceOf(SchemaMismatch.class)
        .hasMessageContaining("has no schema");
  }

  @Test
  void aDatabaseOfTheFirstVersionIsBroughtUpToDate() throws Exception {
    var topic = topic("orders", 1);
    var older = agent(3);
    var newer = agent(2, older.walId());
    store.leases().end(newer.incarnation());
    var live = agent(5);
    store.close();
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file());
        var statement = connection.createStatement()) {
      statement.execute("drop table group_configs");
      statement.execute("drop table log_start_producers");
      statement.execute("drop table drained_nodes");
      statement.execute("delete from counters where name = 'oldest'");
      statement.execute("alter table consumer_offsets drop column expire_millis");
      statement.execute(
          "update agents set renewed_at = '2026-01-0' || node_id || ' 00:00:00' where node_id < 5");
      statement.execute("alter table agents drop column draining");
      statement.execute("alter table agents drop column wal_session");
      statement.execute("alter table agents drop column agent_group");
      statement.execute("delete from flyway_schema_history where version > 1");
    }
    store = open();
    assertThat(store.topics().image().topics()).containsExactly(topic);
    store.topics().alterGroupConfigs("readers", Map.of("a", "b"), List.of());
    assertThat(store.topics().image().groupConfigs())
        .isEqualTo(Map.of("readers", Map.of("a", "b")));
    assertThat(store.topics().image().agents())
        .extracting(LiveAgent::incarnation, LiveAgent::draining)
        .containsExactly(tuple(live.incarnation(), false));
    assertThat(store.leases().drain(5, true)).isTrue();
    // Without a count the last renewal says which session was the newest; from then on the count.
    assertThat(store.leases().register(unnumbered(older.walId())))
        .extracting(registered -> ((Registration.Registered) registered).nodeId())
        .isEqualTo(3);
    agent(4, older.walId());
    assertThat(store.leases().register(unnumbered(older.walId())))
        .extracting(registered -> ((Registration.Registered) registered).nodeId())
        .isEqualTo(4);
  }

  private NewSession unnumbered(UUID walId) {
    return new NewSession(id(), OptionalInt.empty(), walId, Optional.empty(), Map.of());
  }

  @Test
  void aFileThatIsNoDatabaseIsNamed() throws Exception {
    var other = directory.resolve("other.db");
    Files.writeString(other, "not a database, but long enough to look like a file".repeat(50));
    assertThatThrownBy(() -> SqliteMetadata.open(other, new Random(1)))
        .isInstanceOf(MetadataUnavailable.class)
        .hasMessageContaining("other.db");
    assertThatThrownBy(
            () -> SqliteMetadata.open(directory.resolve("absent/metadata.db"), new Random(1)))
        .isInstanceOf(MetadataUnavailable.class);
  }

  @Test
  void aClosedStoreIsUnavailable() {
    store.close();
    assertThatThrownBy(() -> store.topics().changes()).isInstanceOf(MetadataUnavailable.class);
    store.close();
  }

  @Test
  void peopleSeeWhoHoldsWhat() throws Exception {
    var agent = agent(7);
    take(agent, partition(topic("orders", 2), 1));
    try (var connection = SqliteTransactions.file("jdbc:sqlite:" + file()).open(false);
        var statement = connection.createStatement();
        var row = statement.executeQuery("select * from partition_leases")) {
      assertThat(row.next()).isTrue();
      assertThat(row.getString("topic")).isEqualTo("orders");
      assertThat(row.getInt("partition")).isEqualTo(1);
      assertThat(row.getInt("agent_id")).isEqualTo(7);
      assertThat(row.getInt("lease_epoch")).isZero();
      assertThat(row.getString("expires_at")).matches("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d");
      assertThat(row.next()).isFalse();
    }
  }

  @Test
  void readsGoOnWhileAWriterWorks() throws Exception {
    var topic = topic("orders", 1);
    try (var connection = SqliteTransactions.file("jdbc:sqlite:" + file()).open(true);
        var statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      statement.execute("update counters set counter = counter + 1000 where name = 'changes'");
      assertThat(store.topics().image().topics()).containsExactly(topic);
      assertThat(store.topics().changes()).isLessThan(1000);
      connection.rollback();
    }
    assertThat(store.topics().alterConfigs(topic.id(), Map.of("a", "b"), List.of()))
        .isNotEqualTo(Optional.empty());
  }

  @Test
  void virtualThreadsWriteOnThePlatformsThread() throws Exception {
    var topic = topic("orders", 1);
    var failure = Thread.ofVirtual().unstarted(() -> store.topics().create("bad", 0, Map.of()));
    var thrown = new AtomicReference<Throwable>();
    failure.setUncaughtExceptionHandler((_, e) -> thrown.set(e));
    failure.start();
    failure.join();
    assertThat(thrown.get()).isInstanceOf(IllegalArgumentException.class);
    var writers =
        IntStream.range(0, 50)
            .mapToObj(n ->
                Thread.ofVirtual()
                    .start(() ->
                        store.topics().alterConfigs(topic.id(), Map.of("k" + n, "v"), List.of())))
            .toList();
    for (var writer : writers) {
      writer.join();
    }
    assertThat(store.topics().image().topics().getFirst().configs()).hasSize(50);
  }

  @Test
  void aFullDiskIsUnavailableAndPasses() throws Exception {
    store.close();
    var full = new AtomicBoolean();
    var real = SqliteTransactions.file("jdbc:sqlite:" + file());
    store =
        SqliteMetadata.open(
            file(),
            new Random(44),
            writer -> {
              var connection = real.open(writer);
              if (full.get()) {
                try (var statement = connection.createStatement()) {
                  statement.execute("PRAGMA max_page_count = 1");
                }
              }
              return connection;
            },
            true);
    // The connection at hand knows no limit yet; a transaction refused makes the next one new.
    assertThatThrownBy(() -> store.topics().create("bad", 0, Map.of()))
        .isInstanceOf(IllegalArgumentException.class);
    full.set(true);
    var before = store.topics().image();
    assertThatThrownBy(() -> store.topics().create("big", 5000, Map.of()))
        .isInstanceOf(MetadataUnavailable.class)
        .hasMessageContaining("full");
    assertThat(store.topics().image()).isEqualTo(before);
    full.set(false);
    topic("big", 5000);
  }
}
