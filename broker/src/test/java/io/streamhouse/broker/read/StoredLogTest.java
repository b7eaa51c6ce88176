package io.streamhouse.broker.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Appends;
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
import io.streamhouse.broker.partition.TailBudget;
import io.streamhouse.broker.partition.TestSettings;
import io.streamhouse.broker.read.LogReader.EpochEnd;
import io.streamhouse.broker.read.LogReader.EpochResult;
import io.streamhouse.broker.read.LogReader.ReadResult;
import io.streamhouse.broker.read.LogReader.TimestampResult;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.InMemoryStore;
import io.streamhouse.broker.storage.SegmentCache;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.SegmentManifest.ReplaceResult;
import io.streamhouse.metadata.SegmentManifest.Replacement;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.SegmentWriter;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class StoredLogTest {

  private static final UUID INCARNATION = new UUID(9, 9);
  private static final UUID WAL_ID = new UUID(7, 7);
  private static final long NOW = 1_700_000_000_000L;

  private final Random random = new Random(1);
  private final SimulatedTime time = new SimulatedTime();
  private final InMemoryMetadata metadata = new InMemoryMetadata(random);
  private final InMemoryStore store = new InMemoryStore();
  private final SegmentCache segments =
      new SegmentCache(store, null, new SegmentCache.Limits(1 << 20, 1 << 20, 2, 10, 0));
  private boolean holds = true;
  private Runnable duringLookups = () -> {};
  private WriteAheadLog wal;
  private Partition partition;
  private final FlushSignal signal = new FlushSignal();
  private Flusher flusher;

  @BeforeEach
  void open() throws IOException {
    var _ = metadata.topics().create("t", 1, Map.of());
    var _ =
        metadata
            .leases()
            .register(
                new NewSession(INCARNATION, OptionalInt.of(1), WAL_ID, Optional.empty(), Map.of()));
    wal =
        WriteAheadLog.open(
            new SimulatedWalFiles(random),
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 16, 1 << 20, 0),
            time,
            (_, _) -> {});
    lead();
  }

  /// Takes the lease, again if need be, which begins an epoch.
  private void lead() {
    var budget = new TailBudget(1 << 20, 1 << 18);
    var image = new Image("c", metadata.topics().image());
    var leases = new PartitionLeases(metadata.leases(), INCARNATION, WAL_ID);
    partition =
        new Partition(
            leases.take(image, EveryPartition.of(image, true)).getFirst(),
            List.of(),
            null,
            PartitionSettings.DEFAULT,
            () -> holds,
            wal,
            budget,
            new BackgroundWork(
                metadata.manifest(),
                row -> segments.open(row).join(),
                Runnable::run,
                Runnable::run,
                leases,
                signal,
                Duration.ofDays(1),
                time),
            time);
    flusher =
        new Flusher(
            () -> List.of(partition),
            new FlushOptions(1 << 20, Duration.ofSeconds(5), Duration.ZERO, false, 4, 1 << 20),
            budget,
            metadata.manifest(),
            store,
            INCARNATION,
            () -> new UUID(random.nextLong(), random.nextLong()),
            Runnable::run,
            signal,
            time);
  }

  @AfterEach
  void close() {
    segments.close();
  }

  /// The manifest, with something that happens once, right after its next lookup has been answered.
  private SegmentManifest interrupted() {
    return (SegmentManifest)
        Proxy.newProxyInstance(
            SegmentManifest.class.getClassLoader(),
            new Class<?>[] {SegmentManifest.class},
            (_, method, arguments) -> {
              try {
                var answer = method.invoke(metadata.manifest(), arguments);
                var now = duringLookups;
                duringLookups = () -> {};
                now.run();
                return answer;
              } catch (InvocationTargetException thrown) {
                throw thrown.getCause();
              }
            });
  }

  private StoredLog log(Executor blocking) {
    var manifest = interrupted();
    var rows = new SegmentRows(manifest, blocking, 1000, time);
    return new StoredLog(partition, manifest, segments, blocking, blocking, rows);
  }

  private StoredLog log() {
    return log(Runnable::run);
  }

  private void append(long timestamp, String value) {
    var _ = partition.append(Batches.plain(timestamp, value), Acks.ALL);
    wal.poll();
  }

  private void flush() {
    signal.request();
    for (int i = 0; i < 100 && flusher.step() != Flusher.Progress.IDLE; i++) {}
  }

  private int epoch() {
    return partition.lease().epoch();
  }

  @Test
  void aTimeIsFoundThoughItsBatchIsFlushedDuringTheLookup() {
    append(NOW, "a");
    append(NOW + 5, "b");
    duringLookups = this::flush;
    assertThat(log().offsetAt(NOW + 3).join())
        .isEqualTo(new TimestampResult.Found(1, NOW + 5, epoch()));
    assertThat(partition.committedEnd()).isEqualTo(2);
  }

  @Test
  void theFirstRecordOfATimeIsFoundThoughItsBatchIsFlushedDuringTheLookup() {
    append(NOW + 5, "a");
    duringLookups =
        () -> {
          flush();
          append(NOW + 9, "b");
        };
    assertThat(log().offsetAt(NOW).join())
        .isEqualTo(new TimestampResult.Found(0, NOW + 5, epoch()));
  }

  @Test
  void theNewestRecordIsFoundThoughItsBatchIsFlushedDuringTheLookup() {
    append(NOW + 5, "a");
    append(NOW, "b");
    duringLookups = this::flush;
    assertThat(log().offsetOfMaxTimestamp().join())
        .isEqualTo(new TimestampResult.Found(0, NOW + 5, epoch()));
  }

  @Test
  void theNewestRecordIsNotOneThatWasDeletedAndIsStillInMemory() {
    partition.settings(TestSettings.OBJECT_DURABLE);
    append(NOW + 5, "a");
    flush();
    append(NOW, "b");
    flush();
    assertThat(partition.readTail(0, 2, 1 << 20)).hasSize(2);
    assertThat(partition.deleteRecordsBefore(1).join())
        .isEqualTo(new Appends.TruncateResult.Truncated(1));
    assertThat(log().offsetOfMaxTimestamp().join())
        .isEqualTo(new TimestampResult.Found(1, NOW, epoch()));
  }

  @Test
  void anEpochEndsWhereTheNextBeganThoughThatIsFlushedDuringTheLookup() {
    append(NOW, "a");
    flush();
    int before = epoch();
    lead();
    append(NOW, "b");
    append(NOW, "c");
    assertThat(epoch()).isGreaterThan(before);
    duringLookups = this::flush;
    assertThat(log().epochEnd(before).join())
        .isEqualTo(new EpochResult.Found(new EpochEnd(before, 1)));
    assertThat(partition.committedEnd()).isEqualTo(3);
    assertThat(log().epochEnd(epoch()).join())
        .isEqualTo(new EpochResult.Found(new EpochEnd(epoch(), 3)));
  }

  @Test
  void aLeaseLostDuringALookupIsNoAnswer() {
    var notLeader = new Failure.NotLeader(OptionalInt.empty());
    append(NOW, "a");
    duringLookups = () -> partition.close(notLeader);
    assertThat(log().offsetAt(NOW).join()).isEqualTo(new TimestampResult.Failed(notLeader));
  }

  @Test
  void withoutTheLeaseNoEpochEndIsTold() {
    append(NOW, "a");
    holds = false;
    assertThat(log().epochEnd(epoch()).join())
        .isEqualTo(new EpochResult.Failed(new Failure.NotLeader(OptionalInt.empty())));
  }

  @Test
  void onAFullPoolReadsAndLookupsFail() {
    append(NOW, "a");
    flush();
    var log =
        log(_ -> {
          throw new RejectedExecutionException("full");
        });
    assertThat(log.read(0, 100, 1).join()).isInstanceOf(ReadResult.Failed.class);
    assertThat(log.offsetAt(NOW).join()).isInstanceOf(TimestampResult.Failed.class);
    assertThat(log.offsetOfMaxTimestamp().join()).isInstanceOf(TimestampResult.Failed.class);
    assertThat(log.epochEnd(1).join()).isInstanceOf(EpochResult.Failed.class);
  }

  /// Puts one segment in the place of several, and deletes the objects these were in.
  private void merge(List<Segment> rows) throws IOException {
    var writer = new SegmentWriter(epoch(), null);
    for (var row : rows) {
      var reader = segments.open(row).join();
      writer.addBlock(
          reader.blocks().getFirst(), reader.readStored(0), row.endOffset(), row.records());
    }
    var content = writer.finish();
    var object = new UUID(random.nextLong(), random.nextLong());
    store.putNew("merged-" + object, content.buffers(), Map.of());
    metadata.manifest().registerObject(INCARNATION, object, "merged-" + object);
    var by =
        new NewSegment(
            partition.lease(),
            epoch(),
            rows.getFirst().baseOffset(),
            rows.getLast().endOffset(),
            0,
            content.length(),
            content.header().records(),
            content.header().maxTimestamp());
    assertThat(metadata.manifest().replace(object, List.of(new Replacement(rows, by))))
        .containsExactly(new ReplaceResult.Replaced());
    store.delete(rows.stream().map(Segment::object).toList());
  }

  private List<String> read(StoredLog log, long offset) {
    var read = log.read(offset, 1, log.endOffset()).join();
    assertThat(read).isInstanceOf(ReadResult.Read.class);
    var batches = ((ReadResult.Read) read).batches();
    var values = Batches.values(batches);
    batches.forEach(RecordBatches::release);
    return values;
  }

  @Test
  void whoKnowsOfSegmentsFromBeforeTheyWereMergedReadsOn() throws IOException {
    for (int i = 0; i < 6; i++) {
      append(NOW + i, "v" + i);
      flush();
    }
    var known = metadata.manifest().segments(partition.id(), 0, 10);
    var log = log();
    for (int i = 0; i < 6; i++) {
      assertThat(read(log, i)).containsExactly("v" + i);
    }
    // What is in the cache is not asked of objects; the others are.
    var cold = new SegmentCache(store, null, new SegmentCache.Limits(1 << 20, 1 << 20, 2, 10, 0));
    try {
      var other =
          new StoredLog(
              partition,
              metadata.manifest(),
              cold,
              Runnable::run,
              Runnable::run,
              new SegmentRows(metadata.manifest(), Runnable::run, 1000, time));
      assertThat(read(other, 5)).containsExactly("v5");
      assertThat(read(other, 0)).containsExactly("v0");
      merge(known.subList(1, 5));
      for (int i : List.of(4, 1, 3, 2, 5, 0)) {
        assertThat(read(other, i)).contains("v" + i);
        assertThat(read(log, i)).contains("v" + i);
      }
    } finally {
      cold.close();
    }
  }
}
