package io.streamhouse.compat;

import io.streamhouse.broker.storage.s3.S3Server;
import io.streamhouse.metadata.testing.PostgresServer;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// Where an agent under test keeps its metadata and its objects: every pair there is. PostgreSQL
/// and S3 are servers of these tests, shared by all agents, each of which gets a database and a
/// prefix of its own.
public enum Place {
  SQLITE_AND_DIRECTORY(false, false),
  SQLITE_AND_S3(false, true),
  POSTGRESQL_AND_DIRECTORY(true, false),
  POSTGRESQL_AND_S3(true, true);

  private static @Nullable S3Server s3;

  private final boolean postgres;
  private final boolean bucket;

  Place(boolean postgres, boolean bucket) {
    this.postgres = postgres;
    this.bucket = bucket;
  }

  /// Whether objects are files below the data directory.
  boolean objectsAreFiles() {
    return !bucket;
  }

  /// An agent that was not started yet, with nothing in its stores. Skips the test where there is
  /// no PostgreSQL and one is needed.
  public ServerUnderTest agent(Kits kits, Path data, Map<String, String> config) {
    var settings = new LinkedHashMap<>(config);
    var environment = new LinkedHashMap<String, String>();
    if (postgres) {
      var server = PostgresServer.shared();
      try {
        settings.put("streamhouse.metadata.url", server.newDatabase());
      } catch (SQLException failure) {
        throw new IllegalStateException("no database", failure);
      }
      server.user().ifPresent(user -> settings.put("streamhouse.metadata.user", user));
      server
          .password()
          .ifPresent(password -> settings.put("streamhouse.metadata.password", password));
    }
    if (bucket) {
      settings.put("streamhouse.object.store", "s3://" + S3Server.BUCKET + "/" + UUID.randomUUID());
      settings.put("streamhouse.s3.endpoint", s3().endpoint().toString());
      settings.put("streamhouse.s3.region", "us-east-1");
      settings.put("streamhouse.s3.path.style", "true");
      environment.put("AWS_ACCESS_KEY_ID", S3Server.ACCESS_KEY);
      environment.put("AWS_SECRET_ACCESS_KEY", S3Server.SECRET_KEY);
    }
    return new StreamHouseProcess(kits, data, settings).with(environment);
  }

  private static synchronized S3Server s3() {
    if (s3 == null) {
      try {
        s3 = S3Server.start();
      } catch (Exception failure) {
        throw new IllegalStateException("the S3 server does not start", failure);
      }
      Runtime.getRuntime().addShutdownHook(new Thread(s3::close));
    }
    return s3;
  }
}
