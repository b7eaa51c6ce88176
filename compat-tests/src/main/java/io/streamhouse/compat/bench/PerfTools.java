package io.streamhouse.compat.bench;

import io.streamhouse.compat.ChildProcess;
import io.streamhouse.compat.Kits;
import io.streamhouse.compat.ServerUnderTest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Apache Kafka's own performance tools, each run in a process of its own, and what they print.
final class PerfTools {

  private static final Duration LIMIT = Duration.ofMinutes(15);

  /// As in `50000 records sent, 9990.0 records/sec (9.76 MB/sec), 1.2 ms avg latency, 90.00 ms max
  /// latency, 1 ms 50th, 2 ms 95th, 3 ms 99th, 4 ms 99.9th.`
  private static final Pattern PRODUCED =
      Pattern.compile(
          "(\\d+) records sent, ([\\d.]+) records/sec \\(([\\d.]+) MB/sec\\).* ([\\d.]+) ms 50th,"
              + ".* ([\\d.]+) ms 99th, ([\\d.]+) ms 99\\.9th");

  /// As in `2026-11-21 12:00:00:000, …, 976.5, 300.1, 1000000, 307314.1, 3100, 154, 6341.3,
  /// 6493506.5`.
  private static final Pattern CONSUMED =
      Pattern.compile("\\d{4}-\\d\\d-\\d\\d [\\d:]+, \\d{4}-\\d\\d-\\d\\d [\\d:]+, (.*)");

  private static final Pattern END_TO_END =
      Pattern.compile("50th = ([\\d.]+), 99th = ([\\d.]+), 99\\.9th = ([\\d.]+)");

  private final Kits kits;
  private int runs;

  PerfTools(Kits kits) {
    this.kits = kits;
  }

  /// What the producer measured.
  record Produced(
      double recordsPerSecond,
      double mbPerSecond,
      double p50Millis,
      double p99Millis,
      double p999Millis) {}

  /// What the consumer measured, from its first assignment on.
  record Consumed(long records, double recordsPerSecond, double mbPerSecond) {}

  record EndToEnd(double p50Millis, double p99Millis, double p999Millis) {}

  /// A tool that runs; at its end it has its result.
  interface Running<R> extends AutoCloseable {
    R await();

    @Override
    void close();
  }

  private interface Reading<R> {
    R read(Matcher line);
  }

  /// @param rate records a second, -1 for as many as it can
  /// @param warmup records before measuring latencies begins
  Running<Produced> produce(
      ServerUnderTest server,
      String topic,
      long records,
      int size,
      long rate,
      long warmup,
      Map<String, String> settings) {
    var arguments =
        new ArrayList<>(
            List.of(
                "--bootstrap-server",
                server.bootstrap(),
                "--topic",
                topic,
                "--num-records",
                Long.toString(records),
                "--record-size",
                Integer.toString(size),
                "--throughput",
                Long.toString(rate)));
    if (warmup > 0) {
      arguments.addAll(List.of("--warmup-records", Long.toString(warmup)));
    }
    arguments.add("--command-property");
    arguments.add("acks=all");
    settings.forEach((key, value) -> arguments.add(key + "=" + value));
    return start(
        "org.apache.kafka.tools.ProducerPerformance",
        arguments,
        PRODUCED,
        line ->
            new Produced(
                Double.parseDouble(line.group(2)),
                // What the tool calls MB are MiB.
                Double.parseDouble(line.group(3)) * 1.048576,
                Double.parseDouble(line.group(4)),
                Double.parseDouble(line.group(5)),
                Double.parseDouble(line.group(6))));
  }

  Running<Consumed> consume(ServerUnderTest server, String topic, long records) {
    var arguments =
        List.of(
            "--bootstrap-server",
            server.bootstrap(),
            "--topic",
            topic,
            "--num-records",
            Long.toString(records),
            "--timeout",
            "60000",
            "--reporting-interval",
            "600000");
    return start(
        "org.apache.kafka.tools.ConsumerPerformance",
        arguments,
        CONSUMED,
        line -> {
          // MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
          String[] fields = line.group(1).split(",", -1);
          return new Consumed(
              Long.parseLong(fields[2].strip()),
              Double.parseDouble(fields[7].strip()),
              Double.parseDouble(fields[6].strip()) * 1.048576);
        });
  }

  Running<EndToEnd> endToEnd(ServerUnderTest server, String topic, long records, int size) {
    var arguments =
        List.of(server.bootstrap(), topic, Long.toString(records), "all", Integer.toString(size));
    return start(
        "org.apache.kafka.tools.EndToEndLatency",
        arguments,
        END_TO_END,
        line ->
            new EndToEnd(
                Double.parseDouble(line.group(1)),
                Double.parseDouble(line.group(2)),
                Double.parseDouble(line.group(3))));
  }

  private <R> Running<R> start(
      String main, List<String> arguments, Pattern pattern, Reading<R> reading) {
    String name = "tool-" + ProcessHandle.current().pid() + "-" + runs++;
    var command =
        kits.java(
            Kits.Client.KAFKA_4_3,
            List.of("-Xmx512m", "-Duser.language=en", "-Duser.country=US"),
            main,
            arguments);
    var spec = new ChildProcess.Spec(name, command, kits.work().resolve("bench/" + name + ".log"));
    var child = ChildProcess.start(spec);
    return new Running<>() {
      @Override
      public R await() {
        int code = child.await(LIMIT);
        var line = result(child, pattern);
        if (code != 0 || line == null) {
          throw new IllegalStateException(main + " ended with " + code + "\n" + child.tail());
        }
        child.close();
        return reading.read(line);
      }

      @Override
      public void close() {
        child.close();
      }
    };
  }

  /// The last line that is a result: a producer that warmed up prints one for all of its records
  /// first, then one for those that count.
  private static @Nullable Matcher result(ChildProcess child, Pattern pattern) {
    Matcher found = null;
    for (String line : child.lastLines()) {
      var matcher = pattern.matcher(line);
      if (matcher.find()) {
        found = matcher;
      }
    }
    return found;
  }
}
