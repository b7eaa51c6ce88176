package io.streamhouse.broker.partition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Appends.Acks;
import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HandoverTest {

  private static final UUID SELF = new UUID(0, 1);
  private static final UUID WAL_ID = new UUID(1, 1);

  private final SimulatedTime time = new SimulatedTime();
  private final FlushSignal signal = new FlushSignal();
  private boolean answersLost;
  private final InMemoryMetadata metadata =
      new InMemoryMetadata(
          new Random(1),
          new InMemoryMetadata.Faults() {
            @Override
            public void after(String transaction) {
              if (answersLost && transaction.equals("release")) {
                throw new MetadataUnavailable("lost", null);
              }
            }
          });
  private final PartitionLeases leases = new PartitionLeases(metadata.leases(), SELF, WAL_ID);
  private final Handover handover = new Handover(leases, SELF, signal, time);
  private Partition partition;

  HandoverTest() throws IOException {
    metadata.topics().create("t", 1, Map.of());
    register(1, SELF, WAL_ID);
    partition = open();
  }

  @BeforeEach
  void anotherAgentComes() {
    register(2, new UUID(0, 2), new UUID(2, 2));
  }

  private void register(int nodeId, UUID incarnation, UUID walId) {
    var _ =
        metadata
            .leases()
            .register(
                new NewSession(
                    incarnation, OptionalInt.of(nodeId), walId, Optional.empty(), Map.of()));
  }

  private Partition open() throws IOException {
    var wal =
        WriteAheadLog.open(
            new SimulatedWalFiles(new Random(1)),
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 16, 1 << 20, 0),
            time,
            (_, _) -> {});
    var image = image();
    return new Partition(
        leases.take(image, EveryPartition.of(image, true)).getFirst(),
        List.of(),
        null,
        PartitionSettings.DEFAULT,
        () -> true,
        wal,
        new TailBudget(1 << 20, 1 << 18),
        new BackgroundWork(
            metadata.manifest(),
            row -> {
              throw new IOException("not read here: " + row);
            },
            Runnable::run,
            Runnable::run,
            leases,
            signal,
            Duration.ofDays(1),
            time),
        time);
  }

  private Image image() {
    return new Image("c", metadata.topics().image());
  }

  private CompletableFuture<AppendResult> append() {
    return partition.append(Batches.plain(time.wallMillis(), "a"), Acks.ALL);
  }

  private void releaseWithoutAnswer() {
    assertThat(handover.begin(partition)).isTrue();
    answersLost = true;
    assertThatThrownBy(() -> handover.step(image())).isInstanceOf(MetadataUnavailable.class);
    answersLost = false;
    assertThat(image().leader(partition.id())).isNull();
  }

  @Test
  void nothingIsAnsweredOnceTheLeaseMayBeGone() {
    releaseWithoutAnswer();
    // Somebody else may lead by now: the tail and the end that are known here may be old.
    assertThat(partition.notLeading()).isInstanceOf(Failure.NotLeader.class);
    assertThat(append()).isNotDone();
  }

  @Test
  void whatMayBeGoneIsNotTakenBack() {
    releaseWithoutAnswer();
    var waiting = append();
    handover.keepOnly(List.of());
    assertThat(waiting).isNotDone();

    assertThat(handover.step(image())).containsExactly(partition.id());
    time.pass(Duration.ofSeconds(2));
    assertThat(handover.step(image())).isEmpty();
    assertThat(waiting)
        .isCompletedWithValueMatching(result -> result instanceof AppendResult.Refused);
  }

  /// Its producers still waited to hear where it went when it was placed elsewhere again: the next
  /// hand-over was taken for the one that had ended, and nobody asked for it any more.
  @Test
  void partitionThatCameBackIsHandedOverOnceMore() throws IOException {
    assertThat(handover.begin(partition)).isTrue();
    assertThat(handover.step(image())).containsExactly(partition.id());
    var waiting = append();
    assertThat(waiting).isNotDone();

    partition = open();
    assertThat(handover.begin(partition)).isTrue();
    assertThat(handover.step(image())).containsExactly(partition.id());
    assertThat(image().leader(partition.id())).isNull();
    assertThat(waiting)
        .isCompletedWithValueMatching(result -> result instanceof AppendResult.Refused);
  }

  @Test
  void whatWaitsIsRefusedAtTheEnd() {
    releaseWithoutAnswer();
    var waiting = append();
    handover.end();
    assertThat(waiting)
        .isCompletedWithValueMatching(result -> result instanceof AppendResult.Refused);
  }

  @Test
  void anAppendThatWaitedIsTakenWhereThePartitionStays() {
    assertThat(handover.begin(partition)).isTrue();
    assertThat(partition.hold()).isTrue();
    var waiting = append();
    assertThat(waiting).isNotDone();
    handover.keepOnly(List.of());
    assertThat(partition.notLeading()).isNull();
    assertThat(partition.unflushedBytes()).isPositive();
  }
}
