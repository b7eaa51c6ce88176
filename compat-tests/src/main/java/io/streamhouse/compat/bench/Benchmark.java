package io.streamhouse.compat.bench;

import io.streamhouse.compat.ChildProcess;
import io.streamhouse.compat.Kits;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.Topics;
import io.streamhouse.compat.driver.Options;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/// What a load costs StreamHouse and Apache Kafka: server CPU seconds per million records, MB/s,
/// resident memory; and the time from process start to the first acknowledged produce.
///
/// Runs alternate between the servers, each on a fresh data directory, and the medians are printed:
/// on a shared machine only ratios from the same minutes mean anything. The client is the Java
/// client 4.3.1 in its own process and shares the cores with the server, so MB/s says less than CPU
/// seconds do. Its start counts in neither.
///
/// As a command: `Benchmark [--records N] [--size BYTES] [--partitions N] [--runs N] [--codec
/// none|gzip|snappy|lz4|zstd] [--servers streamhouse,kafka]`.
public final class Benchmark {

  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final Pattern MILLIS = Pattern.compile("\"millis\":(\\d+)");

  private final Kits kits;
  private final long records;
  private final int size;
  private final int partitions;
  private final String codec;

  private Benchmark(Kits kits, Options options) {
    this.kits = kits;
    this.records = options.number("records", 1_000_000);
    this.size = (int) options.number("size", 1024);
    this.partitions = (int) options.number("partitions", 16);
    this.codec = options.text("codec", "none");
  }

  /// One run.
  ///
  /// @param startSeconds from process start to the first acknowledged produce
  /// @param idleBytes resident after that produce
  /// @param produceCpu server CPU seconds per million records produced
  /// @param produceRate MB of values a second
  /// @param fetchCpu server CPU seconds per million records fetched
  /// @param fetchRate MB of values a second
  /// @param residentBytes resident at the end
  private record Run(
      double startSeconds,
      double idleBytes,
      double produceCpu,
      double produceRate,
      double fetchCpu,
      double fetchRate,
      double residentBytes) {}

  private Run run(ServerUnderTest server, String name) {
    long began = System.nanoTime();
    server.start();
    Topics.create(server, "first", 1, Map.of());
    produce(server, "first", 1, name + "-first");
    // The topic and a client's start are part of it, alike for both servers.
    double start = (System.nanoTime() - began) / 1e9;
    double idle = server.figures().residentBytes();

    Topics.create(server, "load", partitions, Map.of());
    double before = server.figures().cpuSeconds();
    double produceSeconds = produce(server, "load", records, name + "-produce");
    double between = server.figures().cpuSeconds();
    double fetchSeconds = drive(server, "consume-load", "load", records, name + "-fetch");
    double after = server.figures().cpuSeconds();

    double millions = records / 1e6;
    double megabytes = records * (double) size / 1e6;
    return new Run(
        start,
        idle,
        (between - before) / millions,
        megabytes / produceSeconds,
        (after - between) / millions,
        megabytes / fetchSeconds,
        server.figures().residentBytes());
  }

  private double produce(ServerUnderTest server, String topic, long count, String name) {
    return drive(server, "produce-load", topic, count, name);
  }

  /// @return seconds as the client measured them, without the start of its JVM
  private double drive(
      ServerUnderTest server, String command, String topic, long count, String name) {
    var spec =
        kits.spec(
            Kits.Client.KAFKA_4_3,
            name,
            command,
            "--bootstrap",
            server.bootstrap(),
            "--topic",
            topic,
            "--records",
            Long.toString(count),
            "--size",
            Integer.toString(size),
            "-X",
            (command.startsWith("produce") ? "compression.type=" : "client.id=") + codec);
    try (var client = ChildProcess.start(spec)) {
      var summary = client.line(line -> line.contains("\"millis\""));
      int code = client.await(LIMIT);
      if (code != 0) {
        throw new IllegalStateException(client.tail() + "\n" + server.tail());
      }
      var millis = MILLIS.matcher(client.awaitLine(summary, Duration.ofSeconds(1)));
      if (!millis.find()) {
        throw new IllegalStateException(client.tail());
      }
      return Math.max(1, Long.parseLong(millis.group(1))) / 1e3;
    }
  }

  public static void main(String[] arguments) {
    var options = Options.parse(arguments);
    var kits = Kits.find();
    var benchmark = new Benchmark(kits, options);
    var servers = new ArrayList<Servers>();
    for (String name : options.text("servers", "streamhouse,kafka").split(",", -1)) {
      servers.add(Servers.valueOf(name.toUpperCase(Locale.ROOT)));
    }
    int runs = (int) options.number("runs", 3);
    var results = new EnumMap<Servers, List<Run>>(Servers.class);
    Path work = kits.work().resolve("benchmark-" + ProcessHandle.current().pid());
    for (int run = 0; run < runs; run++) {
      for (var each : servers) {
        String name = each.name().toLowerCase(Locale.ROOT) + "-" + run;
        try (var server = each.create(kits, work.resolve(name), Map.of())) {
          var result = benchmark.run(server, "benchmark-" + name);
          results.computeIfAbsent(each, _ -> new ArrayList<>()).add(result);
          print(name, result);
        }
      }
    }
    results.forEach((each, all) -> print(each.name().toLowerCase(Locale.ROOT) + " median", all));
  }

  private static void print(String name, List<Run> runs) {
    print(
        name,
        new Run(
            median(runs, Run::startSeconds),
            median(runs, Run::idleBytes),
            median(runs, Run::produceCpu),
            median(runs, Run::produceRate),
            median(runs, Run::fetchCpu),
            median(runs, Run::fetchRate),
            median(runs, Run::residentBytes)));
  }

  private static void print(String name, Run run) {
    System.out.printf(
        Locale.ROOT,
        "%-20s start to first acknowledgement %.2f s, then %.0f MB resident;"
            + " produce %.2f CPU s/M records, %.0f MB/s;"
            + " fetch %.2f CPU s/M records, %.0f MB/s; at the end %.0f MB resident%n",
        name,
        run.startSeconds(),
        run.idleBytes() / 1e6,
        run.produceCpu(),
        run.produceRate(),
        run.fetchCpu(),
        run.fetchRate(),
        run.residentBytes() / 1e6);
  }

  private static double median(List<Run> runs, java.util.function.ToDoubleFunction<Run> figure) {
    double[] sorted = runs.stream().mapToDouble(figure).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
