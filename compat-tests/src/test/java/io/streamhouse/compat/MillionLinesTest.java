package io.streamhouse.compat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.driver.JsonLines;
import io.streamhouse.compat.driver.Line;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/// A million generated lines go in with real clients, each in its own process, and come out
/// identical and in order per partition: as they are, after `kill -9` in the middle of the load,
/// and from segments alone.
///
/// All of it for the places that `-Dplaces=SQLITE_AND_S3,…` names: every [Place] passes. `mvn
/// verify` takes SQLite and a directory, and of the lines 400,000 with the Java client, fewer with
/// the text tools and under kills (what is stored elsewhere is under the kill and fault loops
/// there); `-Dlines=1000000 -Dlines.tools=1000000 -Dlines.kill=1000000 -Dlines.elsewhere=1000000`
/// and all places are the whole of it.
@ParameterizedClass
@MethodSource("places")
class MillionLinesTest {

  private static final int LINES = Integer.getInteger("lines", 400_000);
  private static final int TOOL_LINES = Integer.getInteger("lines.tools", 60_000);
  private static final int KILL_LINES = Integer.getInteger("lines.kill", 120_000);

  /// At most so many where it is not SQLite and a directory.
  private static final int LINES_ELSEWHERE = Integer.getInteger("lines.elsewhere", 30_000);

  private static final String PLACES =
      System.getProperty("places", Place.SQLITE_AND_DIRECTORY.name());

  private static final int PARTITIONS = 6;
  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final String PRODUCER = "org.apache.kafka.tools.ConsoleProducer";
  private static final String CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer";

  private final Kits kits = Kits.find();
  private final JsonLines lines = new JsonLines(20_26);
  private final long time = System.currentTimeMillis() - Duration.ofHours(1).toMillis();

  @TempDir Path directory;
  private final Place place;
  private final int javaLines;
  private final int toolLines;
  private final int killLines;
  private ServerUnderTest server;
  private String test;

  MillionLinesTest(Place place) {
    this.place = place;
    int most = place == Place.SQLITE_AND_DIRECTORY ? Integer.MAX_VALUE : LINES_ELSEWHERE;
    this.javaLines = Math.min(LINES, most);
    this.toolLines = Math.min(TOOL_LINES, most);
    this.killLines = Math.min(KILL_LINES, most);
  }

  static List<Place> places() {
    if (Servers.chosen() == Servers.KAFKA) {
      return List.of(Place.SQLITE_AND_DIRECTORY);
    }
    return Arrays.stream(PLACES.split(",")).map(Place::valueOf).toList();
  }

