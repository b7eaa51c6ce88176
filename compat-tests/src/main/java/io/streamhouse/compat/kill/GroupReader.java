package io.streamhouse.compat.kill;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/// The one member of a group, which reads a topic and commits whatever it has read. However often
/// its coordinator dies, what was committed is never behind what was acknowledged, nor ahead of
/// what was sent, and it goes on from there: it may read twice, but skips nothing.
///
/// Used by one thread until that has ended.
final class GroupReader {

  private static final Duration POLL = Duration.ofMillis(100);
  private static final int MOST_VIOLATIONS = 10;

  private final String bootstrap;
  private final String topic;
  private final String protocol;
  private final String group;
  private final Map<TopicPartition, Long> acknowledged = new HashMap<>();
  private final Map<TopicPartition, Long> sent = new HashMap<>();

  /// The next offset to be read of each partition, as far as it is known.
  private final Map<TopicPartition, Long> next = new HashMap<>();

  private final Set<TopicPartition> unchecked = new HashSet<>();
  private final List<String> violations = new CopyOnWriteArrayList<>();
  private long commits;

  /// @param protocol `classic` or `consumer`
  GroupReader(String bootstrap, String topic, String protocol) {
    this.bootstrap = bootstrap;
    this.topic = topic;
    this.protocol = protocol;
    this.group = "kill-loop-" + protocol;
  }

  String name() {
    return protocol + " member";
  }

  long commits() {
    return commits;
  }

  List<String> violations() {
    return violations;
  }

  /// Reads until all up to these offsets is committed.
  ///
  /// @param until asked now and then; null as long as there is more to come
  void run(Supplier<@Nullable Map<TopicPartition, Long>> until) {
    try (var consumer = consumer()) {
      consumer.subscribe(
          List.of(topic),
          new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
              next.keySet().removeAll(partitions);
            }

            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
              next.keySet().removeAll(partitions);
              unchecked.addAll(partitions);
            }
          });
      for (var end = until.get(); end == null || !reached(end); end = until.get()) {
        try {
          var records = consumer.poll(POLL);
          see(records);
          check(consumer);
          commit(consumer, records.nextOffsets());
        } catch (RetriableException | CommitFailedException tryAgain) {
          // What was read and not committed is committed with what comes next.
        }
      }
    }
  }

  private boolean reached(Map<TopicPartition, Long> end) {
    return end.entrySet().stream()
        .allMatch(one -> acknowledged.getOrDefault(one.getKey(), 0L) >= one.getValue());
  }

  private void see(ConsumerRecords<byte[], byte[]> records) {
    for (var record : records) {
      var partition = new TopicPartition(record.topic(), record.partition());
      // Whoever begins again does so where it committed, at most.
      long most = next.getOrDefault(partition, sent.getOrDefault(partition, 0L));
      if (record.offset() > most) {
        violation("%s went from %d to %d".formatted(partition, most, record.offset()));
      }
      next.put(partition, record.offset() + 1);
    }
  }

  /// What is committed of partitions that it has been assigned since.
  private void check(KafkaConsumer<byte[], byte[]> consumer) {
    if (!unchecked.isEmpty()) {
      compare(consumer.committed(unchecked), unchecked);
      unchecked.clear();
    }
  }

  private void commit(
      KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, OffsetAndMetadata> offsets) {
    if (offsets.isEmpty()) {
      return;
    }
    offsets.forEach((partition, one) -> sent.merge(partition, one.offset(), Math::max));
    consumer.commitSync(offsets);
    offsets.forEach((partition, one) -> acknowledged.put(partition, one.offset()));
    commits++;
  }

  /// Compares what is stored with what was acknowledged and sent, after the reader has ended.
  void compareStored() {
    try (var admin = Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrap))) {
      var stored = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata(group).get();
      compare(stored, acknowledged.keySet());
    } catch (ExecutionException failed) {
      throw new IllegalStateException(group, failed);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  private void compare(
      Map<TopicPartition, @Nullable OffsetAndMetadata> stored, Set<TopicPartition> partitions) {
    for (var partition : partitions) {
      var found = stored.get(partition);
      long offset = found == null ? 0 : found.offset();
      long least = acknowledged.getOrDefault(partition, 0L);
      long most = sent.getOrDefault(partition, 0L);
      if (offset < least || offset > most) {
        violation(
            "offset %d of %s is committed; %d was acknowledged, %d sent"
                .formatted(offset, partition, least, most));
      }
    }
  }

  private void violation(String what) {
    if (violations.size() < MOST_VIOLATIONS) {
      violations.add(name() + ": " + what);
    }
  }

  private KafkaConsumer<byte[], byte[]> consumer() {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("group.id", group);
    properties.put("group.protocol", protocol);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    properties.put("reconnect.backoff.max.ms", "200");
    properties.put("default.api.timeout.ms", "10000");
    properties.put("request.timeout.ms", "10000");
    properties.put("max.poll.records", "500");
    return new KafkaConsumer<>(
        properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }
}
