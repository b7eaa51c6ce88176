package io.streamhouse.compat.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.driver.Options;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/// The short form of [ClusterLoop]: each thing that happens to an agent and each network that is
/// cut comes up once, at a level of durability that its seed draws. `-Dcluster="--minutes 30
/// --durability local"` gives it other options. Alone, since its agents need the processors to
/// notice each other in time.
@Isolated
class ClusterLoopTest {

  @TempDir Path directory;

  @Test
  void agentsThatComeAndGoLoseAndDoubleNothing() throws Exception {
    assumeTrue(Servers.chosen() == Servers.STREAMHOUSE, "it is about agents of StreamHouse");
    var kits = Kits.find();
    var asked = System.getProperty("cluster");
    var options = asked != null ? asked : shortForm(System.nanoTime());
    var plan = ClusterLoop.plan(Options.parse(options.split(" ", -1)));
    var outcome = new ClusterLoop(plan).run(kits, directory);
    System.out.println(outcome);
    assertThat(outcome.clean()).as("%s", outcome).isTrue();
    assertThat(outcome.counts().acknowledged()).isPositive();
    if (asked == null) {
      assertThat(outcome.strikes()).containsOnlyKeys(plan.nemesis().kinds());
    }
  }

  private static String shortForm(long seed) {
    var levels = Cluster.Durability.values();
    var level = levels[Math.floorMod(seed, levels.length)];
    return "--kinds "
        + "KILL,RESTART,PAUSE_PAST_SESSION,DRAIN,CUT_DATABASE,SILENCE_DATABASE,REFUSE_OBJECTS,"
        + "CUT_CLIENTS --actions 8 --seconds 240 --session 5000 --shortest 300 --longest 2000"
        + " --pause 500 --member-life 8000 --rate 400 --durability "
        + level
        + " --seed "
        + seed;
  }
}
