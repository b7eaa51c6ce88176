package io.streamhouse.broker.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.fsck.Finding;
import io.streamhouse.broker.fsck.Fsck;
import io.streamhouse.broker.fsck.FsckOptions;
import io.streamhouse.broker.partition.Appends.Acks;
import io.streamhouse.broker.partition.BackgroundWork;
import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.partition.EveryPartition;
import io.streamhouse.broker.partition.FlushOptions;
import io.streamhouse.broker.partition.FlushSignal;
import io.streamhouse.broker.partition.Flusher;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.partition.PartitionLeases;
import io.streamhouse.broker.partition.PartitionSettings;
import io.streamhouse.broker.partition.ProducerEntry;
import io.streamhouse.broker.partition.StoredProducers;
import io.streamhouse.broker.partition.TailBudget;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.FaultyStore;
import io.streamhouse.broker.storage.FaultyStore.Faults;
import io.streamhouse.broker.storage.InMemoryStore;
import io.streamhouse.broker.sweep.SweepGuard;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.SegmentManifest.EpochStart;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MergerTest {

  private static final UUID WAL_ID = new UUID(7, 7);
  private static final UUID INCARNATION = new UUID(8, 8);
  private static final int PARTITIONS = 3;
  private static final long MIB = 1 << 20;

  private final SimulatedTime time = new SimulatedTime();
  private final Random random = new Random(5);
  private final InMemoryStore objects = new InMemoryStore();
  private final FaultyStore store = new FaultyStore(objects, random, _ -> {});
  private final MemoryScratch scratch = new MemoryScratch();
  private final List<Partition> partitions = new ArrayList<>();
  private final TailBudget budget = new TailBudget(64 * MIB, 16 * MIB);
  private String failing = "";
  private boolean failsAfter;
  private InMemoryMetadata metadata;
  private WriteAheadLog wal;
  private PartitionLeases leases;
  private BackgroundWork background;
  private Flusher flusher;
  private Merger merger;
  private MergeOptions options =
      new MergeOptions(
          64 * MIB, 256 * MIB, 64 * MIB, Duration.ofMinutes(10), Duration.ofSeconds(5), true);
  private PartitionSettings settings = PartitionSettings.DEFAULT;
  private int written;

  @BeforeEach
  void open() throws IOException {
    metadata =
        new InMemoryMetadata(
            random,
            new InMemoryMetadata.Faults() {
              @Override
              public void before(String transaction) {
                fail(transaction, !failsAfter);
              }

              @Override
              public void after(String transaction) {
                fail(transaction, failsAfter);
              }
            });
    wal =
        WriteAheadLog.open(
            new SimulatedWalFiles(random),
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 22, 1 << 28, 0),
            time,
            (_, _) -> {});
    metadata.topics().create("t", PARTITIONS, Map.of());
    metadata
        .leases()
        .register(
            new NewSession(INCARNATION, OptionalInt.of(1), WAL_ID, Optional.empty(), Map.of()));
    leases = new PartitionLeases(metadata.leases(), INCARNATION, WAL_ID);
    var signal = new FlushSignal();
    background =
        new BackgroundWork(
            metadata.manifest(),
            this::reader,
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
            new FlushOptions(32 * MIB, Duration.ZERO, Duration.ZERO, true, 1, 64 * MIB),
            budget,
            metadata.manifest(),
            store,
            INCARNATION,
            this::id,
            Runnable::run,
            signal,
            time);
    merger = merger();
  }

  private void fail(String transaction, boolean now) {
    if (now && transaction.equals(failing)) {
      throw new MetadataUnavailable("down, in " + transaction, new IOException());
    }
  }

  private UUID id() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  private Merger merger() {
    return new Merger(
        () -> partitions,
        options,
        metadata.manifest(),
        store,
        scratch,
        INCARNATION,
        this::id,
        time);
  }

  private SegmentReader reader(Segment row) throws IOException {
    return SegmentReader.open(
        row.object(),
        (position, length) -> objects.get(row.object(), position, length),
        row.position(),
        row.length());
  }

  /// Takes every partition, again if need be, which begins an epoch.
  private void lead() {
    partitions.clear();
    var image = new Image("test", metadata.topics().image());
    for (var grant : leases.take(image, EveryPartition.of(image, true))) {
      partitions.add(
          new Partition(
              grant, List.of(), null, settings, () -> true, wal, budget, background, time));
    }
    partitions.sort((a, b) -> a.id().compareTo(b.id()));
  }

  private Partition partition(int index) {
    return partitions.get(index);
  }

  private List<Segment> rows(int index) {
    return metadata.manifest().segments(partition(index).id(), 0, 10_000);
  }

  /// One flush of a record in each of these.
  private void flush(int valueBytes, int... indexes) {
    for (int index : indexes) {
      var value = "v%d-%s".formatted(written++, "x".repeat(valueBytes));
      var _ = partition(index).append(Batches.plain(time.wallMillis(), value), Acks.ALL);
    }
    while (wal.poll()) {}
    while (flusher.step() == Flusher.Progress.WORKED) {}
    time.pass(Duration.ofMillis(10));
  }

  private void flushes(int times, int valueBytes, int... indexes) {
    for (int i = 0; i < times; i++) {
      flush(valueBytes, indexes);
    }
  }

  /// Lets the merger do what it can for so long.
  private void merge(Duration duration) {
    long end = time.nanos() + duration.toNanos();
    while (time.nanos() < end) {
      var wait = merger.step();
      time.pass(wait.isZero() ? Duration.ofNanos(1000) : wait);
    }
  }

  private List<String> values(int index) throws IOException {
    var values = new ArrayList<String>();
    for (var row : rows(index)) {
      var reader = reader(row);
      reader.verify();
      for (int i = 0; i < reader.blocks().size(); i++) {
        values.addAll(Batches.values(List.of(RecordBatches.of(reader.readBlock(i)))));
      }
    }
    return values;
  }

  private List<Finding> fsck() throws IOException {
    var findings = new ArrayList<Finding>();
    new Fsck(
            metadata,
            objects,
            new SweepGuard(metadata.sweeps(), objects, random),
            new FsckOptions(false, false, false),
            findings::add)
        .run(Optional.empty());
    return findings;
  }

  private Set<UUID> due() {
    var due = new HashSet<UUID>();
    metadata.manifest().dueForDeletion(0, 10_000).forEach(one -> due.add(one.objectId()));
    return due;
  }

  @Test
  void smallSegmentsOfSeveralPartitionsBecomeOneObject() throws Exception {
    flushes(16, 100, 0, 1, 2);
    var before = List.of(values(0), values(1), values(2));
    var old = new HashSet<UUID>();
    rows(0).forEach(row -> old.add(row.objectId()));
    assertThat(due()).isEmpty();
    merge(Duration.ofSeconds(10));
    assertThat(rows(0)).hasSize(1);
    assertThat(rows(1)).hasSize(1);
    assertThat(rows(2)).hasSize(1);
    assertThat(rows(0).getFirst().object())
        .contains("/merged/")
        .isEqualTo(rows(1).getFirst().object());
    assertThat(List.of(values(0), values(1), values(2))).isEqualTo(before);
    assertThat(due()).isEqualTo(old);
    assertThat(merger.objects()).isOne();
    assertThat(merger.segments()).isEqualTo(48);
    assertThat(scratch.open).isZero();
    assertThat(fsck()).isEmpty();
  }

  @Test
  void blocksThatAreLargeEnoughAreTakenAsTheyAre() throws Exception {
    flushes(32, 1_000_000, 0, 1);
    var blocks = new ArrayList<Integer>();
    for (var row : rows(0)) {
      reader(row).blocks().forEach(block -> blocks.add(block.crc()));
    }
    // Without compression of its own, so that it could not have made these.
    options =
        new MergeOptions(64 * MIB, 256 * MIB, 64 * MIB, options.age(), options.pause(), false);
    merger = merger();
    merge(Duration.ofSeconds(30));
    assertThat(rows(0)).hasSize(1);
    var merged = reader(rows(0).getFirst());
    assertThat(merged.blocks())
        .extracting(SegmentReader.Block::crc)
        .containsExactlyElementsOf(blocks);
    assertThat(values(0)).hasSize(32);
    assertThat(fsck()).isEmpty();
  }

  @Test
  void aLargeRunGetsAnObjectOfItsOwnAndAllProducersThereAre() throws Exception {
    for (int i = 0; i < 20; i++) {
      var value = new StringBuilder();
      while (value.length() < 1_000_000) {
        value.append(Long.toString(random.nextLong() & Long.MAX_VALUE, 36));
      }
      var _ = partition(0).append(Batches.plain(1, value.toString()), Acks.ALL);
      flush(10, 1);
    }
    var before = values(0);
    merge(Duration.ofSeconds(30));
    assertThat(rows(0)).hasSize(1);
    assertThat(rows(0).getFirst().object()).contains("/data/" + partition(0).id().topicId());
    assertThat(reader(rows(0).getFirst()).producers().orElseThrow().full()).isTrue();
    assertThat(values(0)).isEqualTo(before);
    assertThat(fsck()).isEmpty();
  }

  @Test
  void whatIsReadIsHeldToARate() throws Exception {
    options = new MergeOptions(64 * MIB, 256 * MIB, 1000, options.age(), options.pause(), false);
    merger = merger();
    flushes(16, 1000, 0);
    long bytes = rows(0).stream().mapToLong(Segment::length).sum();
    merge(Duration.ofSeconds(bytes / 2 / 1000));
    assertThat(rows(0)).hasSize(16);
    merge(Duration.ofSeconds(bytes / 1000));
    assertThat(rows(0)).hasSize(1);
  }

  @Test
  void segmentsOfSeveralEpochsBecomeOneAndEpochsStayWhereTheyBegan() throws Exception {
    for (int epoch = 0; epoch < 6; epoch++) {
      flushes(3, 50, 0);
      lead();
    }
    var before = values(0);
    var starts = metadata.manifest().epochs(partition(0).id());
    assertThat(starts).hasSize(6).contains(new EpochStart(2, 6));
    merge(Duration.ofSeconds(10));
    assertThat(rows(0)).hasSize(1);
    assertThat(reader(rows(0).getFirst()).header().leaderEpoch()).isZero();
    assertThat(metadata.manifest().epochs(partition(0).id())).isEqualTo(starts);
    assertThat(values(0)).isEqualTo(before);
    assertThat(fsck()).isEmpty();
    // Within a segment an epoch can be left behind, too.
    assertThat(partition(0).deleteRecordsBefore(10)).isCompleted();
    assertThat(metadata.manifest().epochs(partition(0).id()).getFirst())
        .isEqualTo(new EpochStart(3, 9));
    assertThat(fsck()).isEmpty();
  }

  @Test
  void aSegmentThatSharesItsObjectMovesWhenItIsOld() throws Exception {
    flush(100, 0, 1);
    flush(100, 1);
    merge(Duration.ofMinutes(9));
    assertThat(rows(0)).first().extracting(Segment::object).asString().contains("/mixed/");
    merge(Duration.ofMinutes(12));
    assertThat(rows(0))
        .hasSize(1)
        .first()
        .extracting(Segment::object)
        .asString()
        .contains("/merged/");
    assertThat(rows(1)).hasSize(2);
    assertThat(due()).hasSize(1);
    long made = merger.objects();
    merge(Duration.ofHours(2));
    assertThat(merger.objects()).isEqualTo(made);
    assertThat(fsck()).isEmpty();
  }

  @Test
  void nothingIsReplacedByWhatIsNotTheSame() throws Exception {
    flushes(16, 300, 0);
    var before = values(0);
    for (long position : new long[] {10, 64, 100, 150}) {
      scratch.spoilt = position;
      merge(Duration.ofHours(2));
      assertThat(rows(0)).hasSize(16);
      assertThat(merger.problem()).isNotNull();
      assertThat(scratch.open).isZero();
    }
    assertThat(values(0)).isEqualTo(before);
    assertThat(merger.objects()).isZero();
    scratch.spoilt = -1;
    merge(Duration.ofHours(2));
    assertThat(rows(0)).hasSize(1);
    assertThat(merger.problem()).isNull();
    assertThat(values(0)).isEqualTo(before);
    assertThat(fsck()).isEmpty();
  }

  /// Steps until the draft is there and the object is not.
  private void untilCopied() {
    while (scratch.open == 0) {
      merger.step();
      time.pass(Duration.ofMillis(1));
    }
  }

  @Test
  void aLogStartThatPassesMeanwhileIsRespected() throws Exception {
    flushes(20, 100, 0);
    untilCopied();
    assertThat(partition(0).deleteRecordsBefore(5)).isCompleted();
    merge(Duration.ofSeconds(3));
    assertThat(rows(0)).hasSize(15).allMatch(row -> row.object().contains("/data/"));
    assertThat(merger.refused()).isOne();
    assertThat(due()).hasSize(6);
    flushes(10, 100, 0);
    merge(Duration.ofSeconds(30));
    assertThat(rows(0)).hasSize(1);
    assertThat(values(0)).hasSize(25);
    assertThat(fsck()).isEmpty();
  }

  @Test
  void aTopicDeletedMeanwhileLeavesNothing() throws Exception {
    flushes(20, 100, 0, 1);
    untilCopied();
    metadata.topics().delete(partition(0).id().topicId());
    merge(Duration.ofSeconds(30));
    assertThat(rows(0)).isEmpty();
    assertThat(due()).hasSize(21);
    assertThat(merger.objects()).isZero();
    assertThat(fsck()).isEmpty();
  }

  @Test
  void aLeaseLostMeanwhileReplacesNothing() throws Exception {
    flushes(20, 100, 0, 1);
    untilCopied();
    var old = List.copyOf(partitions);
    lead();
    partitions.clear();
    partitions.addAll(old);
    merge(Duration.ofSeconds(30));
    assertThat(rows(0)).hasSize(20);
    assertThat(merger.refused()).isEqualTo(2);
    assertThat(due()).hasSize(1);
    assertThat(fsck()).isEmpty();
  }

  @Test
  void anUnknownOutcomeBecomesKnown() throws Exception {
    flushes(20, 100, 0, 1);
    var before = values(1);
    failing = "replace";
    failsAfter = true;
    merge(Duration.ofMinutes(3));
    assertThat(merger.failures()).isPositive();
    assertThat(merger.objects()).isZero();
    failing = "";
    merge(Duration.ofMinutes(3));
    assertThat(merger.objects()).isOne();
    assertThat(merger.refused()).isZero();
    assertThat(rows(1)).hasSize(1);
    assertThat(values(1)).isEqualTo(before);
    assertThat(fsck()).isEmpty();
  }

  /// The flusher sends such a commit again, and must find in its rows what it did.
  @Test
  void aCommitOfUnknownOutcomeIsAnsweredBeforeItsSegmentsAreMerged() throws Exception {
    flushes(20, 100, 0);
    failing = "commit";
    failsAfter = true;
    flush(100, 0);
    assertThat(partition(0).committedEnd()).isEqualTo(20);
    assertThat(rows(0)).hasSize(21);
    merge(Duration.ofSeconds(30));
    assertThat(rows(0)).extracting(Segment::endOffset).containsExactly(20L, 21L);
    failing = "";
    time.pass(Duration.ofSeconds(30));
    flush(100, 0);
    assertThat(partition(0).notLeading()).isNull();
    assertThat(partition(0).committedEnd()).isEqualTo(22);
    assertThat(values(0)).hasSize(22);
    assertThat(fsck()).isEmpty();
  }

  @Test
  void storesThatFailNowAndThenHoldMergingUpAndNoMore() throws Exception {
    var flaky = new FaultyStore(objects, random, _ -> {});
    flushes(20, 100, 0, 1, 2);
    var before = values(2);
    merger =
        new Merger(
            () -> partitions,
            options,
            metadata.manifest(),
            flaky,
            scratch,
            INCARNATION,
            this::id,
            time);
    flaky.faults(new Faults(0.3, 0.3, 0, 0, 0, 0));
    merge(Duration.ofMinutes(5));
    flaky.faults(Faults.DOWN);
    merge(Duration.ofMinutes(5));
    flaky.faults(Faults.NONE);
    merge(Duration.ofMinutes(5));
    assertThat(rows(2)).hasSize(1);
    assertThat(values(2)).isEqualTo(before);
    assertThat(scratch.open).isZero();
    assertThat(fsck()).isEmpty();
  }

  @Test
  void producerStateIsTheSameBeforeAndAfter() throws Exception {
    var producers = new StoredProducers(metadata.manifest(), this::reader);
    var sequences = new int[4];
    for (int flush = 0; flush < 200; flush++) {
      int producer = random.nextInt(sequences.length);
      var appended =
          partition(0)
              .append(
                  Batches.idempotent(
                      100 + producer, 0, sequences[producer]++, time.wallMillis(), "v" + flush),
                  Acks.ALL);
      flush(10, 1);
      assertThat(appended).isCompleted();
      var before = state(producers);
      merge(Duration.ofSeconds(6));
      assertThat(state(producers)).isEqualTo(before);
      assertThat(rows(0).size()).isLessThanOrEqualTo(Merger.BOUND);
    }
    assertThat(state(producers)).hasSize(sequences.length);
    assertThat(rows(0).size()).isLessThan(40);
    assertThat(fsck()).isEmpty();
  }

  private Set<ProducerEntry> state(StoredProducers producers) throws IOException {
    return Set.copyOf(producers.asOf(partition(0).id(), partition(0).committedEnd()));
  }

  /// However many partitions there are, objects go with bytes and time.
  @Test
  void manyPartitionsWithLittleTrafficCostFewObjects() throws Exception {
    metadata.topics().create("many", 300, Map.of());
    lead();
    var all = new int[partitions.size()];
    for (int i = 0; i < all.length; i++) {
      all[i] = i;
    }
    for (int flush = 0; flush < 100; flush++) {
      flush(20, all);
      merge(Duration.ofSeconds(10));
    }
    for (int index : all) {
      assertThat(rows(index).size()).isLessThanOrEqualTo(Merger.BOUND);
    }
    // 303 partitions, each of which was merged six times and more.
    assertThat(merger.objects()).isLessThan(60);
    assertThat(merger.segments()).isGreaterThan(80 * 303);
    assertThat(fsck()).isEmpty();
  }
}
