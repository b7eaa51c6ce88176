package io.streamhouse.compat.driver;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/// A producer or consumer in its own process, with whatever release of kafka-clients is on its
/// class path.
///
/// | command           | does                                                                    |
/// |-------------------|-------------------------------------------------------------------------|
/// | `produce`         | lines `[from, to)` of [JsonLines] to `--topic`; `--acked FILE` gets [Placements]; prints `acknowledged N` as it goes |
/// | `consume`         | everything in `--topic` up to the end offsets of the start; `--out FILE` gets [Placements] |
/// | `produce-samples` | the [Samples] to a topic `PREFIX.CODEC` for each of `--codecs`            |
/// | `dump`            | each of `--topics`, one described record a line                          |
/// | `produce-load`    | `--records N` of `--size N` random bytes, as fast as it can              |
/// | `consume-load`    | reads `--records N` from the beginning                                   |
///
/// All take `--bootstrap HOST:PORT` and any client setting as `-X key=value`. The last line printed
/// is a summary in JSON. Exit code 0, 1 when a record failed or something was thrown, 2 for usage.
public final class ClientDriver {

  private static final Duration POLL = Duration.ofMillis(250);

  private final Options options;
  private final long started = System.nanoTime();

  private ClientDriver(Options options) {
    this.options = options;
  }

  public static void main(String[] arguments) {
    int code;
    try {
      code = run(Options.parse(arguments));
    } catch (IllegalArgumentException usage) {
      System.err.println(usage.getMessage());
      code = 2;
    } catch (Exception failure) {
      failure.printStackTrace();
      code = 1;
    }
    System.out.flush();
    // Exits although a client's thread may still be in a retry.
    System.exit(code);
  }

  private static int run(Options options) throws Exception {
    var driver = new ClientDriver(options);
    String command = options.rest().isEmpty() ? "" : options.rest().getFirst();
    return switch (command) {
      case "produce" -> driver.produce();
      case "consume" -> driver.consume();
      case "produce-samples" -> driver.produceSamples();
      case "dump" -> driver.dump();
      case "produce-load" -> driver.produceLoad();
      case "consume-load" -> driver.consumeLoad();
      default -> throw new IllegalArgumentException("unknown command: " + command);
    };
  }

  private int produce() throws Exception {
    String topic = options.text("topic");
    var lines = new JsonLines(options.number("seed", 1));
    long from = options.number("from", 0);
    long to = options.number("to", 1_000_000);
    long time = options.number("time", -1);
    long report = options.number("report-every", 10_000);
    var acknowledged = new AtomicLong();
    var failed = new AtomicLong();
    var firstFailure = new AtomicReference<Exception>();
    // The callbacks all run on the producer's one I/O thread, so they may share the file.
    try (var acked = new Placements.Writer(Path.of(options.text("acked")));
        var producer = producer(Map.of())) {
      for (long index = from; index < to; index++) {
        var line = lines.line(index);
        long lineIndex = index;
        var record =
            new ProducerRecord<byte[], byte[]>(
                topic,
                null,
                time < 0 ? null : time + index,
                line.keyBytes(),
                line.valueBytes(),
                Digest.headers(line));
        var _ =
            producer.send(
                record,
                (metadata, failure) -> {
                  if (failure != null) {
                    failed.incrementAndGet();
                    firstFailure.compareAndSet(null, failure);
                    return;
                  }
                  try {
                    acked.write(
                        metadata.partition(), metadata.offset(), metadata.timestamp(), lineIndex);
                  } catch (IOException disk) {
                    firstFailure.compareAndSet(null, disk);
                    failed.incrementAndGet();
                  }
                  long count = acknowledged.incrementAndGet();
                  if (count % report == 0) {
                    System.out.println("acknowledged " + count);
                    System.out.flush();
                  }
                });
      }
      producer.flush();
    }
    if (firstFailure.get() != null) {
      firstFailure.get().printStackTrace();
    }
    summary("acknowledged", acknowledged.get(), "failed", failed.get());
    return failed.get() == 0 ? 0 : 1;
  }

  private int consume() throws Exception {
    var count = new AtomicLong();
    try (var out = new Placements.Writer(Path.of(options.text("out")));
        var consumer = consumer()) {
      readToEnd(
          consumer,
          options.text("topic"),
          records -> {
            for (var record : records) {
              out.write(
                  record.partition(),
                  record.offset(),
                  record.timestamp(),
                  Digest.of(record.key(), record.value(), record.headers()));
              count.incrementAndGet();
            }
          });
    }
    summary("consumed", count.get());
    return 0;
  }

  private int produceSamples() throws Exception {
    long sent = 0;
    for (String codec : options.text("codecs").split(",", -1)) {
      try (var producer =
          producer(Map.of("compression.type", codec, "max.request.size", "2000000"))) {
        var pending = new ArrayList<java.util.concurrent.Future<?>>();
        String topic = options.text("prefix") + "." + codec;
        for (var record : Samples.records(topic, options.number("time", 0))) {
          pending.add(producer.send(record));
        }
        producer.flush();
        for (var future : pending) {
          future.get();
          sent++;
        }
      } catch (ExecutionException failure) {
        throw new IllegalStateException("codec " + codec, failure.getCause());
      }
    }
    summary("acknowledged", sent);
    return 0;
  }

