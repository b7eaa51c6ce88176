package io.streamhouse.compat.bench;

import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Topics;
import io.streamhouse.compat.bench.PerfTools.Consumed;
import io.streamhouse.compat.bench.PerfTools.Produced;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/// What cases are made of: loads of a common size, and what a server used meanwhile. Used by one
/// thread.
final class Session {

  /// A bit longer than StreamHouse waits before it makes an object of what is there.
  private static final Duration FLUSHED = Duration.ofSeconds(12);

  private static final Duration SETTLE_LIMIT = Duration.ofSeconds(10);
  private static final Duration SETTLE_STEP = Duration.ofMillis(300);
  private static final double QUIET_CPU_PART = 0.05;

  private final PerfTools tools;
  private final boolean quick;
  private final double scale;
  private final FirstProduce first = new FirstProduce();
  private final Map<ServerUnderTest, String> old = new HashMap<>();
  private int topics;

  Session(PerfTools tools, boolean quick, double scale) {
    this.tools = tools;
    this.quick = quick;
    this.scale = scale;
  }

  /// Whether there is no time to have servers compile their code before each case.
  boolean quick() {
    return quick;
  }

  PerfTools tools() {
    return tools;
  }

  /// Records of a load that is `records` in the full form.
  long scaled(long records) {
    return Math.max(1000, (long) (records * scale));
  }

  /// How long loads at a fixed rate take.
  long seconds() {
    return quick ? 4 : 15;
  }

  long warmupSeconds() {
    return quick ? 2 : 5;
  }

  /// What a server uses from now on.
  interface Cpu {
    double seconds();
  }

  Cpu cpu(ServerUnderTest server) {
    double before = server.figures().cpuSeconds();
    return () -> server.figures().cpuSeconds() - before;
  }

  double residentMb(ServerUnderTest server) {
    return server.figures().residentBytes() / 1e6;
  }

  /// A new topic.
  String topic(ServerUnderTest server, int partitions) {
    String topic = "bench-" + topics++;
    Topics.create(server, topic, partitions, Map.of());
    return topic;
  }

  /// Produces to a new topic as fast as it goes.
  Produced produce(
      ServerUnderTest server, long records, int size, int batch, int partitions, String codec) {
    return produce(server, topic(server, partitions), records, size, batch, codec);
  }

  private Produced produce(
      ServerUnderTest server, String topic, long records, int size, int batch, String codec) {
    var settings = Map.of("batch.size", Integer.toString(batch), "compression.type", codec);
    try (var producer = tools.produce(server, topic, records, size, -1, 0, settings)) {
      return producer.await();
    }
  }

  /// Produces to a new topic that [#consume] reads, unless this server has one, and waits until it
  /// is where old records are.
  void makeOld(ServerUnderTest server, long records, int size) {
    if (old.containsKey(server)) {
      return;
    }
    String topic = topic(server, 16);
    var _ = produce(server, topic, records, size, 65_536, "none");
    old.put(server, topic);
    pause(FLUSHED);
    settle(server);
    var _ = consume(server, records);
  }

  /// Consumes all of what [#makeOld] made.
  Consumed consume(ServerUnderTest server, long records) {
    var topic = old.get(server);
    if (topic == null) {
      throw new IllegalStateException("nothing is old at " + server.name());
    }
    try (var consumer = tools.consume(server, topic, records)) {
      var consumed = consumer.await();
      if (consumed.records() < records) {
        throw new IllegalStateException(
            "%d records of %d were consumed".formatted(consumed.records(), records));
      }
      return consumed;
    }
  }

  /// Produces at a rate to a new topic, perhaps with a consumer that is there from the beginning.
  ///
  /// @return the server's CPU seconds
  double tail(ServerUnderTest server, long records, int size, int rate, boolean consumed) {
    String topic = topic(server, 16);
    var settings = Map.of("batch.size", "16384");
    if (!consumed) {
      var cpu = cpu(server);
      try (var producer = tools.produce(server, topic, records, size, rate, 0, settings)) {
        var _ = producer.await();
      }
      return cpu.seconds();
    }
    try (var consumer = tools.consume(server, topic, records)) {
      // Until it has joined its group and waits.
      pause(Duration.ofSeconds(5));
      var cpu = cpu(server);
      try (var producer = tools.produce(server, topic, records, size, rate, 0, settings)) {
        var _ = producer.await();
      }
      var _ = consumer.await();
      return cpu.seconds();
    }
  }

  /// Waits until the server has done what it put off, which is part of what a load costs.
  void settle(ServerUnderTest server) {
    long deadline = System.nanoTime() + SETTLE_LIMIT.toNanos();
    while (System.nanoTime() < deadline) {
      var cpu = cpu(server);
      pause(SETTLE_STEP);
      if (cpu.seconds() < QUIET_CPU_PART * SETTLE_STEP.toMillis() / 1e3) {
        return;
      }
    }
  }

  /// Takes the files of a server out of the system's cache.
  void dropCaches(ServerUnderTest server) {
    sync();
    var files = new ArrayList<Path>();
    try (var walk = Files.walk(server.data())) {
      walk.filter(Files::isRegularFile).forEach(files::add);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
    for (var file : files) {
      command(List.of("dd", "if=" + file, "iflag=nocache", "count=0", "status=none"));
    }
  }

  /// Has the system write what servers left to it, so that no run pays for another's.
  void sync() {
    command(List.of("sync"));
  }

  /// Starts a server that does not run.
  ///
  /// @return milliseconds until it has acknowledged a record
  double startToFirstProduce(ServerUnderTest server) {
    long began = System.nanoTime();
    var starting = CompletableFuture.runAsync(server::start, Thread::startVirtualThread);
    first.await(server.port());
    double millis = (System.nanoTime() - began) / 1e6;
    starting.join();
    return millis;
  }

  void idle() {
    pause(Duration.ofSeconds(quick ? 3 : 10));
  }

  private static void command(List<String> command) {
    try {
      int code = new ProcessBuilder(command).inheritIO().start().waitFor();
      if (code != 0) {
        throw new IllegalStateException(command + " ended with " + code);
      }
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  private static void pause(Duration duration) {
    try {
      Thread.sleep(duration);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }
}
