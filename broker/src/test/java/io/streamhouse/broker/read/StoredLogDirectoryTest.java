package io.streamhouse.broker.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Appends.Acks;
import io.streamhouse.broker.partition.BackgroundWork;
import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.partition.EveryPartition;
import io.streamhouse.broker.partition.FlushSignal;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.partition.PartitionLeases;
import io.streamhouse.broker.partition.PartitionSettings;
import io.streamhouse.broker.partition.TailBudget;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class StoredLogDirectoryTest {

  private static final UUID INCARNATION = new UUID(9, 9);
  private static final UUID WAL_ID = new UUID(7, 7);
  private static final long NOW = 1_700_000_000_000L;

  @TempDir private Path path;
  private final SimulatedTime time = new SimulatedTime();
  private boolean unavailable;
  private int queries;
  private final InMemoryMetadata metadata =
      new InMemoryMetadata(
          new Random(1),
          new InMemoryMetadata.Faults() {
            @Override
            public void after(String transaction) {
              queries++;
              if (unavailable) {
                throw new MetadataUnavailable("cut", new IOException());
              }
            }
          });
  private final List<Partition> led = new ArrayList<>();

  /// One partition of each topic, with ten bytes in a segment.
  @BeforeEach
  void open() throws IOException {
    metadata.topics().create("t", 1, Map.of());
    metadata.topics().create("u", 1, Map.of());
    metadata
        .leases()
        .register(
            new NewSession(INCARNATION, OptionalInt.of(1), WAL_ID, Optional.empty(), Map.of()));
    var leases = new PartitionLeases(metadata.leases(), INCARNATION, WAL_ID);
    lead(leases);
    for (var partition : List.copyOf(led)) {
      var object = new UUID(5, led.indexOf(partition));
      metadata.manifest().registerObject(INCARNATION, object, "key-" + object);
      metadata
          .manifest()
          .commit(
              object,
              List.of(
                  new NewSegment(
                      partition.lease(), partition.lease().epoch(), 0, 3, 0, 10, 3, NOW)));
    }
    led.clear();
    lead(leases);
  }

  private void lead(PartitionLeases leases) throws IOException {
    var wal =
        WriteAheadLog.open(
            new SimulatedWalFiles(new Random(1)),
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 16, 1 << 20, 0),
            time,
            (_, _) -> {});
    var background =
        new BackgroundWork(
            metadata.manifest(),
            row -> {
              throw new AssertionError("no segment need be opened: " + row);
            },
            Runnable::run,
            Runnable::run,
            leases,
            new FlushSignal(),
            Duration.ofDays(1),
            time);
    var image = new Image("c", metadata.topics().image());
    for (var grant : leases.take(image, EveryPartition.of(image, true))) {
      led.add(
          new Partition(
              grant,
              List.of(),
              null,
              PartitionSettings.DEFAULT,
              () -> true,
              wal,
              new TailBudget(1 << 20, 1 << 18),
              background,
              time));
    }
  }

  private StoredLogDirectory directory(Path at, Executor blocking) {
    return new StoredLogDirectory(at, () -> led, metadata.manifest(), INCARNATION, blocking);
  }

  @Test
  void aPartitionIsItsSegmentsAndItsTail() {
    var batch = Batches.plain(NOW, "a");
    var _ = led.getFirst().append(batch, Acks.ALL);
    queries = 0;
    var usage = directory(path, Runnable::run).usage(null).join();
    assertThat(usage.sizes())
        .isEqualTo(Map.of(led.get(0).id(), 10L + batch.sizeInBytes(), led.get(1).id(), 10L));
    assertThat(queries).isEqualTo(1);
    assertThat(usage.totalBytes()).isPositive().isGreaterThanOrEqualTo(usage.usableBytes());
  }

  @Test
  void onlyTheTopicsAskedForAreMeasured() {
    var directory = directory(path, Runnable::run);
    var second = led.get(1).id();
    assertThat(directory.usage(Set.of(second.topicId())).join().sizes())
        .isEqualTo(Map.of(second, 10L));
    queries = 0;
    assertThat(directory.usage(Set.of()).join().sizes()).isEmpty();
    assertThat(queries).isZero();
  }

  @Test
  void thePathIsAbsolute() {
    assertThat(directory(Path.of("data/../here"), Runnable::run).path())
        .isEqualTo(Path.of("here").toAbsolutePath().toString());
  }

  @Test
  void aVolumeThatCannotBeReadHasNoSize() {
    var usage = directory(path.resolve("missing"), Runnable::run).usage(null).join();
    assertThat(usage.totalBytes()).isEqualTo(-1);
    assertThat(usage.usableBytes()).isEqualTo(-1);
    assertThat(usage.sizes()).hasSize(2);
  }

  @Test
  void neitherTheMetadataStoreNorAFullPoolIsWaitedFor() {
    unavailable = true;
    assertThat(directory(path, Runnable::run).usage(null))
        .failsWithin(Duration.ZERO)
        .withThrowableThat()
        .withCauseInstanceOf(MetadataUnavailable.class);
    Executor full =
        _ -> {
          throw new RejectedExecutionException("full");
        };
    assertThat(directory(path, full).usage(null))
        .failsWithin(Duration.ZERO)
        .withThrowableThat()
        .withCauseInstanceOf(RejectedExecutionException.class);
  }
}
