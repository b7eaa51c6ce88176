package io.streamhouse.metadata.db;

import io.streamhouse.metadata.MetadataUnavailable;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jooq.DSLContext;
import org.jooq.conf.Settings;
import org.jooq.exception.DataAccessException;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sqlite.JDBC;
import org.sqlite.SQLiteConfig;

/// One connection that writes and a few that read. SQLite has one writer at a time anyway: waiting
/// for it here, in order of arrival, is fairer than its own polling. Readers see the last commit
/// and wait for nobody.
///
/// Connections are opened when first needed, and thrown away after any failure. Thread-safe.
final class SqliteTransactions implements Transactions {

  private static final Logger LOG = LoggerFactory.getLogger(SqliteTransactions.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final int READERS = 4;

  private static final Settings SETTINGS =
      new Settings()
          .withRenderCatalog(false)
          .withRenderSchema(false)
          .withExecuteLogging(false)
          .withFetchWarnings(false)
          .withCacheRecordMappers(false);

  private final Connections connections;
  private final ExecutorService writerThread =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().daemon().name("metadata-writer").factory());
  private final Lane writers = new Lane(true, 1);
  private final Lane readers = new Lane(false, READERS);

  SqliteTransactions(Connections connections) {
    this.connections = connections;
  }

  /// Opens connections to one database, outside any transaction; the seam where tests make them
  /// fail.
  interface Connections {
    Connection open(boolean writer) throws SQLException;
  }

  /// A file whose commits are on disk when they return: in write-ahead mode, FULL syncs each.
  static Connections file(String url) {
    return writer -> {
      var config = new SQLiteConfig();
      config.setJournalMode(SQLiteConfig.JournalMode.WAL);
      config.setSynchronous(SQLiteConfig.SynchronousMode.FULL);
      config.setBusyTimeout((int) PATIENCE.toMillis());
      config.setTransactionMode(
          writer ? SQLiteConfig.TransactionMode.IMMEDIATE : SQLiteConfig.TransactionMode.DEFERRED);
      // Not through DriverManager, which would load every driver there is.
      Connection connection = JDBC.createConnection(url, config.toProperties());
      if (!writer) {
        try (var statement = connection.createStatement()) {
          statement.execute("PRAGMA query_only = ON");
        } catch (SQLException e) {
          connection.close();
          throw e;
        }
      }
      return connection;
    };
  }

  @Override
  public Dialect dialect() {
    return Dialect.SQLITE;
  }

  @Override
  public <T> T write(String name, Function<DSLContext, T> body) {
    return writers.transaction(name, body);
  }

  @Override
  public <T> T read(String name, Function<DSLContext, T> body) {
    return readers.transaction(name, body);
  }

  /// A commit waits for the disk inside native code, which would hold a virtual thread's carrier: a
  /// few of them, and no virtual thread runs. At most one task is there, the one whose turn it is.
  private <T> T onWriterThread(Supplier<T> transaction) {
    try {
      return CompletableFuture.supplyAsync(transaction, writerThread).join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw e;
      }
    }
  }

  @Override
  public void close() {
    writers.close();
    readers.close();
    writerThread.shutdown();
  }

  /// A few connections of one kind. `turn` has as many permits as connections may be out; `idle` is
  /// guarded by itself.
  private final class Lane {

    private final boolean writer;
    private final int size;
    private final Semaphore turn;
    private final ArrayDeque<Connection> idle = new ArrayDeque<>();
    private boolean closed;

    Lane(boolean writer, int size) {
      this.writer = writer;
      this.size = size;
      this.turn = new Semaphore(size, true);
    }

    <T> T transaction(String name, Function<DSLContext, T> body) {
      awaitTurn(name);
      try {
        return writer && Thread.currentThread().isVirtual()
            ? onWriterThread(() -> inTurn(name, body))
            : inTurn(name, body);
      } finally {
        turn.release();
      }
    }

    private <T> T inTurn(String name, Function<DSLContext, T> body) {
      var connection = borrow(name);
      var whole = false;
      try {
        connection.setAutoCommit(false);
        var answer = body.apply(DSL.using(connection, Dialect.SQLITE.jooq, SETTINGS));
        // Commits. The driver's commit() would begin the next transaction at once, and so lock
        // the file against every other process while nothing is done.
        connection.setAutoCommit(true);
        whole = true;
        return answer;
      } catch (SQLException | DataAccessException e) {
        throw new MetadataUnavailable(name + ": " + e.getMessage(), e);
      } finally {
        giveBack(connection, whole);
      }
    }

    private void awaitTurn(String name) {
      try {
        if (!turn.tryAcquire(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
          throw new MetadataUnavailable(name + ": no connection within " + PATIENCE, null);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new MetadataUnavailable(name + ": interrupted while waiting", e);
      }
    }

    private Connection borrow(String name) {
      @Nullable Connection present;
      synchronized (idle) {
        if (closed) {
          throw new MetadataUnavailable(name + ": the store is closed", null);
        }
        present = idle.poll();
      }
      try {
        return present != null ? present : connections.open(writer);
      } catch (SQLException e) {
        throw new MetadataUnavailable(name + ": " + e.getMessage(), e);
      }
    }

    private void giveBack(Connection connection, boolean whole) {
      if (!whole) {
        // Closing rolls back whatever is left; what state it is in is not worth finding out.
        closeQuietly(connection);
        return;
      }
      synchronized (idle) {
        if (!closed) {
          idle.push(connection);
          return;
        }
      }
      closeQuietly(connection);
    }

    /// Waits, bounded, for transactions under way.
    void close() {
      synchronized (idle) {
        closed = true;
      }
      try {
        if (turn.tryAcquire(size, PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
          turn.release(size);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      synchronized (idle) {
        idle.forEach(SqliteTransactions::closeQuietly);
        idle.clear();
      }
    }
  }

  private static void closeQuietly(Connection connection) {
    try {
      connection.close();
    } catch (SQLException e) {
      LOG.debug("Closing a connection failed", e);
    }
  }
}
