package io.streamhouse.broker.partition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.wal.WalPlace;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.Leases.Tail;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.segment.WalEntry;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class TailReplayTest {

  private static final UUID LOG = new UUID(1, 1);
  private static final PartitionId PARTITION = new PartitionId(new UUID(2, 2), 0);

  private static Grant grant(int epoch, int tailEpoch) {
    return new Grant(
        new Lease<>(PARTITION, new UUID(3, 3), epoch),
        0,
        0,
        Optional.of(new Tail(LOG, tailEpoch)),
        Optional.empty());
  }

  private static TailReplay replay(List<Grant> grants) {
    return new TailReplay(LOG, grants, _ -> false);
  }

  private static void offer(TailReplay replay, int epoch) {
    var batch = Batches.plain(1, "a");
    batch.stamp(0, epoch);
    replay.entry(
        new WalPlace(1, 0, batch.sizeInBytes()),
        new WalEntry(PARTITION.topicId(), PARTITION.partition(), epoch, 0, batch.bytes()));
  }

  @Test
  void tailOfTheLogIsHandedOverOnce() {
    var replay = replay(List.of(grant(2, 1)));
    offer(replay, 1);

    assertThat(replay.take(grant(2, 1))).hasSize(1);
    assertThatThrownBy(() -> replay.take(grant(3, 1))).isInstanceOf(IllegalStateException.class);
  }

  /// The first take was done, its answer was lost, and the second finds the tail of the first.
  @Test
  void partitionTakenTwiceBeforeItWasOpenedHasAnEmptyTail() {
    var replay = replay(List.of());

    assertThat(replay.take(grant(2, 1))).isEmpty();
  }

  @Test
  void partitionOpenedBeforeMayHaveWrittenSince() {
    var replay = replay(List.of());
    assertThat(replay.take(grant(1, 1))).isEmpty();

    assertThatThrownBy(() -> replay.take(grant(2, 1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("since epoch 1 is in this log but was not replayed");
  }

  @Test
  void partitionUnknownWhenTheLogWasReadIsNotOpenedWithoutItsTail() {
    var replay = replay(List.of());
    offer(replay, 1);

    assertThat(replay.unclaimed()).containsExactly(PARTITION);
    assertThatThrownBy(() -> replay.take(grant(2, 1))).isInstanceOf(IllegalStateException.class);
  }
}
