package io.streamhouse.metadata.db;

import io.streamhouse.metadata.db.DatabaseMetadata.Changes;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Listens for changes on a connection of its own, outside the pool, which it makes again when it
/// is lost. What was missed meanwhile is not known, so a new connection counts as a change; and
/// every few seconds the counter is asked as well, which finds out whether the connection still
/// lives.
final class PostgresChanges implements Changes {

  private static final Logger LOG = LoggerFactory.getLogger(PostgresChanges.class);

  /// How long a notification is waited for before the counter is asked.
  private static final Duration POLL = Duration.ofSeconds(3);

  /// Between attempts to connect.
  private static final Duration BACK_OFF = Duration.ofSeconds(1);

  private final PostgresConnections connections;
  private volatile boolean closed;
  private volatile @Nullable Thread listener;
  private volatile @Nullable Connection listening;

  PostgresChanges(PostgresConnections connections) {
    this.connections = connections;
  }

  @Override
  public void watch(Runnable changed) {
    if (listener != null) {
      throw new IllegalStateException("watched already");
    }
    listener =
        Thread.ofVirtual()
            .name("metadata-changes")
            .start(() -> {
              while (!closed) {
                listen(changed);
              }
            });
  }

  private void listen(Runnable changed) {
    try (var connection = connections.getConnection()) {
      listening = connection;
      try (var statement = connection.createStatement()) {
        statement.execute("listen " + Dialect.CHANGES);
      }
      LOG.info("listening for changes of the catalogue");
      changed.run();
      var notifications = connection.unwrap(PGConnection.class);
      long known = counter(connection);
      while (!closed) {
        var heard = notifications.getNotifications((int) POLL.toMillis());
        long counter = counter(connection);
        if (heard.length > 0 || counter != known) {
          changed.run();
        }
        known = counter;
      }
    } catch (SQLException e) {
      if (!closed) {
        LOG.warn("not listening for changes of the catalogue, connecting again: {}", e.toString());
        LockSupport.parkNanos(BACK_OFF.toNanos());
        changed.run();
      }
    } finally {
      listening = null;
    }
  }

  private static long counter(Connection connection) throws SQLException {
    try (var statement = connection.createStatement();
        var row = statement.executeQuery("select counter from counters where name = 'changes'")) {
      return row.next() ? row.getLong(1) : 0;
    }
  }

  @Override
  public void close() {
    closed = true;
    var thread = listener;
    if (thread == null) {
      return;
    }
    LockSupport.unpark(thread);
    var connection = listening;
    if (connection != null) {
      try {
        // Closes the socket under the thread that waits at it.
        connection.abort(Runnable::run);
      } catch (SQLException e) {
        LOG.debug("Closing the listening connection failed", e);
      }
    }
  }
}
