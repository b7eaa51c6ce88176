package io.streamhouse.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.sweep.SweepGuard;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A database restored from a backup that is older than what has been deleted since.
@Timeout(120)
class RestoreTest {

  @TempDir private Path home;

  private Path data() {
    return home.resolve("data");
  }

  private AgentConfig config() {
    var properties = new HashMap<String, String>();
    properties.put("streamhouse.data.dir", data().toString());
    properties.put("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.put("streamhouse.http.listener", "127.0.0.1:0");
    properties.put("streamhouse.flush.interval.ms", "100");
    properties.put("streamhouse.sweep.grace.ms", "0");
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var config) -> config;
      case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
    };
  }

  private Agent start() throws StartFailure {
    return Agent.start(config(), TimeSource.system());
  }

  private static void produce(Agent agent, String topic) throws Exception {
    try (var producer =
        new KafkaProducer<>(
            Map.<String, Object>of("bootstrap.servers", agent.listenAddresses().getFirst()),
            new StringSerializer(),
            new StringSerializer())) {
      producer.send(new ProducerRecord<>(topic, "value")).get();
    }
  }

  private static void delete(Agent agent, String topic) throws Exception {
    try (var admin =
        Admin.create(
            Map.<String, Object>of("bootstrap.servers", agent.listenAddresses().getFirst()))) {
      admin.deleteTopics(List.of(topic)).all().get();
    }
  }

  private List<Path> objects() throws IOException {
    try (var files = Files.walk(data().resolve("objects"))) {
      return files.filter(file -> file.toString().endsWith(".seg")).sorted().toList();
    }
  }

  private void backUp(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    for (var name : List.of("metadata.db", "metadata.db-wal", "metadata.db-shm")) {
      Files.deleteIfExists(to.resolve(name));
      if (Files.exists(from.resolve(name))) {
        Files.copy(from.resolve(name), to.resolve(name));
      }
    }
  }

  private static String health(Agent agent) throws Exception {
    try (var client = HttpClient.newHttpClient()) {
      var uri = URI.create("http://" + agent.httpAddress().orElseThrow() + "/health");
      return client
          .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
          .body();
    }
  }

  @Test
  void aRestoredDatabaseDeletesNothingUntilItIsAdopted() throws Exception {
    try (var agent = start()) {
      produce(agent, "first");
      await().ignoreExceptions().until(() -> objects().size() == 1);
      produce(agent, "second");
      await().ignoreExceptions().until(() -> objects().size() == 2);
    }
    var backup = home.resolve("backup");
    backUp(data(), backup);
    try (var agent = start()) {
      produce(agent, "third");
      await().ignoreExceptions().until(() -> objects().size() == 3);
      delete(agent, "first");
      await().ignoreExceptions().until(() -> objects().size() == 2);
      assertThat(health(agent)).doesNotContain("older");
    }
    backUp(backup, data());
    var before = objects();

    try (var agent = start()) {
      delete(agent, "second");
      await().ignoreExceptions().until(() -> health(agent).contains("older"));
      assertThat(objects()).isEqualTo(before);
    }
    try (var deployment = Deployment.openRestored(config())) {
      assertThat(Deployment.runs(config(), deployment)).isFalse();
      var metadata = deployment.metadata();
      new SweepGuard(metadata.sweeps(), deployment.objects(), new Random(1)).adopt();
    }
    try (var agent = start()) {
      produce(agent, "fourth");
      await().ignoreExceptions().until(() -> objects().size() == 2);
      assertThat(objects()).isNotEqualTo(before);
      assertThat(health(agent)).doesNotContain("older");
    }
  }
}
