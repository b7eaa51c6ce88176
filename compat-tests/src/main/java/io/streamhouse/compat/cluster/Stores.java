package io.streamhouse.compat.cluster;

import io.streamhouse.broker.storage.s3.S3Server;
import io.streamhouse.metadata.testing.PostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;

/// What the agents of a cluster share: a PostgreSQL of their own with an empty database, and an S3
/// in this process.
public final class Stores implements AutoCloseable {

  private final PostgresServer postgres;
  private final S3Server s3;
  private final String database;
  private final String prefix = UUID.randomUUID().toString();

  private Stores(PostgresServer postgres, S3Server s3, String database) {
    this.postgres = postgres;
    this.s3 = s3;
    this.database = database;
  }

  /// With the database's files in memory. Skips the test where there is no PostgreSQL.
  public static Stores start() throws Exception {
    return start(PostgresServer.own());
  }

  /// As [#start], with the database's files on disk.
  public static Stores onDisk() throws Exception {
    return start(PostgresServer.onDisk());
  }

  private static Stores start(PostgresServer postgres) throws Exception {
    try {
      return new Stores(postgres, S3Server.start(), postgres.newDatabase());
    } catch (Exception failed) {
      postgres.close();
      throw failed;
    }
  }

  public int databasePort() {
    return postgres.port();
  }

  public int objectsPort() {
    return s3.endpoint().getPort();
  }

  /// An agent's settings that lead it here by ways of its own.
  public Map<String, String> settings(int databasePort, int objectsPort) {
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

  /// A connection to the database, for who wants to know what is in it.
  public Connection connect() throws SQLException {
    return DriverManager.getConnection(database, postgres.user().orElse(null), null);
  }

  public Map<String, String> environment() {
    return Map.of(
        "AWS_ACCESS_KEY_ID", S3Server.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY", S3Server.SECRET_KEY);
  }

  @Override
  public void close() {
    s3.close();
    postgres.close();
  }
}
