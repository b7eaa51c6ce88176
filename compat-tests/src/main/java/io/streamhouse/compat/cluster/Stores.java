package io.streamhouse.compat.cluster;

import io.streamhouse.broker.storage.s3.S3Server;
import io.streamhouse.metadata.testing.PostgresServer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/// What the agents of a cluster share: a PostgreSQL of their own with an empty database, and an S3
/// in this process.
final class Stores implements AutoCloseable {

  private final PostgresServer postgres;
  private final S3Server s3;
  private final String database;
  private final String prefix = UUID.randomUUID().toString();

  private Stores(PostgresServer postgres, S3Server s3, String database) {
    this.postgres = postgres;
    this.s3 = s3;
    this.database = database;
  }

  /// Skips the test where there is no PostgreSQL.
  static Stores start() throws Exception {
    var postgres = PostgresServer.own();
    try {
      return new Stores(postgres, S3Server.start(), postgres.newDatabase());
    } catch (Exception failed) {
      postgres.close();
      throw failed;
    }
  }

  int databasePort() {
    return postgres.port();
  }

  int objectsPort() {
    return s3.endpoint().getPort();
  }

  /// An agent's settings that lead it here by ways of its own.
  Map<String, String> settings(int databasePort, int objectsPort) {
    var settings = new LinkedHashMap<String, String>();
    settings.put(
        "streamhouse.metadata.url",
        database.replace(":" + databasePort() + "/", ":" + databasePort + "/"));
    postgres.user().ifPresent(user -> settings.put("streamhouse.metadata.user", user));
    settings.put("streamhouse.object.store", "s3://" + S3Server.BUCKET + "/" + prefix);
    settings.put("streamhouse.s3.endpoint", "http://127.0.0.1:" + objectsPort);
    settings.put("streamhouse.s3.region", "us-east-1");
    return settings;
  }

  Map<String, String> environment() {
    return Map.of(
        "AWS_ACCESS_KEY_ID", S3Server.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY", S3Server.SECRET_KEY);
  }

  @Override
  public void close() {
    s3.close();
    postgres.close();
  }
}
