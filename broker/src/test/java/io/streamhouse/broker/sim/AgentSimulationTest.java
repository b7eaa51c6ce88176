package io.streamhouse.broker.sim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/// Runs seeds 0 to `streamhouse.sim.seeds` (300 by default); `-Dstreamhouse.sim.seeds=10000` is the
/// long form, `-Dstreamhouse.sim.first=N` begins at another seed.
class AgentSimulationTest {

  @Test
  void invariantsHoldWhateverFailsAndWhenever() throws Exception {
    long first = Long.getLong("streamhouse.sim.first", 0);
    int seeds = Integer.getInteger("streamhouse.sim.seeds", 300);
    long crashes = 0;
    long acknowledged = 0;
    long evictedReads = 0;
    long merged = 0;
    for (long seed = first; seed < first + seeds; seed++) {
      var simulation = new AgentSimulation(seed);
      try {
        simulation.run(400);
      } catch (Exception | AssertionError failed) {
        throw new AssertionError("seed " + seed + " failed", failed);
      }
      crashes += simulation.crashes;
      acknowledged += simulation.acknowledged;
      evictedReads += simulation.evictedReads();
      merged += simulation.merged;
    }
    System.out.printf(
        "simulation: %d seeds, %d crashes, %d batches acknowledged, %d read from the log, %d"
            + " segments merged%n",
        seeds, crashes, acknowledged, evictedReads, merged);
    assertThat(crashes).isPositive();
    assertThat(acknowledged).isGreaterThan(seeds);
    assertThat(evictedReads).isGreaterThan(seeds);
    assertThat(merged).isGreaterThan(seeds);
  }
}
