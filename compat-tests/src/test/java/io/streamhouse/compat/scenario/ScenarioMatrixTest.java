package io.streamhouse.compat.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import io.streamhouse.metadata.testing.TcpProxy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Every client plays every [Scenario] against StreamHouse, and against Apache Kafka, and sees the
/// same.
///
/// | property              | means                                                        |
/// |-----------------------|--------------------------------------------------------------|
/// | `-Dscenarios=NAME,…`  | these only, or `all`; else those that take few seconds        |
/// | `-Dclients=NAME,…`    | these [Client]s only, or `all`                                |
/// | `-Doracle=true`       | also against Apache Kafka, and compares; `all` means it too   |
class ScenarioMatrixTest {

  private static final int AT_ONCE = 4;

  private static final Map<String, String> CONFIG =
      Map.ofEntries(
          Map.entry("node.id", "1"),
          Map.entry("offsets.topic.num.partitions", "4"),
          Map.entry("group.initial.rebalance.delay.ms", "0"),
          Map.entry("group.consumer.min.session.timeout.ms", "6000"),
          Map.entry("group.consumer.session.timeout.ms", "6000"),
          Map.entry("group.consumer.min.heartbeat.interval.ms", "500"),
          Map.entry("group.consumer.heartbeat.interval.ms", "500"));

  /// What runs in every build: a client of each language, and what finds most.
  private static final Set<Client> BRIEF_CLIENTS =
      Set.of(
          Client.JAVA_4_3,
          Client.JAVA_4_3_CONSUMER,
          Client.LIBRDKAFKA,
          Client.FRANZ_GO,
          Client.KAFKAJS);

  private static final Set<String> BRIEF_SCENARIOS =
      Set.of("codecs", "headers", "large", "rebalance", "commit", "times", "idempotent");

  private final Kits kits = Kits.find();

  @TempDir Path directory;

  private record Key(Client client, String scenario) {}

  @Test
  void everyClientSeesWhatItIsToSee() throws IOException {
    var scenarios =
        Scenario.all().stream()
            .filter(one -> chosen("scenarios", one.name(), BRIEF_SCENARIOS))
            .toList();
    var commands = new EnumMap<Client, List<String>>(Client.class);
    for (var client : Client.values()) {
      if (chosen(
          "clients",
          client.name(),
          BRIEF_CLIENTS.stream().map(Client::name).collect(Collectors.toSet()))) {
        client
            .command(kits)
            .ifPresentOrElse(
                command -> commands.put(client, command),
                () -> System.err.println(client.title() + " could not be built here: skipped"));
      }
    }
    assertThat(scenarios).isNotEmpty();
    assertThat(commands).isNotEmpty();

    var problems = new ArrayList<String>();
    var ours = new Seen();
    playAll(Servers.chosen(), scenarios, commands, ours, problems);
    boolean all = System.getProperty("scenarios", "").equals("all");
    if (Boolean.getBoolean("oracle") || all) {
      var theirs = new Seen();
      playAll(Servers.KAFKA, scenarios, commands, theirs, problems);
      compare(ours.outcomes, theirs.outcomes, problems);
      if (System.getProperty("compat.reference", "").equals("write")) {
        var document = CompatibilityDocument.path(kits.root());
        Files.writeString(
            document,
            CompatibilityDocument.render(
                Files.readAllLines(document),
                byScenario(ours.outcomes),
                ours.versions,
                theirs.versions));
      }
    }
    Files.createDirectories(kits.work());
    Files.writeString(kits.work().resolve("scenarios.txt"), String.join("\n\n", problems));
    assertThat(String.join("\n\n", problems)).isEmpty();
    checkDocument(scenarios, ours.outcomes);
  }

  /// What was seen of a server.
  private static final class Seen {
    final Map<Key, Outcome> outcomes = new LinkedHashMap<>();
    SortedMap<Short, String> versions = new TreeMap<>();
  }

  private static Map<String, Map<Client, Outcome>> byScenario(Map<Key, Outcome> outcomes) {
    var rows = new LinkedHashMap<String, Map<Client, Outcome>>();
    outcomes.forEach((key, outcome) ->
        rows.computeIfAbsent(key.scenario(), _ -> new EnumMap<>(Client.class))
            .put(key.client(), outcome));
    return rows;
  }

  /// The document has every scenario and client, and says of these what was seen.
  private void checkDocument(List<Scenario> scenarios, Map<Key, Outcome> outcomes)
      throws IOException {
    var cells =
        CompatibilityDocument.cells(Files.readAllLines(CompatibilityDocument.path(kits.root())));
    assertThat(cells.keySet())
        .as("rows of docs/COMPATIBILITY.md; -Dscenarios=all -Dclients=all -Dcompat.reference=write")
        .containsExactlyElementsOf(Scenario.all().stream().map(Scenario::title).toList());
    assertThat(cells.values())
        .allSatisfy(row ->
            assertThat(row.keySet())
                .containsExactlyElementsOf(
                    Arrays.stream(Client.values()).map(Client::title).toList()));
    for (var scenario : scenarios) {
      outcomes.forEach((key, outcome) -> {
        if (key.scenario().equals(scenario.name())) {
          assertThat(cells.getOrDefault(scenario.title(), Map.of()).get(key.client().title()))
              .as("%s, %s in docs/COMPATIBILITY.md", scenario.title(), key.client().title())
              .isIn(
                  CompatibilityDocument.cell(key.client(), scenario, outcome),
                  CompatibilityDocument.NOT_RUN);
        }
      });
    }
  }

