package io.streamhouse.broker.partition;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.partition.Appends.ProducersResult;
import io.streamhouse.broker.partition.ProducerEntry.WrittenBatch;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.ObjectMissing;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.segment.ObjectWriter;
import io.streamhouse.segment.ProducerState;
import io.streamhouse.segment.SegmentReader;
import io.streamhouse.segment.SegmentWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
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

class RetentionTest {

  private static final UUID INCARNATION = new UUID(1, 1);
  private static final UUID WAL_ID = new UUID(2, 2);
  private static final long UNDATED = -1;

  private final SimulatedTime time = new SimulatedTime();
  private boolean raiseFails;
  private boolean unreadable;
  private final Set<Long> lost = new HashSet<>();
  private final InMemoryMetadata metadata =
      new InMemoryMetadata(
          new Random(1),
          new InMemoryMetadata.Faults() {
            @Override
            public void after(String transaction) {
              if (raiseFails && transaction.equals("raiseLogStart")) {
                throw new MetadataUnavailable("cut", new IOException());
              }
            }
          });
  private WriteAheadLog wal;
  private Partition partition;
  private PartitionId id;
  private Lease<PartitionId> lease;
  private Retention retention;

  @BeforeEach
  void begin() throws IOException {
    var created = (CreateTopic.Created) metadata.topics().create("t", 1, Map.of());
    id = new PartitionId(created.topic().id(), 0);
    metadata
        .leases()
        .register(
            new NewSession(INCARNATION, OptionalInt.of(1), WAL_ID, Optional.empty(), Map.of()));
    open(-1, -1);
  }

  private Grant take() {
    var results =
        metadata
            .leases()
            .take(INCARNATION, WAL_ID, List.of(new Claim(id, true, false)), List.of(WAL_ID));
    return ((TakeResult.Taken) results.getFirst()).grant();
  }

  /// What segments say of producers, by base offset; of others nothing.
  private final Map<Long, ProducerState> states = new HashMap<>();

  private SegmentReader open(Segment row) throws IOException {
    if (unreadable) {
      throw new IOException("no object store");
    }
    if (lost.contains(row.baseOffset())) {
      throw new ObjectMissing(row.object());
    }
    var writer = new SegmentWriter(0, null);
    writer.add(ByteBuffer.allocate(100), row.baseOffset(), row.endOffset(), -1, 10, false);
    writer.producers(states.getOrDefault(row.baseOffset(), new ProducerState(false, List.of())));
    var object = new ObjectWriter();
    var placed = object.add(writer.finish());
    var bytes = ByteBuffer.allocate((int) placed.length());
    object.content().forEach(bytes::put);
    return SegmentReader.open(
        row.object(),
        (position, length) -> bytes.slice((int) position, length),
        0,
        placed.length());
  }

  /// A producer that wrote one record at each of these offsets.
  private ProducerEntry producer(long id, int... offsets) {
    return new ProducerEntry(
        id,
        (short) 0,
        Arrays.stream(offsets).mapToObj(at -> new WrittenBatch(at, at, at, 7)).toList(),
        time.wallMillis());
  }

  private static ProducerState state(boolean full, ProducerEntry... entries) {
    return new ProducerState(full, Arrays.stream(entries).map(ProducerEntry::snapshot).toList());
  }

  private List<ProducerEntry> knownProducers() {
    return ((ProducersResult.Known) partition.activeProducers().join()).producers();
  }

  /// Commits segments of ten records and ten bytes each with these timestamps.
  private void segments(long... maxTimestamps) {
    long base = 0;
    for (long timestamp : maxTimestamps) {
      var object = new UUID(5, base);
      metadata.manifest().registerObject(INCARNATION, object, "key-" + base);
      metadata
          .manifest()
          .commit(
              object,
              List.of(new NewSegment(lease, lease.epoch(), base, base + 10, 0, 10, 10, timestamp)));
      base += 10;
    }
  }

