package io.streamhouse.compat.bench;

import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.bench.Run.Measure;
import java.util.List;
import java.util.Map;

/// One thing to measure, alike for every server.
///
/// @param name on the command line
/// @param what in the table
/// @param settings of StreamHouse, beyond its defaults
/// @param fresh whether each run starts a server of its own
/// @param measures in the order they are shown
/// @param preparation done once for each server, not measured
record Case(
    String name,
    String what,
    Map<String, String> settings,
    boolean fresh,
    List<Measure> measures,
    Body preparation,
    Body body) {

  /// What is done against a server.
  interface Body {
    void run(Session session, ServerUnderTest server, Run.Builder into);
  }

  private static final int KIB = 1024;
  private static final List<Measure> LOAD =
      List.of(
          Measure.RECORDS_PER_SECOND,
          Measure.MB_PER_SECOND,
          Measure.P50_MILLIS,
          Measure.P99_MILLIS,
          Measure.P999_MILLIS,
          Measure.CPU_PER_MILLION,
          Measure.RESIDENT_MB);
  private static final List<Measure> READING =
      List.of(
          Measure.RECORDS_PER_SECOND,
          Measure.MB_PER_SECOND,
          Measure.CPU_PER_MILLION,
          Measure.RESIDENT_MB);

  Case {
    settings = Map.copyOf(settings);
    measures = List.copyOf(measures);
  }

  static List<Case> all() {
    return List.of(
        produce("produce-1k-16k-p1", 1_000_000, KIB, 16 * KIB, 1, "none"),
        produce("produce-1k-16k-p16", 1_000_000, KIB, 16 * KIB, 16, "none"),
        produce("produce-1k-64k-p1", 1_000_000, KIB, 64 * KIB, 1, "none"),
        produce("produce-1k-64k-p16", 1_000_000, KIB, 64 * KIB, 16, "none"),
        produce("produce-100-lz4-p16", 5_000_000, 100, 16 * KIB, 16, "lz4"),
        rate("rate-1k-always", "1,000 records/s of 1 KiB", 1000, Map.of()),
        rate(
            "rate-1k-interval",
            "1,000 records/s of 1 KiB, fsync=interval",
            1000,
            Map.of("streamhouse.wal.fsync", "interval")),
        rate("rate-10mb-always", "10 MB/s of 1 KiB", 10_000, Map.of()),
        consumeTail(),
        consume("consume-cold", "from the beginning, cold caches", true),
        consume("consume-warm", "from the beginning, out of caches", false),
        endToEnd(),
        start());
  }

  private static Case produce(
      String name, long records, int size, int batch, int partitions, String codec) {
    return new Case(
        name,
        "produce %d B, %d KB batches, %d partition(s), %s"
            .formatted(size, batch / KIB, partitions, codec),
        Map.of(),
        false,
        LOAD,
        // The servers' code is compiled while this runs, as it would be once in their lives.
        (session, server, _) -> {
          if (!session.quick()) {
            var _ =
                session.produce(
                    server, session.scaled(records) / 4, size, batch, partitions, codec);
          }
        },
        (session, server, into) -> {
          long count = session.scaled(records);
          var cpu = session.cpu(server);
          var produced = session.produce(server, count, size, batch, partitions, codec);
          session.settle(server);
          into.put(Measure.RECORDS_PER_SECOND, produced.recordsPerSecond())
              .put(Measure.MB_PER_SECOND, produced.mbPerSecond())
              .put(Measure.P50_MILLIS, produced.p50Millis())
              .put(Measure.P99_MILLIS, produced.p99Millis())
              .put(Measure.P999_MILLIS, produced.p999Millis())
              .put(Measure.CPU_PER_MILLION, cpu.seconds() / (count / 1e6))
              .put(Measure.RESIDENT_MB, session.residentMb(server));
        });
  }

  private static Case rate(String name, String what, int rate, Map<String, String> settings) {
    return new Case(
        name,
        what,
        settings,
        false,
        List.of(
            Measure.P50_MILLIS, Measure.P99_MILLIS, Measure.P999_MILLIS, Measure.CPU_PER_MILLION),
        Case::warm,
        (session, server, into) -> {
          long count = rate * session.seconds();
          // The client compiles its own code in the first seconds: they do not count.
          long warmup = rate * session.warmupSeconds();
          String topic = session.topic(server, 1);
          var cpu = session.cpu(server);
          try (var producer =
              session.tools().produce(server, topic, count + warmup, KIB, rate, warmup, Map.of())) {
            var produced = producer.await();
            into.put(Measure.P50_MILLIS, produced.p50Millis())
                .put(Measure.P99_MILLIS, produced.p99Millis())
                .put(Measure.P999_MILLIS, produced.p999Millis())
                .put(Measure.CPU_PER_MILLION, cpu.seconds() / ((count + warmup) / 1e6));
          }
        });
  }

  private static void warm(Session session, ServerUnderTest server, Run.Builder into) {
    if (!session.quick()) {
      var _ = session.produce(server, 200_000, KIB, 16 * KIB, 16, "none");
    }
  }

  /// The same load twice, without and with a consumer at its tail: the difference is what the
  /// consumer costs.
  private static Case consumeTail() {
    int rate = 20_000;
    return new Case(
        "consume-tail",
        "produce 20 MB/s and consume them at the tail",
        Map.of(),
        false,
        List.of(Measure.CPU_PER_MILLION, Measure.ADDED_CPU_PER_MILLION, Measure.RESIDENT_MB),
        Case::warm,
        (session, server, into) -> {
          long count = rate * session.seconds();
          double without = session.tail(server, count, KIB, rate, false);
          double with = session.tail(server, count, KIB, rate, true);
          into.put(Measure.CPU_PER_MILLION, with / (count / 1e6))
              .put(Measure.ADDED_CPU_PER_MILLION, (with - without) / (count / 1e6))
              .put(Measure.RESIDENT_MB, session.residentMb(server));
        });
  }

  private static Case consume(String name, String what, boolean cold) {
    return new Case(
        name,
        "consume 1 KiB " + what,
        Map.of(),
        false,
        READING,
        (session, server, _) -> session.makeOld(server, session.scaled(1_000_000), KIB),
        (session, server, into) -> {
          long count = session.scaled(1_000_000);
          if (cold) {
            session.dropCaches(server);
          }
          var cpu = session.cpu(server);
          var consumed = session.consume(server, count);
          into.put(Measure.RECORDS_PER_SECOND, consumed.recordsPerSecond())
              .put(Measure.MB_PER_SECOND, consumed.mbPerSecond())
              .put(Measure.CPU_PER_MILLION, cpu.seconds() / (consumed.records() / 1e6))
              .put(Measure.RESIDENT_MB, session.residentMb(server));
        });
  }

  private static Case endToEnd() {
    return new Case(
        "end-to-end",
        "one record of 1 KiB after the other, produced and consumed",
        Map.of(),
        false,
        List.of(Measure.P50_MILLIS, Measure.P99_MILLIS, Measure.P999_MILLIS),
        Case::warm,
        (session, server, into) -> {
          String topic = session.topic(server, 1);
          try (var tool = session.tools().endToEnd(server, topic, 500 * session.seconds(), KIB)) {
            var times = tool.await();
            into.put(Measure.P50_MILLIS, times.p50Millis())
                .put(Measure.P99_MILLIS, times.p99Millis())
                .put(Measure.P999_MILLIS, times.p999Millis());
          }
        });
  }

  private static Case start() {
    return new Case(
        "start",
        "cold start to the first acknowledged produce; memory when idle",
        Map.of(),
        true,
        List.of(Measure.START_MILLIS, Measure.RESIDENT_MB),
        (_, _, _) -> {},
        (session, server, into) -> {
          into.put(Measure.START_MILLIS, session.startToFirstProduce(server));
          session.idle();
          into.put(Measure.RESIDENT_MB, session.residentMb(server));
        });
  }
}
