package io.streamhouse.metadata.db;

import io.streamhouse.metadata.SchemaMismatch;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.function.UnaryOperator;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;

/// The schema's version, and bringing a database to it.
final class Schema {

  /// The newest migration in `db/migration`. Compared before Flyway is asked, because looking for
  /// migrations costs a good part of a fast start.
  static final int VERSION = 8;

  private Schema() {}

  /// The version a database has; 0 when it is new.
  ///
  /// @param database its name, for people
  /// @throws SQLException if the database cannot be read
  /// @throws SchemaMismatch if a newer version of this program has changed it in a way that this
  ///   one cannot live with
  static int versionOf(Connection connection, String database) throws SQLException {
    int version = versionOf(connection);
    if (version > VERSION) {
      int oldest = oldestProgram(connection);
      if (oldest > VERSION) {
        throw new SchemaMismatch(
            "%s has schema version %d, for programs of version %d and later; this one knows %d"
                .formatted(database, version, oldest, VERSION));
      }
    }
    return version;
  }

  private static int oldestProgram(Connection connection) throws SQLException {
    try (var statement = connection.createStatement();
        var row = statement.executeQuery("select counter from counters where name = 'oldest'")) {
      if (!row.next()) {
        throw new SQLException("no row `oldest` in counters, which schema version 7 has put there");
      }
      return row.getInt(1);
    }
  }

  static int versionOf(Connection connection) throws SQLException {
    try (ResultSet tables =
        connection
            .getMetaData()
            .getTables(null, connection.getSchema(), "flyway_schema_history", null)) {
      if (!tables.next()) {
        return 0;
      }
    }
    try (var statement = connection.createStatement();
        var row =
            statement.executeQuery(
                "select max(cast(version as integer)) from flyway_schema_history"
                    + " where success and version is not null")) {
      return row.next() ? row.getInt(1) : 0;
    }
  }

  /// Of a schema that is not brought up to date by who asks.
  static SchemaMismatch tooOld(String database, int version) {
    return new SchemaMismatch(
        version == 0
            ? database + " has no schema: an agent makes it when it starts"
            : "%s has schema version %d, this program needs %d: an agent of its version brings it there when it starts"
                .formatted(database, version, VERSION));
  }

  /// Runs what is missing.
  ///
  /// @param database says which
  static void migrate(Dialect dialect, UnaryOperator<FluentConfiguration> database) {
    database
        .apply(Flyway.configure(Schema.class.getClassLoader()))
        .loggers("slf4j")
        .locations("classpath:db/migration")
        .placeholders(dialect.placeholders())
        .load()
        .migrate();
  }
}
