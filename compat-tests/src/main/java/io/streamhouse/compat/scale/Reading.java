package io.streamhouse.compat.scale;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/// A consumer of its own thread that reads partitions from their beginnings for ever, and counts.
final class Reading implements AutoCloseable {

  private final AtomicLong records = new AtomicLong();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private final Thread thread;
  private volatile boolean closed;

  Reading(String bootstrap, List<TopicPartition> partitions) {
    thread =
        Thread.ofPlatform()
            .name("reading")
            .start(() -> {
              try {
                read(bootstrap, partitions);
              } catch (Throwable thrown) {
                failure.set(thrown);
              }
            });
  }

  private void read(String bootstrap, List<TopicPartition> partitions) {
    try (var consumer =
        new KafkaConsumer<>(
            Map.<String, Object>of(
                "bootstrap.servers", bootstrap,
                "enable.auto.commit", "false",
                "max.poll.records", "10000"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      while (!closed) {
        records.addAndGet(consumer.poll(Duration.ofMillis(200)).count());
      }
    }
  }

  /// Records read so far; throws where reading failed.
  long records() {
    var thrown = failure.get();
    if (thrown != null) {
      throw new IllegalStateException("reading failed", thrown);
    }
    return records.get();
  }

  @Override
  public void close() {
    closed = true;
    try {
      thread.join();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
