package io.streamhouse.metadata.db;

import java.util.function.Consumer;
import java.util.function.Function;
import org.jooq.DSLContext;

/// Runs transactions: whole or not at all, and durable when they return.
///
/// A database that fails is a [io.streamhouse.metadata.MetadataUnavailable]; any other exception of
/// a body rolls back and is passed on.
interface Transactions extends AutoCloseable {

  Dialect dialect();

  /// @param name of the transaction, for errors
  <T> T write(String name, Function<DSLContext, T> body);

  /// As [#write], but gives up early: there is a deadline to meet, and another try before it.
  default <T> T promptly(String name, Function<DSLContext, T> body) {
    return write(name, body);
  }

  default void run(String name, Consumer<DSLContext> body) {
    write(
        name,
        tx -> {
          body.accept(tx);
          return true;
        });
  }

  /// Sees one moment of the database, through all its statements.
  <T> T read(String name, Function<DSLContext, T> body);

  @Override
  void close();
}
