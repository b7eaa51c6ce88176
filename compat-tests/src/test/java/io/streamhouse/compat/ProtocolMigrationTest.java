package io.streamhouse.compat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A group of classic consumers is moved to `group.protocol=consumer` one by one, and back
/// (KIP-848): each record is read, and none again once its offset was committed.
class ProtocolMigrationTest {

  private static final String TOPIC = "protocol-migration";
  private static final String GROUP = "moving";
  private static final int PARTITIONS = 6;
  private static final int CONSUMERS = 3;
  private static final Duration LIMIT = Duration.ofMinutes(1);
  private static final Map<String, String> CONFIG =
      Map.of(
          "group.initial.rebalance.delay.ms", "0",
          "group.consumer.min.session.timeout.ms", "6000",
          "group.consumer.session.timeout.ms", "6000",
          "group.consumer.min.heartbeat.interval.ms", "500",
          "group.consumer.heartbeat.interval.ms", "500");

  private final List<String> sent = new ArrayList<>();
  private final List<String> read = new ArrayList<>();
  private final Map<TopicPartition, Long> committed = new HashMap<>();

  @TempDir Path directory;

  @Test
  void consumersThatGiveAllUpToRebalanceAreMovedAndBack() throws Exception {
    moveAndBack("org.apache.kafka.clients.consumer.RangeAssignor");
  }

  @Test
  void consumersThatRebalanceInStepsAreMovedAndBack() throws Exception {
    moveAndBack("org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
  }

  private void moveAndBack(String assignor) throws Exception {
    try (var server = Servers.chosen().create(Kits.find(), directory.resolve("data"), CONFIG)) {
      server.start();
      Topics.create(server, TOPIC, PARTITIONS, Map.of());
      var consumers = new ArrayList<KafkaConsumer<String, String>>();
      try {
        for (int i = 0; i < CONSUMERS; i++) {
          consumers.add(consumer(server, "classic", assignor));
        }
        exchange(server, consumers);
        assertThat(type(server)).isEqualTo(GroupType.CLASSIC);
        for (var protocol : List.of("consumer", "classic")) {
          for (int i = 0; i < CONSUMERS; i++) {
            consumers.get(i).close();
            consumers.set(i, consumer(server, protocol, assignor));
            exchange(server, consumers);
            boolean allClassic = protocol.equals("classic") && i == CONSUMERS - 1;
            assertThat(type(server))
                .as("%s consumer %d", protocol, i)
                .isEqualTo(allClassic ? GroupType.CLASSIC : GroupType.CONSUMER);
          }
        }
      } finally {
        consumers.forEach(KafkaConsumer::close);
      }
    }
    assertThat(read).containsAll(sent);
  }

  /// Sends something, and lets the consumers read until they have it and share the partitions.
  private void exchange(ServerUnderTest server, List<KafkaConsumer<String, String>> consumers) {
    produce(server);
    await()
        .atMost(LIMIT)
        .until(() -> {
          consumers.forEach(this::poll);
          var owned = new ArrayList<TopicPartition>();
          consumers.forEach(one -> owned.addAll(one.assignment()));
          return new HashSet<>(read).containsAll(sent)
              && consumers.stream().allMatch(one -> one.assignment().size() == 2)
              && new HashSet<>(owned).size() == PARTITIONS;
        });
  }

  private void poll(KafkaConsumer<String, String> consumer) {
    var records = consumer.poll(Duration.ofMillis(50));
    for (var one : records) {
      var partition = new TopicPartition(one.topic(), one.partition());
      assertThat(one.offset())
          .as("offset in %s", partition)
          .isGreaterThanOrEqualTo(committed.getOrDefault(partition, 0L));
      read.add(one.value());
    }
    if (records.isEmpty()) {
      return;
    }
    try {
      consumer.commitSync(records.nextOffsets());
      records
          .nextOffsets()
          .forEach((partition, next) -> committed.merge(partition, next.offset(), Math::max));
    } catch (CommitFailedException | RebalanceInProgressException e) {
      // They are read again, by whoever has the partition then.
    }
  }

  private static GroupType type(ServerUnderTest server)
      throws InterruptedException, ExecutionException {
    try (var admin =
        Admin.create(Map.<String, Object>of("bootstrap.servers", server.bootstrap()))) {
      return admin.listGroups().all().get().stream()
          .filter(one -> one.groupId().equals(GROUP))
          .findFirst()
          .flatMap(one -> one.type())
          .orElseThrow();
    }
  }

  private static KafkaConsumer<String, String> consumer(
      ServerUnderTest server, String protocol, String assignor) {
    var properties = new Properties();
    properties.put("bootstrap.servers", server.bootstrap());
    properties.put("group.id", GROUP);
    properties.put("group.protocol", protocol);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    if (protocol.equals("classic")) {
      properties.put("partition.assignment.strategy", assignor);
      properties.put("session.timeout.ms", "6000");
      properties.put("heartbeat.interval.ms", "500");
    }
    var consumer =
        new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    consumer.subscribe(List.of(TOPIC));
    return consumer;
  }

  private void produce(ServerUnderTest server) {
    var properties = new Properties();
    properties.put("bootstrap.servers", server.bootstrap());
    try (var producer =
        new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < 60; i++) {
        String value = "record " + sent.size();
        var _ = producer.send(new ProducerRecord<>(TOPIC, i % PARTITIONS, null, value));
        sent.add(value);
      }
    }
  }
}
