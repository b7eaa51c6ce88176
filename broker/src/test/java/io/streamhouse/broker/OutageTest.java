package io.streamhouse.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A whole agent whose object store goes away and comes back.
@Timeout(180)
class OutageTest {

  private static final Map<String, String> SMALL =
      Map.of(
          "streamhouse.flush.interval.ms", "100",
          "streamhouse.flush.bytes", "65536",
          "streamhouse.tail.max.bytes", "1048576",
          "streamhouse.wal.file.bytes", "1048576",
          "streamhouse.wal.max.bytes", "6291456");

  @TempDir private Path directory;

  private Agent start(Map<String, String> settings) throws StartFailure {
    var properties = new HashMap<>(settings);
    properties.put("streamhouse.data.dir", directory.toString());
    properties.put("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.put("streamhouse.http.listener", "");
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var config) -> Agent.start(config, TimeSource.system());
      case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
    };
  }

  private static KafkaProducer<String, String> producer(Agent agent, int timeoutMillis) {
    return new KafkaProducer<>(
        Map.<String, Object>of(
            "bootstrap.servers",
            agent.listenAddresses().getFirst(),
            "request.timeout.ms",
            timeoutMillis / 2,
            "delivery.timeout.ms",
            timeoutMillis),
        new StringSerializer(),
        new StringSerializer());
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

  private Path objects() {
    return directory.resolve("objects");
  }

  private long objectCount() throws IOException {
    try (var files = Files.walk(objects())) {
      return files.filter(file -> file.toString().endsWith(".seg")).count();
    }
  }

  /// From now on no object can be written or read.
  private void takeStoreAway() throws IOException {
    Files.move(objects(), directory.resolve("away"));
    Files.createFile(objects());
  }

  private void bringStoreBack() throws IOException {
    Files.delete(objects());
    Files.move(directory.resolve("away"), objects());
  }

  @Test
  void localTopicsAreWrittenAndReadWhileTheStoreIsAwayUntilTheLogIsFull() throws Exception {
    var written = new ArrayList<String>();
    try (var agent = start(SMALL)) {
      try (var producer = producer(agent, 60_000)) {
        producer.send(new ProducerRecord<>("t", "before")).get();
        await().atMost(Duration.ofSeconds(30)).until(() -> objectCount() > 0);
        takeStoreAway();
        for (int i = 0; i < 300; i++) {
          var value = i + "x".repeat(10_000);
          producer.send(new ProducerRecord<>("t", value)).get();
          written.add(value);
        }
      }
      try (var producer = producer(agent, 2_000)) {
        assertThatThrownBy(
                () -> {
                  for (int i = 300; i < 1000; i++) {
                    var value = i + "x".repeat(10_000);
                    producer.send(new ProducerRecord<>("t", value)).get();
                    written.add(value);
                  }
                })
            .isInstanceOf(ExecutionException.class);
      }
      assertThat(written).hasSizeGreaterThan(400);

      bringStoreBack();
      try (var producer = producer(agent, 60_000)) {
        producer.send(new ProducerRecord<>("t", "after")).get();
      }
      var read = consume(agent, written.size() + 2);
      assertThat(read.getFirst()).isEqualTo("before");
      assertThat(read.subList(1, written.size() + 1)).isEqualTo(written);
      assertThat(read.getLast()).isEqualTo("after");
    }
    try (var agent = start(SMALL)) {
      assertThat(consume(agent, written.size() + 2)).containsAll(written);
    }
  }

  @Test
  void whatIsOnlyInTheLogIsReadFromThere() throws Exception {
    try (var agent = start(SMALL);
        var producer = producer(agent, 60_000)) {
      takeStoreAway();
      var written = new ArrayList<String>();
      for (int i = 0; i < 300; i++) {
        written.add(i + "x".repeat(10_000));
        producer.send(new ProducerRecord<>("t", written.getLast())).get();
      }
      assertThat(consume(agent, 300)).isEqualTo(written);
      bringStoreBack();
    }
    assertThat(objectCount()).isPositive();
  }

  @Test
  void recordsOfObjectTopicsAreInTheStoreWhenTheyAreAcknowledged() throws Exception {
    try (var agent = start(Map.of("streamhouse.durability", "object"));
        var producer = producer(agent, 60_000)) {
      producer.send(new ProducerRecord<>("t", "one")).get();
      assertThat(objectCount()).isEqualTo(1);
      assertThat(consume(agent, 1)).containsExactly("one");
      takeStoreAway();
      try (var impatient = producer(agent, 1_000)) {
        assertThatThrownBy(() -> impatient.send(new ProducerRecord<>("t", "two")).get())
            .isInstanceOf(ExecutionException.class);
      }
      bringStoreBack();
      producer.send(new ProducerRecord<>("t", "three")).get();
      assertThat(consume(agent, 2)).startsWith("one").contains("three");
    }
  }
}
