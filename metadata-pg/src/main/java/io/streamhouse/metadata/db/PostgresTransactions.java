package io.streamhouse.metadata.db;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.db.PostgresMetadata.Options;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import org.jooq.DSLContext;
import org.jooq.conf.Settings;
import org.jooq.exception.DataAccessException;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Transactions over a pool of connections. Those that write run READ COMMITTED, where every
/// statement sees what is committed when it begins and a fence in a `where` is checked against the
/// newest version of its row; those that only read see one snapshot, REPEATABLE READ.
///
/// Only what the database itself says it rolled back, because of others, is run again here.
/// Whatever else goes wrong, the connection is thrown away with all its idle siblings if it is to
/// blame, and the caller is told that the outcome is unknown. Thread-safe.
final class PostgresTransactions implements Transactions {

  private static final Logger LOG = LoggerFactory.getLogger(PostgresTransactions.class);

  /// How often a transaction is begun in all.
  private static final int ATTEMPTS = 6;

  /// Before the second attempt; twice as long before each further one, give or take a half.
  private static final Duration BACK_OFF = Duration.ofMillis(10);

  /// For what must be over soon: a dead connection must not use up the time for another try.
  private static final Duration PROMPT = Duration.ofSeconds(2);

  private static final String SERIALIZATION_FAILURE = "40001";
  private static final String DEADLOCK = "40P01";

  /// A server that shuts down or has become a standby; class 08, lost connections, comes with them.
  private static final Set<String> SERVER_GONE = Set.of("57P01", "57P02", "57P03", "25006");

  private static final Settings SETTINGS =
      new Settings()
          .withRenderCatalog(false)
          .withRenderSchema(false)
          .withExecuteLogging(false)
          .withFetchWarnings(false)
          .withCacheRecordMappers(false);

  private final HikariDataSource pool;
  private final RandomGenerator random;

  PostgresTransactions(PostgresConnections connections, Options options, RandomGenerator random) {
    var config = new HikariConfig();
    config.setPoolName("metadata");
    config.setDataSource(connections);
    config.setAutoCommit(false);
    config.setMaximumPoolSize(options.connections());
    config.setMinimumIdle(Math.min(2, options.connections()));
    config.setConnectionTimeout(Math.max(250, options.connectTimeout().toMillis()));
    config.setValidationTimeout(
        Math.max(250, Math.min(1000, options.connectTimeout().toMillis() / 2)));
    config.setIdleTimeout(Duration.ofMinutes(1).toMillis());
    config.setKeepaliveTime(Duration.ofSeconds(30).toMillis());
    config.setMaxLifetime(Duration.ofMinutes(15).toMillis());
    // The first transaction says what is wrong, better.
    config.setInitializationFailTimeout(-1);
    this.pool = new HikariDataSource(config);
    this.random = random;
  }

  @Override
  public Dialect dialect() {
    return Dialect.POSTGRES;
  }

  @Override
  public <T> T write(String name, Function<DSLContext, T> body) {
    return run(name, _ -> {}, body);
  }

  @Override
  public <T> T promptly(String name, Function<DSLContext, T> body) {
    return run(
        name,
        connection -> connection.setNetworkTimeout(Runnable::run, (int) PROMPT.toMillis()),
        body);
  }

  @Override
  public <T> T read(String name, Function<DSLContext, T> body) {
    return run(
        name,
        connection -> {
          try (var statement = connection.createStatement()) {
            statement.execute("set transaction isolation level repeatable read, read only");
          }
        },
        body);
  }

  /// What is done with a connection before its transaction.
  private interface Preparation {
    void on(Connection connection) throws SQLException;
  }

  private <T> T run(String name, Preparation preparation, Function<DSLContext, T> body) {
    for (var attempt = 1; ; attempt++) {
      try {
        return once(name, preparation, body);
      } catch (RolledBack e) {
        if (attempt == ATTEMPTS) {
          throw new MetadataUnavailable(
              name + ": rolled back " + attempt + " times: " + e.cause.getMessage(), e.cause);
        }
        LOG.debug("{} was rolled back, trying again: {}", name, e.cause.getMessage());
        backOff(attempt);
      }
    }
  }

  private void backOff(int attempt) {
    long nanos = BACK_OFF.toNanos() << (attempt - 1);
    LockSupport.parkNanos(nanos / 2 + random.nextLong(nanos));
  }

  /// The database undid it, because of what other transactions did: certainly nothing happened.
  private static final class RolledBack extends Exception {
    private final Exception cause;

    RolledBack(Exception cause) {
      super(cause.getMessage(), cause, false, false);
      this.cause = cause;
    }
  }

  private <T> T once(String name, Preparation preparation, Function<DSLContext, T> body)
      throws RolledBack {
    var connection = borrow(name);
    var whole = false;
    try {
      preparation.on(connection);
      var answer = body.apply(DSL.using(connection, Dialect.POSTGRES.jooq, SETTINGS));
      connection.commit();
      whole = true;
      return answer;
    } catch (SQLException | DataAccessException e) {
      throw failed(name, connection, e);
    } finally {
      giveBack(connection, whole);
    }
  }

  private Connection borrow(String name) {
    try {
      return pool.getConnection();
    } catch (SQLException e) {
      // The pool says that it waited; why it waited is in the cause, and why that in its own.
      var why = e.getCause() == null ? e : e.getCause();
      var root = why.getCause() == null ? "" : " (" + why.getCause() + ")";
      throw new MetadataUnavailable(
          name + ": no connection to the database: " + why.getMessage() + root, e);
    }
  }

  private MetadataUnavailable failed(String name, Connection connection, Exception e)
      throws RolledBack {
    var cause = sqlException(e);
    var state = cause == null ? null : cause.getSQLState();
    if (SERIALIZATION_FAILURE.equals(state) || DEADLOCK.equals(state)) {
      throw new RolledBack(e);
    }
    if (state == null || state.startsWith("08") || SERVER_GONE.contains(state)) {
      // Others were made to the same server over the same network. Those in use go when they are
      // given back.
      pool.evictConnection(connection);
      pool.getHikariPoolMXBean().softEvictConnections();
    }
    // Without the statement, which is long, and known by the transaction's name.
    return new MetadataUnavailable(name + ": " + (cause == null ? e : cause).getMessage(), e);
  }

  private static @Nullable SQLException sqlException(Exception e) {
    return switch (e) {
      case SQLException sql -> sql;
      case DataAccessException access -> access.getCause(SQLException.class);
      default -> null;
    };
  }

  private void giveBack(Connection connection, boolean whole) {
    try (connection) {
      if (!whole && !connection.isClosed()) {
        connection.rollback();
      }
    } catch (SQLException e) {
      LOG.debug("Giving a connection back failed", e);
    }
  }

  @Override
  public void close() {
    pool.close();
  }
}