  private void open(long retentionMillis, long retentionBytes) throws IOException {
    var grant = take();
    lease = grant.lease();
    wal =
        WriteAheadLog.open(
            new SimulatedWalFiles(new Random(1)),
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 16, 1 << 20, 0),
            time,
            (_, _) -> {});
    var background =
        new BackgroundWork(
            metadata.manifest(),
            this::open,
            Runnable::run,
            Runnable::run,
            new PartitionLeases(metadata.leases(), lease.incarnation(), WAL_ID),
            new FlushSignal(),
            Duration.ofDays(1),
            time);
    partition =
        new Partition(
            grant,
            List.of(),
            null,
            limited(retentionMillis, retentionBytes),
            () -> true,
            wal,
            new TailBudget(1 << 20, 1 << 18),
            background,
            time);
    retention =
        new Retention(() -> List.of(partition), metadata.manifest(), Duration.ofMinutes(5), time);
  }

  private static PartitionSettings limited(long millis, long bytes) {
    return new PartitionSettings(
        1 << 20,
        false,
        1L << 60,
        1L << 60,
        PartitionSettings.AS_PRODUCED,
        0,
        false,
        1 << 30,
        new RetentionLimits(millis, bytes),
        false);
  }

  private long storedLogStart() {
    return take().logStart();
  }

  private long ago(long millis) {
    return time.wallMillis() - millis;
  }

  @Test
  void segmentsGoOnceTheirNewestRecordIsTooOld() throws IOException {
    segments(ago(5001), ago(5001), ago(5000), ago(9999));
    open(5000, -1);

    retention.step();

    assertThat(partition.logStart()).isEqualTo(20);
    assertThat(metadata.manifest().segments(id, 0, 9)).hasSize(2);
    assertThat(retention.expiredSegments()).isEqualTo(2);
    assertThat(storedLogStart()).isEqualTo(20);
  }

  @Test
  void everythingCommittedMayExpireAndNothingElse() throws IOException {
    segments(ago(10), ago(10));
    open(0, -1);
    var _ = partition.append(Batches.plain(ago(10), "later"), Appends.Acks.ALL);

    retention.step();

    assertThat(partition.logStart()).isEqualTo(20);
    assertThat(partition.committedEnd()).isEqualTo(20);
  }

  @Test
  void atLeastTheBytesAskedForStay() throws IOException {
    segments(ago(1), ago(1), ago(1), ago(1));
    open(-1, 15);

    retention.step();

    assertThat(partition.logStart()).isEqualTo(20);
    assertThat(metadata.manifest().storedBytes(id, 20)).isEqualTo(20);
  }

  @Test
  void sizeIsLookedAtOnceTimeHasDropped() throws IOException {
    segments(ago(100), ago(1), ago(1), ago(1));
    open(50, 20);

    retention.step();

    assertThat(partition.logStart()).isEqualTo(20);
  }

  @Test
  void segmentsWithoutTimestampsGoWithTheNextThatHasOne() throws IOException {
    segments(UNDATED, ago(100), UNDATED, ago(1), UNDATED);
    open(50, -1);

    retention.step();

    assertThat(partition.logStart()).isEqualTo(20);
  }

  @Test
  void withoutLimitsNothingGoes() throws IOException {
    segments(0, 0);
    open(-1, -1);

    retention.step();

    assertThat(partition.logStart()).isEqualTo(0);
  }

  @Test
  void aBacklogGoesInBoundedStepsOfOneRound() throws IOException {
    segments(new long[250]);
    open(50, -1);

    retention.step();
    assertThat(partition.logStart()).isEqualTo(1000);
    retention.step();
    retention.step();

    assertThat(partition.logStart()).isEqualTo(2500);
  }

  @Test
  void aRoundBeginsOnlyWhenItsTimeHasCome() throws IOException {
    segments(ago(0));
    open(50, -1);
    retention.step();
    time.pass(Duration.ofMinutes(4));

    retention.step();
    assertThat(partition.logStart()).isEqualTo(0);
    time.pass(Duration.ofMinutes(1));
    retention.step();

    assertThat(partition.logStart()).isEqualTo(10);
  }

  @Test
  void aLogStartThatMayNotBeStoredIsRaisedAgain() throws IOException {
    segments(ago(100), ago(1));
    open(50, -1);
    raiseFails = true;
    retention.step();
    assertThat(partition.logStart()).isEqualTo(10);
    assertThat(partition.storedLogStart()).isEqualTo(0);
    raiseFails = false;
    var again = partition.deleteRecordsBefore(10).join();

    assertThat(again).isEqualTo(new Appends.TruncateResult.Truncated(10));
    assertThat(storedLogStart()).isEqualTo(10);
    assertThat(partition.storedLogStart()).isEqualTo(10);
  }

  @Test
  void producersAreKnownAfterTheirBatchesAreDeleted() throws IOException {
    segments(ago(1), ago(1), ago(1));
    states.put(0L, state(true, producer(1, 2, 4), producer(2, 5)));
    states.put(10L, state(false, producer(1, 2, 4, 12, 17), producer(3, 13)));
    open(-1, -1);

    assertThat(partition.deleteRecordsBefore(15).join())
        .isEqualTo(new Appends.TruncateResult.Truncated(15));
    open(-1, -1);
    assertThat(knownProducers())
        .containsExactlyInAnyOrder(producer(1, 2, 4, 12, 17), producer(2, 5), producer(3, 13));

    // The segments that said it are gone now; what was kept by the deletion before is kept on.
    assertThat(partition.deleteRecordsBefore(30).join())
        .isEqualTo(new Appends.TruncateResult.Truncated(30));
    assertThat(metadata.manifest().segments(id, 0, 9)).isEmpty();
    open(-1, -1);
    assertThat(knownProducers())
        .containsExactlyInAnyOrder(producer(1, 2, 4, 12, 17), producer(2, 5), producer(3, 13));
  }

  @Test
  void aSegmentThatIsLostCanBeDeleted() throws IOException {
    segments(ago(1), ago(1), ago(1));
    states.put(0L, state(true, producer(1, 2)));
    states.put(20L, state(false, producer(2, 25)));
    lost.add(10L);
    open(-1, -1);

    assertThat(partition.deleteRecordsBefore(15).join())
        .isInstanceOf(Appends.TruncateResult.Refused.class);
    assertThat(partition.deleteRecordsBefore(20).join())
        .isEqualTo(new Appends.TruncateResult.Truncated(20));
    open(-1, -1);
    assertThat(knownProducers()).containsExactlyInAnyOrder(producer(1, 2), producer(2, 25));
  }

  @Test
  void producersThatWroteLongAgoAreForgotten() throws IOException {
    segments(ago(1), ago(1));
    states.put(0L, state(true, producer(1, 2)));
    open(-1, -1);
    time.pass(Duration.ofDays(2));

    assertThat(partition.deleteRecordsBefore(10).join())
        .isEqualTo(new Appends.TruncateResult.Truncated(10));
    assertThat(metadata.manifest().logStartProducers(id)).isEmpty();
  }

  @Test
  void nothingIsDeletedWhereProducersCannotBeRead() throws IOException {
    segments(ago(1), ago(1));
    open(-1, -1);
    unreadable = true;

    assertThat(partition.deleteRecordsBefore(10).join())
        .isInstanceOf(Appends.TruncateResult.Refused.class);
    assertThat(metadata.manifest().segments(id, 0, 9)).hasSize(2);
    unreadable = false;
    assertThat(partition.deleteRecordsBefore(10).join())
        .isEqualTo(new Appends.TruncateResult.Truncated(10));
  }

  @Test
  void aPartitionLedElsewhereIsLeftAlone() throws IOException {
    segments(ago(100));
    open(50, -1);
    partition.close(new Failure.NotLeader(OptionalInt.empty()));

    retention.step();

    assertThat(metadata.manifest().segments(id, 0, 9)).hasSize(1);
  }

  @Test
  void aSegmentHoldsNoMoreThanItMay() throws IOException {
    long now = time.wallMillis();
    for (int i = 0; i < 3; i++) {
      var _ = partition.append(Batches.plain(now, "a".repeat(50)), Appends.Acks.LEADER);
    }
    wal.poll();
    var batch = Batches.plain(now, "a".repeat(50)).sizeInBytes();
    partition.settings(
        new PartitionSettings(
            1 << 20,
            false,
            1L << 60,
            1L << 60,
            PartitionSettings.AS_PRODUCED,
            0,
            false,
            2 * batch,
            RetentionLimits.NONE,
            false));

    var slice = requireNonNull(partition.slice(1 << 20));

    assertThat(slice.endOffset()).isEqualTo(2);
    slice.release();
  }
}
