package io.streamhouse.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.streamhouse.protocol.ServerCounters.Fault;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/// How long a client may hold memory with a request it does not finish, in a time of its own.
@ExtendWith(NoLeaks.class)
final class StalledFrameTest {

  private static final int FRAME_BYTES = 1 << 20;

  private final ByteBudget budget = new ByteBudget(100 << 20);
  private final ServerCounters counters = new ServerCounters();
  private final FrameReader frames = new FrameReader(FRAME_BYTES, budget, counters);
  private final EmbeddedChannel channel = new EmbeddedChannel();

  @BeforeEach
  void connect() {
    channel.freezeTime();
    var options = ServerOptions.defaults().withIdle(Duration.ofMinutes(10));
    channel
        .pipeline()
        .addLast(
            frames,
            new Connection("L", new RequestDecoder(List.of()), frames, budget, options, counters));
    // It was active before the handlers came.
    channel.pipeline().fireChannelActive();
    channel.writeInbound(Unpooled.buffer().writeInt(FRAME_BYTES));
    assertThat(budget.used()).isEqualTo(FRAME_BYTES);
  }

  @Test
  void frameThatStandsStillIsGivenUp() {
    pass(29);
    assertThat(channel.isOpen()).isTrue();
    pass(20);
    assertGivenUp();
  }

  @Test
  void frameThatDripsIsGivenUpToo() {
    for (int i = 0; i < 40 && channel.isOpen(); i++) {
      channel.writeInbound(Unpooled.buffer().writeZero(100));
      pass(1);
    }
    assertGivenUp();
  }

  @Test
  void frameThatArrivesSlowlyButSteadilyIsNotGivenUp() {
    for (int i = 0; i < 200; i++) {
      channel.writeInbound(Unpooled.buffer().writeZero(2000));
      pass(1);
    }
    assertThat(channel.isOpen()).isTrue();
    var _ = channel.close();
    assertThat(budget.used()).isZero();
  }

  private void pass(int seconds) {
    channel.advanceTimeBy(seconds, TimeUnit.SECONDS);
    channel.runScheduledPendingTasks();
  }

  private void assertGivenUp() {
    assertThat(channel.isOpen()).isFalse();
    assertThat(counters.faults(Fault.IDLE)).isOne();
    assertThat(budget.used()).isZero();
  }
}
