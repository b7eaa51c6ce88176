package io.streamhouse.metadata.db;

import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.SchemaMismatch;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.flywaydb.core.api.FlywayException;

/// The metadata of a cluster in a PostgreSQL database, which all its agents share. A transaction
/// that has returned is on the server's disk, and on its synchronous standbys where it has any.
public final class PostgresMetadata {

  private PostgresMetadata() {}

  /// How a database is reached, and how long is waited for it.
  ///
  /// @param url `jdbc:postgresql://…`, without password
  /// @param user empty: as the URL or the environment say
  /// @param password empty: as the driver's password file says, or none
  /// @param connections at most, for transactions; one more listens for changes
  /// @param connectTimeout for a connection to be made, and for a free one to be had
  /// @param statementTimeout for one statement, and for a lock
  public record Options(
      String url,
      Optional<String> user,
      Optional<String> password,
      int connections,
      Duration connectTimeout,
      Duration statementTimeout) {

    /// Without the password, wherever this is printed.
    @Override
    public String toString() {
      return url + user.map(name -> " user " + name).orElse("");
    }
  }

  /// Connects, and makes the schema where it is missing or old; agents that start together take
  /// turns.
  ///
  /// @param random where topic ids and the cluster id come from; used by any thread
  /// @throws MetadataUnavailable if the database cannot be reached, does not take us, is read-only,
  ///   or does not keep what it commits
  /// @throws SchemaMismatch if a newer version of this program has changed the schema in a way that
  ///   this one cannot live with
  public static MetadataStore open(Options options, RandomGenerator random) {
    return open(options, random, true);
  }

  /// As [#open], of a schema that is there and is left as it is: agents of an older version may be
  /// at work, which only a newer agent may overtake.
  ///
  /// @throws SchemaMismatch if it is older than this program, too
  public static MetadataStore openAsIs(Options options, RandomGenerator random) {
    return open(options, random, false);
  }

  private static MetadataStore open(Options options, RandomGenerator random, boolean upgrade) {
    var connections = new PostgresConnections(options);
    try {
      int version = version(connections, options);
      if (version < Schema.VERSION && !upgrade) {
        throw Schema.tooOld(options.toString(), version);
      }
      if (version < Schema.VERSION) {
        Schema.migrate(Dialect.POSTGRES, flyway -> flyway.dataSource(connections.forMigrations()));
        // While this one waited for its turn, a newer program may have gone further.
        var _ = version(connections, options);
      }
    } catch (SQLException | FlywayException e) {
      throw new MetadataUnavailable(
          "cannot open " + options + ": " + e.getMessage(), e, unreachable(e));
    }
    var transactions = new PostgresTransactions(connections, options, random);
    try {
      return new DatabaseMetadata(transactions, new PostgresChanges(connections), random);
    } catch (RuntimeException e) {
      transactions.close();
      throw e;
    }
  }

  /// Nobody listens or answers in time, the connection broke, or the server is starting, stopping
  /// or has too many clients; not that it does not let us in.
  private static boolean unreachable(Exception failed) {
    Throwable cause = failed;
    while (cause != null && !(cause instanceof SQLException)) {
      cause = cause.getCause();
    }
    var state = cause instanceof SQLException sql ? sql.getSQLState() : null;
    return state != null
        && (state.startsWith("08") || state.startsWith("57P0") || state.equals("53300"));
  }

  private static int version(PostgresConnections connections, Options options) throws SQLException {
    try (var connection = connections.getConnection()) {
      return Schema.versionOf(connection, options.toString());
    }
  }
}
