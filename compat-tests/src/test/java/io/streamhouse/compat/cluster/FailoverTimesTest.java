package io.streamhouse.compat.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.cluster.FailoverTimes.Event;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/// [FailoverTimes] and the bounds they must keep, with `-Drounds=N` only. Alone, since it measures.
@Isolated
class FailoverTimesTest {

  private static final Duration SESSION = Duration.ofSeconds(4);
  private static final Duration MARGIN = Duration.ofSeconds(2);
  private static final Duration GRACEFUL = Duration.ofSeconds(1);

  @TempDir Path directory;

  @Test
  void producersWaitNoLongerThanTheyMustForObjects() throws Exception {
    bounds(Cluster.Durability.OBJECT);
  }

  @Test
  void producersWaitNoLongerThanTheyMustForAnotherToReadALog() throws Exception {
    bounds(Cluster.Durability.SHARED);
  }

  @Test
  void producersWaitNoLongerThanTheyMustForALogToComeBack() throws Exception {
    bounds(Cluster.Durability.LOCAL);
  }

  private void bounds(Cluster.Durability durability) throws Exception {
    assumeTrue(Servers.chosen() == Servers.STREAMHOUSE, "it is about agents of StreamHouse");
    // Bounds in real time say something of a machine that has nothing else to do, as one that
    // verifies a change may have.
    assumeTrue(System.getProperty("rounds") != null, "SKIPPED: asked for with -Drounds=N only");
    var kits = Kits.find();
    var setup = new Cluster.Setup(3, durability, SESSION, Map.of());
    FailoverTimes.Figures figures;
    try (var cluster = Cluster.start(kits, directory, setup)) {
      figures = FailoverTimes.measure(cluster, Layout.of(2, 6), Integer.getInteger("rounds", 1));
    }
    System.out.println(figures);
    // Records that only a log on the dead agent's disk has are waited for: until it is back.
    boolean waits = durability == Cluster.Durability.LOCAL;
    assertThat(figures.of(waits ? Event.SERVES_AGAIN : Event.KILLED).at(100))
        .as("%s", figures)
        .isLessThanOrEqualTo(waits ? MARGIN : SESSION.plus(MARGIN));
    assertThat(figures.of(Event.DRAINED).at(99)).as("%s", figures).isLessThanOrEqualTo(GRACEFUL);
    assertThat(figures.of(Event.STOPPED).at(99)).as("%s", figures).isLessThanOrEqualTo(GRACEFUL);
  }

  @Test
  void percentilesAreOfWhatWasMeasured() {
    var percentiles =
        Percentiles.of(
            java.util.stream.IntStream.rangeClosed(1, 200).mapToObj(Duration::ofMillis).toList());
    assertThat(percentiles.at(50)).isEqualTo(Duration.ofMillis(100));
    assertThat(percentiles.at(99)).isEqualTo(Duration.ofMillis(198));
    assertThat(percentiles.at(100)).isEqualTo(Duration.ofMillis(200));
  }
}