  @BeforeEach
  void start(TestInfo info) {
    test = place + "-" + info.getTestMethod().orElseThrow().getName();
    var data = directory.resolve("data");
    server =
        Servers.chosen() == Servers.KAFKA
            ? Servers.KAFKA.create(kits, data, Map.of())
            : place.agent(kits, data, Map.of());
    server.start();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void linesOfTheJavaClientComeBackFromTheLogAndFromSegmentsOnly() throws IOException {
    Topics.create(server, "plain", PARTITIONS, Map.of());
    Path acked = file("acked");
    produce("plain", javaLines, acked).ok();
    var roundTrip = new RoundTrip(lines, javaLines);

    roundTrip.check(acked, consume("plain"), time);

    restartWithoutWal();
    roundTrip.check(acked, consume("plain"), time);
  }

  @Test
  void linesOfTheConsoleToolsComeBackFromTheLogAndFromSegmentsOnly() throws IOException {
    Topics.create(server, "console", PARTITIONS, Map.of());
    Path input = lines.write(file("console.txt"), "console", 0, toolLines);
    Kits.run(consoleProducer(new ChildProcess.Input.FromFile(input)), LIMIT).ok();

    checkConsole(consoleConsume(toolLines), toolLines);

    restartWithoutWal();
    checkConsole(consoleConsume(toolLines), toolLines);
  }

  @Test
  void linesOfKcatComeBackFromTheLogAndFromSegmentsOnly() throws IOException {
    var kcat = Kits.kcat();
    assumeTrue(kcat.isPresent(), "kcat is not installed: librdkafka clients are NOT tested");
    Topics.create(server, "kcat", PARTITIONS, Map.of());
    Path input = lines.write(file("kcat.txt"), "kcat", 0, toolLines);
    var produce =
        new ArrayList<>(List.of(kcat.get(), "-P", "-b", server.bootstrap(), "-t", "kcat"));
    produce.addAll(List.of("-X", "enable.idempotence=true", "-X", "compression.codec=lz4"));
    produce.addAll(List.of("-K", "\\t", "-l", input.toString()));
    Kits.run(kits.command(test + "-produce", new ChildProcess.Input.None(), produce), LIMIT).ok();

    checkKcat(kcatConsume(kcat.get()));

    restartWithoutWal();
    checkKcat(kcatConsume(kcat.get()));
  }

  @Test
  void everyAcknowledgedLineSurvivesKillsInTheMiddleOfTheLoad() throws IOException {
    Topics.create(server, "killed", PARTITIONS, Map.of());
    Path acked = file("acked");
    try (var producer = ChildProcess.start(produceSpec("killed", killLines, acked))) {
      // Each kill waits for the load to be under way again, so all of them fall into it.
      for (int kill = 1; kill <= 3; kill++) {
        String reached = "acknowledged " + (killLines / 4 * kill) / 1000 * 1000;
        producer.awaitLine(producer.line(reached::equals), LIMIT);
        server.kill();
        server.start();
      }
      assertThat(producer.await(LIMIT)).as(() -> producer.tail() + server.tail()).isZero();
    }

    new RoundTrip(lines, killLines).check(acked, consume("killed"), time);
    restartWithoutWal();
    new RoundTrip(lines, killLines).check(acked, consume("killed"), time);
  }

  @Test
  void everyLineOfTheConsoleProducerSurvivesKillsInTheMiddleOfTheLoad() throws IOException {
    Topics.create(server, "console", PARTITIONS, Map.of());
    try (var producer = ChildProcess.start(consoleProducer(new ChildProcess.Input.Piped()))) {
      try (var input = producer.input()) {
        // The pipe holds little, so after each third most of it is with the producer or sent.
        lines.write(input, "console", 0, toolLines / 3);
        server.kill();
        server.start();
        lines.write(input, "console", toolLines / 3, toolLines * 2L / 3);
        server.kill();
        server.start();
        lines.write(input, "console", toolLines * 2L / 3, toolLines);
      }
      assertThat(producer.await(LIMIT)).as(() -> producer.tail() + server.tail()).isZero();
    }

    checkConsole(consoleConsume(toolLines), toolLines);
  }

  /// SIGTERM flushes everything and then deletes the WAL, so that every byte read afterwards comes
  /// from a segment.
  private void restartWithoutWal() throws IOException {
    assertThat(server.stop()).as(server::tail).isZero();
    if (Servers.chosen() == Servers.STREAMHOUSE) {
      assertThat(filesIn("data/wal", ".wal")).as("log files left by SIGTERM").isEmpty();
      if (place.objectsAreFiles()) {
        assertThat(filesIn("data/objects", ".seg")).as("objects").isNotEmpty();
      }
    }
    server.start();
  }

  private List<Path> filesIn(String place, String suffix) throws IOException {
    try (var files = Files.walk(directory.resolve(place))) {
      return files.filter(file -> file.toString().endsWith(suffix)).toList();
    }
  }

  private Kits.Finished produce(String topic, int count, Path acked) {
    return Kits.run(produceSpec(topic, count, acked), LIMIT);
  }

  private ChildProcess.Spec produceSpec(String topic, int count, Path acked) {
    return kits.spec(
        Kits.Client.KAFKA_4_3,
        test + "-produce",
        "produce",
        "--bootstrap",
        server.bootstrap(),
        "--topic",
        topic,
        "--seed",
        "2026",
        "--to",
        Integer.toString(count),
        "--time",
        Long.toString(time),
        "--acked",
        acked.toString(),
        "--report-every",
        "500",
        "-X",
        "linger.ms=5",
        "-X",
        "compression.type=lz4");
  }

  private Path consume(String topic) {
    Path read = file("read");
    kits.drive(
            Kits.Client.KAFKA_4_3,
            test + "-consume",
            LIMIT,
            "consume",
            "--bootstrap",
            server.bootstrap(),
            "--topic",
            topic,
            "--out",
            read.toString())
        .ok();
    return read;
  }

  private ChildProcess.Spec consoleProducer(ChildProcess.Input input) {
    return kits.tool(
        test + "-produce",
        input,
        PRODUCER,
        "--bootstrap-server",
        server.bootstrap(),
        "--topic",
        "console",
        "--message-send-max-retries",
        "1000000",
        "--command-property",
        "delivery.timeout.ms=180000",
        "--reader-property",
        "parse.headers=true",
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "null.marker=" + Line.NULL_MARKER);
  }

  private Path consoleConsume(int count) {
    return Kits.run(
            kits.tool(
                test + "-consume",
                new ChildProcess.Input.None(),
                CONSUMER,
                "--bootstrap-server",
                server.bootstrap(),
                "--topic",
                "console",
                "--from-beginning",
                "--max-messages",
                Integer.toString(count),
                "--timeout-ms",
                "30000",
                "--formatter-property",
                "print.partition=true",
                "--formatter-property",
                "print.offset=true",
                "--formatter-property",
                "print.headers=true",
                "--formatter-property",
                "print.key=true",
                "--formatter-property",
                "null.literal=" + Line.NULL_MARKER),
            LIMIT)
        .ok()
        .outputFile();
  }

  private void checkConsole(Path output, int count) throws IOException {
    new RoundTrip(lines, count)
        .check(
            output,
            row -> {
              String[] parts = row.split("\t", 5);
              String key = parts[3].equals(Line.NULL_MARKER) ? null : parts[3];
              return new RoundTrip.Printed(
                  Integer.parseInt(parts[0].substring("Partition:".length())),
                  Long.parseLong(parts[1].substring("Offset:".length())),
                  key,
                  parts[2] + '\t' + parts[3] + '\t' + parts[4]);
            },
            Line::toConsoleOutput);
  }

  private Path kcatConsume(String kcat) {
    var consume = new ArrayList<>(List.of(kcat, "-C", "-b", server.bootstrap(), "-t", "kcat"));
    consume.addAll(List.of("-o", "beginning", "-e", "-q", "-f", "%p\\t%o\\t%K\\t%k\\t%s\\n"));
    return Kits.run(kits.command(test + "-consume", new ChildProcess.Input.None(), consume), LIMIT)
        .ok()
        .outputFile();
  }

  private void checkKcat(Path output) throws IOException {
    new RoundTrip(lines, toolLines)
        .check(
            output,
            row -> {
              String[] parts = row.split("\t", 5);
              String key = parts[2].equals("-1") ? null : parts[3];
              return new RoundTrip.Printed(
                  Integer.parseInt(parts[0]),
                  Long.parseLong(parts[1]),
                  key,
                  key == null ? parts[4] : key + '\t' + parts[4]);
            },
            Line::toKcat);
  }

  private Path file(String name) {
    return directory.resolve(name);
  }
}
