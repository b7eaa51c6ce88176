package io.streamhouse.compat.kill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.Place;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The kill loop's short form; `-Drounds=200` is the long one, `-Dseed=N` repeats the choices of a
/// run (not its timing).
class KillLoopTest {

  @TempDir Path directory;

  @Test
  void killsLoseAndDoubleNothing() {
    killAndJudge(4, Map.of());
  }

  @Test
  void killsLoseAndDoubleNothingThatWasCommittedBeforeItWasAcknowledged() {
    killAndJudge(2, Map.of("streamhouse.durability", "object"));
  }

  @Test
  void killsLoseAndDoubleNothingOfTailsThatAreMostlyInTheLog() {
    killAndJudge(
        2,
        Map.of(
            "streamhouse.flush.interval.ms", "600000",
            "streamhouse.flush.bytes", "524288",
            "streamhouse.tail.max.bytes", "1048576"));
  }

  @Test
  void killsLoseAndDoubleNothingWithPostgresAndS3() {
    assumeTrue(Servers.chosen() == Servers.STREAMHOUSE, "only StreamHouse has such places");
    killAndJudge(
        2, Place.POSTGRESQL_AND_S3.agent(Kits.find(), directory.resolve("data"), Map.of()));
  }

  private void killAndJudge(int usually, Map<String, String> settings) {
    killAndJudge(
        usually, Servers.chosen().create(Kits.find(), directory.resolve("data"), settings));
  }

  private static void killAndJudge(int usually, ServerUnderTest notStarted) {
    int rounds = Integer.getInteger("rounds", usually);
    long seed = Long.getLong("seed", System.nanoTime());
    try (var server = notStarted) {
      var verdict = new KillLoop(server, rounds, seed).run();
      System.out.println(verdict);
      assertThat(verdict.violations()).as("%s%n%s", verdict, server.tail()).isEmpty();
      assertThat(verdict.acknowledged()).isPositive();
      assertThat(verdict.commits()).isPositive();
    }
  }
}
