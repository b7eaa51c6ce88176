package io.streamhouse.broker.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.StartFailure;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.metadata.SchemaMismatch;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MainTest {

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final List<AgentConfig> started = new ArrayList<>();

  @TempDir private Path directory = Path.of("");

  private Main main(RunningAgent.Starter starter) {
    return new Main(new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), starter);
  }

  private int run(String... arguments) {
    return main(
            (config, time) -> {
              started.add(config);
              throw new StartFailure("port 9092 is in use");
            })
        .run(List.of(arguments));
  }

  @Test
  void helpAndVersionExitWithZero() {
    assertThat(run("--help")).isZero();
    assertThat(out.toString(UTF_8)).contains("Usage: streamhouse start").contains("-o KEY=VALUE");
    assertThat(run("start", "--help")).isZero();
    assertThat(run("--version")).isZero();
    assertThat(out.toString(UTF_8)).containsPattern("streamhouse \\d+\\.\\d+");
    assertThat(started).isEmpty();
  }

  @Test
  void commandLineThatCannotBeFollowedExitsWithTwo() {
    assertThat(run()).isEqualTo(2);
    assertThat(run("stop")).isEqualTo(2);
    for (var options :
        List.of(
            List.of("--prot", "1"),
            List.of("--port"),
            List.of("--port", "x"),
            List.of("--port=65536"),
            List.of("-o", "novalue"),
            List.of("--config", directory.resolve("none").toString()))) {
      err.reset();
      var arguments = new ArrayList<>(List.of("start"));
      arguments.addAll(options);
      assertThat(run(arguments.toArray(String[]::new))).as("%s", options).isEqualTo(2);
      assertThat(err.toString(UTF_8)).startsWith("streamhouse: ");
    }
    assertThat(started).isEmpty();
  }

  @Test
  void everyConfigurationErrorIsPrinted() {
    assertThat(run("start", "-o", "a=1", "-o", "b=2", "-o", "num.partitions=0")).isEqualTo(2);
    assertThat(err.toString(UTF_8).lines())
        .containsExactly(
            "streamhouse: the configuration has 3 errors:",
            "  invalid value '0' for num.partitions: must be from 1 to 100000",
            "  unknown setting a",
            "  unknown setting b");
    assertThat(started).isEmpty();
  }

  @Test
  void whatKeepsTheAgentFromStartingIsSaidAndExitsWithTwo() {
    assertThat(run("start", "--data", directory.toString())).isEqualTo(2);
    assertThat(err.toString(UTF_8)).isEqualTo("streamhouse: port 9092 is in use\n");
    assertThat(out.toString(UTF_8)).contains("data        " + directory).contains("synced first");
  }

  /// An agent that ends at once.
  private static RunningAgent stopped(boolean sessionOver) {
    return new RunningAgent() {
      @Override
      public List<String> listenAddresses() {
        return List.of("127.0.0.1:3456");
      }

      @Override
      public Optional<String> httpAddress() {
        return Optional.of("127.0.0.1:7890");
      }

      @Override
      public void awaitStopped() {}

      @Override
      public boolean sessionOver() {
        return sessionOver;
      }

      @Override
      public void close() {}
    };
  }

  @Test
  void anAgentThatTheSchemaIsNotForAnyMoreEnds() {
    var main =
        main((config, time) -> {
          started.add(config);
          if (started.size() > 1) {
            var mismatch = new SchemaMismatch("for programs of version 9 and later");
            throw new StartFailure(String.valueOf(mismatch.getMessage()), mismatch);
          }
          return stopped(true);
        });
    assertThat(main.run(List.of("start", "--data", directory.toString()))).isOne();
    assertThat(started).hasSize(2);
    assertThat(err.toString(UTF_8))
        .isEqualTo("streamhouse: cannot start again: for programs of version 9 and later\n");
  }

  @Test
  void anAgentWhoseSessionOthersEndedIsStartedAgainOnItsPorts() {
    var over = new boolean[] {true, false};
    var main =
        main((config, time) -> {
          started.add(config);
          return stopped(over[started.size() - 1]);
        });
    var arguments =
        List.of(
            "start",
            "--data",
            directory.toString(),
            "--port",
            "0",
            "-o",
            "streamhouse.http.listener=127.0.0.1:0");
    // The second one stops by itself for another reason.
    assertThat(main.run(arguments)).isOne();
    assertThat(started).hasSize(2);
    assertThat(started.getLast().network().listeners()).hasToString("[PLAINTEXT://127.0.0.1:3456]");
    assertThat(started.getLast().http().listener().orElseThrow().port()).isEqualTo(7890);
    assertThat(err.toString(UTF_8)).contains("stopped by itself");
  }

  @Test
  void optionsBeatOverridesBeatTheFile() throws IOException {
    var file = directory.resolve("server.properties");
    Files.writeString(
        file,
        """
        listeners=PLAINTEXT://10.0.0.1:1
        num.partitions=3
        node.id=4
        broker.rack=zöne
        """);
    assertThat(
            run(
                "start",
                "--config=" + file,
                "-o",
                "num.partitions=5",
                "-o",
                "num.partitions = 6",
                "-o",
                "streamhouse.data.dir=/nowhere",
                "--data",
                directory.resolve("with space").toString(),
                "--port",
                "0"))
        .isEqualTo(2);
    var config = started.getFirst();
    assertThat(config.topics().partitions()).isEqualTo(6);
    assertThat(config.nodeId()).isEqualTo(4);
    assertThat(config.rack()).contains("zöne");
    assertThat(config.network().listeners()).hasToString("[PLAINTEXT://10.0.0.1:0]");
    assertThat(config.storage().dataDir()).isEqualTo(directory.resolve("with space"));
  }

  @Test
  void portOfSeveralListenersIsRefused() {
    assertThat(run("start", "--port", "1", "-o", "listeners=PLAINTEXT://:1,OTHER://:2"))
        .isEqualTo(2);
    assertThat(err.toString(UTF_8)).contains("--port cannot say which of several listeners");
  }
}
