package io.streamhouse.compat.groups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.Place;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The load's short form. `-Dload.groups=1000 -Dload.seconds=60` is the long one (`groups` alone is
/// a setting of Surefire), `-Dload.protocol=classic` or `consumer` one protocol instead of both in
/// turns, `-Dplace=` with a [Place] is for other stores, `-Dseed=N` repeats the choices of a run
/// (not its timing).
class GroupLoadTest {

  @TempDir Path directory;

  @Test
  void groupsLoseNothingWhenTheirCoordinatorIsRestarted() {
    var protocol =
        GroupLoad.Protocol.valueOf(
            System.getProperty("load.protocol", "both").toUpperCase(Locale.ROOT));
    boolean shortForm = Integer.getInteger("load.groups") == null;
    var plan =
        new GroupLoad.Plan(
            Integer.getInteger("load.groups", 100),
            Integer.getInteger("load.members", 5),
            Integer.getInteger("load.seconds", 6),
            protocol,
            Integer.getInteger("load.restarts", shortForm ? 1 : 2),
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
