package io.streamhouse.compat.kill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.Servers;
import io.streamhouse.compat.StreamHouseProcess;
import io.streamhouse.compat.Topics;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// An agent whose disk is full, metadata, log and objects alike: it refuses records in a way that
/// clients try again after, says why, loses nothing, and goes on once there is room.
class DiskFullTest {

  private static final int MEBIBYTES = 64;
  private static final int BALLAST_MEBIBYTES = 24;
  private static final int PAYLOAD_BYTES = 64 << 10;
  private static final TopicPartition PARTITION = new TopicPartition("disk-full", 0);
  private static final Duration LIMIT = Duration.ofSeconds(90);

  private final History history = new History(1, List.of(false));
  private final AtomicInteger acknowledged = new AtomicInteger();
  private final Queue<Exception> refusals = new ConcurrentLinkedQueue<>();
  private final Random random = new Random(1);

  @TempDir Path directory;
  private SmallDisk disk;
  private int httpPort;
  private @Nullable StreamHouseProcess started;

  @BeforeEach
  void mount() throws IOException {
    assumeTrue(Servers.chosen() == Servers.STREAMHOUSE, "it is about StreamHouse's disk reserve");
    disk = SmallDisk.mount(directory, MEBIBYTES);
    try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      httpPort = free.getLocalPort();
    }
  }

  @AfterEach
  void unmount() {
    if (started != null) {
      started.close();
    }
    if (disk != null) {
      disk.close();
    }
  }

  @Test
  void reserveIsKeptAndTheAgentGoesOnByItselfWhenThereIsRoom() throws Exception {
    start(8 << 20);

    produceUntilRefused();
    assertThat(refusals)
        .anySatisfy(refusal -> assertThat(refusal).isInstanceOf(NotEnoughReplicasException.class));
    assertThat(health()).contains("streamhouse.disk.reserve.bytes");
    assertThat(agent().isAlive()).isTrue();

    removeBallast();
    produceUntilAcknowledged();
    assertNothingLost();
  }

  @Test
  void lastByteIsUsedAndTheAgentGoesOnWhenThereIsRoomAfterARestartAtMost() throws Exception {
    start(0);

    produceUntilRefused();
    awaitProblem();

    removeBallast();
    restartWhereItEndsByItself();
    produceUntilAcknowledged();
    assertNothingLost();
  }

  @Test
  void killedOnAFullDiskItHasEverythingOnceThereIsRoom() throws Exception {
    start(0);

    produceUntilRefused();
    agent().kill();
    // It may come up and refuse, or say that it cannot.
    startIfItCan();
    agent().kill();

    removeBallast();
    agent().start();
    produceUntilAcknowledged();
    assertNothingLost();
  }

  private void start(long reserveBytes) throws IOException {
    try (var ballast = new RandomAccessFile(disk.fromOutside().resolve("ballast").toFile(), "rw")) {
      var zeros = new byte[1 << 20];
      for (int mebibyte = 0; mebibyte < BALLAST_MEBIBYTES; mebibyte++) {
        ballast.write(zeros);
      }
    }
    var settings =
        Map.of(
            "streamhouse.disk.reserve.bytes", Long.toString(reserveBytes),
            "streamhouse.wal.file.bytes", "2097152",
            "streamhouse.flush.bytes", "1048576",
            "streamhouse.flush.interval.ms", "500",
            "streamhouse.http.listener", "127.0.0.1:" + httpPort);
    started = new StreamHouseProcess(disk.point(), settings, disk.launcher().toString(), 0);
    agent().start();
    Topics.create(agent(), PARTITION.topic(), 1, Map.of());
  }

  private StreamHouseProcess agent() {
    return Objects.requireNonNull(started);
  }

  private void removeBallast() throws IOException {
    Files.delete(disk.fromOutside().resolve("ballast"));
  }

  /// Each send is tried once, so that what the agent answers is seen.
  private KafkaProducer<byte[], byte[]> producer() {
    var properties = new Properties();
    properties.put("bootstrap.servers", agent().bootstrap());
    properties.put("acks", "all");
    properties.put("enable.idempotence", "false");
    properties.put("retries", "0");
    properties.put("max.in.flight.requests.per.connection", "1");
    properties.put("request.timeout.ms", "3000");
    properties.put("delivery.timeout.ms", "5000");
    properties.put("max.block.ms", "5000");
    properties.put("reconnect.backoff.max.ms", "200");
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }

  /// Enough refusals to show that it is no accident, and nothing acknowledged any more.
  private void produceUntilRefused() {
    try (var producer = producer()) {
      int inRow = 0;
      long deadline = System.nanoTime() + LIMIT.toNanos();
      while (inRow < 20 && agent().isAlive() && System.nanoTime() < deadline) {
        inRow = send(producer) ? 0 : inRow + 1;
      }
      assertThat(inRow == 20 || !agent().isAlive()).as(agent().tail()).isTrue();
    }
    assertThat(acknowledged).as("before it was full").hasPositiveValue();
    assertThat(refusals)
        .allSatisfy(refusal -> assertThat(refusal).isInstanceOf(RetriableException.class))
        .as("said, and not just left without an answer")
        .anySatisfy(refusal -> assertThat(refusal).isNotInstanceOf(TimeoutException.class));
    System.out.println(
        acknowledged
            + " records acknowledged, then "
            + refusals.stream().map(Object::toString).distinct().toList());
  }

  private void produceUntilAcknowledged() {
    try (var producer = producer()) {
      int inRow = 0;
      long deadline = System.nanoTime() + LIMIT.toNanos();
      while (inRow < 50 && System.nanoTime() < deadline) {
        inRow = send(producer) ? inRow + 1 : 0;
      }
      assertThat(inRow).as(agent().tail()).isEqualTo(50);
    }
  }

  /// @return whether it was acknowledged
  private boolean send(KafkaProducer<byte[], byte[]> producer) {
    int sequence = history.send(0);
    var payload = new byte[PAYLOAD_BYTES];
    random.nextBytes(payload);
    var record =
        new ProducerRecord<byte[], byte[]>(
            PARTITION.topic(),
            0,
            null,
            History.value(0, sequence).getBytes(StandardCharsets.UTF_8),
            List.of(new RecordHeader("payload", payload)));
    try {
      var metadata = producer.send(record).get();
      history.acknowledge(0, sequence, 0, metadata.offset());
      acknowledged.incrementAndGet();
      return true;
    } catch (java.util.concurrent.ExecutionException refused) {
      refusals.add((Exception) refused.getCause());
      return false;
    } catch (InterruptedException interrupted) {
      throw new IllegalStateException(interrupted);
    }
  }

  private String health() throws Exception {
    try (var client = HttpClient.newHttpClient()) {
      var request =
          HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + httpPort + "/health"))
              .timeout(Duration.ofSeconds(10))
              .build();
      return client.send(request, BodyHandlers.ofString()).body();
    }
  }

  /// It says what is wrong, unless it has ended by then.
  private void awaitProblem() {
    Awaitility.await()
        .atMost(LIMIT)
        .until(() -> {
          try {
            String health = health();
            return health.contains("failing");
          } catch (IOException refused) {
            return !agent().isAlive();
          }
        });
  }

  /// A log that failed is not used again: the agent flushes what it can and ends.
  private void restartWhereItEndsByItself() {
    Awaitility.await().atMost(LIMIT).until(() -> !agent().isAlive() || healthy());
    if (!agent().isAlive()) {
      agent().start();
    }
  }

  private boolean healthy() throws Exception {
    try {
      return !health().contains("failing");
    } catch (IOException refused) {
      return false;
    }
  }

  private void startIfItCan() {
    try {
      agent().start();
    } catch (IllegalStateException full) {
      assertThat(full.getMessage()).containsAnyOf("SQLITE_FULL", "No space left");
    }
  }

  private void assertNothingLost() {
    assertThat(history.judge(readAll("reader"), List.of())).isEmpty();
    assertThat(agent().stop()).as(agent().tail()).isZero();
    assertThat(agent().fsck()).isEmpty();
    agent().start();
    assertThat(history.judge(readAll("reader after a restart"), List.of())).isEmpty();
  }

  private History.View readAll(String name) {
    var properties = new Properties();
    properties.put("bootstrap.servers", agent().bootstrap());
    properties.put("auto.offset.reset", "none");
    var view = new History.View(name, 1);
    try (var consumer =
        new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(List.of(PARTITION));
      consumer.seekToBeginning(List.of(PARTITION));
      long end = consumer.endOffsets(List.of(PARTITION)).getOrDefault(PARTITION, 0L);
      long deadline = System.nanoTime() + LIMIT.toNanos();
      while (view.size(0) < end) {
        for (var record : consumer.poll(Duration.ofMillis(100))) {
          view.see(0, record.offset(), new String(record.value(), StandardCharsets.UTF_8));
        }
        assertThat(System.nanoTime()).as(name + " reads up to " + end).isLessThan(deadline);
      }
    }
    return view;
  }
}
