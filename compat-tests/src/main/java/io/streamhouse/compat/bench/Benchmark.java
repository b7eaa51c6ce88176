package io.streamhouse.compat.bench;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.OracleKafka;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.StreamHouseProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// StreamHouse and Apache Kafka side by side: the same loads, by Kafka's own tools, in alternating
/// runs of the same minutes. `docs/PERFORMANCE.md` says how to run and read it.
///
/// Both servers of a case run all the time, and one of them is loaded. Before each run the system
/// writes what the other left to it.
public final class Benchmark {

  private static final Duration QUICK_LIMIT = Duration.ofSeconds(280);
  private static final double QUICK_SCALE = 0.15;

  private static final String USAGE =
      """
      Usage: bin/bench [--quick] [--case NAME[,NAME…]] [--pairs N] [--scale F] [--versus LAUNCHER]
                       [-o KEY=VALUE]… [--list]

        --quick            a rough picture in five minutes: one pair of small loads for each case
        --case NAME,…      only these cases; --list names them
        --pairs N          pairs of runs for each case (7)
        --scale F          multiplies the number of records (1)
        --versus LAUNCHER  bin/streamhouse of another build instead of Apache Kafka
        -o KEY=VALUE       a setting of StreamHouse

      Prints a table in Markdown; the raw figures go to compat-tests/target/work/bench/.
      """;

  /// Who is measured.
  private record Contender(String name, Maker maker) {}

  private interface Maker {
    ServerUnderTest create(Path data, Map<String, String> settings);
  }

  private final Kits kits;
  private final Arguments arguments;
  private final List<Contender> contenders;
  private final Session session;
  private final Report report;
  private final Path work;
  private final long beganNanos = System.nanoTime();
  private final Map<Map<String, String>, List<ServerUnderTest>> kept = new HashMap<>();
  private int directories;
  private int failures;

  private record Arguments(
      boolean quick,
      List<Case> cases,
      int pairs,
      double scale,
      @Nullable String versus,
      Map<String, String> settings) {}

  private Benchmark(Kits kits, Arguments arguments) {
    this.kits = kits;
    this.arguments = arguments;
    this.work = kits.work().resolve("bench/" + ProcessHandle.current().pid());
    var versus = arguments.versus();
    var streamHouse =
        new Contender(
            "StreamHouse",
            (data, settings) ->
                streamHouse(kits.root().resolve("bin/streamhouse").toString(), data, settings));
    var other =
        versus == null
            ? new Contender(
                "Apache Kafka", (data, _) -> OracleKafka.asShipped(kits, data, Map.of()))
            : new Contender("other build", (data, settings) -> streamHouse(versus, data, settings));
    this.contenders = List.of(streamHouse, other);
    this.session = new Session(new PerfTools(kits), arguments.quick(), arguments.scale());
    this.report = new Report(streamHouse.name(), other.name());
  }

  private ServerUnderTest streamHouse(String launcher, Path data, Map<String, String> settings) {
    var all = new HashMap<>(settings);
    all.putAll(arguments.settings());
    return new StreamHouseProcess(data, all, launcher, freePort());
  }

  public static void main(String[] arguments) throws IOException {
    Arguments read;
    try {
      read = read(List.of(arguments));
    } catch (IllegalArgumentException misuse) {
      System.err.println("bench: " + misuse.getMessage());
      System.err.print(USAGE);
      System.exit(2);
      return;
    }
    if (read.cases().isEmpty()) {
      System.out.print(USAGE);
      Case.all().forEach(one -> System.out.printf("  %-20s %s%n", one.name(), one.what()));
      return;
    }
    new Benchmark(Kits.find(), read).run();
  }

  /// No cases: only help is asked for.
  private static Arguments read(List<String> arguments) {
    boolean quick = false;
    var cases = Case.all();
    Integer pairs = null;
    double scale = 1;
    String versus = null;
    var settings = new HashMap<String, String>();
    var rest = arguments.iterator();
    while (rest.hasNext()) {
      String option = rest.next();
      switch (option) {
        case "--quick" -> quick = true;
        case "--list", "--help", "-h" -> cases = List.of();
        case "--case", "--pairs", "--scale", "--versus", "-o" -> {
          if (!rest.hasNext()) {
            throw new IllegalArgumentException(option + " needs a value");
          }
          String value = rest.next();
          switch (option) {
            case "--case" -> cases = named(List.of(value.split(",", -1)));
            case "--pairs" -> pairs = Integer.valueOf(value);
            case "--scale" -> scale = Double.parseDouble(value);
            case "--versus" -> versus = value;
            default -> {
              int equals = value.indexOf('=');
              if (equals < 1) {
                throw new IllegalArgumentException("-o " + value + ": not key=value");
              }
              settings.put(value.substring(0, equals), value.substring(equals + 1));
            }
          }
        }
        default -> throw new IllegalArgumentException("unknown option " + option);
      }
    }
    return new Arguments(
        quick,
        cases,
        pairs != null ? pairs : quick ? 1 : 7,
        quick ? scale * QUICK_SCALE : scale,
        versus,
        settings);
  }

