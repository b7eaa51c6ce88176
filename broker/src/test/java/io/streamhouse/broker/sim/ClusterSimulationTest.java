package io.streamhouse.broker.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/// Runs seeds 0 to `streamhouse.sim.seeds` (150 by default); `-Dstreamhouse.sim.seeds=10000` is the
/// long form, `-Dstreamhouse.sim.first=N` begins at another seed.
///
/// What it finds is told by a test that needs no seed, such as those of `LeadershipTest`: as soon
/// as the simulation draws anything more, a seed is another run.
class ClusterSimulationTest {

  @Test
  void invariantsHoldAmongAgentsThatDiePauseAndLoseTheirConnections() {
    long first = Long.getLong("streamhouse.sim.first", 0);
    int seeds = Integer.getInteger("streamhouse.sim.seeds", 150);
    long deaths = 0;
    long acknowledged = 0;
    long failovers = 0;
    long sessionsEnded = 0;
    long waited = 0;
    long late = 0;
    for (long seed = first; seed < first + seeds; seed++) {
      var simulation = run(seed);
      deaths += simulation.deaths;
      acknowledged += simulation.acknowledged;
      failovers += simulation.failovers;
      sessionsEnded += simulation.sessionsEnded;
      waited += simulation.waited;
      late += simulation.lateCalls();
    }
    System.out.printf(
        "cluster simulation: %d seeds, %d deaths, %d batches acknowledged, %d sessions declared"
            + " dead, %d agents that heard of it, %d late transactions, %d partitions left waiting"
            + "%n",
        seeds, deaths, acknowledged, failovers, sessionsEnded, late, waited);
    assertThat(deaths).isPositive();
    assertThat(acknowledged).isGreaterThan(seeds);
    assertThat(failovers).isPositive();
  }

  /// That the simulation finds what it is for: an agent that trusts its session for ever serves and
  /// acknowledges after another has taken its partitions.
  @Test
  void anAgentThatTrustsItsSessionForEverIsFound() throws Exception {
    var found = new TreeSet<String>();
    for (long seed = 0; seed < 500 && found.isEmpty(); seed++) {
      try {
        new ClusterSimulation(seed, _ -> () -> true).run(600);
      } catch (AssertionError violation) {
        found.add(String.valueOf(violation.getMessage()));
      }
    }
    System.out.println("simulation of a session that is trusted for ever: " + found);
    assertThat(found).singleElement().asString().contains("is acknowledged under epoch");
  }

  private static ClusterSimulation run(long seed) {
    var simulation = new ClusterSimulation(seed);
    try {
      simulation.run(600);
    } catch (Exception | AssertionError failed) {
      throw new AssertionError("seed " + seed + " failed", failed);
    }
    return simulation;
  }
}
