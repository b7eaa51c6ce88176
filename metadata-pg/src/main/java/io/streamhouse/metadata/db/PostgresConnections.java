package io.streamhouse.metadata.db;

import io.streamhouse.metadata.db.PostgresMetadata.Options;
import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.time.Duration;
import java.util.Locale;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

/// Makes connections to PostgreSQL on which nothing waits for ever: not for a host that does not
/// answer, nor for a lock, nor the server for us. Each is checked when it is new, since after a
/// failover the server may be another one. Immutable.
final class PostgresConnections implements DataSource {

  /// How long the server may think before what it was given up for; added to the socket's wait, so
  /// that normally the server's own, clearer error comes first.
  private static final Duration GRACE = Duration.ofSeconds(1);

  /// A migration may rewrite a table.
  private static final Duration MIGRATION = Duration.ofMinutes(30);

  /// What a migration may make others wait for a table.
  private static final Duration MIGRATION_LOCK = Duration.ofSeconds(5);

  private final PGSimpleDataSource source = new PGSimpleDataSource();
  private final Options options;
  private final Duration statementTimeout;
  private final Duration lockTimeout;

  PostgresConnections(Options options) {
    // A wait for a lock ends before the statement that waits does, and so is named.
    this(
        options,
        options.statementTimeout(),
        options.statementTimeout().multipliedBy(4).dividedBy(5));
  }

  private PostgresConnections(Options options, Duration statementTimeout, Duration lockTimeout) {
    this.options = options;
    this.statementTimeout = statementTimeout;
    this.lockTimeout = lockTimeout;
    source.setUrl(options.url());
    options.user().ifPresent(source::setUser);
    options.password().ifPresent(source::setPassword);
    source.setApplicationName("streamhouse");
    source.setConnectTimeout(seconds(options.connectTimeout()));
    source.setLoginTimeout(seconds(options.connectTimeout()));
    source.setSocketTimeout(seconds(statementTimeout.plus(GRACE)));
    source.setCancelSignalTimeout(seconds(options.connectTimeout()));
    source.setTcpKeepAlive(true);
    source.setReWriteBatchedInserts(true);
    if (!options.url().toLowerCase(Locale.ROOT).contains("targetservertype=")) {
      // Of several hosts the one that takes writes, now.
      source.setTargetServerType("primary");
    }
  }

  private static int seconds(Duration timeout) {
    return (int) Math.max(1, timeout.plusMillis(999).toSeconds());
  }

  /// The same, with time for migrations and little patience for locks.
  PostgresConnections forMigrations() {
    return new PostgresConnections(options, MIGRATION, MIGRATION_LOCK);
  }

  @Override
  public Connection getConnection() throws SQLException {
    var connection = source.getConnection();
    try {
      prepare(connection);
      return connection;
    } catch (SQLException e) {
      try {
        connection.close();
      } catch (SQLException closing) {
        e.addSuppressed(closing);
      }
      throw e;
    }
  }

  /// One round trip. A transaction whose agent has stopped in the middle holds its locks as long as
  /// a statement may take, no longer. `remote_apply` is more than we ask for and is left.
  private void prepare(Connection connection) throws SQLException {
    var settings =
        """
        set session characteristics as transaction isolation level read committed, read write;
        set statement_timeout = %d;
        set lock_timeout = %d;
        set idle_in_transaction_session_timeout = %d;
        select set_config('synchronous_commit', 'on', false)
          where current_setting('synchronous_commit') in ('off', 'local', 'remote_write');
        select current_setting('fsync')
        """
            .formatted(
                statementTimeout.toMillis(), lockTimeout.toMillis(), statementTimeout.toMillis());
    try (var statement = connection.createStatement()) {
      var rows = statement.execute(settings);
      var fsync = "";
      while (rows || statement.getUpdateCount() != -1) {
        if (rows) {
          try (var result = statement.getResultSet()) {
            fsync = result.next() ? result.getString(1) : fsync;
          }
        }
        rows = statement.getMoreResults();
      }
      if (fsync.equals("off")) {
        throw new SQLException(
            "the server runs with fsync=off: what it commits, and with it what StreamHouse"
                + " acknowledges, would not survive a power cut; set fsync=on");
      }
    }
  }

  @Override
  public Connection getConnection(String user, String password) throws SQLException {
    throw new SQLFeatureNotSupportedException();
  }

  @Override
  public int getLoginTimeout() {
    return source.getLoginTimeout();
  }

  // The pool would set its own, shorter one.
  @Override
  public void setLoginTimeout(int seconds) {}

  @Override
  public PrintWriter getLogWriter() throws SQLException {
    throw new SQLFeatureNotSupportedException();
  }

  @Override
  public void setLogWriter(PrintWriter out) throws SQLException {
    throw new SQLFeatureNotSupportedException();
  }

  @Override
  public Logger getParentLogger() throws SQLFeatureNotSupportedException {
    throw new SQLFeatureNotSupportedException();
  }

  @Override
  public <T> T unwrap(Class<T> type) throws SQLException {
    throw new SQLFeatureNotSupportedException();
  }

  @Override
  public boolean isWrapperFor(Class<?> type) {
    return false;
  }
}
