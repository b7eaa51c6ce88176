package io.streamhouse.compat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Consumers with `group.protocol=consumer` (KIP-848): they share a topic, take over from one that
/// is gone without a word, follow a pattern, and go on after the server was killed.
class ConsumerProtocolTest {

  private static final String TOPIC = "consumer-protocol";
  private static final String GROUP = "consumers";
  private static final int PARTITIONS = 4;
  private static final Duration LIMIT = Duration.ofMinutes(1);

  /// Shorter than Kafka allows by default, so that a lost member is soon noticed.
  private static final Map<String, String> CONFIG =
      Map.of(
          "group.consumer.min.session.timeout.ms", "6000",
          "group.consumer.session.timeout.ms", "6000",
          "group.consumer.min.heartbeat.interval.ms", "500",
          "group.consumer.heartbeat.interval.ms", "500");

  private final Kits kits = Kits.find();
  private final List<String> sent = new ArrayList<>();
  private final List<String> read = new ArrayList<>();

  @TempDir Path directory;

  @Test
  void everyRecordIsReadThroughJoinKillAndRestart() throws Exception {
    try (var server = Servers.chosen().create(kits, directory.resolve("data"), CONFIG)) {
      server.start();
      Topics.create(server, TOPIC, PARTITIONS, Map.of());
      try (var first = consumer(server)) {
        produce(server);
        readAll(List.of(first));
        assertThat(first.assignment()).hasSize(PARTITIONS);

        try (var second = consumer(server)) {
          await()
              .atMost(LIMIT)
              .until(() -> {
                poll(List.of(first, second));
                return first.assignment().size() == 2 && second.assignment().size() == 2;
              });
          assertThat(first.assignment()).doesNotContainAnyElementsOf(second.assignment());
          produce(server);
          readAll(List.of(first, second));
          check(server, 2);
          second.close(
              CloseOptions.groupMembershipOperation(
                  CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP));
        }
        produce(server);
        readAll(List.of(first));
        assertThat(first.assignment()).hasSize(PARTITIONS);

        server.kill();
        server.start();
        produce(server);
        readAll(List.of(first));
        check(server, 1);
      }
      assertThat(server.stop()).as(server::tail).isZero();
      server.start();
      try (var later = consumer(server)) {
        produce(server);
        readAll(List.of(later));
      }
    }
    assertThat(read).as("offsets were kept").containsExactlyInAnyOrderElementsOf(sent);
  }

  @Test
  void aPatternOfTheServerFollowsTopicsThatAreCreatedAndDeleted() throws Exception {
    try (var server = Servers.chosen().create(kits, directory.resolve("data"), CONFIG)) {
      server.start();
      Topics.create(server, "eu.orders", 2, Map.of());
      Topics.create(server, "us.orders", 1, Map.of());
      try (var consumer = consumer(server, GROUP)) {
        consumer.subscribe(new SubscriptionPattern("eu\\..*"));
        awaitTopics(consumer, "eu.orders");
        Topics.create(server, "eu.clicks", 1, Map.of());
        awaitTopics(consumer, "eu.orders", "eu.clicks");
        produce(server, "eu.clicks");
        readAll(List.of(consumer));
        try (var admin =
            Admin.create(Map.<String, Object>of("bootstrap.servers", server.bootstrap()))) {
          admin.deleteTopics(List.of("eu.orders")).all().get();
        }
        awaitTopics(consumer, "eu.clicks");

        server.kill();
        server.start();
        produce(server, "eu.clicks");
        readAll(List.of(consumer));
      }
      try (var wrong = consumer(server, "others")) {
        wrong.subscribe(new SubscriptionPattern("eu("));
        await()
            .atMost(LIMIT)
            .untilAsserted(() ->
                assertThatThrownBy(() -> wrong.poll(Duration.ofMillis(50)))
                    .isInstanceOf(InvalidRegularExpression.class)
                    .hasMessageContaining("missing closing )"));
      }
    }
    assertThat(read).as("offsets were kept").containsExactlyInAnyOrderElementsOf(sent);
  }

  private void awaitTopics(KafkaConsumer<String, String> consumer, String... topics) {
    await()
        .atMost(LIMIT)
        .until(() -> {
          poll(List.of(consumer));
          return consumer.assignment().stream()
              .map(TopicPartition::topic)
              .collect(Collectors.toSet())
              .equals(Set.of(topics));
        });
  }

  private static void check(ServerUnderTest server, int members)
      throws InterruptedException, ExecutionException {
    try (var admin =
        Admin.create(Map.<String, Object>of("bootstrap.servers", server.bootstrap()))) {
      var group = admin.describeConsumerGroups(Set.of(GROUP)).all().get().get(GROUP);
      assertThat(group).isNotNull();
      assertThat(group.type()).isEqualTo(GroupType.CONSUMER);
      assertThat(group.groupState()).isEqualTo(GroupState.STABLE);
      assertThat(group.members()).hasSize(members);
      var owned = new ArrayList<>();
      group.members().forEach(one -> owned.addAll(one.assignment().topicPartitions()));
      assertThat(owned).hasSize(PARTITIONS).doesNotHaveDuplicates();
    }
  }

  private static KafkaConsumer<String, String> consumer(ServerUnderTest server) {
    var consumer = consumer(server, GROUP);
    consumer.subscribe(List.of(TOPIC));
    return consumer;
  }

  private static KafkaConsumer<String, String> consumer(ServerUnderTest server, String group) {
    var properties = new Properties();
    properties.put("bootstrap.servers", server.bootstrap());
    properties.put("group.id", group);
    properties.put("group.protocol", "consumer");
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
  }

  private void produce(ServerUnderTest server) {
    produce(server, TOPIC);
  }

  private void produce(ServerUnderTest server, String topic) {
    var properties = new Properties();
    properties.put("bootstrap.servers", server.bootstrap());
    try (var producer =
        new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < 40; i++) {
        String value = "record " + sent.size();
        var _ =
            producer.send(
                new ProducerRecord<>(topic, topic.equals(TOPIC) ? i % PARTITIONS : 0, null, value));
        sent.add(value);
      }
    }
  }

  private void readAll(List<KafkaConsumer<String, String>> consumers) {
    await()
        .atMost(LIMIT)
        .until(() -> {
          poll(consumers);
          return new HashSet<>(read).containsAll(sent);
        });
  }

  private void poll(List<KafkaConsumer<String, String>> consumers) {
    for (var consumer : consumers) {
      var records = consumer.poll(Duration.ofMillis(50));
      records.forEach(one -> read.add(one.value()));
      if (!records.isEmpty()) {
        consumer.commitSync();
      }
    }
  }
}
