package io.streamhouse.compat.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.driver.Options;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/// The short form of [ClusterLoop]. `-Dcluster="--minutes 30 --durability local"` gives it other
/// options. Alone, since its agents need the processors to notice each other in time.
@Isolated
class ClusterLoopTest {

  @TempDir Path directory;

  @Test
  void agentsThatComeAndGoLoseAndDoubleNothing() throws Exception {
    assumeTrue(Servers.chosen() == Servers.STREAMHOUSE, "it is about agents of StreamHouse");
    var kits = Kits.find();
    var options = new ArrayList<>(List.of("--agents", Cluster.severalAgents(kits) ? "3" : "1"));
    options.addAll(
        List.of(
            System.getProperty(
                    "cluster",
                    "--seconds 30 --session 5000 --shortest 300 --longest 2000 --pause 500"
                        + " --member-life 8000 --rate 400")
                .split(" ", -1)));
    var outcome =
        new ClusterLoop(ClusterLoop.plan(Options.parse(options.toArray(String[]::new))))
            .run(kits, directory);
    System.out.println(outcome);
    assertThat(outcome.clean()).as("%s", outcome).isTrue();
    assertThat(outcome.counts().acknowledged()).isPositive();
    assertThat(outcome.strikes()).isNotEmpty();
  }
}
