package io.streamhouse.compat.tools;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.compat.ChildProcess;
import io.streamhouse.compat.Kits;
import io.streamhouse.compat.OracleKafka;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.tools.ToolRun.Check;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Apache Kafka's tools, each in a process of its own, say of StreamHouse what they say of Apache
/// Kafka. `-Dtools=all` runs all of [ToolScript], else a part of it is run.
class KafkaToolsTest {

  private static final Duration LIMIT = Duration.ofMinutes(2);

  private static final Map<String, String> CONFIG =
      Map.of("node.id", "1", "offsets.topic.num.partitions", "4");

  private final Kits kits = Kits.find();

  @TempDir Path directory;

  @Test
  void theToolsSayWhatTheySayOfKafka() throws IOException {
    boolean all = System.getProperty("tools", "").equals("all");
    for (var file : ToolScript.FILES.entrySet()) {
      Files.writeString(directory.resolve(file.getKey()), file.getValue());
    }
    var report = new ArrayList<String>();
    try (var oracle = new OracleKafka(kits, directory.resolve("oracle"), CONFIG);
        var server = Servers.chosen().create(kits, directory.resolve("server"), CONFIG);
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      oracle.start();
      server.start();
      for (var run : ToolScript.RUNS) {
        if (!all && !run.brief()) {
          continue;
        }
        var theirs = CompletableFuture.supplyAsync(() -> run(run, "oracle", oracle), threads);
        var ours = run(run, "server", server);
        String wrong = judge(run.check(), ours, theirs.join());
        if (wrong != null) {
          report.add("## " + run.name() + "\n" + wrong);
        }
      }
    }
    Files.createDirectories(kits.work());
    Files.writeString(kits.work().resolve("kafka-tools.txt"), String.join("\n\n", report));
    assertThat(String.join("\n\n", report)).isEmpty();
  }

  /// @return what is wrong, or null
  private static @Nullable String judge(Check check, ToolOutcome ours, ToolOutcome theirs) {
    boolean right =
        switch (check) {
          case Check.Same _ -> ours.equals(theirs);
          case Check.SameInAnyOrder _ ->
              ours.exit() == theirs.exit() && ours.sorted().equals(theirs.sorted());
          case Check.Alike(var patterns) ->
              ours.exit() == theirs.exit()
                  && patterns.stream().allMatch(each -> ours.has(each) && theirs.has(each));
          case Check.Differs(var _, int exit, var patterns) ->
              !ours.equals(theirs) && ours.exit() == exit && patterns.stream().allMatch(ours::has);
        };
    return right ? null : "ours: " + ours + "\ntheirs: " + theirs;
  }

  private ToolOutcome run(ToolRun run, String of, ServerUnderTest server) {
    String name = "tool-" + of + "-" + run.name().replaceAll("[^A-Za-z]+", "-");
    var arguments =
        run.arguments().stream()
            .map(argument ->
                argument
                    .replace("{server}", server.bootstrap())
                    .replace("{dir}", directory.toString()))
            .toList();
    var command =
        kits.java(
            Kits.Client.KAFKA_4_3,
            List.of("-Xmx256m", "-XX:TieredStopAtLevel=1"),
            run.main(),
            arguments);
    try {
      ChildProcess.Input input = new ChildProcess.Input.None();
      if (!run.input().isEmpty()) {
        input =
            new ChildProcess.Input.FromFile(
                Files.writeString(directory.resolve(name + ".in"), run.input()));
      }
      Files.deleteIfExists(kits.log(name));
      var finished = Kits.run(kits.command(name, input, command), LIMIT);
      var lines =
          new ArrayList<>(Files.readAllLines(finished.outputFile(), StandardCharsets.UTF_8));
      lines.addAll(Files.readAllLines(kits.log(name), StandardCharsets.UTF_8));
      return ToolOutcome.of(finished.exit(), lines, server.port(), server.data());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