  private static boolean chosen(String property, String name, Set<String> brief) {
    String value = System.getProperty(property, "");
    return value.isEmpty()
        ? brief.contains(name)
        : value.equals("all") || Arrays.asList(value.split(",", -1)).contains(name);
  }

  private void playAll(
      Servers servers,
      List<Scenario> scenarios,
      Map<Client, List<String>> commands,
      Seen seen,
      List<String> problems)
      throws IOException {
    var byServer = scenarios.stream().collect(Collectors.groupingBy(Scenario::server));
    for (var one : byServer.entrySet()) {
      if (one.getKey().equals("alone")) {
        for (var client : commands.entrySet()) {
          var alone = Map.of(client.getKey(), client.getValue());
          playOn(servers, "alone-" + client.getKey(), one.getValue(), alone, seen);
        }
      } else {
        playOn(servers, one.getKey(), one.getValue(), commands, seen);
      }
    }
    seen.outcomes.forEach((key, outcome) -> {
      boolean limited = KnownLimits.of(key.client(), key.scenario()).isPresent();
      if (outcome instanceof Outcome.Failed(var why) && !limited) {
        problems.add(servers + ", " + key.client() + ", " + key.scenario() + "\n  " + why);
      } else if (outcome instanceof Outcome.Played && limited) {
        problems.add(servers + ", " + key.client() + " manages " + key.scenario());
      }
    });
  }

  private void playOn(
      Servers servers,
      String kind,
      List<Scenario> scenarios,
      Map<Client, List<String>> commands,
      Seen seen)
      throws IOException {
    var config = new HashMap<>(CONFIG);
    boolean proxied = kind.equals("proxied");
    // A server that is restarted is for one client at a time.
    int atOnce = kind.equals("restarted") ? 1 : AT_ONCE;
    if (kind.contains("=")) {
      config.put(kind.substring(0, kind.indexOf('=')), kind.substring(kind.indexOf('=') + 1));
    }
    String name =
        servers + "-" + (kind.isEmpty() ? "shared" : kind.replaceAll("[^A-Za-z0-9]+", "-"));
    try (var proxy = proxied ? new TcpProxy() : null) {
      if (proxy != null) {
        config.put("advertised.listeners", "PLAINTEXT://127.0.0.1:" + proxy.port());
      }
      try (var server = servers.create(kits, directory.resolve(name), config);
          var threads = Executors.newFixedThreadPool(atOnce)) {
        server.start();
        if (proxy != null) {
          proxy.target(server.port());
        }
        seen.versions = ApiVersionsTable.ask(server);
        awaitCoordinators(server);
        var playing = new LinkedHashMap<Key, CompletableFuture<Outcome>>();
        for (var scenario : scenarios) {
          commands.forEach((client, command) ->
              playing.put(
                  new Key(client, scenario.name()),
                  CompletableFuture.supplyAsync(
                      () -> play(client, command, scenario, server, proxy), threads)));
        }
        playing.forEach((key, outcome) -> seen.outcomes.put(key, outcome.join()));
      }
    }
  }

  /// Apache Kafka makes its topic of offsets when the first group asks for it, and some clients do
  /// not get over a coordinator that is elsewhere a moment later.
  private static void awaitCoordinators(ServerUnderTest server) {
    var groups = new HashMap<String, ListConsumerGroupOffsetsSpec>();
    for (int i = 0; i < 16; i++) {
      groups.put("warm-" + i, new ListConsumerGroupOffsetsSpec());
    }
    try (var admin =
        Admin.create(Map.<String, Object>of("bootstrap.servers", server.bootstrap()))) {
      admin.listConsumerGroupOffsets(groups).all().get();
    } catch (ExecutionException failed) {
      throw new IllegalStateException("no coordinators", failed.getCause());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  private Outcome play(
      Client client,
      List<String> command,
      Scenario scenario,
      ServerUnderTest server,
      @Nullable TcpProxy proxy) {
    var log =
        kits.work()
            .resolve("scenario-" + server.name() + "-" + client + "-" + scenario.name() + ".log");
    try {
      Files.createDirectories(kits.work());
      Files.deleteIfExists(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    long started = System.nanoTime();
    try (var stage = new Stage(client, command, scenario, server, proxy, log)) {
      return stage.play();
    } finally {
      System.err.printf(
          "%s %s %s %.1f s%n",
          server.name(), client, scenario.name(), (System.nanoTime() - started) / 1e9);
    }
  }

  /// What clients saw of the two is the same, step by step.
  private static void compare(
      Map<Key, Outcome> ours, Map<Key, Outcome> theirs, List<String> problems) {
    ours.forEach((key, mine) -> {
      if (mine instanceof Outcome.Played(var _, var _, var answers)
          && theirs.get(key) instanceof Outcome.Played(var _, var _, var theirAnswers)
          && !answers.equals(theirAnswers)) {
        var differing = new ArrayList<>(answers);
        differing.removeAll(theirAnswers);
        problems.add(
            key.client() + ", " + key.scenario() + ": Apache Kafka answers else than " + differing);
      }
    });
  }
}
