package io.streamhouse.broker.partition;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.streamhouse.broker.partition.Appends.Acks;
import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.broker.partition.Appends.AppendResult.Appended;
import io.streamhouse.broker.partition.Appends.AppendResult.Refused;
import io.streamhouse.broker.partition.Appends.ProducersResult;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.Leases.Tail;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.BatchMemory;
import io.streamhouse.protocol.CountedBatches;
import io.streamhouse.protocol.RecordBatches;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@SuppressWarnings("FutureReturnValueIgnored") // an append whose answer is not of interest
class PartitionTest {

  private static final PartitionId P = new PartitionId(new UUID(1, 2), 0);
  private static final UUID WAL_ID = new UUID(7, 7);
  private static final long NOW = 1_700_000_000_000L;

  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedWalFiles files = new SimulatedWalFiles(new Random(1));
  private final TailBudget budget = new TailBudget(1 << 20, 1 << 18);
  private final List<CompletableFuture<List<ProducerEntry>>> loads = new ArrayList<>();
  private final List<CompletableFuture<RecordBatches>> rewrites = new ArrayList<>();
  private final List<Boolean> rows = new ArrayList<>();
  private CompletableFuture<Boolean> rowAnswer = CompletableFuture.completedFuture(true);
  private int wakes;
  private boolean holds = true;
  private WriteAheadLog wal;
  private Partition partition;

  private final Background background =
      new Background() {
        @Override
        public CompletableFuture<List<ProducerEntry>> loadProducers(
            PartitionId of, long committedEnd) {
          loads.add(new CompletableFuture<>());
          return loads.getLast();
        }

        @Override
        public CompletableFuture<RecordBatches> rewrite(
            RecordBatches batches, PartitionSettings settings, long nowMillis) {
          rewrites.add(new CompletableFuture<>());
          return rewrites.getLast();
        }

        @Override
        public CompletableFuture<Boolean> raiseLogStart(
            Lease<PartitionId> lease, long logStart, long committedEnd) {
          return CompletableFuture.completedFuture(true);
        }

        @Override
        public CompletableFuture<Boolean> changeTail(Lease<PartitionId> lease, boolean ours) {
          rows.add(ours);
          return rowAnswer;
        }

        @Override
        public void requestFlush() {}

        @Override
        public void wakeFlusher() {
          wakes++;
        }
      };

