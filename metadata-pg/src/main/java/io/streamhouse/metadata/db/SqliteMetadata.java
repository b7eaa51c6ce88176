package io.streamhouse.metadata.db;

import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.SchemaMismatch;
import io.streamhouse.metadata.db.DatabaseMetadata.Changes;
import io.streamhouse.metadata.db.SqliteTransactions.Connections;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.random.RandomGenerator;
import org.flywaydb.core.api.FlywayException;

/// The metadata of one agent in a SQLite file. A transaction that has returned is on disk: it
/// survives the process and, as far as the disk keeps its word, a power cut.
///
/// The file belongs to one process at a time; the lock of the data directory sees to that.
public final class SqliteMetadata {

  private SqliteMetadata() {}

  /// Opens the store, making the file and its schema where they are missing.
  ///
  /// @param random where topic ids and the cluster id come from; used by any thread
  /// @throws MetadataUnavailable if the file cannot be opened
  /// @throws SchemaMismatch if a newer version of this program has changed the schema in a way that
  ///   this one cannot live with
  public static MetadataStore open(Path file, RandomGenerator random) {
    return open(file, random, SqliteTransactions.file(url(file)), true);
  }

  /// As [#open], of a schema that is there and is left as it is.
  ///
  /// @throws SchemaMismatch if it is older than this program, too
  public static MetadataStore openAsIs(Path file, RandomGenerator random) {
    return open(file, random, SqliteTransactions.file(url(file)), false);
  }

  static MetadataStore open(
      Path file, RandomGenerator random, Connections connections, boolean upgrade) {
    try {
      int version = version(file);
      if (version < Schema.VERSION && !upgrade) {
        throw Schema.tooOld(file.toString(), version);
      }
      if (version < Schema.VERSION) {
        Schema.migrate(Dialect.SQLITE, flyway -> flyway.dataSource(url(file), null, null));
      }
    } catch (SQLException | FlywayException e) {
      throw new MetadataUnavailable("cannot open " + file + ": " + e.getMessage(), e);
    }
    var transactions = new SqliteTransactions(connections);
    try {
      return new DatabaseMetadata(transactions, Changes.NONE, random);
    } catch (RuntimeException e) {
      transactions.close();
      throw e;
    }
  }

  private static int version(Path file) throws SQLException {
    try (var connection = SqliteTransactions.file(url(file)).open(true)) {
      return Schema.versionOf(connection, file.toString());
    }
  }

  private static String url(Path file) {
    return "jdbc:sqlite:" + file.toAbsolutePath();
  }
}
