package io.streamhouse.compat.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.cluster.Observations.Run;
import io.streamhouse.compat.cluster.Violation.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The load and the checker with one server: one that does what it promises, Apache Kafka included
/// (`-Dcompat.server=kafka`), and one that is made to break its promises.
class WorkloadTest {

  /// So that groups come together before their members leave.
  private static final Map<String, String> SETTINGS =
      Map.of("group.initial.rebalance.delay.ms", "500");

  private static final Duration LIMIT = Duration.ofSeconds(60);

  @TempDir Path directory;

  private final Stopwatch clock = new Stopwatch();

  private static Workload.Load load() {
    return new Workload.Load(Layout.of(2, 3), 3, 400, 2, 100_000, Duration.ofSeconds(6), 1);
  }

  @Test
  void serverThatIsKilledAndComesBackBreaksNoPromise() {
    try (var server = Servers.chosen().create(Kits.find(), directory.resolve("data"), SETTINGS);
        var workload = start(server)) {
      server.kill();
      server.start();
      workload.awaitAcknowledgements(LIMIT);
      workload.stop();

      var verdict = workload.judge(workload.readAll("last"));
      assertThat(verdict.examples()).isEmpty();
      assertThat(verdict.records()).isPositive();
      assertThat(workload.observed().commits()).isNotEmpty();
      assertThat(workload.observed().endReads()).isNotEmpty();
      assertThat(workload.observed().committedReads())
          .anySatisfy(read -> assertThat(read.reader().name()).startsWith("group-classic-"))
          .anySatisfy(read -> assertThat(read.reader().name()).startsWith("group-consumer-"));
    }
  }

  /// An old copy of its data is given to it: what it acknowledged since then is gone.
  @Test
  void serverThatForgetsIsFound() throws Exception {
    assumeTrue(Servers.chosen() == Servers.STREAMHOUSE, "it is about where StreamHouse has data");
    var data = directory.resolve("data");
    try (var server = Servers.STREAMHOUSE.create(Kits.find(), data, SETTINGS);
        var workload = start(server)) {
      server.kill();
      copy(data, directory.resolve("copy"));
      server.start();
      workload.awaitAcknowledgements(LIMIT);
      workload.awaitTail(LIMIT);
      server.kill();
      delete(data);
      copy(directory.resolve("copy"), data);
      server.start();
      // Those who have read on wait for what does not come, or are told that it does not exist.
      workload.abandon();

      List<Run> last = workload.readAll("last");
      var verdict = workload.judge(last);
      assertThat(verdict.counts()).containsKey(Kind.LOST);
      assertThat(verdict.counts().keySet())
          .as("what was read before it was forgotten")
          .containsAnyOf(Kind.UNSEEN_LATER, Kind.CHANGED);
    }
  }

  private Workload start(ServerUnderTest server) {
    server.start();
    var workload = new Workload(server.bootstrap(), load(), clock);
    workload.createTopics(Map.of());
    workload.start();
    workload.awaitAcknowledgements(LIMIT);
    return workload;
  }

  private static void copy(Path from, Path to) throws IOException {
    try (var files = Files.walk(from)) {
      for (var file : (Iterable<Path>) files::iterator) {
        var target = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
    }
  }

  private static void delete(Path directory) throws IOException {
    try (var files = Files.walk(directory)) {
      for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
