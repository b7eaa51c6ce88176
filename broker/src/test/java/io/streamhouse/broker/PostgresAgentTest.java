package io.streamhouse.broker;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.db.PostgresMetadata;
import io.streamhouse.metadata.testing.PostgresServer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A whole agent whose metadata is in PostgreSQL, with stock clients.
@Timeout(120)
class PostgresAgentTest {

  @TempDir private Path directory;

  private Agent start(PostgresServer server, String url, Map<String, String> settings)
      throws StartFailure {
    var properties = new HashMap<>(settings);
    properties.put("streamhouse.data.dir", directory.toString());
    properties.put("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.put("streamhouse.http.listener", "127.0.0.1:0");
    properties.put("streamhouse.metadata.url", url);
    server.user().ifPresent(user -> properties.put("streamhouse.metadata.user", user));
    server.password().ifPresent(text -> properties.put("streamhouse.metadata.password", text));
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var config) -> Agent.start(config, TimeSource.system());
      case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
    };
  }

  /// The same database, as another agent sees it.
  private static MetadataStore beside(PostgresServer server, String url) {
    var second = Duration.ofSeconds(1);
    return PostgresMetadata.open(
        new PostgresMetadata.Options(
            url, server.user(), server.password(), 2, second, second.multipliedBy(5)),
        new Random(1));
  }

  private static void produce(Agent agent, String value, Duration limit) throws Exception {
    var settings =
        Map.<String, Object>of(
            "bootstrap.servers",
            agent.listenAddresses().getFirst(),
            "linger.ms",
            0,
            "max.block.ms",
            10_000,
            "request.timeout.ms",
            (int) limit.toMillis(),
            "delivery.timeout.ms",
            (int) limit.toMillis());
    try (var producer =
        new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      producer.send(new ProducerRecord<>("t", value)).get();
    }
  }

  private static List<String> consume(Agent agent, int count) {
    var values = new ArrayList<String>();
    try (var consumer =
        new KafkaConsumer<>(
            Map.<String, Object>of("bootstrap.servers", agent.listenAddresses().getFirst()),
            new StringDeserializer(),
            new StringDeserializer())) {
      var partition = new TopicPartition("t", 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      for (int polls = 0; values.size() < count && polls < 100; polls++) {
        consumer.poll(Duration.ofMillis(200)).forEach(record -> values.add(record.value()));
      }
    }
    return values;
  }

  @Test
  void recordsSurviveARestartAndNothingIsKeptInALocalDatabase() throws Exception {
    var server = PostgresServer.shared();
    var url = server.newDatabase();
    try (var agent = start(server, url, Map.of())) {
      produce(agent, "one", Duration.ofSeconds(20));
      assertThat(consume(agent, 1)).containsExactly("one");
    }
    assertThat(directory.resolve("metadata.db")).doesNotExist();
    try (var agent = start(server, url, Map.of())) {
      produce(agent, "two", Duration.ofSeconds(20));
      assertThat(consume(agent, 2)).containsExactly("one", "two");
    }
  }

  @Test
  void aTopicMadeElsewhereIsSeenAndLed() throws Exception {
    var server = PostgresServer.shared();
    var url = server.newDatabase();
    try (var agent = start(server, url, Map.of());
        var elsewhere = beside(server, url)) {
      elsewhere.topics().create("t", 1, Map.of());
      try (var admin =
          Admin.create(
              Map.<String, Object>of("bootstrap.servers", agent.listenAddresses().getFirst()))) {
        await()
            .atMost(20, SECONDS)
            .until(() -> admin.listTopics().names().get().equals(Set.of("t")));
      }
      produce(agent, "one", Duration.ofSeconds(20));
      assertThat(consume(agent, 1)).containsExactly("one");
    }
  }

  @Test
  void aDatabaseThatIsAwayIsWaitedFor() throws Exception {
    try (var server = PostgresServer.own()) {
      var url = server.newDatabase();
      server.stop();
      var starting = new FutureTask<>(() -> start(server, url, Map.of()));
      Thread.ofVirtual().start(starting);
      assertThatThrownBy(() -> starting.get(2, SECONDS)).isInstanceOf(TimeoutException.class);
      server.start();
      try (var agent = starting.get(60, SECONDS)) {
        produce(agent, "one", Duration.ofSeconds(20));
      }
    }
  }

  @Test
  void aDatabaseThatIsNotThereFailsTheStartWithoutTellingThePassword() throws Exception {
    var settings = Map.of("streamhouse.metadata.password", "s3cret!");
    var server = PostgresServer.shared();
    var url = server.newDatabase().replaceFirst("/[a-z0-9_]+$", "/absent");
    assertThatThrownBy(() -> start(server, url, settings))
        .isInstanceOf(StartFailure.class)
        .hasMessageContaining("/absent")
        .satisfies(e -> {
          for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            assertThat(cause.toString()).doesNotContain("s3cret!");
          }
        });
  }

  @Test
  void aDatabaseThatStopsAndStartsStopsWritesOnlyMeanwhile() throws Exception {
    var session =
        Map.of("streamhouse.session.timeout.ms", "4000", "streamhouse.session.renew.ms", "1000");
    try (var server = PostgresServer.own()) {
      var url = server.newDatabase();
      try (var agent = start(server, url, session)) {
        produce(agent, "one", Duration.ofSeconds(20));
        var sessions = sessions(server, url);

        server.stop();
        // Known records are served, before the lease has run out and after.
        assertThat(consume(agent, 1)).containsExactly("one");
        await()
            .atMost(30, SECONDS)
            .untilAsserted(() ->
                assertThatThrownBy(() -> produce(agent, "lost", Duration.ofSeconds(2)))
                    .isInstanceOf(ExecutionException.class)
                    .hasCauseInstanceOf(RetriableException.class));

        server.start();
        await()
            .atMost(30, SECONDS)
            .ignoreExceptions()
            .until(() -> {
              produce(agent, "two", Duration.ofSeconds(5));
              return true;
            });
        assertThat(consume(agent, 2)).startsWith("one").endsWith("two");
        assertThat(sessions(server, url)).isEqualTo(sessions);
      }
    }
  }

  private static List<?> sessions(PostgresServer server, String url) {
    try (var store = beside(server, url)) {
      return store.leases().sessions().stream().map(one -> one.incarnation()).toList();
    }
  }
}
