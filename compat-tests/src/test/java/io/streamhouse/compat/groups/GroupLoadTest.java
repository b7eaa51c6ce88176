package io.streamhouse.compat.groups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.Place;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The load's short form. `-Dgroups=1000 -Dseconds=60` is the long one, `-Dplace=` with a [Place]
/// is for other stores, `-Dseed=N` repeats the choices of a run (not its timing).
class GroupLoadTest {

  @TempDir Path directory;

  @Test
  void classicGroupsLoseNothingWhenTheirCoordinatorIsRestarted() {
    loadAndJudge(GroupLoad.Protocol.CLASSIC);
  }

  @Test
  void consumerGroupsLoseNothingWhenTheirCoordinatorIsRestarted() {
    loadAndJudge(GroupLoad.Protocol.CONSUMER);
  }

  private void loadAndJudge(GroupLoad.Protocol protocol) {
    boolean shortForm = Integer.getInteger("groups") == null;
    var plan =
        new GroupLoad.Plan(
            Integer.getInteger("groups", 100),
            Integer.getInteger("members", 5),
            Integer.getInteger("seconds", 6),
            protocol,
            Integer.getInteger("rounds", shortForm ? 1 : 2),
            Long.getLong("seed", System.nanoTime()),
            shortForm ? 500 : 3_000,
            shortForm ? 500 : 5_000,
            shortForm ? 2_000 : 20_000);
    try (var server = server(plan)) {
      var verdict = new GroupLoad(server, plan).run();
      System.out.println(verdict);
      assertThat(verdict.violations()).as("%s%n%s", verdict, server.tail()).isEmpty();
    }
  }

  private ServerUnderTest server(GroupLoad.Plan plan) {
    var place = System.getProperty("place");
    if (place == null) {
      return Servers.chosen().create(Kits.find(), directory.resolve("data"), plan.settings());
    }
    assumeTrue(Servers.chosen() == Servers.STREAMHOUSE, "only StreamHouse has such places");
    return Place.valueOf(place).agent(Kits.find(), directory.resolve("data"), plan.settings());
  }
}
