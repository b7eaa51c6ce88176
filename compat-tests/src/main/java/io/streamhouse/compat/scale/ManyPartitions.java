package io.streamhouse.compat.scale;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.driver.Options;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/// Many partitions on one server: create, describe, produce to all, read from all, stop, start,
/// delete. Prints for each step its time, the server's CPU time and memory.
///
/// `[--partitions N] [--topics N] [--records N] [--data DIR] [-X server.setting=value]…`:
/// `partitions` in all, over `topics`; `records` for each partition. `-Dcompat.server=kafka` does
/// it with Apache Kafka.
public final class ManyPartitions {

  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final Duration IDLE = Duration.ofSeconds(10);

  private final ServerUnderTest server;
  private final int partitions;
  private final int topics;
  private final int records;

  private ManyPartitions(ServerUnderTest server, int partitions, int topics, int records) {
    this.server = server;
    this.partitions = partitions;
    this.topics = topics;
    this.records = records;
  }

  public static void main(String[] arguments) throws Exception {
    var options = Options.parse(arguments);
    int partitions = (int) options.number("partitions", 10_000);
    int topics = (int) options.number("topics", 10);
    if (topics < 1 || partitions % topics != 0) {
      throw new IllegalArgumentException("partitions must be a multiple of topics");
    }
    var kits = Kits.find();
    var data = Path.of(options.text("data", kits.work().resolve("many-partitions") + ""));
    try (var server = Servers.chosen().create(kits, data, options.client())) {
      server.start();
      int records = (int) options.number("records", 2);
      new ManyPartitions(server, partitions, topics, records).run();
    }
  }

  /// A step of the run.
  @FunctionalInterface
  private interface Work {
    void run() throws Exception;
  }

  private void run() throws Exception {
    System.out.printf(
        "%s: %d partitions of %d topics, %d records each%n",
        server.name(), partitions, topics, records);
    step("create", this::create);
    step("describe", this::describe);
    step("end offsets", () -> endOffsets(0));
    step("produce the first record", () -> produce(1));
    step("produce the others", () -> produce(records - 1));
    step("end offsets", () -> endOffsets(records));
    step("consume", this::consume);
    step("idle", () -> LockSupport.parkNanos(IDLE.toNanos()));
    long before = System.nanoTime();
    if (server.stop() != 0) {
      throw new IllegalStateException("it did not stop in order\n" + server.tail());
    }
    System.out.printf("%-28s %9.2f s%n", "stop", (System.nanoTime() - before) / 1e9);
    before = System.nanoTime();
    server.start();
    System.out.printf("%-28s %9.2f s%n", "start", (System.nanoTime() - before) / 1e9);
    step("end offsets, after a start", () -> endOffsets(records));
    step("consume, after a start", this::consume);
    step("delete", this::delete);
  }

  private void step(String name, Work work) throws Exception {
    var before = server.figures();
    long started = System.nanoTime();
    work.run();
    double seconds = (System.nanoTime() - started) / 1e9;
    var after = server.figures();
    System.out.printf(
        "%-28s %9.2f s  server CPU %8.2f s  %6d MB%n",
        name, seconds, after.cpuSeconds() - before.cpuSeconds(), after.residentBytes() >> 20);
  }

  private List<String> names() {
    var names = new ArrayList<String>();
    for (int i = 0; i < topics; i++) {
      names.add("many-" + i);
    }
    return names;
  }

  private List<TopicPartition> all() {
    var all = new ArrayList<TopicPartition>();
    for (String name : names()) {
      for (int i = 0; i < partitions / topics; i++) {
        all.add(new TopicPartition(name, i));
      }
    }
    return all;
  }

  /// A topic a request: ten thousand partitions in one are refused, as by Kafka.
  private void create() throws ExecutionException, InterruptedException {
    try (var admin = admin()) {
      for (String name : names()) {
        var topic = new NewTopic(name, Optional.of(partitions / topics), Optional.empty());
        admin.createTopics(List.of(topic)).all().get();
      }
    }
  }

  private void describe() throws ExecutionException, InterruptedException {
    try (var admin = admin()) {
      int found =
          admin.describeTopics(names()).allTopicNames().get().values().stream()
              .mapToInt(one -> one.partitions().size())
              .sum();
      check("described", partitions, found);
    }
  }

  private void endOffsets(long expected) throws ExecutionException, InterruptedException {
    try (var admin = admin()) {
      var asked = new HashMap<TopicPartition, OffsetSpec>();
      all().forEach(one -> asked.put(one, OffsetSpec.latest()));
      for (var one : admin.listOffsets(asked).all().get().entrySet()) {
        check("end of " + one.getKey(), expected, one.getValue().offset());
      }
    }
  }

  private void produce(int each) {
    var failure = new AtomicReference<@Nullable Exception>();
    var properties =
        Map.<String, Object>of(
            "bootstrap.servers",
            server.bootstrap(),
            "buffer.memory",
            256 << 20,
            "delivery.timeout.ms",
            (int) LIMIT.toMillis());
    try (var producer =
        new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 0; i < each; i++) {
        for (var one : all()) {
          var _ =
              producer.send(
                  new ProducerRecord<>(one.topic(), one.partition(), null, new byte[100]),
                  (_, failed) -> failure.compareAndSet(null, failed));
        }
      }
    }
    if (failure.get() != null) {
      throw new IllegalStateException("a record failed", failure.get());
    }
  }

  private void consume() {
    Collection<TopicPartition> all = all();
    var seen = new HashSet<TopicPartition>();
    long wanted = (long) partitions * records;
    long count = 0;
    long end = System.nanoTime() + LIMIT.toNanos();
    try (var consumer =
        new KafkaConsumer<>(
            Map.<String, Object>of(
                "bootstrap.servers", server.bootstrap(),
                "enable.auto.commit", "false",
                "max.poll.records", "10000"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(all);
      consumer.seekToBeginning(all);
      while (count < wanted && System.nanoTime() < end) {
        for (var record : consumer.poll(Duration.ofMillis(500))) {
          count++;
          seen.add(new TopicPartition(record.topic(), record.partition()));
        }
      }
    }
    check("records read", wanted, count);
    check("partitions read", partitions, seen.size());
  }

  private void delete() throws ExecutionException, InterruptedException {
    try (var admin = admin()) {
      admin.deleteTopics(names()).all().get();
    }
  }

  private Admin admin() {
    return Admin.create(
        Map.<String, Object>of(
            "bootstrap.servers", server.bootstrap(),
            "default.api.timeout.ms", (int) LIMIT.toMillis(),
            "request.timeout.ms", (int) LIMIT.toMillis()));
  }

  private static void check(String what, long expected, long found) {
    if (expected != found) {
      throw new IllegalStateException(what + ": expected " + expected + ", found " + found);
    }
  }
}
