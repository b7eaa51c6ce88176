package io.streamhouse.compat.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.compat.cluster.Nemesis.Kind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NemesisTest {

  private final AtomicInteger struckNow = new AtomicInteger();
  private final AtomicInteger struckAtOnce = new AtomicInteger();

  /// An agent that only notes what is done to it.
  private final class Dummy implements Nemesis.Target {
    private final int number;
    private final AtomicInteger ownStrikes = new AtomicInteger();
    private final List<Kind> strikes = new ArrayList<>();
    private int unhealed;
    private int revived;
    private boolean dead;
    private boolean failing;

    Dummy(int number) {
      this.number = number;
    }

    @Override
    public String name() {
      return "dummy " + number;
    }

    @Override
    public synchronized boolean alive() {
      return !dead;
    }

    @Override
    public synchronized void strike(Kind kind) {
      struckAtOnce.accumulateAndGet(struckNow.incrementAndGet(), Math::max);
      assertThat(ownStrikes.incrementAndGet()).isOne();
      strikes.add(kind);
      unhealed++;
      if (failing) {
        throw new IllegalStateException("as planted");
      }
    }

    @Override
    public synchronized void heal(Kind kind) {
      struckNow.decrementAndGet();
      ownStrikes.decrementAndGet();
      unhealed--;
    }

    @Override
    public synchronized void revive() {
      revived++;
      dead = false;
    }
  }

  private final List<Dummy> dummies = IntStream.range(0, 3).mapToObj(Dummy::new).toList();

  private Nemesis nemesis(int atOnce, int actions, long seed) {
    var plan =
        new Nemesis.Plan(
            List.of(Kind.values()),
            atOnce,
            Duration.ofNanos(1_000),
            Duration.ofMillis(2),
            Duration.ofMillis(1),
            Duration.ofNanos(1_000),
            actions,
            seed);
    return new Nemesis(dummies, plan, new Stopwatch());
  }

  @Test
  void everyKindComesUpAndEverythingIsPutRight() {
    var nemesis = nemesis(2, 60, 1);
    nemesis.run(Duration.ofMinutes(1));

    assertThat(nemesis.problems()).isEmpty();
    assertThat(nemesis.counts().keySet()).isEqualTo(EnumSet.allOf(Kind.class));
    assertThat(nemesis.counts().values().stream().mapToInt(Integer::intValue).sum()).isEqualTo(60);
    assertThat(dummies).allSatisfy(dummy -> assertThat(dummy.unhealed).isZero());
    assertThat(struckAtOnce.get()).isBetween(1, 2);
  }

  @Test
  void seedRepeatsWhatIsDoneToWhom() {
    nemesis(1, 30, 5).run(Duration.ofMinutes(1));
    var before = dummies.stream().map(dummy -> List.copyOf(dummy.strikes)).toList();
    dummies.forEach(dummy -> dummy.strikes.clear());

    nemesis(1, 30, 5).run(Duration.ofMinutes(1));
    assertThat(dummies.stream().map(dummy -> List.copyOf(dummy.strikes)).toList())
        .isEqualTo(before);
    assertThat(struckAtOnce.get()).isOne();
  }

  @Test
  void timeEndsIt() {
    nemesis(1, Integer.MAX_VALUE, 1).run(Duration.ofMillis(20));
    assertThat(dummies).allSatisfy(dummy -> assertThat(dummy.unhealed).isZero());
  }

  @Test
  void agentThatEndedByItselfIsAProblemAndStartedAgain() {
    dummies.get(1).dead = true;
    var nemesis = nemesis(1, 60, 1);
    nemesis.run(Duration.ofMinutes(1));
    assertThat(nemesis.problems()).containsExactly("dummy 1 ended by itself");
    assertThat(dummies.get(1).revived).isOne();
  }

  @Test
  void whatFailsIsAProblemAndPutRightAllTheSame() {
    dummies.forEach(dummy -> dummy.failing = true);
    var nemesis = nemesis(1, 60, 1);
    nemesis.run(Duration.ofMinutes(1));
    assertThat(nemesis.problems().getFirst()).contains("as planted");
    assertThat(dummies).allSatisfy(dummy -> assertThat(dummy.unhealed).isZero());
  }
}
