package io.streamhouse.metadata.db;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.flywaydb.core.Flyway;

/// The schema's version, and bringing a database to it.
final class Schema {

  /// The newest migration in `db/migration`. Compared before Flyway is asked, because looking for
  /// migrations costs a good part of a fast start.
  static final int VERSION = 1;

  private Schema() {}

  /// The version a database has; 0 when it is new.
  ///
  /// @throws SQLException if the database cannot be read
  static int versionOf(Connection connection) throws SQLException {
    try (ResultSet tables =
        connection.getMetaData().getTables(null, null, "flyway_schema_history", null)) {
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

  /// Runs what is missing.
  static void migrate(String url, Dialect dialect) {
    Flyway.configure(Schema.class.getClassLoader())
        .loggers("slf4j")
        .dataSource(url, null, null)
        .locations("classpath:db/migration")
        .placeholders(dialect.placeholders())
        .load()
        .migrate();
  }
}