  private int dump() throws Exception {
    var count = new AtomicLong();
    try (var consumer = consumer()) {
      for (String topic : options.text("topics").split(",", -1)) {
        System.out.println("topic " + topic);
        readToEnd(
            consumer,
            topic,
            records -> {
              for (var record : records) {
                count.incrementAndGet();
                System.out.println(
                    Samples.describe(
                        record.offset(),
                        record.timestampType().toString(),
                        record.timestamp(),
                        record.key(),
                        record.value(),
                        record.headers()));
              }
            });
      }
    }
    summary("consumed", count.get());
    return 0;
  }

  private int produceLoad() throws Exception {
    String topic = options.text("topic");
    long records = options.number("records", 1_000_000);
    int size = (int) options.number("size", 1024);
    byte[][] values = new byte[512][];
    var random = new SplittableRandom(7);
    for (int i = 0; i < values.length; i++) {
      // Half random, half constant: compresses about two to one, as text does.
      values[i] = new byte[size];
      byte[] noise = new byte[size / 2];
      random.nextBytes(noise);
      System.arraycopy(noise, 0, values[i], 0, noise.length);
    }
    var failed = new AtomicLong();
    try (var producer = producer(Map.of("batch.size", "65536", "linger.ms", "5"))) {
      for (long i = 0; i < records; i++) {
        var _ =
            producer.send(
                new ProducerRecord<>(topic, values[(int) (i % values.length)]),
                (metadata, failure) -> {
                  if (failure != null) {
                    failed.incrementAndGet();
                  }
                });
        if (i == 0) {
          // The first round trip includes connecting and metadata; it is what start-up tests time.
          producer.flush();
          System.out.println("acknowledged 1");
          System.out.flush();
        }
      }
      producer.flush();
    }
    summary("acknowledged", records - failed.get(), "failed", failed.get());
    return failed.get() == 0 ? 0 : 1;
  }

  private int consumeLoad() throws Exception {
    long wanted = options.number("records", 1_000_000);
    long seen = 0;
    long bytes = 0;
    try (var consumer = consumer()) {
      var partitions = partitions(consumer, options.text("topic"));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long deadline = System.nanoTime() + Duration.ofMinutes(5).toNanos();
      while (seen < wanted && System.nanoTime() < deadline) {
        for (var record : consumer.poll(POLL)) {
          seen++;
          bytes += record.serializedValueSize();
        }
      }
    }
    summary("consumed", seen, "bytes", bytes);
    return seen >= wanted ? 0 : 1;
  }

  /// What takes records as they arrive.
  @FunctionalInterface
  private interface Sink {
    void accept(ConsumerRecords<byte[], byte[]> records) throws IOException;
  }

  /// Reads from the beginning to the end offsets as of now.
  private void readToEnd(KafkaConsumer<byte[], byte[]> consumer, String topic, Sink sink)
      throws IOException {
    var partitions = partitions(consumer, topic);
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    var remaining = new HashMap<>(consumer.endOffsets(partitions));
    long idleSince = System.nanoTime();
    while (true) {
      remaining.entrySet().removeIf(end -> consumer.position(end.getKey()) >= end.getValue());
      if (remaining.isEmpty()) {
        return;
      }
      var records = consumer.poll(POLL);
      if (!records.isEmpty()) {
        idleSince = System.nanoTime();
        sink.accept(records);
      } else if (System.nanoTime() - idleSince > Duration.ofSeconds(30).toNanos()) {
        throw new IllegalStateException("nothing arrived for 30 s, still wanted: " + remaining);
      }
    }
  }

  private static List<TopicPartition> partitions(
      KafkaConsumer<byte[], byte[]> consumer, String topic) {
    var partitions = new ArrayList<TopicPartition>();
    for (var info : consumer.partitionsFor(topic)) {
      partitions.add(new TopicPartition(topic, info.partition()));
    }
    return partitions;
  }

  private KafkaProducer<byte[], byte[]> producer(Map<String, String> more) {
    var defaults = new HashMap<String, String>();
    defaults.put("bootstrap.servers", options.text("bootstrap"));
    defaults.put("acks", "all");
    defaults.put("enable.idempotence", "true");
    // Long enough for a server to be killed and come back.
    defaults.put("delivery.timeout.ms", "180000");
    defaults.put("reconnect.backoff.max.ms", "500");
    defaults.putAll(more);
    return new KafkaProducer<>(
        options.clientProperties(defaults), new ByteArraySerializer(), new ByteArraySerializer());
  }

  private KafkaConsumer<byte[], byte[]> consumer() {
    return new KafkaConsumer<>(
        options.clientProperties(
            Map.of(
                "bootstrap.servers", options.text("bootstrap"),
                "auto.offset.reset", "none",
                "enable.auto.commit", "false",
                "max.poll.records", "5000",
                "fetch.max.bytes", "16000000")),
        new ByteArrayDeserializer(),
        new ByteArrayDeserializer());
  }

  /// Prints the counts and the time since the process began its work, ms.
  private void summary(Object... counts) {
    var text = new StringBuilder("{");
    for (int i = 0; i < counts.length; i += 2) {
      text.append('"').append(counts[i]).append("\":").append(counts[i + 1]).append(',');
    }
    long millis = (System.nanoTime() - started) / 1_000_000;
    System.out.println(text.append("\"millis\":").append(millis).append('}'));
  }
}
