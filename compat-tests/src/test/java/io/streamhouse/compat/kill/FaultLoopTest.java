package io.streamhouse.compat.kill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.Servers;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The kill loop while the object store and the database fail as well, in each of the ways in which
/// they do at least once. `-Drounds=200` is the long form, `-Dseed=N` repeats the choices of a run
/// (not its timing).
class FaultLoopTest {

  /// A round checks everything stored so far: beyond so many a new agent begins with nothing.
  private static final int ROUNDS_OF_AN_AGENT = 25;

  @TempDir Path directory;

  @Test
  void faultsLoseAndDoubleNothingThatWasCommittedBeforeItWasAcknowledged() throws Exception {
    disturbAndJudge("object", Integer.MAX_VALUE);
  }

  /// Its outages fill the log with much to be read again: in the long form alone.
  @Test
  void faultsLoseAndDoubleNothingThatWasInTheLogWhenItWasAcknowledged() throws Exception {
    disturbAndJudge("local", 0);
  }

  private void disturbAndJudge(String durability, int usually) throws Exception {
    assumeTrue(Servers.chosen() == Servers.STREAMHOUSE, "only StreamHouse has such places");
    int given = Integer.getInteger("rounds", usually);
    assumeTrue(given > 0, "takes long: only with -Drounds");
    long seed = Long.getLong("seed", System.nanoTime());
    try (var place = FaultyPlace.open()) {
      var disturbances = place.disturbances();
      int left = given == Integer.MAX_VALUE ? disturbances.size() : given;
      for (int life = 0; left > 0; life++, left -= ROUNDS_OF_AN_AGENT) {
        int rounds = Math.min(left, ROUNDS_OF_AN_AGENT);
        var settings = Map.of("streamhouse.durability", durability);
        try (var agent = place.agent(directory.resolve("data-" + life), settings)) {
          var verdict = new KillLoop(agent, rounds, seed + life, disturbances).run();
          System.out.println(verdict);
          assertThat(verdict.violations()).as("%s%n%s", verdict, agent.tail()).isEmpty();
          assertThat(verdict.acknowledged()).isPositive();
          assertThat(verdict.rereads()).isPositive();
          if (rounds >= disturbances.size()) {
            assertThat(verdict.struck().values()).as("%s", verdict).doesNotContain(0L);
          }
        }
      }
    }
  }
}
