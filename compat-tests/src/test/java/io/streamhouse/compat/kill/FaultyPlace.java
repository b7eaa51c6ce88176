package io.streamhouse.compat.kill;

import io.streamhouse.broker.storage.s3.FaultyProxy;
import io.streamhouse.broker.storage.s3.FaultyProxy.Fault;
import io.streamhouse.broker.storage.s3.S3Server;
import io.streamhouse.compat.Kits;
import io.streamhouse.compat.StreamHouseProcess;
import io.streamhouse.metadata.testing.PostgresServer;
import io.streamhouse.metadata.testing.TcpProxy;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.random.RandomGenerator;

/// A PostgreSQL and an S3 of an agent's own, each behind a network that fails when told to.
final class FaultyPlace implements AutoCloseable {

  /// Small, so that readers go to the object store and outages are felt soon; patient for two
  /// seconds where the default is ten.
  private static final Map<String, String> SETTINGS =
      Map.of(
          "streamhouse.cache.memory.bytes", "0",
          "streamhouse.cache.disk.bytes", "0",
          "streamhouse.flush.bytes", "262144",
          "streamhouse.flush.interval.ms", "250",
          "streamhouse.tail.max.bytes", "1048576",
          "streamhouse.metadata.connect.timeout.ms", "2000",
          "streamhouse.metadata.statement.timeout.ms", "2000",
          "streamhouse.session.renew.ms", "500",
          "streamhouse.session.timeout.ms", "5000");

  private final PostgresServer postgres;
  private final TcpProxy toPostgres;
  private final S3Server s3;
  private final FaultyProxy toS3;

  private FaultyPlace(PostgresServer postgres, S3Server s3) throws IOException {
    this.postgres = postgres;
    this.toPostgres = new TcpProxy(postgres.port());
    this.s3 = s3;
    this.toS3 = new FaultyProxy(s3.endpoint());
  }

  /// Skips the test where there is no PostgreSQL.
  static FaultyPlace open() throws Exception {
    return new FaultyPlace(PostgresServer.own(), S3Server.start());
  }

  /// An agent that was not started yet, with nothing in its stores.
  StreamHouseProcess agent(Path data, Map<String, String> config) throws SQLException {
    var settings = new LinkedHashMap<>(SETTINGS);
    settings.putAll(config);
    settings.put(
        "streamhouse.metadata.url",
        postgres.newDatabase().replace(":" + postgres.port() + "/", ":" + toPostgres.port() + "/"));
    postgres.user().ifPresent(user -> settings.put("streamhouse.metadata.user", user));
    settings.put("streamhouse.object.store", "s3://" + S3Server.BUCKET + "/" + UUID.randomUUID());
    settings.put("streamhouse.s3.endpoint", toS3.endpoint().toString());
    settings.put("streamhouse.s3.region", "us-east-1");
    return new StreamHouseProcess(Kits.find(), data, settings)
        .with(
            Map.of(
                "AWS_ACCESS_KEY_ID", S3Server.ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY", S3Server.SECRET_KEY));
  }

  /// Everything that can go wrong here.
  List<Disturbance> disturbances() {
    return List.of(
        requests("S3 answers 503", 1, 4_000, Fault.SLOW_DOWN),
        requests("S3 is silent", 1, 3_000, Fault.SILENCE),
        requests(
            "connections to S3 are cut",
            0.4,
            4_000,
            Fault.CUT_REQUEST,
            Fault.CUT_ANSWER,
            Fault.LOST_ANSWER),
        requests("S3 answers with damaged ranges", 0.3, 4_000, Fault.DAMAGED_ANSWER),
        disturbance("PostgreSQL crashes", this::crash),
        disturbance("connections to PostgreSQL are cut", this::cut),
        disturbance("PostgreSQL is silent", this::silence));
  }

  private Disturbance requests(String name, double probability, int millis, Fault... faults) {
    return disturbance(
        name,
        random -> {
          toS3.afflict(probability, random, faults);
          try {
            pass(millis / 2 + random.nextInt(millis / 2));
          } finally {
            toS3.mend();
          }
          return toS3.struck();
        });
  }

  private long crash(RandomGenerator random) throws Exception {
    postgres.crash();
    try {
      pass(random.nextInt(4_000));
    } finally {
      postgres.start();
    }
    return 1;
  }

  /// At some moment of what goes back and forth, transactions in the middle included, many times.
  private long cut(RandomGenerator random) throws Exception {
    long cuts = 0;
    for (int time = 0; time < 30; time++) {
      toPostgres.cutAt(random.nextInt(20));
      try {
        pass(100);
      } finally {
        cuts += toPostgres.heal() ? 1 : 0;
      }
    }
    return cuts;
  }

  private long silence(RandomGenerator random) throws Exception {
    toPostgres.silence(true);
    try {
      pass(1_000 + random.nextInt(3_000));
    } finally {
      toPostgres.silence(false);
    }
    return 1;
  }

  /// Real time, as it is processes that are being kept waiting.
  private static void pass(long millis) throws InterruptedException {
    Thread.sleep(Duration.ofMillis(millis));
  }

  private interface Strike {
    long strike(RandomGenerator random) throws Exception;
  }

  private static Disturbance disturbance(String name, Strike strike) {
    return new Disturbance() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public long strike(RandomGenerator random) throws Exception {
        return strike.strike(random);
      }
    };
  }

  @Override
  public void close() throws IOException {
    toS3.close();
    s3.close();
    toPostgres.close();
    postgres.close();
  }
}
