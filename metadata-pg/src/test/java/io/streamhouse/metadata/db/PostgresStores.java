package io.streamhouse.metadata.db;

import io.streamhouse.metadata.db.PostgresMetadata.Options;
import io.streamhouse.metadata.testing.PostgresServer;
import java.sql.SQLException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// Databases of a server, with the schema and nothing else in them.
final class PostgresStores {

  private final PostgresServer server;
  private @Nullable String template;

  PostgresStores(PostgresServer server) {
    this.server = server;
  }

  static Options options(PostgresServer server, String url, int connections) {
    return new Options(
        url,
        server.user(),
        server.password(),
        connections,
        Duration.ofSeconds(2),
        Duration.ofSeconds(5));
  }

  /// How to reach a new one.
  synchronized Options next() throws SQLException {
    if (template == null) {
      var url = server.newDatabase();
      var connections = new PostgresConnections(options(server, url, 1));
      Schema.migrate(Dialect.POSTGRES, flyway -> flyway.dataSource(connections.forMigrations()));
      template = PostgresServer.name(url);
    }
    return options(server, server.newDatabase(template), 12);
  }
}