  @BeforeEach
  void open() throws IOException {
    wal =
        WriteAheadLog.open(
            files,
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 16, 1 << 23, 0),
            time,
            (_, _) -> {});
    partition = partition(0, List.of());
  }

  private Partition partition(long committedEnd, List<TailBatch> replayed) {
    return new Partition(
        new Grant(
            new Lease<>(P, new UUID(9, 9), 4),
            0,
            committedEnd,
            Optional.of(new Tail(WAL_ID, 4)),
            Optional.empty()),
        replayed,
        null,
        PartitionSettings.DEFAULT,
        () -> holds,
        wal,
        budget,
        background,
        time);
  }

  private CompletableFuture<AppendResult> append(String... values) {
    return partition.append(Batches.plain(NOW, values), Acks.ALL);
  }

  private CompletableFuture<AppendResult> produce(int epoch, int sequence, String... values) {
    return partition.append(Batches.idempotent(77, epoch, sequence, NOW, values), Acks.ALL);
  }

  private static long offset(CompletableFuture<AppendResult> result) {
    return ((Appended) result.join()).baseOffset();
  }

  private static Failure failure(CompletableFuture<AppendResult> result) {
    return ((Refused) result.join()).failure();
  }

  private List<String> visible() {
    var batches = partition.readTail(0, partition.highWatermark(), 1 << 20);
    return batches == null ? List.of() : Batches.values(batches);
  }

  @Test
  void anAppendIsAcknowledgedAndSeenOnlyOnceItIsDurable() {
    var first = append("a", "b");
    assertThat(first).isNotDone();
    assertThat(visible()).isEmpty();

    wal.poll();

    assertThat(offset(first)).isEqualTo(0);
    assertThat(partition.highWatermark()).isEqualTo(2);
    assertThat(visible()).containsExactly("a", "b");
    var second = append("c");
    wal.poll();
    assertThat(offset(second)).isEqualTo(2);
  }

  @Test
  void acksOneIsAnsweredBeforeTheWriteButNotSeen() {
    var result = partition.append(Batches.plain(NOW, "a"), Acks.LEADER);
    assertThat(offset(result)).isEqualTo(0);
    assertThat(partition.highWatermark()).isEqualTo(0);
  }

  @Test
  void batchesAreStampedWithTheirOffsetAndTheLeaseEpoch() {
    append("a");
    var batch = Batches.plain(NOW, "b", "c");
    partition.append(batch, Acks.ALL);
    assertThat(batch.single().baseOffset()).isEqualTo(1);
    assertThat(batch.single().leaderEpoch()).isEqualTo(4);
  }

  @Test
  void aPausedOwnerDoesNotAcknowledgeUntilItsLeaseIsRenewed() {
    var result = append("a");
    holds = false;
    wal.poll();
    assertThat(result).isNotDone();
    assertThat(partition.highWatermark()).isEqualTo(0);
    assertThat(failure(append("b"))).isInstanceOf(Failure.NotLeader.class);

    holds = true;
    partition.tick(Duration.ofDays(1));

    assertThat(offset(result)).isEqualTo(0);
  }

  @Test
  void aRetriedBatchGetsItsFirstOffsetOnceTheOriginalIsDurable() {
    var first = produce(0, 0, "a", "b");
    var retry = produce(0, 0, "a", "b");
    assertThat(retry).isNotDone();
    wal.poll();
    assertThat(offset(first)).isEqualTo(0);
    assertThat(offset(retry)).isEqualTo(0);
    assertThat(offset(produce(0, 0, "a", "b"))).isEqualTo(0);
    assertThat(partition.highWatermark()).isEqualTo(2);
  }

  @Test
  void eachOfTheLastFiveBatchesIsRecognised() {
    for (int i = 0; i < 6; i++) {
      produce(0, i, "v" + i);
    }
    wal.poll();
    for (int i = 1; i < 6; i++) {
      assertThat(offset(produce(0, i, "v" + i))).isEqualTo(i);
    }
    assertThat(failure(produce(0, 0, "v0"))).isInstanceOf(Failure.OutOfOrderSequence.class);
  }

  @Test
  void aGapInTheSequenceIsRefusedAndChangesNothing() {
    produce(0, 0, "a");
    assertThat(failure(produce(0, 2, "c"))).isEqualTo(new Failure.OutOfOrderSequence(77, 1, 2));
    var next = produce(0, 1, "b");
    wal.poll();
    assertThat(offset(next)).isEqualTo(1);
  }

  @Test
  void sequencesWrapToZero() {
    produce(0, Integer.MAX_VALUE - 1, "a", "b");
    var next = produce(0, 0, "c");
    wal.poll();
    assertThat(offset(next)).isEqualTo(2);
  }

  @Test
  void aSequenceMayWrapInsideABatch() {
    produce(0, Integer.MAX_VALUE, "a", "b");
    var next = produce(0, 1, "c");
    var retry = produce(0, Integer.MAX_VALUE, "a", "b");
    wal.poll();
    assertThat(offset(next)).isEqualTo(2);
    assertThat(offset(retry)).isEqualTo(0);
  }

  @Test
  void aNewerEpochBeginsAtZeroAndFencesTheOlder() {
    produce(0, 0, "a");
    assertThat(failure(produce(1, 5, "b"))).isInstanceOf(Failure.OutOfOrderSequence.class);
    produce(1, 0, "b");
    assertThat(failure(produce(0, 1, "c"))).isInstanceOf(Failure.InvalidProducerEpoch.class);
  }

  @Test
  void anUnknownProducerMayBeginAnywhere() {
    var result = produce(3, 1000, "a");
    wal.poll();
    assertThat(offset(result)).isEqualTo(0);
  }

  @Test
  void aRefusedAppendDoesNotAdvanceTheSequence() throws IOException {
    wal.close();
    assertThat(failure(produce(0, 0, "a"))).isInstanceOf(Failure.Storage.class);
    assertThat(failure(produce(0, 0, "a"))).isInstanceOf(Failure.Storage.class);
  }

  @Test
  void whatFollowsARefusedFirstBatchIsRefusedUntilThatOneIsBack() {
    budget.reserve(budget.limit());
    assertThat(failure(produce(0, 0, "a"))).isInstanceOf(Failure.Backpressure.class);
    budget.release(budget.limit());

    assertThat(failure(produce(0, 1, "b"))).isEqualTo(new Failure.OutOfOrderSequence(77, 0, 1));
    var first = produce(0, 0, "a");
    var second = produce(0, 1, "b");
    wal.poll();
    assertThat(offset(first)).isEqualTo(0);
    assertThat(offset(second)).isEqualTo(1);
  }

  @Test
  void aProducerThatGaveUpItsFirstBatchMayBeginAnew() {
    budget.reserve(budget.limit());
    assertThat(failure(produce(0, 0, "a"))).isInstanceOf(Failure.Backpressure.class);
    budget.release(budget.limit());

    var nextEpoch = produce(1, 0, "b");
    wal.poll();
    assertThat(offset(nextEpoch)).isEqualTo(0);
  }

  @Test
  void producersOfOldRecordsAreNotForgottenAtOnce() {
    var old = NOW - Duration.ofDays(30).toMillis();
    var first = partition.append(Batches.idempotent(77, 0, 0, old, "a"), Acks.ALL);
    wal.poll();
    var slice = partition.slice(1 << 20);
    assertThat(slice).isNotNull();
    partition.committed(slice);
    partition.tick(Duration.ofDays(1));
    var retry = partition.append(Batches.idempotent(77, 0, 0, old, "a"), Acks.ALL);
    assertThat(offset(retry)).isEqualTo(offset(first));

    time.pass(Duration.ofDays(2));
    partition.tick(Duration.ofDays(1));
    var unknown = partition.append(Batches.idempotent(77, 0, 5, old, "b"), Acks.ALL);
    wal.poll();
    assertThat(offset(unknown)).isEqualTo(1);
  }

  @Test
  void waitingAppendsCountAgainstTheBudget() {
    partition = partition(10, List.of());
    for (int i = 0; i < 5000; i++) {
      produce(0, i, "x".repeat(500));
    }
    assertThat(budget.used()).isLessThanOrEqualTo(budget.limit());
    loads.getFirst().complete(List.of());
    wal.poll();
    partition.close(new Failure.UnknownTopic());
    assertThat(budget.used()).isZero();
  }

  @Test
  void aFailedLogFailsWhatWaitsAndTakesNothingMore() {
    var waiting = append("a");
    files.failWrites(true);
    wal.poll();
    assertThat(failure(waiting)).isInstanceOf(Failure.Storage.class);
    assertThat(failure(append("b"))).isInstanceOf(Failure.Storage.class);
    assertThat(partition.highWatermark()).isEqualTo(0);
  }

  @Test
  void tooMuchUnflushedDataIsRefusedRetriably() {
    Failure refused = null;
    for (int i = 0; i < 2000 && refused == null; i++) {
      var result = append("x".repeat(1000));
      refused = result.isDone() ? failure(result) : null;
    }
    assertThat(refused).isInstanceOf(Failure.Backpressure.class);
    assertThat(budget.used()).isLessThanOrEqualTo(budget.limit());
  }

  @Test
  void largeBatchesAndFarTimestampsAreRefused() {
    assertThat(failure(append("x".repeat(1_100_000)))).isInstanceOf(Failure.MessageTooLarge.class);
    assertThat(failure(partition.append(Batches.plain(NOW + 7_200_000, "late"), Acks.ALL)))
        .isInstanceOf(Failure.InvalidTimestamp.class);
  }

  @Test
  void logAppendTimeIsStampedAndReported() {
    partition.settings(
        new PartitionSettings(
            1 << 20,
            true,
            1,
            1,
            PartitionSettings.AS_PRODUCED,
            0,
            false,
            1 << 30,
            RetentionLimits.NONE,
            false));
    var batch = Batches.plain(5, "a");
    var result = partition.append(batch, Acks.ALL);
    wal.poll();
    assertThat(((Appended) result.join()).logAppendTime()).isEqualTo(NOW);
    assertThat(batch.single().isLogAppendTime()).isTrue();
    assertThat(batch.single().maxTimestamp()).isEqualTo(NOW);
  }

  @Test
  void batchesBehindOneThatIsRewrittenKeepTheirOrder() {
    partition.settings(
        new PartitionSettings(
            1 << 20, false, 1L << 60, 1L << 60, 3, 0, false, 1 << 30, RetentionLimits.NONE, false));
    var first = append("a");
    partition.settings(PartitionSettings.DEFAULT);
    var second = append("b");
    wal.poll();
    assertThat(second).isNotDone();

    rewrites.getFirst().complete(Batches.plain(NOW, "a"));
    wal.poll();

    assertThat(offset(first)).isEqualTo(0);
    assertThat(offset(second)).isEqualTo(1);
  }

  @Test
  void producersExpireWhereSomethingIsAlwaysUncommitted() {
    produce(0, 0, "a");
    wal.poll();
    partition.committed(requireNonNull(partition.slice(1 << 20)));
    time.pass(Duration.ofDays(2));
    append("b");
    wal.poll();
    partition.tick(Duration.ofDays(1));
    var known = (ProducersResult.Known) partition.activeProducers().join();
    assertThat(known.producers()).isEmpty();
    // Of a producer that is forgotten any sequence is taken.
    var unknown = produce(0, 7, "c");
    wal.poll();
    assertThat(offset(unknown)).isEqualTo(2);
  }

  @Test
  void producersWhoseBatchesAreNotCommittedDoNotExpire() {
    produce(0, 0, "a");
    wal.poll();
    time.pass(Duration.ofDays(2));
    partition.tick(Duration.ofDays(1));
    var known = (ProducersResult.Known) partition.activeProducers().join();
    assertThat(known.producers()).hasSize(1);
  }

  @Test
  void producerStateIsReadBackBeforeTheFirstIdempotentAppend() {
    partition = partition(10, List.of());
    var retry = produce(0, 4, "old");
    var plain = append("behind");
    assertThat(retry).isNotDone();
    assertThat(loads).hasSize(1);

    loads
        .getFirst()
        .complete(
            List.of(
                new ProducerEntry(
                    77, (short) 0, List.of(new ProducerEntry.WrittenBatch(4, 4, 6, NOW)), NOW)));
    wal.poll();

    assertThat(offset(retry)).isEqualTo(6);
    assertThat(offset(plain)).isEqualTo(10);
  }

  @Test
  void producersThatCannotReadTheirStateBackMayRetry() {
    partition = partition(10, List.of());
    var result = produce(0, 4, "a");
    loads.getFirst().completeExceptionally(new IOException("store down"));
    assertThat(failure(result)).isInstanceOf(Failure.Backpressure.class);

    var again = produce(0, 4, "a");
    loads.get(1).complete(List.of());
    wal.poll();
    assertThat(offset(again)).isEqualTo(10);
  }

  @Test
  void producerStateIsReadBackNowAndThenSoThatASnapshotCanBeWritten() {
    partition = partition(10, List.of());
    FlushSlice slice = null;
    for (int i = 0; i < 34; i++) {
      append("v" + i);
      wal.poll();
      slice = partition.slice(1 << 20);
      assertThat(slice).isNotNull();
      partition.committed(slice);
      slice.release();
      if (!loads.isEmpty() && !loads.getFirst().isDone()) {
        assertThat(slice.snapshot()).isFalse();
        loads
            .getFirst()
            .complete(
                List.of(
                    new ProducerEntry(
                        77,
                        (short) 0,
                        List.of(new ProducerEntry.WrittenBatch(4, 4, 6, NOW)),
                        NOW)));
      }
    }
    assertThat(loads).hasSize(1);
    assertThat(slice).isNotNull();
    assertThat(slice.snapshot()).isTrue();
    assertThat(slice.producers()).extracting(ProducerEntry::producerId).containsExactly(77L);
  }

  @Test
  void aReplayedTailIsVisibleAtOnceAndKnowsItsProducers() {
    var replayed = Batches.idempotent(77, 0, 0, NOW, "a", "b");
    replayed.stamp(0, 3);
    partition = partition(0, List.of(TailBatch.of(replayed)));
    assertThat(partition.highWatermark()).isEqualTo(2);
    assertThat(visible()).containsExactly("a", "b");
    assertThat(offset(produce(0, 0, "a", "b"))).isEqualTo(0);
    assertThat(partition.tailEpochs()).extracting("epoch").containsExactly(3, 4);
  }

  @Test
  void aSliceHoldsOneLeaderEpochAndItsCommitFreesTheTail() {
    var replayed = Batches.plain(NOW, "a", "b");
    replayed.stamp(0, 3);
    partition = partition(0, List.of(TailBatch.of(replayed)));
    append("c");
    wal.poll();

    var slice = partition.slice(1 << 20);
    assertThat(slice).isNotNull();
    assertThat(slice.leaderEpoch()).isEqualTo(3);
    assertThat(slice.endOffset()).isEqualTo(2);
    partition.committed(slice);
    slice.release();

    assertThat(partition.committedEnd()).isEqualTo(2);
    assertThat(partition.readTail(0, 3, 1 << 20)).isNull();
    var rest = partition.slice(1 << 20);
    assertThat(rest).isNotNull();
    assertThat(rest.baseOffset()).isEqualTo(2);
    assertThat(rest.leaderEpoch()).isEqualTo(4);
  }

  @Test
  void batchesThatTheLogHasLeaveMemoryWhenItGetsTight() throws IOException {
    var values = new ArrayList<String>();
    for (int i = 0; i < 3000; i++) {
      var value = i + "x".repeat(1000);
      values.add(value);
      append(value);
      wal.poll();
      assertThat(budget.used()).isLessThanOrEqualTo(budget.limit());
    }
    assertThat(partition.evictedBytes()).isGreaterThan(2_000_000);
    assertThat(partition.readTail(0, 3000, 1 << 20)).isEmpty();
    assertThat(partition.readTail(2999, 3000, 1 << 20)).hasSize(1);

    var inLog = partition.tailInLog(0, 3000, 1 << 22);
    var read = partition.load(inLog);
    assertThat(read).isNotNull();
    var all = new ArrayList<>(Batches.values(read));
    var rest = partition.readTail(all.size(), 3000, 1 << 22);
    assertThat(rest).isNotNull();
    all.addAll(Batches.values(rest));
    assertThat(all).isEqualTo(values);

    var slice = partition.slice(1 << 22);
    assertThat(slice).isNotNull();
    assertThat(Batches.values(slice.load())).isEqualTo(values);
    partition.committed(slice);
    assertThat(partition.evictedBytes()).isZero();
    assertThat(budget.used()).isZero();
  }

  @Test
  void aNearlyFullDiskRefusesWhatWouldGoPastTheLogToo() throws IOException {
    wal.close();
    wal =
        WriteAheadLog.open(
            files,
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 16, 1 << 20, 1 << 20),
            time,
            (_, _) -> {});
    partition = partition(0, List.of());
    partition.settings(TestSettings.OBJECT_DURABLE);
    append("a");
    files.usableBytes(1 << 19);
    wal.trim((_, _, _) -> true, false);
    assertThat(failure(append("b"))).isInstanceOf(Failure.Backpressure.class);
    var slice = partition.slice(1 << 20);
    assertThat(slice).isNotNull();
    partition.committed(slice);
    assertThat(partition.highWatermark()).isEqualTo(1);

    files.usableBytes(1 << 21);
    wal.trim((_, _, _) -> true, false);
    assertThat(append("b")).isNotDone();
  }

  @Test
  void batchesThatWaitForTheirCommitLeaveRoomForThoseInTheLog() {
    partition.settings(TestSettings.OBJECT_DURABLE);
    for (int i = 0; i < 2000; i++) {
      append("x".repeat(1000));
    }
    assertThat(failure(append("one more " + "x".repeat(1000))))
        .isInstanceOf(Failure.Backpressure.class);
    assertThat(budget.used()).isLessThanOrEqualTo(budget.limit() - budget.limit() / 8);
  }

  @Test
  void appendsWithoutTheLogWakeTheFlusherOnceUntilItTakesThem() {
    partition.settings(TestSettings.OBJECT_DURABLE);
    append("a");
    append("b");
    assertThat(wakes).isEqualTo(1);
    assertThat(rows).containsExactly(false);
    var slice = partition.slice(1 << 20);
    assertThat(slice).isNotNull();
    assertThat(slice.endOffset()).isEqualTo(2);
    append("c");
    assertThat(wakes).isEqualTo(2);
    slice.release();
  }

  private static void commit(Partition partition) {
    var slice = partition.slice(1 << 20);
    assertThat(slice).isNotNull();
    partition.committed(slice);
    slice.release();
  }

  @Test
  void whatACommitMadeVisibleStaysInMemoryForAWhile() {
    partition.settings(TestSettings.OBJECT_DURABLE);
    append("a");
    commit(partition);
    time.pass(RecentBatches.LONGEST.dividedBy(2));
    append("b");
    commit(partition);
    assertThat(budget.used()).isZero();
    assertThat(budget.recentBytes()).isPositive();
    assertThat(visible()).containsExactly("a", "b");

    time.pass(RecentBatches.LONGEST.dividedBy(2));
    budget.expireRecent(time.nanos());
    assertThat(partition.readTail(0, 2, 1 << 20)).isNull();
    var rest = partition.readTail(1, 2, 1 << 20);
    assertThat(rest).isNotNull();
    assertThat(Batches.values(rest)).containsExactly("b");

    partition.close(new Failure.UnknownTopic());
    assertThat(budget.recentBytes()).isZero();
    time.pass(RecentBatches.LONGEST);
    budget.expireRecent(time.nanos());
    assertThat(budget.recentBytes()).isZero();
  }

  @Test
  void theOldestOfAllPartitionsLeaveMemoryFirst() {
    partition.settings(TestSettings.OBJECT_DURABLE);
    var other = partition(0, List.of());
    other.settings(TestSettings.OBJECT_DURABLE);
    var _ = other.append(Batches.plain(NOW, "old"), Acks.ALL);
    commit(other);
    assertThat(other.readTail(0, 1, 1 << 20)).hasSize(1);
    for (int i = 0; i < 1000; i++) {
      append("x".repeat(1000));
      commit(partition);
      assertThat(budget.recentBytes()).isLessThanOrEqualTo(budget.limit() / 4);
    }
    assertThat(budget.recentBytes()).isGreaterThan(budget.limit() / 4 - 2000);
    assertThat(other.readTail(0, 1, 1 << 20)).isNull();
    assertThat(partition.readTail(0, 1000, 1 << 20)).isNull();
    assertThat(partition.readTail(999, 1000, 1 << 20)).hasSize(1);
  }

  @Test
  void whatStaysInMemoryDoesNotHoldTheRequestItCameIn() {
    partition.settings(TestSettings.OBJECT_DURABLE);
    var batch = Batches.plain(NOW, "a");
    var frame = Unpooled.directBuffer(1 << 16).writeZero(1 << 16);
    frame.setBytes(100, batch.bytes());
    long before = BatchMemory.inUse();
    var _ = partition.append(CountedBatches.inFrame(frame, 100, batch.sizeInBytes()), Acks.ALL);
    frame.release();
    assertThat(frame.refCnt()).isEqualTo(1);

    commit(partition);
    assertThat(frame.refCnt()).isZero();
    var read = partition.readTail(0, 1, 1 << 20);
    assertThat(read).isNotNull();
    assertThat(Batches.values(read)).containsExactly("a");
    read.forEach(RecordBatches::release);

    partition.close(new Failure.UnknownTopic());
    assertThat(BatchMemory.inUse()).isEqualTo(before);
  }

  @Test
  void aTopicThatBecomesLocalKeepsNothingItCommitted() {
    partition.settings(TestSettings.OBJECT_DURABLE);
    append("a");
    commit(partition);
    assertThat(budget.recentBytes()).isPositive();
    partition.settings(PartitionSettings.DEFAULT);
    append("b");
    wal.poll();
    commit(partition);
    assertThat(budget.recentBytes()).isZero();
    assertThat(budget.used()).isZero();
    assertThat(partition.readTail(1, 2, 1 << 20)).isNull();
  }

  @Test
  void whatIsOnlyInTheLogDoesNotStayOnceItIsCommitted() {
    for (int i = 0; i < 3000; i++) {
      append("x".repeat(1000));
      wal.poll();
    }
    assertThat(partition.evictedBytes()).isPositive();
    partition.settings(TestSettings.OBJECT_DURABLE);
    var slice = partition.slice(1 << 22);
    assertThat(slice).isNotNull();
    partition.committed(slice);
    assertThat(partition.evictedBytes()).isZero();
    assertThat(budget.recentBytes()).isZero();
    assertThat(partition.readTail(0, 3000, 1 << 20)).isNull();
  }

  @Test
  void acksOneDoesNotWaitForTheCommitOfAnObject() {
    partition.settings(TestSettings.OBJECT_DURABLE);
    var result = partition.append(Batches.plain(NOW, "a"), Acks.LEADER);
    assertThat(offset(result)).isZero();
    assertThat(partition.highWatermark()).isZero();
  }

  @Test
  void aTailRowIsNotSetWhileAClearingOfItMayStillBeCarriedOut() {
    rowAnswer = CompletableFuture.failedFuture(new IllegalStateException("no answer"));
    partition.settings(TestSettings.OBJECT_DURABLE);
    rowAnswer = CompletableFuture.completedFuture(true);
    partition.settings(PartitionSettings.DEFAULT);
    partition.tick(Duration.ofDays(1));
    assertThat(rows).containsExactly(false);
    var result = append("a");
    assertThat(wal.poll()).isFalse();

    time.pass(Duration.ofMinutes(2));
    partition.tick(Duration.ofDays(1));
    wal.poll();
    assertThat(rows).containsExactly(false, true);
    assertThat(result).isDone();
  }

  @Test
  void aTailRowThatCannotBeChangedIsTriedAgain() {
    rowAnswer = CompletableFuture.failedFuture(new IllegalStateException("down"));
    partition.settings(TestSettings.OBJECT_DURABLE);
    rowAnswer = CompletableFuture.completedFuture(true);
    partition.tick(Duration.ofDays(1));
    partition.tick(Duration.ofDays(1));
    assertThat(rows).containsExactly(false, false);
  }

  @Test
  void aPartitionThatIsFlushedAndIdleNamesNoLogUntilSomethingIsAppended() {
    append("a");
    wal.poll();
    time.pass(Duration.ofSeconds(31));
    partition.tick(Duration.ofDays(1));
    assertThat(rows).isEmpty();
    var slice = requireNonNull(partition.slice(1 << 20));
    partition.committed(slice);
    assertThat(rows).containsExactly(false);

    rowAnswer = new CompletableFuture<>();
    var result = append("b");
    assertThat(rows).containsExactly(false, true);
    // Not before the row says where to look for it.
    assertThat(wal.poll()).isFalse();
    assertThat(result).isNotDone();
    var second = append("c");
    rowAnswer.complete(true);
    wal.poll();
    assertThat(offset(result)).isEqualTo(1);
    assertThat(offset(second)).isEqualTo(2);
    assertThat(append("d")).isNotDone();
    assertThat(wal.poll()).isTrue();
    assertThat(partition.highWatermark()).isEqualTo(4);
    assertThat(rows).containsExactly(false, true);
  }

  @Test
  void aPartitionThatIsWrittenToIsNotIdle() {
    for (int i = 0; i < 5; i++) {
      time.pass(Duration.ofSeconds(20));
      append("a");
      wal.poll();
      partition.committed(requireNonNull(partition.slice(1 << 20)));
      partition.tick(Duration.ofDays(1));
    }
    assertThat(rows).isEmpty();
    time.pass(Duration.ofSeconds(31));
    partition.tick(Duration.ofDays(1));
    assertThat(rows).containsExactly(false);
  }

  @Test
  void whatAnIdlePartitionIsGivenIsAcknowledgedOnceCommittedWhereItsRowCannotBeSet() {
    time.pass(Duration.ofSeconds(31));
    partition.tick(Duration.ofDays(1));
    rowAnswer = CompletableFuture.failedFuture(new IllegalStateException("down"));
    var result = append("a");
    assertThat(wal.poll()).isFalse();
    partition.committed(requireNonNull(partition.slice(1 << 20)));
    assertThat(offset(result)).isZero();
  }

  @Test
  void nothingUnacknowledgedIsFlushed() {
    append("a");
    assertThat(partition.slice(1 << 20)).isNull();
    wal.poll();
    assertThat(partition.slice(1 << 20)).isNotNull();
  }

  @Test
  void listenersHearOfEachAdvanceOnceAndOfTheEnd() {
    var heard = new AtomicInteger();
    partition.onAdvance(0, heard::incrementAndGet);
    var cancelled = new AtomicInteger();
    partition.onAdvance(0, cancelled::incrementAndGet).run();
    append("a");
    wal.poll();
    append("b");
    wal.poll();
    assertThat(heard).hasValue(1);
    assertThat(cancelled).hasValue(0);
    partition.onAdvance(0, heard::incrementAndGet);
    assertThat(heard).hasValue(2);
    partition.onAdvance(2, heard::incrementAndGet);
    partition.close(new Failure.UnknownTopic());
    assertThat(heard).hasValue(3);
  }

  @Test
  void whatIsClosedGivesTheFlusherNothingToDo() {
    append("a");
    wal.poll();
    assertThat(partition.unslicedNanos()).isPresent();
    partition.close(new Failure.UnknownTopic());
    assertThat(partition.slice(1 << 20)).isNull();
    assertThat(partition.unslicedNanos()).isEmpty();
    assertThat(partition.awaitsCommit()).isFalse();
  }

  @Test
  void closingRefusesWhatWaitsAndReleasesTheTail() {
    var waiting = append("a");
    partition.close(new Failure.UnknownTopic());
    assertThat(failure(waiting)).isEqualTo(new Failure.UnknownTopic());
    assertThat(failure(append("b"))).isEqualTo(new Failure.UnknownTopic());
    wal.poll();
    assertThat(partition.highWatermark()).isEqualTo(0);
    assertThat(budget.used()).isZero();
  }

  @Test
  void deletingRecordsBeyondTheCommittedLogWaitsForTheFlush() {
    append("a");
    append("b");
    wal.poll();
    var result = partition.deleteRecordsBefore(1);
    assertThat(result).isNotDone();
    var slice = partition.slice(1 << 20);
    assertThat(slice).isNotNull();
    partition.committed(slice);
    assertThat(result.join()).isEqualTo(new Appends.TruncateResult.Truncated(1));
    assertThat(partition.logStart()).isEqualTo(1);
    assertThat(partition.deleteRecordsBefore(-1).join())
        .isEqualTo(new Appends.TruncateResult.Truncated(2));
    assertThat(partition.deleteRecordsBefore(9).join())
        .isEqualTo(new Appends.TruncateResult.Refused(new Failure.OffsetOutOfRange(9, 2, 2)));
  }

  @Test
  void producersAreToldOnceTheyAreReadBack() {
    partition = partition(10, List.of());
    var asked = partition.activeProducers();
    var askedAgain = partition.activeProducers();
    assertThat(asked).isNotDone();
    assertThat(loads).hasSize(1);
    var entry =
        new ProducerEntry(
            77, (short) 1, List.of(new ProducerEntry.WrittenBatch(0, 9, 0, NOW)), NOW);
    loads.getFirst().complete(List.of(entry));
    assertThat(asked.join()).isEqualTo(new ProducersResult.Known(List.of(entry)));
    assertThat(askedAgain.join()).isEqualTo(asked.join());
    produce(1, 10, "a");
    var known = (ProducersResult.Known) partition.activeProducers().join();
    assertThat(known.producers().getFirst().latest().lastSequence()).isEqualTo(10);
    assertThat(loads).hasSize(1);
  }

  @Test
  void producersThatCannotBeReadBackAreAskedForAgain() {
    partition = partition(10, List.of());
    var asked = partition.activeProducers();
    loads.getFirst().completeExceptionally(new IllegalStateException("cut"));
    assertThat(asked.join())
        .isInstanceOfSatisfying(
            ProducersResult.Refused.class,
            refused -> assertThat(refused.failure()).isInstanceOf(Failure.Storage.class));
    var again = partition.activeProducers();
    loads.getLast().complete(List.of());
    assertThat(again.join()).isEqualTo(new ProducersResult.Known(List.of()));
  }

  @Test
  void whoDoesNotLeadTellsNoProducers() {
    holds = false;
    assertThat(partition.activeProducers().join()).isInstanceOf(ProducersResult.Refused.class);
    holds = true;
    partition = partition(10, List.of());
    var asked = partition.activeProducers();
    partition.close(new Failure.UnknownTopic());
    assertThat(asked.join()).isEqualTo(new ProducersResult.Refused(new Failure.UnknownTopic()));
    assertThat(partition.activeProducers().join()).isEqualTo(asked.join());
  }

  @Test
  void bytesAreUnflushedUntilTheirSegmentIsCommitted() {
    append("a");
    int size = Batches.plain(NOW, "a").sizeInBytes();
    assertThat(partition.unflushedBytes()).isEqualTo(size);
    wal.poll();
    var slice = partition.slice(1 << 20);
    append("b");
    assertThat(partition.unflushedBytes()).isEqualTo(2L * size);
    assertThat(slice).isNotNull();
    partition.committed(slice);
    assertThat(partition.unflushedBytes()).isEqualTo(size);
  }
}