  private static List<Case> named(List<String> names) {
    var cases = new ArrayList<Case>();
    for (String name : names) {
      cases.add(
          Case.all().stream()
              .filter(one -> one.name().equals(name))
              .findFirst()
              .orElseThrow(() -> new IllegalArgumentException("no case " + name)));
    }
    return cases;
  }

  private void run() throws IOException {
    try {
      warmLaunchers();
      System.out.print(Report.header(contenders.getFirst().name(), contenders.getLast().name()));
      for (var each : arguments.cases()) {
        if (outOfTime()) {
          say("no time left for " + each.name());
          continue;
        }
        try {
          run(each);
        } catch (RuntimeException failed) {
          failures++;
          say("%s failed: %s".formatted(each.name(), failed));
        }
        System.out.print(report.rows(each));
        System.out.flush();
        save();
      }
    } finally {
      kept.values().forEach(this::close);
      delete(work);
    }
    say("all of it is in " + results("md") + " and " + results("csv"));
    if (failures > 0) {
      say(failures + " runs failed");
      System.exit(1);
    }
  }

  private boolean outOfTime() {
    return arguments.quick()
        && System.nanoTime() - beganNanos > QUICK_LIMIT.minusSeconds(35).toNanos();
  }

  /// The first start of a build prepares faster ones.
  private void warmLaunchers() {
    for (var contender : contenders) {
      try (var server = contender.maker().create(directory(contender), Map.of())) {
        server.start();
        var _ = server.stop();
      }
    }
  }

  private void run(Case each) {
    if (each.fresh()) {
      for (int pair = 0; pair < arguments.pairs() && !outOfTime(); pair++) {
        pair(each, pair, List.of());
      }
      return;
    }
    var servers = servers(each);
    try {
      for (var server : servers) {
        each.preparation().run(session, server, new Run.Builder());
      }
      for (int pair = 0; pair < arguments.pairs() && !outOfTime(); pair++) {
        pair(each, pair, servers);
      }
    } finally {
      if (!arguments.quick()) {
        close(servers);
        servers.forEach(server -> delete(server.data()));
      }
    }
  }

  /// Both servers, running. The quick form keeps them for the cases to come.
  private List<ServerUnderTest> servers(Case each) {
    var running = kept.get(each.settings());
    if (running != null) {
      return running;
    }
    var servers = new ArrayList<ServerUnderTest>();
    for (var contender : contenders) {
      var server = contender.maker().create(directory(contender), each.settings());
      server.start();
      servers.add(server);
    }
    if (arguments.quick()) {
      kept.put(each.settings(), servers);
      for (var server : servers) {
        var _ = session.produce(server, 200_000, 1024, 65_536, 16, "none");
      }
    }
    return servers;
  }

  private void pair(Case each, int number, List<ServerUnderTest> servers) {
    var runs = new Run[2];
    for (int turn = 0; turn < 2; turn++) {
      // Who comes first changes from pair to pair.
      int index = (turn + number) % 2;
      var contender = contenders.get(index);
      session.sync();
      try {
        runs[index] =
            each.fresh() ? fresh(each, contender) : loaded(each, servers.get(index), servers);
      } catch (RuntimeException failed) {
        failures++;
        say(
            "%s, pair %d, %s failed: %s"
                .formatted(each.name(), number + 1, contender.name(), failed));
        return;
      }
      say(
          "%s, pair %d, %s: %s, foreign CPU %.0f %%"
              .formatted(
                  each.name(),
                  number + 1,
                  contender.name(),
                  runs[index].values(),
                  100 * runs[index].foreign()));
    }
    report.add(each, number + 1, runs[0], runs[1]);
  }

  private Run loaded(Case each, ServerUnderTest server, List<ServerUnderTest> all) {
    var machine = Machine.watch(all);
    var into = new Run.Builder();
    each.body().run(session, server, into);
    return into.build(machine.foreign(0));
  }

  private Run fresh(Case each, Contender contender) {
    Path data = directory(contender);
    try (var server = contender.maker().create(data, each.settings())) {
      if (server instanceof OracleKafka kafka) {
        kafka.prepare();
      }
      var machine = Machine.watch(List.of());
      var into = new Run.Builder();
      each.body().run(session, server, into);
      return into.build(machine.foreign(server.figures().cpuSeconds()));
    } finally {
      delete(data);
    }
  }

  private Path directory(Contender contender) {
    String name = contender.name().replace(' ', '-') + "-" + directories++;
    return work.resolve(name).resolve("data");
  }

  private void close(List<ServerUnderTest> servers) {
    servers.forEach(ServerUnderTest::close);
  }

  private Path results(String suffix) {
    return kits.work().resolve("bench/bench-" + ProcessHandle.current().pid() + "." + suffix);
  }

  private void save() throws IOException {
    Files.createDirectories(work);
    Files.writeString(results("md"), report.table());
    Files.writeString(results("csv"), report.csv());
  }

  private static void say(String what) {
    System.err.println("bench: " + what);
  }

  private static int freePort() {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private static void delete(Path directory) {
    if (!Files.exists(directory)) {
      return;
    }
    try (var walk = Files.walk(directory)) {
      for (var path : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException failure) {
      say("cannot delete " + directory + ": " + failure);
    }
  }
}
