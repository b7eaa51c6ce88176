package io.streamhouse.broker.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class StreamctlTest {

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @TempDir private Path directory = Path.of("");

  private int run(String... arguments) {
    return Streamctl.run(
        InputStream.nullInputStream(),
        new PrintStream(out, true, UTF_8),
        new PrintStream(err, true, UTF_8),
        arguments);
  }

  @Test
  void everyCommandHasHelp() {
    for (var command :
        List.of(
            "topic",
            "topic list",
            "topic create",
            "topic describe",
            "topic delete",
            "group",
            "group list",
            "group describe",
            "group reset",
            "group delete",
            "config",
            "config get",
            "config set",
            "config delete",
            "produce",
            "consume",
            "segment",
            "segment dump",
            "wal",
            "wal dump")) {
      out.reset();
      assertThat(run((command + " --help").split(" "))).as(command).isZero();
      assertThat(out.toString(UTF_8)).as(command).startsWith("Usage: streamctl " + command);
    }
  }

  @Test
  void commandLineThatCannotBeFollowedExitsWithTwo() {
    for (var command :
        List.of(
            "",
            "topics",
            "topic",
            "topic create",
            "group",
            "group reset g",
            "config get",
            "produce",
            "consume t --offset 3",
            "consume t --group g --partition 1",
            "consume t --partition x")) {
      assertThat(run(command.isEmpty() ? new String[0] : command.split(" ")))
          .as(command)
          .isEqualTo(2);
    }
  }

  @Test
  void fileThatIsNoSegmentOrLogIsSaidToBeNone() throws IOException {
    var file = Files.write(directory.resolve("file"), new byte[500]);
    assertThat(run("segment", "dump", file.toString())).isEqualTo(1);
    assertThat(run("wal", "dump", file.toString())).isEqualTo(1);
    assertThat(run("wal", "dump", directory.resolve("none").toString())).isEqualTo(1);
    var empty = Files.createFile(directory.resolve("empty"));
    assertThat(run("segment", "dump", empty.toString())).isEqualTo(1);
    assertThat(run("wal", "dump", empty.toString())).isEqualTo(1);
    assertThat(err.toString(UTF_8).lines())
        .allSatisfy(line -> assertThat(line).startsWith("streamctl: "))
        .hasSize(5);
  }
}
