package io.streamhouse.broker.wal;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.WalDamaged;
import io.streamhouse.segment.WalEntry;
import io.streamhouse.segment.WalFormat;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WriteAheadLogTest {

  private static final UUID WAL_ID = new UUID(7, 7);
  private static final PartitionId P = new PartitionId(new UUID(1, 2), 3);

  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedWalFiles files = new SimulatedWalFiles(new Random(42));
  private final List<Long> written = new ArrayList<>();
  private final List<WalPlace> places = new ArrayList<>();
  private final List<String> failed = new ArrayList<>();
  private final WalAppend.Owner owner =
      new WalAppend.Owner() {
        @Override
        public void written(WalAppend append, WalPlace place) {
          written.add(append.baseOffset());
          places.add(place);
        }

        @Override
        public void failed(WalAppend append, String why) {
          failed.add(why);
        }
      };

  private static WalOptions options(Fsync fsync) {
    return new WalOptions(fsync, Duration.ofMillis(100), 1 << 12, 1 << 16, 0);
  }

  private WriteAheadLog open(WalFiles from, Fsync fsync, List<WalEntry> replayed)
      throws IOException {
    return WriteAheadLog.open(
        from,
        WAL_ID,
        options(fsync),
        time,
        (_, entry) ->
            replayed.add(
                new WalEntry(
                    entry.topicId(),
                    entry.partition(),
                    entry.leaseEpoch(),
                    entry.baseOffset(),
                    copy(entry.batch()))));
  }

  private static ByteBuffer copy(ByteBuffer bytes) {
    return ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
  }

  private WalAppend append(long offset, String value) {
    RecordBatches batch = Batches.plain(1000, value);
    batch.stamp(offset, 5);
    return new WalAppend(P, 5, offset, offset + 1, batch, owner);
  }

  private static List<Long> offsets(List<WalEntry> entries) {
    return entries.stream().map(WalEntry::baseOffset).toList();
  }

  @Test
  void everyEntryIsReplayedInOrderAcrossFiles() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    var expected = new ArrayList<Long>();
    for (long offset = 0; offset < 200; offset++) {
      assertThat(wal.append(append(offset, "value-" + offset))).isNull();
      wal.poll();
      expected.add(offset);
    }
    assertThat(written).isEqualTo(expected);
    assertThat(files.sequences().size()).isGreaterThan(2);
    files.losePower();

    var replayed = new ArrayList<WalEntry>();
    open(files, Fsync.ALWAYS, replayed);

    assertThat(offsets(replayed)).isEqualTo(expected);
    assertThat(Batches.values(List.of(RecordBatches.of(replayed.get(17).batch()))))
        .containsExactly("value-17");
  }

  @Test
  void aDirectoryOnDiskKeepsEntriesToo(@TempDir Path directory) throws IOException {
    var wal = open(DirectoryWalFiles.open(directory), Fsync.ALWAYS, new ArrayList<>());
    for (long offset = 0; offset < 100; offset++) {
      wal.append(append(offset, "value-" + offset));
      if (offset % 7 == 0) {
        wal.poll();
      }
    }
    wal.poll();
    wal.close();

    var replayed = new ArrayList<WalEntry>();
    open(DirectoryWalFiles.open(directory), Fsync.ALWAYS, replayed).close();

    assertThat(replayed).hasSize(100);
  }

  @Test
  void whatWasAcknowledgedSurvivesPowerLossAndTornGroups() throws IOException {
    for (int seed = 0; seed < 300; seed++) {
      var disk = new SimulatedWalFiles(new Random(seed));
      var random = new Random(seed);
      long next = 0;
      long acknowledged = 0;
      for (int life = 0; life < 4; life++) {
        var replayed = new ArrayList<WalEntry>();
        var wal = open(disk, Fsync.ALWAYS, replayed);
        assertThat(replayed.size()).as("seed %d", seed).isGreaterThanOrEqualTo((int) acknowledged);
        for (int i = 0; i < replayed.size(); i++) {
          assertThat(replayed.get(i).baseOffset()).isEqualTo(i);
        }
        next = replayed.size();
        for (int i = random.nextInt(40); i > 0; i--) {
          wal.append(append(next++, "v" + next));
          if (random.nextInt(3) == 0) {
            wal.poll();
            acknowledged = next;
          }
        }
        // The last group reaches the file but not the disk.
        disk.failSyncs(true);
        wal.poll();
        disk.failSyncs(false);
        disk.losePower();
      }
    }
  }

  @Test
  void powerCutWhileAFileIsSealedIsNotTakenForDamage() throws IOException {
    for (int seed = 0; seed < 50; seed++) {
      var disk = new SimulatedWalFiles(new Random(seed));
      var wal = open(disk, Fsync.NEVER, new ArrayList<>());
      wal.append(append(0, "v"));
      wal.poll();
      // Up to the roll, in which no sync succeeds any more.
      disk.failSyncs(true);
      for (long offset = 1; failed.isEmpty(); offset++) {
        wal.append(append(offset, "v"));
        wal.poll();
        assertThat(offset).isLessThan(1000);
      }
      failed.clear();
      disk.failSyncs(false);
      disk.losePower();
      var replayed = new ArrayList<WalEntry>();
      open(disk, Fsync.NEVER, replayed);
      for (int i = 0; i < replayed.size(); i++) {
        assertThat(replayed.get(i).baseOffset()).isEqualTo(i);
      }
    }
  }

  @Test
  void powerCutWhileReplaySealsAFileIsNotTakenForDamage() throws IOException {
    for (int seed = 0; seed < 50; seed++) {
      var disk = new SimulatedWalFiles(new Random(seed));
      var wal = open(disk, Fsync.NEVER, new ArrayList<>());
      for (long offset = 0; offset < 20; offset++) {
        wal.append(append(offset, "v"));
        wal.poll();
      }
      disk.killProcess();
      disk.failSyncs(true);
      assertThatThrownBy(() -> open(disk, Fsync.NEVER, new ArrayList<>()))
          .isInstanceOf(IOException.class)
          .hasMessage("simulated sync error");
      disk.failSyncs(false);
      disk.losePower();
      var replayed = new ArrayList<WalEntry>();
      open(disk, Fsync.NEVER, replayed);
      for (int i = 0; i < replayed.size(); i++) {
        assertThat(replayed.get(i).baseOffset()).isEqualTo(i);
      }
    }
  }

  @Test
  void damageBelowADurableMarkIsAnErrorAndNotTheEnd() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    for (long offset = 0; offset < 5; offset++) {
      wal.append(append(offset, "value"));
      wal.poll();
    }
    files.damage(1, WalFormat.HEADER_BYTES + WalFormat.MARK_BYTES + 60);

    assertThatThrownBy(() -> open(files, Fsync.ALWAYS, new ArrayList<>()))
        .isInstanceOf(WalDamaged.class)
        .hasMessageContaining("simulated-1")
        .hasMessageContaining("position " + (WalFormat.HEADER_BYTES + WalFormat.MARK_BYTES))
        .hasMessageContaining("expected");
  }

  @Test
  void damageInASealedFileIsAnError() throws IOException {
    var wal = open(files, Fsync.NEVER, new ArrayList<>());
    for (long offset = 0; offset < 100; offset++) {
      wal.append(append(offset, "value"));
      wal.poll();
    }
    files.damage(1, 2000);

    assertThatThrownBy(() -> open(files, Fsync.NEVER, new ArrayList<>()))
        .isInstanceOf(WalDamaged.class);
  }

  @Test
  void aDamagedHeaderWithEntriesBehindItIsAnError() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    wal.append(append(0, "value"));
    wal.poll();
    files.damage(1, 10);

    assertThatThrownBy(() -> open(files, Fsync.ALWAYS, new ArrayList<>()))
        .isInstanceOf(WalDamaged.class);
  }

  @Test
  void aFileOfAnotherLogIsRefused() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    wal.append(append(0, "value"));
    wal.poll();

    assertThatThrownBy(() ->
            WriteAheadLog.open(files, new UUID(8, 8), options(Fsync.ALWAYS), time, (_, _) -> {}))
        .isInstanceOf(WalDamaged.class)
        .hasMessageContaining("log");
  }

  @Test
  void afterAFailedSyncNothingIsAcknowledgedAndNothingTaken() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    wal.append(append(0, "first"));
    files.failSyncs(true);
    wal.poll();
    files.failSyncs(false);

    assertThat(written).isEmpty();
    assertThat(failed).hasSize(1);
    assertThat(wal.append(append(1, "second"))).isInstanceOf(WriteAheadLog.Refusal.Broken.class);
  }

  @Test
  void aFullLogRefusesUntilItIsTrimmed() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    long offset = 0;
    while (wal.append(append(offset, "x".repeat(500))) == null) {
      wal.poll();
      offset++;
      assertThat(offset).isLessThan(1000);
    }
    assertThat(wal.append(append(offset, "x".repeat(500))))
        .isInstanceOf(WriteAheadLog.Refusal.Full.class);
    int before = files.sequences().size();

    wal.trim((_, _, _) -> false, false);

    assertThat(wal.append(append(offset, "x".repeat(500)))).isNull();
    assertThat(files.sequences().size()).isLessThan(before);
  }

  @Test
  void aFileStaysAsLongAsOneEntryInItIsNeeded() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    for (long offset = 0; offset < 100; offset++) {
      wal.append(append(offset, "value"));
      wal.poll();
    }
    var before = files.sequences();
    wal.trim((_, _, end) -> end > 0, false);
    assertThat(files.sequences()).isEqualTo(before);

    files.killProcess();
    var replayed = new ArrayList<WalEntry>();
    open(files, Fsync.ALWAYS, replayed);
    assertThat(replayed).hasSize(100);
  }

  /// Entries of a higher epoch void those of lower ones that go beyond where it begins.
  @Test
  void aPartitionReachesAsFarInAFileAsItsNewestEpochDoes() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    wal.append(append(0, "a"));
    wal.append(append(1, "b"));
    var later = Batches.plain(1000, "c");
    later.stamp(0, 6);
    wal.append(new WalAppend(P, 6, 0, 1, later, owner));
    wal.poll();
    for (int life = 0; life < 2; life++) {
      var asked = new ArrayList<String>();
      wal.trim(
          (partition, leaseEpoch, end) -> asked.add(partition + ":" + leaseEpoch + ":" + end),
          true);
      assertThat(asked).containsExactly(P + ":6:1");
      files.killProcess();
      wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    }
  }

  @Test
  void entriesOfARecycledFilesEarlierLifeNeverComeBack() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    for (long offset = 0; offset < 100; offset++) {
      wal.append(append(offset, "old"));
      wal.poll();
    }
    wal.trim((_, _, _) -> false, false);
    for (long offset = 100; offset < 130; offset++) {
      wal.append(append(offset, "new"));
      wal.poll();
    }
    files.losePower();

    var replayed = new ArrayList<WalEntry>();
    open(files, Fsync.ALWAYS, replayed);

    assertThat(replayed).isNotEmpty();
    assertThat(replayed.getLast().baseOffset()).isEqualTo(129);
    for (int i = 1; i < replayed.size(); i++) {
      assertThat(replayed.get(i).baseOffset()).isEqualTo(replayed.get(i - 1).baseOffset() + 1);
    }
  }

  @Test
  void theNextFileIsMadeAheadOnceTheNewestFillsUp() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    wal.append(append(0, "v"));
    wal.poll();
    wal.trim((_, _, _) -> true, false);
    assertThat(files.spares()).as("a quarter of the file is not full").isEmpty();
    long offset = 1;
    for (; offset < 15; offset++) {
      wal.append(append(offset, "v".repeat(100)));
      wal.poll();
    }
    assertThat(files.sequences()).hasSize(1);
    wal.trim((_, _, _) -> true, false);
    wal.trim((_, _, _) -> true, false);
    assertThat(files.spares()).hasSize(1);
    for (; files.sequences().size() == 1; offset++) {
      wal.append(append(offset, "v"));
      wal.poll();
    }
    assertThat(files.spares()).as("is the second file now").isEmpty();

    var replayed = new ArrayList<WalEntry>();
    open(files, Fsync.ALWAYS, replayed);
    assertThat(replayed).hasSize((int) offset);
  }

  @Test
  void noFileIsMadeAheadWhereTheDiskHasNoRoomForOne() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    wal.append(append(0, "v".repeat(2000)));
    wal.poll();
    files.usableBytes((1 << 12) - 1);
    wal.trim((_, _, _) -> true, false);
    assertThat(files.spares()).isEmpty();
    files.usableBytes(1 << 12);
    wal.trim((_, _, _) -> true, false);
    assertThat(files.spares()).hasSize(1);
  }

  @Test
  void theFirstFileAfterAStartIsSmall(@TempDir Path directory) throws IOException {
    var options = new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 6 << 20, 64 << 20, 0);
    var disk = DirectoryWalFiles.open(directory);
    try (var wal = WriteAheadLog.open(disk, WAL_ID, options, time, (_, _) -> {})) {
      long offset = 0;
      for (; offset < 5; offset++) {
        wal.append(append(offset, "v".repeat(1 << 20)));
        wal.poll();
      }
      wal.trim((_, _, _) -> true, false);
      assertThat(disk.sequences()).hasSize(2);
      assertThat(directory.resolve("%020d.wal".formatted(1))).hasSize(4 << 20);
      assertThat(directory.resolve("%020d.wal".formatted(2))).hasSize(6 << 20);
      assertThat(directory.resolve("%020d.spare".formatted(3))).hasSize(6 << 20);
      wal.trim((_, _, _) -> true, true);
      assertThat(directory.resolve("%020d.spare".formatted(3))).doesNotExist();
    }
  }

  @Test
  void batchesAreReadBackFromWhereTheyWereWritten() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    for (int i = 0; i < 40; i++) {
      wal.append(append(i, "value " + i));
      wal.poll();
    }
    assertThat(places).extracting(WalPlace::sequence).contains(1L, 2L);
    var some = List.of(places.get(39), places.get(0), places.get(1));

    var read = requireNonNull(wal.read(some));

    assertThat(read).extracting(batch -> batch.single().baseOffset()).containsExactly(39L, 0L, 1L);
    assertThat(Batches.values(read)).containsExactly("value 39", "value 0", "value 1");
  }

  @Test
  void aBatchOfAFileThatWasLetGoIsNotThere() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    for (int i = 0; i < 40; i++) {
      wal.append(append(i, "value " + i));
      wal.poll();
    }
    wal.trim((_, _, end) -> end > 35, false);
    assertThat(wal.read(List.of(places.getFirst()))).isNull();
    assertThat(wal.read(List.of(places.getLast()))).hasSize(1);
  }

  @Test
  void damageIsNamedWhenABatchIsReadBack() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    wal.append(append(0, "value"));
    wal.poll();
    var place = places.getFirst();
    files.damage(place.sequence(), (int) place.position() + 60);
    assertThatThrownBy(() -> wal.read(List.of(place)))
        .isInstanceOf(WalDamaged.class)
        .hasMessageContaining("position " + place.position());
  }

  @Test
  void theDiskIsLookedAtWithEachNewFile() throws IOException {
    var wal =
        WriteAheadLog.open(
            files,
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 12, 1 << 16, 1 << 20),
            time,
            (_, _) -> {});
    wal.append(append(0, "value"));
    wal.poll();
    files.usableBytes(1 << 19);
    int taken = 1;
    while (taken < 100 && wal.append(append(taken, "value")) == null) {
      wal.poll();
      taken++;
    }
    assertThat(taken).isLessThan(60);
    assertThat(wal.failure()).isNull();
    assertThat(written).hasSize(taken);
  }

  @Test
  void aNearlyFullDiskRefusesAppendsUntilThereIsRoomAgain() throws IOException {
    var wal =
        WriteAheadLog.open(
            files,
            WAL_ID,
            new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 12, 1 << 16, 1 << 20),
            time,
            (_, _) -> {});
    files.usableBytes(1 << 19);
    wal.trim((_, _, _) -> true, false);
    assertThat(wal.append(append(0, "value"))).isInstanceOf(WriteAheadLog.Refusal.Full.class);

    files.usableBytes(1 << 21);
    wal.trim((_, _, _) -> true, false);
    assertThat(wal.append(append(0, "value"))).isNull();
  }

  @Test
  void intervalPolicySyncsInTheBackground() throws IOException {
    var wal = open(files, Fsync.INTERVAL, new ArrayList<>());
    wal.append(append(0, "value"));
    wal.poll();
    assertThat(written).containsExactly(0L);
    int before = files.syncs();
    wal.pollSync();
    assertThat(files.syncs()).isEqualTo(before);
    time.pass(Duration.ofMillis(150));
    wal.pollSync();
    assertThat(files.syncs()).isEqualTo(before + 1);
    files.losePower();

    var replayed = new ArrayList<WalEntry>();
    open(files, Fsync.INTERVAL, replayed);
    assertThat(offsets(replayed)).containsExactly(0L);
  }

  @Test
  void writesAreAcknowledgedWhileABackgroundSyncGoesOnAndAreSyncedByTheNextOne()
      throws IOException {
    var wal = open(files, Fsync.INTERVAL, new ArrayList<>());
    wal.append(append(0, "value"));
    wal.poll();
    time.pass(Duration.ofMillis(150));
    files.duringNextSync(() -> {
      wal.append(append(1, "value"));
      wal.poll();
      assertThat(written).containsExactly(0L, 1L);
    });
    wal.pollSync();
    time.pass(Duration.ofMillis(150));
    wal.pollSync();
    files.losePower();

    var replayed = new ArrayList<WalEntry>();
    open(files, Fsync.INTERVAL, replayed);
    assertThat(offsets(replayed)).containsExactly(0L, 1L);
  }

  @Test
  void anErrorOfABackgroundSyncEndsTheLog() throws IOException {
    var wal = open(files, Fsync.INTERVAL, new ArrayList<>());
    wal.append(append(0, "value"));
    wal.poll();
    time.pass(Duration.ofMillis(150));
    files.failSyncs(true);
    wal.pollSync();
    assertThat(wal.failure()).contains("simulated sync error");
    assertThat(wal.append(append(1, "value"))).isInstanceOf(WriteAheadLog.Refusal.Broken.class);
  }

  @Test
  void writesAreAcknowledgedWhileFilesAreTrimmed() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    long offset = 0;
    while (files.sequences().size() < 2) {
      wal.append(append(offset++, "value"));
      wal.poll();
    }
    long next = offset;
    files.duringNextRetire(() -> {
      wal.append(append(next, "value"));
      CompletableFuture.runAsync(wal::poll).orTimeout(10, TimeUnit.SECONDS).join();
      assertThat(written).last().isEqualTo(next);
    });
    wal.trim((_, _, _) -> false, false);
    assertThat(files.sequences()).hasSize(1);
    assertThat(written).last().isEqualTo(next);
  }

  @Test
  void aFileThatCannotBeDiscardedStaysInTheLog() throws IOException {
    var wal = open(files, Fsync.ALWAYS, new ArrayList<>());
    long offset = 0;
    while (files.sequences().size() < 3) {
      wal.append(append(offset++, "value"));
      wal.poll();
    }
    long before = wal.sizeInBytes();
    files.duringNextRetire(() -> {
      throw new UncheckedIOException(new IOException("simulated rename error"));
    });
    assertThatThrownBy(() -> wal.trim((_, _, _) -> false, false))
        .hasMessageContaining("simulated rename error");
    assertThat(wal.sizeInBytes()).isEqualTo(before);

    wal.trim((_, _, _) -> false, false);
    assertThat(files.sequences()).hasSize(1);
    assertThat(wal.sizeInBytes()).isLessThan(before);
  }
}
