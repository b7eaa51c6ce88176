package io.streamhouse.metadata.db;

import io.streamhouse.metadata.db.SqliteTransactions.Connections;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Connections to a database that goes away at a chosen moment: every execution, begin and commit
/// of a writing connection is a moment, first before it happens and then after.
final class FailingConnections implements Connections {

  private final Connections real;
  private int movesLeft = Integer.MAX_VALUE;
  private @Nullable String lostAt;

  FailingConnections(Connections real) {
    this.real = real;
  }

  /// Fails after this many moments.
  void failAfter(int moments) {
    movesLeft = moments;
    lostAt = null;
  }

  /// @return the moment the connection was lost at, such as `after commit`, if it was
  Optional<String> heal() {
    movesLeft = Integer.MAX_VALUE;
    var was = Optional.ofNullable(lostAt);
    lostAt = null;
    return was;
  }

  @Override
  public Connection open(boolean writer) throws SQLException {
    var connection = real.open(writer);
    return writer ? wrap(Connection.class, connection) : connection;
  }

  private <T> T wrap(Class<T> type, T target) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (_, method, arguments) -> {
              var what = what(method.getName(), arguments);
              moment("before ", what);
              var answer = invoke(target, method, arguments);
              moment("after ", what);
              return switch (answer) {
                case PreparedStatement statement -> wrap(PreparedStatement.class, statement);
                case Statement statement -> wrap(Statement.class, statement);
                case null -> null;
                default -> answer;
              };
            }));
  }

  private static @Nullable Object invoke(
      Object target, Method method, Object @Nullable [] arguments) throws Throwable {
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause() == null ? e : e.getCause();
    }
  }

  private static @Nullable String what(String method, Object @Nullable [] arguments) {
    if (method.equals("setAutoCommit") && arguments != null) {
      return arguments[0].equals(true) ? "commit" : "begin";
    }
    return method.startsWith("execute") ? method : null;
  }

  private void moment(String when, @Nullable String what) throws SQLException {
    if (what != null && (lostAt != null || movesLeft-- <= 0)) {
      lostAt = lostAt == null ? when + what : lostAt;
      throw new SQLException("connection lost " + lostAt);
    }
  }
}
