package io.streamhouse.broker.partition;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.broker.partition.Flusher.Progress;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.FaultyStore;
import io.streamhouse.broker.storage.FaultyStore.Faults;
import io.streamhouse.broker.storage.InMemoryStore;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.protocol.RecordBatches;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FlusherTest {

  private static final UUID WAL_ID = new UUID(7, 7);
  private static final UUID INCARNATION = new UUID(8, 8);
  private static final long LOG_BYTES = 8 << 20;
  private static final Duration LINGER = Duration.ofMillis(250);
  private static final long NOW = 1_700_000_000_000L;

  private final SimulatedTime time = new SimulatedTime();
  private final Random random = new Random(5);
  private final SimulatedWalFiles files = new SimulatedWalFiles(random);
  private final TailBudget budget = new TailBudget(1 << 20, 1 << 18);
  private final InMemoryStore objects = new InMemoryStore();
  private final FaultyStore store = new FaultyStore(objects, random, _ -> {});
  private final ArrayDeque<Runnable> uploads = new ArrayDeque<>();
  private final List<Partition> partitions = new ArrayList<>();
  private final FlushSignal signal = new FlushSignal();
  private boolean objectDurable;
  private boolean metadataDown;
  private PartitionLeases leases;
  private BackgroundWork background;
  private InMemoryMetadata metadata;
  private WriteAheadLog wal;
  private Flusher flusher;

  @BeforeEach
  void open() throws IOException {
    metadata =
        new InMemoryMetadata(
            random,
            new InMemoryMetadata.Faults() {
              @Override
              public void before(String transaction) {
                if (metadataDown) {
                  throw new MetadataUnavailable("down, in " + transaction, new IOException());
                }
              }

              @Override
              public void after(String transaction) {}
            });
    wal =
        WriteAheadLog.open(
            files,
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 16, LOG_BYTES, 0),
            time,
            (_, _) -> {});
    metadata.topics().create("t", 2, Map.of());
    metadata
        .leases()
        .register(
            new NewSession(INCARNATION, OptionalInt.of(1), WAL_ID, Optional.empty(), Map.of()));
    leases = new PartitionLeases(metadata.leases(), INCARNATION, WAL_ID);
    background =
        new BackgroundWork(
            metadata.manifest(),
            _ -> {
              throw new IOException("not read here");
            },
            Runnable::run,
            Runnable::run,
            leases,
            signal,
            Duration.ofDays(1),
            time);
    lead();
    flusher =
        new Flusher(
            () -> partitions,
            new FlushOptions(1 << 16, Duration.ofSeconds(10), LINGER, false, 3, 1 << 20),
            budget,
            metadata.manifest(),
            store,
            INCARNATION,
            () -> new UUID(random.nextLong(), random.nextLong()),
            uploads::add,
            signal,
            time);
  }

  /// Takes every partition, as after a restart with an empty log.
  private void lead() {
    partitions.clear();
    var image = new Image("test", metadata.topics().image());
    for (var grant : leases.take(image, EveryPartition.of(image, !objectDurable))) {
      partitions.add(
          new Partition(
              grant,
              List.of(),
              null,
              settings(objectDurable),
              () -> true,
              wal,
              budget,
              background,
              time));
    }
  }

  private static PartitionSettings settings(boolean objectDurable) {
    return new PartitionSettings(
        1 << 20,
        false,
        1L << 60,
        1L << 60,
        PartitionSettings.AS_PRODUCED,
        0,
        false,
        1 << 30,
        RetentionLimits.NONE,
        objectDurable);
  }

  private void append(int partition, String value) {
    var _ = produce(partition, value);
    wal.poll();
  }

  private CompletableFuture<AppendResult> produce(int partition, String value) {
    return partitions.get(partition).append(Batches.plain(NOW, value), Appends.Acks.ALL);
  }

  private void level(boolean object) {
    objectDurable = object;
    partitions.forEach(partition -> partition.settings(settings(object)));
  }

  private boolean tailNamed(int partition) {
    var image = new Image("test", metadata.topics().image());
    var grants = leases.take(image, EveryPartition.of(image, !objectDurable));
    return grants.get(partition).tail().isPresent();
  }

  private Progress flush() {
    signal.request();
    return flusher.step();
  }

  /// Takes the oldest step that waits for a thread, and those that follow it.
  private void upload() {
    int others = uploads.size() - 1;
    uploads.removeFirst().run();
    while (uploads.size() > others) {
      uploads.removeLast().run();
    }
  }

  private void drain() {
    for (int i = 0; i < 1000 && flusher.step() != Progress.IDLE; i++) {
      while (!uploads.isEmpty()) {
        uploads.removeFirst().run();
      }
      time.pass(Duration.ofMillis(100));
    }
  }

  @Test
  void anObjectIsBegunWhileOthersAreOnTheirWay() {
    append(0, "a");
    assertThat(flush()).isEqualTo(Progress.WORKED);
    append(0, "b");
    assertThat(flush()).isEqualTo(Progress.WORKED);

    assertThat(flusher.flying()).isEqualTo(2);
    assertThat(partitions.getFirst().committedEnd()).isZero();
    drain();
    assertThat(partitions.getFirst().committedEnd()).isEqualTo(2);
    assertThat(flusher.committed()).isEqualTo(2);
    assertThat(budget.used()).isZero();
  }

  @Test
  void noMoreObjectsAreOnTheirWayThanMayBe() {
    for (int i = 0; i < 5; i++) {
      append(0, "v" + i);
      flush();
    }
    assertThat(flusher.flying()).isEqualTo(3);
    drain();
    assertThat(partitions.getFirst().committedEnd()).isEqualTo(5);
  }

  @Test
  void anObjectWaitsForTheOneBeforeItOfTheSamePartition() {
    append(0, "a");
    flush();
    append(0, "b");
    flush();
    var first = uploads.removeFirst();
    upload();

    assertThat(flusher.step()).isEqualTo(Progress.WAITING);
    assertThat(partitions.getFirst().committedEnd()).isZero();

    uploads.add(first);
    upload();
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    assertThat(partitions.getFirst().committedEnd()).isEqualTo(1);
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    assertThat(partitions.getFirst().committedEnd()).isEqualTo(2);
  }

  @Test
  void anUploadThatFailsHoldsUpOnlyItsOwnPartitions() {
    append(0, "a");
    flush();
    append(1, "b");
    flush();
    store.faults(Faults.DOWN);
    upload();
    store.faults(Faults.NONE);
    upload();

    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    assertThat(partitions.get(0).committedEnd()).isZero();
    assertThat(partitions.get(1).committedEnd()).isEqualTo(1);
    assertThat(flusher.failures()).isEqualTo(1);
    assertThat(flusher.step()).isEqualTo(Progress.WAITING);

    time.pass(Duration.ofMillis(100));
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    upload();
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    assertThat(partitions.get(0).committedEnd()).isEqualTo(1);
  }

  @Test
  void pausesBetweenAttemptsGrowToTenSeconds() {
    append(0, "a");
    store.faults(Faults.DOWN);
    flush();
    upload();
    for (long pause = 100; pause < 30_000; pause *= 2) {
      long millis = Math.min(pause, 10_000);
      time.pass(Duration.ofMillis(millis - 1));
      assertThat(flusher.step()).isEqualTo(Progress.WAITING);
      time.pass(Duration.ofMillis(1));
      assertThat(flusher.step()).isEqualTo(Progress.WORKED);
      upload();
    }
  }

  @Test
  void anUploadWhoseAnswerWasLostIsFoundDone() {
    append(0, "a");
    store.faults(new Faults(0, 1, 0, 0, 0, 0));
    flush();
    upload();
    store.faults(Faults.NONE);
    time.pass(Duration.ofSeconds(1));
    drain();
    assertThat(partitions.getFirst().committedEnd()).isEqualTo(1);
    assertThat(objects.list("", "", 10)).hasSize(1);
  }

  @Test
  void aCommitThatTheDatabaseDoesNotAnswerIsSentAgain() {
    append(0, "a");
    flush();
    upload();
    metadataDown = true;
    assertThat(flusher.step()).isEqualTo(Progress.WAITING);
    metadataDown = false;
    time.pass(Duration.ofSeconds(1));
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    assertThat(partitions.getFirst().committedEnd()).isEqualTo(1);
  }

  @Test
  void aBatchOfAnObjectTopicIsAcknowledgedByItsCommit() {
    objectDurable = true;
    lead();
    var result = produce(0, "a");
    assertThat(wal.poll()).isFalse();
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    upload();
    assertThat(result).isNotDone();
    assertThat(partitions.getFirst().highWatermark()).isZero();

    assertThat(flusher.step()).isEqualTo(Progress.WORKED);

    assertThat(result.join()).isInstanceOf(AppendResult.Appended.class);
    assertThat(partitions.getFirst().highWatermark()).isEqualTo(1);
    assertThat(wal.sizeInBytes()).isZero();
    assertThat(tailNamed(0)).isFalse();
  }

  @Test
  void batchesThatWaitForTheirCommitGatherWhileOthersAreOnTheirWay() {
    objectDurable = true;
    lead();
    var _ = produce(0, "a");
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    var _ = produce(0, "b");
    assertThat(flusher.step()).isEqualTo(Progress.WAITING);
    time.pass(LINGER.minusMillis(1));
    assertThat(flusher.step()).isEqualTo(Progress.WAITING);
    time.pass(Duration.ofMillis(1));
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    assertThat(flusher.flying()).isEqualTo(2);
  }

  @Test
  void aStoreThatIsQuickIsNotGivenAnObjectForEachBatch() {
    objectDurable = true;
    lead();
    var first = produce(0, "a");
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    upload();
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    assertThat(first).isDone();
    var second = produce(0, "b");
    assertThat(flusher.step()).isEqualTo(Progress.IDLE);
    assertThat(flusher.pauseNanos(Long.MAX_VALUE)).isEqualTo(LINGER.dividedBy(10).toNanos());
    time.pass(LINGER.dividedBy(10));
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    drain();
    assertThat(second).isDone();
    // Who comes alone does not wait.
    time.pass(LINGER.dividedBy(10));
    var third = produce(0, "c");
    assertThat(flusher.step()).isEqualTo(Progress.WORKED);
    drain();
    assertThat(third).isDone();
  }

  @Test
  void whatIsInTheLogIsNotCutSmallByBatchesThatWaitForTheirCommit() {
    append(1, "in the log");
    partitions.getFirst().settings(settings(true));
    var result = produce(0, "a");
    drain();
    assertThat(result).isDone();
    assertThat(partitions.get(1).committedEnd()).isZero();
  }

  @Test
  void readersOfTheNewestRecordsFindThemInMemoryAfterTheCommit() {
    objectDurable = true;
    lead();
    var _ = produce(0, "a");
    drain();
    var partition = partitions.getFirst();
    var tail = partition.readTail(0, 1, 1 << 20);
    assertThat(tail == null ? List.of() : Batches.values(tail)).containsExactly("a");
    assertThat(budget.used()).isZero();

    time.pass(RecentBatches.LONGEST);
    budget.expireRecent(time.nanos());
    assertThat(partition.readTail(0, 1, 1 << 20)).isNull();
  }

  @Test
  void aChangeToObjectClearsTheTailOnceWhatTheLogHasIsCommitted() {
    append(0, "in the log");
    level(true);
    var result = produce(0, "in no log");
    assertThat(wal.poll()).isFalse();
    assertThat(result).isNotDone();
    assertThat(partitions.getFirst().highWatermark()).isEqualTo(1);
    drain();
    assertThat(result).isDone();
    assertThat(tailNamed(0)).isFalse();
  }

  @Test
  void aChangeToLocalGivesTheLogWhatItMissesBeforeAnythingIsAcknowledgedFromIt() {
    objectDurable = true;
    lead();
    var before = produce(0, "before");
    level(false);
    var after = produce(0, "after");
    assertThat(before).isNotDone();

    wal.poll();

    assertThat(before).isDone();
    assertThat(after).isDone();
    assertThat(partitions.getFirst().highWatermark()).isEqualTo(2);
    assertThat(partitions.getFirst().committedEnd()).isZero();
    assertThat(tailNamed(0)).isTrue();
  }

  @Test
  void aChangeToLocalWaitsForTheDatabase() {
    objectDurable = true;
    lead();
    partitions.getFirst().tick(Duration.ofDays(1));
    assertThat(tailNamed(0)).isFalse();
    lead();
    metadataDown = true;
    level(false);
    var result = produce(0, "a");
    assertThat(wal.poll()).isFalse();
    assertThat(result).isNotDone();

    metadataDown = false;
    partitions.getFirst().tick(Duration.ofDays(1));
    wal.poll();
    assertThat(result).isDone();
  }

  @Test
  void anOutageOfTheStoreIsCarriedByTheLogUpToItsSize() throws IOException {
    store.faults(Faults.DOWN);
    var values = new ArrayList<String>();
    int refused = 0;
    for (int second = 0; second < 600; second++) {
      var value = second + "x".repeat(20_000);
      var result = produce(0, value);
      wal.poll();
      if (result.join() instanceof AppendResult.Appended) {
        values.add(value);
      } else {
        refused++;
      }
      time.pass(Duration.ofSeconds(1));
      pump();
      assertThat(budget.used()).isLessThanOrEqualTo(budget.limit());
    }
    var partition = partitions.getFirst();
    assertThat(refused).isPositive();
    assertThat(wal.sizeInBytes()).isGreaterThan(LOG_BYTES - (1 << 20));
    assertThat(partition.evictedBytes()).isGreaterThan(3 * budget.limit());
    assertThat(partition.unflushedNanos()).hasValue(Duration.ofMinutes(10).toNanos());
    assertThat(read(partition)).isEqualTo(values);
    assertThat(flusher.failures()).isPositive();

    store.faults(Faults.NONE);
    long rounds = 0;
    while (partition.committedEnd() < partition.highWatermark() && rounds++ < 10_000) {
      signal.request();
      pump();
      time.pass(Duration.ofMillis(100));
    }
    assertThat(partition.committedEnd()).isEqualTo(values.size());
    assertThat(budget.used()).isZero();
    long end = 0;
    for (var segment : metadata.manifest().segments(partition.id(), 0, 10_000)) {
      assertThat(segment.baseOffset()).isEqualTo(end);
      end = segment.endOffset();
    }
    wal.trim((_, _, offset) -> offset > partition.committedEnd(), false);
    var result = produce(0, "afterwards");
    wal.poll();
    assertThat(result.join()).isInstanceOf(AppendResult.Appended.class);
  }

  private void pump() {
    for (int i = 0; i < 10; i++) {
      flusher.step();
      while (!uploads.isEmpty()) {
        uploads.removeFirst().run();
      }
    }
  }

  /// Everything up to the high watermark, from memory and from the log.
  private static List<String> read(Partition partition) throws IOException {
    var values = new ArrayList<String>();
    long end = partition.highWatermark();
    while (values.size() < end) {
      var tail = partition.readTail(values.size(), end, 1 << 20);
      values.addAll(Batches.values(requireNonNull(tail)));
      tail.forEach(RecordBatches::release);
      var inLog = partition.tailInLog(values.size(), end, 1 << 20);
      values.addAll(Batches.values(requireNonNull(partition.load(inLog))));
    }
    return values;
  }

  @Test
  void damageInTheLogHoldsUpOnlyThePartitionItBelongsTo() {
    for (int i = 0; i < 60; i++) {
      append(0, "x".repeat(20_000));
    }
    append(1, "sound");
    assertThat(partitions.getFirst().evictedBytes()).isPositive();
    files.damage(1, 1000);
    signal.request();
    drain();
    assertThat(partitions.get(0).closed()).isTrue();
    assertThat(partitions.get(1).committedEnd()).isEqualTo(1);
  }

  @Test
  void aFlushOfAPartitionThatIsLedNoMoreEndsAlthoughItsBatchesAreGone() {
    for (int i = 0; i < 60; i++) {
      append(0, "x".repeat(20_000));
    }
    flush();
    partitions.getFirst().close(new Failure.UnknownTopic());
    drain();
    assertThat(flusher.flying()).isZero();
    assertThat(objects.list("", "", 10)).isEmpty();
  }

  @Test
  void aFlushThatCannotBeRightEndsTheDriver() {
    var one = new UUID(1, 1);
    flusher =
        new Flusher(
            () -> partitions,
            new FlushOptions(1 << 16, Duration.ofSeconds(10), LINGER, false, 3, 1 << 20),
            budget,
            metadata.manifest(),
            objects,
            INCARNATION,
            () -> one,
            uploads::add,
            signal,
            time);
    append(0, "a");
    append(1, "a");
    flush();
    append(0, "b");
    append(1, "c");
    flush();
    upload();
    upload();
    assertThatThrownBy(() -> flusher.step().equals(flusher.step()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("step=UPLOAD");
  }
}
