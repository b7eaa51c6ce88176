package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.CLUSTER;

import io.streamhouse.metadata.GroupStore;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.RandomIds;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.TopicCatalog;
import io.streamhouse.metadata.db.SqliteTransactions.Connections;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.random.RandomGenerator;
import org.flywaydb.core.api.FlywayException;

/// The metadata of one agent in a SQLite file. A transaction that has returned is on disk: it
/// survives the process and, as far as the disk keeps its word, a power cut.
///
/// The file belongs to one process at a time; the lock of the data directory sees to that.
public final class SqliteMetadata implements MetadataStore {

  private final Transactions transactions;
  private final String clusterId;
  private final TopicCatalog topics;
  private final Leases leases;
  private final SegmentManifest manifest;
  private final GroupStore groups;

  private SqliteMetadata(Transactions transactions, RandomGenerator random) {
    this.transactions = transactions;
    this.topics = new DatabaseCatalog(transactions, random);
    this.leases = new DatabaseLeases(transactions);
    this.manifest = new DatabaseManifest(transactions);
    this.groups = new DatabaseGroups(transactions);
    this.clusterId = clusterId(transactions, random);
  }

  /// Opens the store, making the file and its schema where they are missing.
  ///
  /// @param random where topic ids and the cluster id come from; used by any thread
  /// @throws MetadataUnavailable if the file cannot be opened
  /// @throws IllegalStateException if a newer version of this program has written it
  public static SqliteMetadata open(Path file, RandomGenerator random) {
    return open(file, random, SqliteTransactions.file(url(file)));
  }

  static SqliteMetadata open(Path file, RandomGenerator random, Connections connections) {
    try {
      if (version(file) < Schema.VERSION) {
        Schema.migrate(url(file), Dialect.SQLITE);
      }
    } catch (SQLException | FlywayException e) {
      throw new MetadataUnavailable("cannot open " + file + ": " + e.getMessage(), e);
    }
    var transactions = new SqliteTransactions(connections);
    try {
      return new SqliteMetadata(transactions, random);
    } catch (RuntimeException e) {
      transactions.close();
      throw e;
    }
  }

  private static int version(Path file) throws SQLException {
    try (var connection = SqliteTransactions.file(url(file)).open(true)) {
      var version = Schema.versionOf(connection);
      if (version > Schema.VERSION) {
        throw new IllegalStateException(
            "%s has schema version %d; this program knows versions up to %d"
                .formatted(file, version, Schema.VERSION));
      }
      return version;
    }
  }

  private static String url(Path file) {
    return "jdbc:sqlite:" + file.toAbsolutePath();
  }

  private static String clusterId(Transactions transactions, RandomGenerator random) {
    return transactions.write(
        "clusterId",
        tx -> {
          tx.insertInto(CLUSTER, CLUSTER.ONE, CLUSTER.CLUSTER_ID)
              .values(1, RandomIds.base64(RandomIds.next(random)))
              .onConflictDoNothing()
              .execute();
          return tx.select(CLUSTER.CLUSTER_ID).from(CLUSTER).fetchSingle(CLUSTER.CLUSTER_ID);
        });
  }

  @Override
  public TopicCatalog topics() {
    return topics;
  }

  @Override
  public Leases leases() {
    return leases;
  }

  @Override
  public SegmentManifest manifest() {
    return manifest;
  }

  @Override
  public GroupStore groups() {
    return groups;
  }

  @Override
  public String clusterId() {
    return clusterId;
  }

  @Override
  public void close() {
    transactions.close();
  }
}
