package io.streamhouse.broker;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.s3.FaultyProxy;
import io.streamhouse.broker.storage.s3.S3Server;
import io.streamhouse.metadata.testing.PostgresServer;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What an agent costs that nobody uses.
@Timeout(120)
class IdleTest {

  private static final int RENEW_MILLIS = 200;

  /// Longer than a pause between rounds of merging.
  private static final int WATCHED_SECONDS = 7;

  @TempDir private Path directory;

  /// What the database counted at one moment.
  ///
  /// @param changes transactions of anybody that changed something: only those have a number
  /// @param renewals of the agent's session
  private record Seen(long changes, long renewals, long nanos) {

    static Seen in(String url, Optional<String> user) throws SQLException {
      try (var connection = DriverManager.getConnection(url, user.orElse(null), null);
          var statement = connection.createStatement();
          var rows =
              statement.executeQuery(
                  "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint, sum(renewals)"
                      + " from agents")) {
        rows.next();
        return new Seen(rows.getLong(1), rows.getLong(2), System.nanoTime());
      }
    }
  }

  @Test
  void idleAgentAsksTheObjectStoreForNothingAndChangesTheDatabaseOnceInARenewalInterval()
      throws Exception {
    try (var postgres = PostgresServer.own();
        var s3 = S3Server.start();
        var toS3 = new FaultyProxy(s3.endpoint())) {
      // Analysing tables changes the database, too.
      postgres.execute(
          "jdbc:postgresql://127.0.0.1:" + postgres.port() + "/postgres",
          "alter system set autovacuum = off",
          "select pg_reload_conf()");
      var url = postgres.newDatabase();
      try (var agent = start(postgres, url, s3, toS3)) {
        try (var admin =
            Admin.create(
                Map.<String, Object>of("bootstrap.servers", agent.listenAddresses().getFirst()))) {
          admin
              .createTopics(List.of(new NewTopic("t", Optional.of(20), Optional.empty())))
              .all()
              .get();
        }
        for (int i = 0; i < 20; i++) {
          AgentTest.produce(agent, new ProducerRecord<>("t", i % 5, null, "record"));
        }
        assertThat(AgentTest.consume(agent, "t", 4)).hasSize(4);

        // Every request from here on fails, and is counted.
        toS3.afflict(1, new Random(1), FaultyProxy.Fault.SLOW_DOWN);
        var before = Seen.in(url, postgres.user());
        await()
            .during(WATCHED_SECONDS, SECONDS)
            .atMost(2 * WATCHED_SECONDS, SECONDS)
            .until(() -> toS3.struck() == 0);
        var after = Seen.in(url, postgres.user());

        long intervals = (after.nanos - before.nanos) / 1_000_000 / RENEW_MILLIS;
        long changes = after.changes - before.changes;
        assertThat(changes).isLessThanOrEqualTo(intervals + 1);
        // One may be under way at either look.
        assertThat(changes - (after.renewals - before.renewals)).isBetween(-1L, 1L);
        assertThat(after.renewals).as("it lives").isGreaterThan(before.renewals);
        toS3.mend();
      }
    }
  }

  private Agent start(PostgresServer postgres, String url, S3Server s3, FaultyProxy toS3)
      throws StartFailure {
    var properties = new HashMap<>(s3.settings());
    properties.put("streamhouse.s3.endpoint", toS3.endpoint().toString());
    properties.put("streamhouse.data.dir", directory.toString());
    properties.put("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.put("streamhouse.http.listener", "127.0.0.1:0");
    properties.put("streamhouse.metadata.url", url);
    postgres.user().ifPresent(user -> properties.put("streamhouse.metadata.user", user));
    properties.put("streamhouse.session.renew.ms", Integer.toString(RENEW_MILLIS));
    properties.put("streamhouse.session.timeout.ms", "10000");
    properties.put("streamhouse.sweep.grace.ms", "1000");
    properties.put("log.retention.check.interval.ms", "1000");
    properties.put("offsets.retention.check.interval.ms", "1000");
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var config) -> Agent.start(config, TimeSource.system());
      case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
    };
  }
}
