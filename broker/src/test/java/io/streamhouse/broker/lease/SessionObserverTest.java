package io.streamhouse.broker.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class SessionObserverTest {

  private static final UUID SELF = new UUID(0, 1);
  private static final UUID OTHER = new UUID(0, 2);
  private static final Duration PAUSE = Duration.ofMillis(500);

  private final SimulatedTime time = new SimulatedTime();
  private boolean away;
  private boolean renewing = true;
  private final InMemoryMetadata metadata =
      new InMemoryMetadata(
          new Random(1),
          new InMemoryMetadata.Faults() {
            @Override
            public void before(String transaction) {
              if (away) {
                throw new MetadataUnavailable("away", null);
              }
            }

            @Override
            public void after(String transaction) {}
          });
  private final SessionObserver observer =
      new SessionObserver(
          metadata.leases(), SELF, Duration.ofSeconds(10), PAUSE, () -> renewing, time);

  SessionObserverTest() {
    register(1, SELF);
    register(2, OTHER);
  }

  private void register(int nodeId, UUID incarnation) {
    var _ =
        metadata
            .leases()
            .register(
                new NewSession(
                    incarnation, OptionalInt.of(nodeId), incarnation, Optional.empty(), Map.of()));
  }

  /// Looks every half second for so long.
  ///
  /// @return how many sessions ended
  private int watch(Duration duration) {
    int ended = 0;
    for (long i = 0; i < duration.dividedBy(PAUSE); i++) {
      time.pass(PAUSE);
      ended += observer.look();
    }
    return ended;
  }

  @Test
  void aSessionThatStandsStillForItsTimeoutIsOver() {
    assertThat(observer.look()).isZero();
    assertThat(watch(Duration.ofMillis(9_500))).isZero();
    assertThat(metadata.leases().renew(OTHER)).isTrue();

    assertThat(watch(Duration.ofSeconds(10))).isZero();
    assertThat(watch(PAUSE)).isOne();
    assertThat(metadata.leases().renew(OTHER)).isFalse();
  }

  @Test
  void oneThatIsRenewedLives() {
    for (int i = 0; i < 20; i++) {
      assertThat(watch(Duration.ofSeconds(3))).isZero();
      assertThat(metadata.leases().renew(OTHER)).isTrue();
    }
  }

  @Test
  void nobodyEndsHisOwn() {
    assertThat(watch(Duration.ofSeconds(60))).isOne();
    assertThat(metadata.leases().renew(SELF)).isTrue();
  }

  @Test
  void timeInWhichTheDatabaseWasAwayDoesNotCount() {
    assertThat(watch(Duration.ofSeconds(9))).isZero();
    away = true;
    for (int i = 0; i < 100; i++) {
      time.pass(PAUSE);
      assertThatThrownBy(observer::look).isInstanceOf(MetadataUnavailable.class);
    }
    away = false;
    time.pass(PAUSE);
    assertThat(observer.look()).isZero();
    assertThat(watch(PAUSE)).isZero();
    assertThat(watch(PAUSE)).isZero();
    assertThat(watch(PAUSE)).isOne();
  }

  @Test
  void whoCannotRenewHimselfEndsNobody() {
    assertThat(watch(Duration.ofSeconds(9))).isZero();
    renewing = false;
    assertThat(watch(Duration.ofSeconds(60))).isZero();
    renewing = true;
    assertThat(watch(Duration.ofMillis(9_500))).isZero();
    assertThat(watch(Duration.ofSeconds(1))).isOne();
  }

  @Test
  void aPauseOfTheObserverCountsAsTwoLooksAtMost() {
    assertThat(observer.look()).isZero();
    time.pass(Duration.ofHours(1));
    assertThat(observer.look()).isZero();
    assertThat(watch(Duration.ofSeconds(8))).isZero();
    assertThat(watch(Duration.ofSeconds(1))).isOne();
  }
}
