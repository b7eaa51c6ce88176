package io.streamhouse.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A whole agent in this process, with stock clients.
@Timeout(120)
class AgentTest {

  @TempDir private Path directory;

  private Agent start(Map<String, String> settings) throws StartFailure {
    var properties = new HashMap<>(settings);
    properties.put("streamhouse.data.dir", directory.toString());
    properties.putIfAbsent("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.putIfAbsent("streamhouse.http.listener", "127.0.0.1:0");
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var config) -> Agent.start(config, TimeSource.system());
      case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
    };
  }

  static void produce(Agent agent, String topic, List<String> values) throws Exception {
    try (var producer = producer(agent)) {
      var sent = new ArrayList<Future<?>>();
      for (var value : values) {
        sent.add(producer.send(new ProducerRecord<>(topic, value)));
      }
      for (var future : sent) {
        future.get();
      }
    }
  }

  static void produce(Agent agent, ProducerRecord<String, String> record) throws Exception {
    try (var producer = producer(agent)) {
      var _ = producer.send(record).get();
    }
  }

  private static KafkaProducer<String, String> producer(Agent agent) {
    return new KafkaProducer<>(
        Map.of("bootstrap.servers", agent.listenAddresses().getFirst()),
        new StringSerializer(),
        new StringSerializer());
  }

  static KafkaConsumer<String, String> consumer(Agent agent) {
    return new KafkaConsumer<>(
        Map.of("bootstrap.servers", agent.listenAddresses().getFirst()),
        new StringDeserializer(),
        new StringDeserializer());
  }

  static List<String> consume(Agent agent, String topic, int count) {
    var values = new ArrayList<String>();
    try (var consumer = consumer(agent)) {
      var partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      for (int polls = 0; values.size() < count && polls < 100; polls++) {
        consumer.poll(Duration.ofMillis(200)).forEach(record -> values.add(record.value()));
      }
    }
    return values;
  }

  private List<Path> logFiles() throws IOException {
    return filesIn("wal").stream().filter(file -> file.toString().endsWith(".wal")).toList();
  }

  private List<Path> filesIn(String name) throws IOException {
    try (var files = Files.walk(directory.resolve(name))) {
      return files.filter(Files::isRegularFile).toList();
    }
  }

  @Test
  void aStopFlushesEverythingAndARestartServesItFromSegments() throws Exception {
    var values = List.of("one", "two", "three");
    try (var agent = start(Map.of())) {
      produce(agent, "t", values);
      assertThat(consume(agent, "t", 3)).isEqualTo(values);
    }
    assertThat(logFiles()).isEmpty();
    assertThat(filesIn("objects")).hasSize(1);
    try (var agent = start(Map.of())) {
      produce(agent, "t", List.of("four"));
      assertThat(consume(agent, "t", 4)).containsExactly("one", "two", "three", "four");
    }
  }

  @Test
  void flushesInTheBackgroundLoseNothingToReaders() throws Exception {
    try (var agent = start(Map.of("streamhouse.flush.interval.ms", "100"))) {
      var values = new ArrayList<String>();
      for (int i = 0; i < 20; i++) {
        produce(agent, "t", List.of("value-" + i));
        values.add("value-" + i);
      }
      assertThat(consume(agent, "t", 20)).isEqualTo(values);
    }
  }

  @Test
  void smallSegmentsAreMergedAndTheirObjectsDeletedWhileReadersReadOn() throws Exception {
    var settings =
        Map.of("streamhouse.flush.interval.ms", "20", "streamhouse.sweep.grace.ms", "200");
    try (var agent = start(settings)) {
      var values = new ArrayList<String>();
      try (var producer = producer(agent)) {
        for (int i = 0; i < 60; i++) {
          var value = "value-" + i;
          producer.send(new ProducerRecord<>("t", value)).get();
          values.add(value);
          var base = "/%020d-".formatted(i);
          // Files go while they are listed.
          await()
              .ignoreExceptionsInstanceOf(UncheckedIOException.class)
              .pollInterval(Duration.ofMillis(5))
              .until(() -> filesIn("objects").stream().anyMatch(f -> f.toString().contains(base)));
        }
      }
      assertThat(consume(agent, "t", 60)).isEqualTo(values);
      await()
          .ignoreExceptionsInstanceOf(UncheckedIOException.class)
          .atMost(Duration.ofSeconds(60))
          .until(() ->
              filesIn("objects").stream().filter(f -> f.toString().endsWith(".seg")).count() < 20);
      assertThat(consume(agent, "t", 60)).isEqualTo(values);
    }
  }

  @Test
  void anAgentTellsOverHttpThatItIsWellAndWhatItDid() throws Exception {
    try (var agent = start(Map.of());
        var client = HttpClient.newHttpClient()) {
      produce(agent, "t", List.of("one"));
      var health = get(client, agent, "/health");
      assertThat(health.statusCode()).isEqualTo(200);
      assertThat(health.body())
          .contains("session", "metadata", "write-ahead log", "flush")
          .doesNotContain("failing");
      assertThat(get(client, agent, "/ready").statusCode()).isEqualTo(200);
      assertThat(get(client, agent, "/metrics").body())
          .contains("# TYPE streamhouse_request_bytes_total counter")
          .contains("streamhouse_produce_batches_total 1.0")
          .contains("streamhouse_request_duration_seconds_count{api=\"Produce\"} 1")
          .containsPattern("streamhouse_wal_sync_seconds_count [1-9]")
          .containsPattern("streamhouse_metadata_transaction_seconds_count\\{[^}]*} [1-9]")
          .containsPattern("jvm_memory_used_bytes\\{")
          .containsPattern("streamhouse_request_bytes_total [1-9]");
    }
  }

  private static HttpResponse<String> get(HttpClient client, Agent agent, String path)
      throws Exception {
    var uri = URI.create("http://" + agent.httpAddress().orElseThrow() + path);
    return client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void anHttpPortThatWasAskedForAndIsTakenFailsTheStart() throws Exception {
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var listener = "127.0.0.1:" + taken.getLocalPort();
      assertThatThrownBy(() -> start(Map.of("streamhouse.http.listener", listener)))
          .isInstanceOf(StartFailure.class)
          .hasMessageContaining("streamhouse.http.listener")
          .hasMessageContaining(listener);
    }
    try (var agent = start(Map.of("streamhouse.http.listener", ""))) {
      assertThat(agent.httpAddress()).isEmpty();
    }
  }

  @Test
  void whatRetentionDropsIsGoneForReadersAndStaysGone() throws Exception {
    var settings =
        Map.of(
            "streamhouse.flush.interval.ms", "100",
            "log.retention.check.interval.ms", "100",
            "log.retention.ms", "1");
    try (var agent = start(settings)) {
      produce(agent, "t", List.of("one", "two"));
      await().atMost(Duration.ofSeconds(30)).until(() -> beginning(agent, "t") == 2);
    }
    try (var agent = start(Map.of())) {
      assertThat(beginning(agent, "t")).isEqualTo(2);
      produce(agent, "t", List.of("three"));
      assertThat(consume(agent, "t", 1)).containsExactly("three");
    }
  }

  private static long beginning(Agent agent, String topic) {
    try (var consumer =
        new KafkaConsumer<>(
            Map.<String, Object>of("bootstrap.servers", agent.listenAddresses().getFirst()),
            new StringDeserializer(),
            new StringDeserializer())) {
      var partition = new TopicPartition(topic, 0);
      return consumer.beginningOffsets(List.of(partition)).getOrDefault(partition, -1L);
    }
  }

  @Test
  void aSecondAgentOnTheSameDirectoryIsRefused() throws Exception {
    try (var _ = start(Map.of())) {
      assertThatThrownBy(() -> start(Map.of()))
          .isInstanceOf(StartFailure.class)
          .hasMessageContaining("in use");
    }
  }

  @Test
  void aTakenPortFailsTheStartAndLeavesTheDirectoryFree() throws Exception {
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var listeners = "PLAINTEXT://127.0.0.1:" + taken.getLocalPort();
      assertThatThrownBy(() -> start(Map.of("listeners", listeners)))
          .isInstanceOf(StartFailure.class)
          .hasMessageContaining(String.valueOf(taken.getLocalPort()));
    }
    start(Map.of()).close();
  }

  @Test
  void damagedDurableBytesFailTheStartAndSayWhere() throws Exception {
    try (var agent = start(Map.of("streamhouse.flush.interval.ms", "600000"))) {
      produce(agent, "t", List.of("one"));
      produce(agent, "t", List.of("two"));
      var copy = directory.resolveSibling(directory.getFileName() + "-copy.wal");
      Files.copy(logFiles().getFirst(), copy);
    }
    var copy = directory.resolveSibling(directory.getFileName() + "-copy.wal");
    try (var channel = Files.newByteChannel(copy, StandardOpenOption.WRITE)) {
      channel.position(150).write(ByteBuffer.wrap(new byte[] {1, 2, 3, 4}));
    }
    Files.move(copy, directory.resolve("wal/00000000000000000001.wal"));

    assertThatThrownBy(() -> start(Map.of()))
        .isInstanceOf(StartFailure.class)
        .hasMessageContaining("damaged at position");
  }
}
