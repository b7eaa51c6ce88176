package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.storage.FaultyStore.Faults;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.protocol.BatchMemory;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.BlockCompressor;
import io.streamhouse.segment.ObjectWriter;
import io.streamhouse.segment.ProducerState;
import io.streamhouse.segment.SegmentWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SegmentCacheTest {

  private static final PartitionId PARTITION = new PartitionId(new UUID(1, 2), 0);
  private static final String KEY = "org-default/mixed/x.seg";

  @TempDir private Path directory;

  private final InMemoryStore memory = new InMemoryStore();
  private final FaultyStore faulty = new FaultyStore(memory, new Random(1), _ -> {});
  private final List<SegmentCache> caches = new ArrayList<>();
  private final long inUseBefore = BatchMemory.inUse();

  /// Everything that reads found.
  private final Queue<RecordBatches> taken = new ConcurrentLinkedQueue<>();

  @AfterEach
  void close() {
    caches.forEach(SegmentCache::close);
    // What a load keeps on disk it writes after its readers have their answer.
    caches.forEach(cache -> await().until(() -> cache.loadsNow() == 0));
    taken.forEach(RecordBatches::release);
    assertThat(BatchMemory.inUse())
        .as("memory that nobody releases")
        .isLessThanOrEqualTo(inUseBefore);
  }

  @Test
  void readBeginsWithTheBatchThatHoldsTheOffset() throws Exception {
    var row = put(KEY, small(100, 10));
    var cache = cache(memory);

    for (long offset = 100; offset < 120; offset++) {
      var batches = found(cache.read(row, offset, 1));
      assertThat(batches).hasSize(1);
      assertThat(batches.getFirst().single().baseOffset()).isEqualTo(offset - offset % 2);
      assertThat(count(batches)).isEqualTo(1);
    }
  }

  @Test
  void readTakesWholeBatchesUpToMaxBytes() throws Exception {
    var batches = small(0, 10);
    var row = put(KEY, batches);
    int size = batches.getFirst().sizeInBytes();
    var cache = cache(memory);

    assertThat(count(found(cache.read(row, 0, size * 3)))).isEqualTo(3);
    assertThat(count(found(cache.read(row, 0, size * 3 - 1)))).isEqualTo(2);
    assertThat(count(found(cache.read(row, 5, size * 100)))).isEqualTo(8);
    assertThat(count(found(cache.read(row, 5, 0)))).isEqualTo(1);
    assertThat(Batches.values(found(cache.read(row, 18, 1)))).containsExactly("18", "19");
  }

  @Test
  void readGoesOnIntoBlocksThatFit() throws Exception {
    var batches = large(0, 4);
    var row = put(KEY, batches);
    int size = batches.getFirst().sizeInBytes();
    var cache = cache(memory);

    var two = found(cache.read(row, 0, 2 * size + size / 2));
    assertThat(two.stream().map(piece -> piece.single().baseOffset())).containsExactly(0L, 1L);
    assertThat(cache.counters().loads()).as("segment and two blocks").isEqualTo(3);
    assertThat(count(found(cache.read(row, 0, Integer.MAX_VALUE)))).isEqualTo(4);
    assertThat(count(found(cache.read(row, 3, Integer.MAX_VALUE)))).isEqualTo(1);
  }

  @Test
  void bytesAreThoseThatWereWritten() throws Exception {
    var batches = small(0, 50);
    for (var compressor : Arrays.asList(null, new BlockCompressor())) {
      var row = put("k" + (compressor == null), compressor, batches, batches);
      var read = found(cache(memory).read(row, 0, Integer.MAX_VALUE));
      var expected = new ArrayList<ByteBuffer>();
      batches.forEach(batch -> expected.add(batch.bytes()));
      assertThat(ObjectInfo.of(read.stream().map(RecordBatches::bytes).toList()))
          .isEqualTo(ObjectInfo.of(expected));
    }
  }

  @Test
  void whatIsInMemoryIsAnsweredAtOnceEvenWithTheStoreDown() throws Exception {
    var row = put(KEY, large(0, 3));
    var cache = cache(faulty);
    found(cache.read(row, 1, 1));
    faulty.faults(Faults.DOWN);

    var again = cache.read(row, 1, 1);

    assertThat(again).isDone();
    assertThat(count(found(again))).isEqualTo(1);
    assertThat(cache.counters().hits()).isEqualTo(1);
    assertThat(cache.counters().misses()).isEqualTo(1);
    assertThat(failed(cache.read(row, 0, 1))).contains("injected before get " + KEY);
    assertThat(cache.counters().failures()).isEqualTo(1);
  }

  @Test
  void failureIsNotRemembered() throws Exception {
    var row = put(KEY, large(0, 3));
    var cache = cache(faulty);
    faulty.faults(Faults.DOWN);
    failed(cache.read(row, 0, 1));
    faulty.faults(Faults.NONE);
    found(cache.read(row, 0, 1));
    faulty.faults(new Faults(0, 0, 0, 0, 0, 1));
    failed(cache.read(row, 1, 1));
    faulty.faults(new Faults(0, 0, 0, 0, 1, 0));
    failed(cache.read(row, 1, 1));
    faulty.faults(Faults.NONE);
    found(cache.read(row, 1, 1));
  }

  @Test
  void blockIsLoadedOnceHoweverManyAsk() throws Exception {
    var row = put(KEY, large(0, 1));
    var gated = new GatedStore(memory);
    var cache = cache(gated);

    var reads = new ArrayList<CompletableFuture<SegmentRead>>();
    for (int i = 0; i < 100; i++) {
      reads.add(cache.read(row, 0, 1));
    }
    assertThat(reads).noneMatch(CompletableFuture::isDone);
    gated.gate.countDown();

    for (var read : reads) {
      assertThat(count(found(read))).isEqualTo(1);
    }
    assertThat(gated.gets).as("one for the segment, one for its block").hasValue(2);
    assertThat(cache.counters().loads()).isEqualTo(2);
  }

  @Test
  void fullQueueOfLoadsSendsReadsAwayInsteadOfGrowing() throws Exception {
    var rows = new ArrayList<Segment>();
    for (int i = 0; i < 10; i++) {
      rows.add(put("k" + i, small(0, 1)));
    }
    var gated = new GatedStore(memory);
    var cache = cache(gated, limits(1 << 20, 1 << 20, 2, 5));

    var reads = rows.stream().map(row -> cache.read(row, 0, 1)).toList();

    assertThat(reads.stream().filter(CompletableFuture::isDone)).hasSize(5);
    for (var read : reads.subList(5, 10)) {
      assertThat(read.join()).isEqualTo(new SegmentRead.Busy());
    }
    assertThat(cache.counters().failures()).isZero();
    gated.gate.countDown();
    for (var read : reads.subList(0, 5)) {
      found(read);
    }
    found(cache.read(rows.get(9), 0, 1));
  }

  @Test
  void askingAgainForWhatIsBeingLoadedKeepsNobodyFromReadingSomethingElse() throws Exception {
    var gated = new GatedStore(memory);
    // Six cannot be loaded at once; five wait for loads of their own, twenty for those of others.
    var cache = cache(gated, limits(1 << 20, 1 << 20, 2, 5));

    for (int round = 0; round < 2; round++) {
      var rows = new ArrayList<Segment>();
      for (int i = 0; i < 6; i++) {
        rows.add(put("k" + round + i, small(0, 1)));
      }
      gated.gate = new CountDownLatch(1);
      var reads = new ArrayList<CompletableFuture<SegmentRead>>();
      for (int i = 0; i < 21; i++) {
        reads.add(cache.read(rows.getFirst(), 0, 1));
      }
      assertThat(cache.read(rows.getFirst(), 0, 1).join()).isEqualTo(new SegmentRead.Busy());
      for (var row : rows.subList(1, 5)) {
        reads.add(cache.read(row, 0, 1));
      }
      assertThat(cache.read(rows.getLast(), 0, 1).join()).isEqualTo(new SegmentRead.Busy());
      assertThat(reads).noneMatch(CompletableFuture::isDone);
      gated.gate.countDown();
      for (var read : reads) {
        assertThat(count(found(read))).isEqualTo(1);
      }
    }
  }

  @Test
  void everyReadOfAStormEndsAndGivesItsPlaceBack() throws Exception {
    var rows = new ArrayList<Segment>();
    for (int i = 0; i < 12; i++) {
      rows.add(put("k" + i, large(0, 2)));
    }
    faulty.faults(new Faults(0.1, 0.1, 0, 0, 0.1, 0.1));
    var cache = cache(faulty, limits(1 << 20, 2_000, 2, 4));
    var reads = new ConcurrentLinkedQueue<CompletableFuture<SegmentRead>>();
    try (var readers = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int reader = 0; reader < 6; reader++) {
        var random = new Random(reader);
        readers.execute(() -> {
          for (int i = 0; i < 200; i++) {
            var row = rows.get(random.nextInt(rows.size()));
            var read =
                random.nextInt(4) == 0
                    ? cache.readAtTimestamp(row, random.nextInt(200), 0)
                    : cache.read(row, random.nextInt(2), 1 << random.nextInt(24));
            reads.add(read);
            if (random.nextBoolean()) {
              read.join();
            }
          }
        });
      }
    }
    assertThat(reads).hasSize(1_200);
    for (var read : reads) {
      if (read.get(10, TimeUnit.SECONDS) instanceof SegmentRead.Found(var batches)) {
        taken.addAll(batches);
      }
    }
    assertThat(cache.counters().failures()).isPositive().isLessThan(1_200);

    // As many as may wait still may, of segments the cache has not seen.
    faulty.faults(Faults.NONE);
    var last = new ArrayList<CompletableFuture<SegmentRead>>();
    for (int i = 0; i < 4; i++) {
      var row = put("new" + i, large(0, 2));
      last.add(cache.read(row, 0, 1));
    }
    for (var read : last) {
      found(read);
    }
  }

  @Test
  void blocksAreEvictedByWeight() throws Exception {
    var batches = large(0, 8);
    var row = put(KEY, batches);
    long limit = 3L * batches.getFirst().sizeInBytes() + 100;
    var cache = cache(memory, limits(limit, 1 << 20, 4, 100));

    for (int round = 0; round < 3; round++) {
      for (long offset = 0; offset < 8; offset++) {
        assertThat(count(found(cache.read(row, offset, 1)))).isEqualTo(1);
      }
    }

    await().untilAsserted(() -> assertThat(cache.blockBytes()).isBetween(1L, limit));
    assertThat(cache.counters().loadedBytes()).isGreaterThan(8L * batches.getFirst().sizeInBytes());
  }

  @Test
  void blockLargerThanTheCacheIsReadAllTheSame() throws Exception {
    var row = put(KEY, large(0, 2));
    var cache = cache(memory, limits(10, 10, 1, 100));

    assertThat(count(found(cache.read(row, 0, Integer.MAX_VALUE)))).isEqualTo(2);
    await().untilAsserted(() -> assertThat(cache.blockBytes()).isZero());
  }

  @Test
  void damagedBlockFailsOnlyTheReadsThatNeedItAndSaysEverything() throws Exception {
    var row = put(KEY, large(0, 3));
    var reader = cache(memory).open(row).join();
    long position = row.position() + reader.blocks().get(1).position();
    damage(KEY, position + 100);
    var cache = cache(memory);

    var failure = failed(cache.read(row, 1, 1));

    assertThat(failure)
        .contains(KEY, "damaged at position " + position, "expected block 1 with crc", "found");
    assertThat(count(found(cache.read(row, 0, 1)))).isEqualTo(1);
    assertThat(count(found(cache.read(row, 2, 1)))).isEqualTo(1);
    // What comes before the damage is good, also in a read that would go further.
    assertThat(count(found(cache.read(row, 0, Integer.MAX_VALUE)))).isEqualTo(1);
    assertThat(failed(cache.read(row, 1, 1))).isEqualTo(failure);
  }

  @Test
  void missingAndTruncatedObjectsFailTheRead() throws Exception {
    var row = put(KEY, small(0, 5));
    var missing = withKey(row, "org-default/mixed/none.seg");
    assertThat(failed(cache(memory).read(missing, 0, 1)))
        .contains("no object org-default/mixed/none.seg");

    var cut = memory.get(KEY, 0, (int) (row.position() + row.length() - 1));
    memory.putNew("cut", List.of(cut), Map.of());
    assertThat(failed(cache(memory).read(withKey(row, "cut"), 0, 1))).contains("damaged", "cut");
  }

  @Test
  void segmentOfOtherOffsetsThanTheRowSaysIsDamage() throws Exception {
    var row = put(KEY, small(0, 5));
    var wrong =
        new Segment(PARTITION, 2, 12, row.objectId(), KEY, row.position(), row.length(), 10, 0);

    assertThat(failed(cache(memory).read(wrong, 2, 1)))
        .contains("expected offsets [2, 12) of " + PARTITION, "found offsets [0, 10)");
  }

  @Test
  void batchesThatAreNotWhereTheIndexSaysAreDamage() throws Exception {
    var writer = new SegmentWriter(0, null);
    writer.add(stamped(Batches.plain(1, "a"), 7).bytes(), 5, 6, 1, 1, true);
    assertThat(failed(cache(memory).read(place("off", writer), 5, 1)))
        .contains("expected a batch at 5, found one at 7");

    writer = new SegmentWriter(0, null);
    writer.add(stamped(Batches.plain(1, "a", "b"), 5).bytes(), 5, 6, 1, 1, true);
    assertThat(failed(cache(memory).read(place("long", writer), 5, 1)))
        .contains("expected batches that end by 6, found one that ends at 7");

    writer = new SegmentWriter(0, null);
    writer.add(ByteBuffer.allocate(100), 5, 6, 1, 1, true);
    assertThat(failed(cache(memory).read(place("zeros", writer), 5, 1)))
        .contains("expected whole batches");
  }

  @Test
  void readAtTimestampBeginsWithTheFirstBatchThatReachesIt() throws Exception {
    var batches = new ArrayList<RecordBatches>();
    long[] timestamps = {10, 30, 20, 40, 25};
    for (int i = 0; i < timestamps.length; i++) {
      batches.add(stamped(Batches.plain(timestamps[i], "x" + i), i));
    }
    var small = put(KEY, batches);
    var cache = cache(memory);

    assertThat(first(cache.readAtTimestamp(small, 5, 0))).isZero();
    assertThat(first(cache.readAtTimestamp(small, 11, 0))).isEqualTo(1);
    assertThat(first(cache.readAtTimestamp(small, 20, 2))).isEqualTo(2);
    assertThat(first(cache.readAtTimestamp(small, 31, 0))).isEqualTo(3);
    assertThat(first(cache.readAtTimestamp(small, 40, 4))).isEqualTo(-1);
    assertThat(first(cache.readAtTimestamp(small, 41, 0))).isEqualTo(-1);
  }

  @Test
  void readAtTimestampGoesThroughBlocks() throws Exception {
    // Times 0, 100, 200, 300; each batch is a block.
    var row = put(KEY, large(0, 4));
    var cache = cache(memory);

    assertThat(first(cache.readAtTimestamp(row, 101, 0))).isEqualTo(2);
    assertThat(first(cache.readAtTimestamp(row, 0, 3))).isEqualTo(3);
    assertThat(first(cache.readAtTimestamp(row, 301, 0))).isEqualTo(-1);
    assertThat(cache.counters().loads()).as("the segment and two blocks").isEqualTo(3);
  }

  @Test
  void producerStateIsReadThroughTheOpenSegment() throws Exception {
    var state = new ProducerState(true, List.of());
    var writer = new SegmentWriter(0, null);
    writer.add(small(0, 1).getFirst().bytes(), 0, 2, 1, 2, false);
    writer.producers(state);

    assertThat(cache(memory).open(place(KEY, writer)).get(10, TimeUnit.SECONDS).producers())
        .contains(state);
  }

  @Test
  void randomReadsUnderFaultsGiveTheRightBatchesOrFail() throws Exception {
    var batches = large(0, 12);
    var row = put(KEY, batches);
    int size = batches.getFirst().sizeInBytes();
    for (long seed = 0; seed < 20; seed++) {
      var random = new Random(seed);
      var store = new FaultyStore(memory, random, _ -> {});
      var cache = cache(store, limits(4L * size, 1 << 20, 3, 100));
      store.faults(new Faults(0.1, 0.1, 0, 0, 0.1, 0.1));
      int answered = 0;
      for (int i = 0; i < 60; i++) {
        long offset = i % 12;
        int maxBytes = 1 + (i * 7919) % (4 * size);
        if (cache.read(row, offset, maxBytes).get(10, TimeUnit.SECONDS)
            instanceof SegmentRead.Found(var found)) {
          taken.addAll(found);
          answered++;
          long next = offset;
          int bytes = 0;
          for (var piece : found) {
            bytes += piece.sizeInBytes();
            for (var batch : piece) {
              assertThat(batch.baseOffset()).isEqualTo(next);
              assertThat(batch.crc()).isEqualTo(batches.get((int) next).single().crc());
              next++;
            }
          }
          assertThat(next).isGreaterThan(offset);
          assertThat(next == offset + 1 || bytes <= maxBytes).isTrue();
        }
      }
      // Each fault fails one read: none is remembered for those that come right after, as was
      // the one fault of seed 5, which then failed all sixty.
      assertThat(60L - answered).as("seed %d", seed).isLessThanOrEqualTo(store.injected());
      assertThat(answered).as("seed %d", seed).isPositive();
    }
  }

  @Test
  void sequentialReaderFindsNearlyEverythingInMemory() throws Exception {
    var rows = new ArrayList<Segment>();
    for (int i = 0; i < 10; i++) {
      rows.add(put("k" + i, List.of(), large(i * 12L, 12)));
    }
    var cache = cache(memory, new SegmentCache.Limits(64 << 20, 1 << 20, 8, 100, 4 << 20));

    for (int i = 0; i < rows.size(); i++) {
      var next = i + 1 < rows.size() ? rows.get(i + 1) : null;
      for (long offset = i * 12L; offset < i * 12L + 12; offset++) {
        assertThat(count(found(cache.read(rows.get(i), next, offset, 1)))).isEqualTo(1);
        // A client takes its time between fetches; this one as long as loads take.
        await()
            .pollDelay(Duration.ZERO)
            .pollInterval(Duration.ofMillis(1))
            .until(() -> cache.loadsNow() == 0);
      }
    }

    var counters = cache.counters();
    assertThat(counters.hits() + counters.misses()).isEqualTo(120);
    assertThat(counters.hits()).isGreaterThan(114);
    assertThat(counters.ahead()).isGreaterThan(110);
    assertThat(counters.loads()).as("adjacent blocks are read at once").isLessThan(60);
  }

  @Test
  void randomReaderLoadsNothingInAdvance() throws Exception {
    var row = put(KEY, large(0, 12));
    var cache = cache(memory, new SegmentCache.Limits(64 << 20, 1 << 20, 8, 100, 4 << 20));
    for (long offset : new long[] {7, 3, 10, 5}) {
      found(cache.read(row, offset, 1));
    }
    assertThat(cache.counters().ahead()).isZero();
  }

  @Test
  void damageAmongBlocksReadAtOnceFailsOnlyItsOwn() throws Exception {
    var row = put(KEY, large(0, 8));
    var reader = cache(memory).open(row).join();
    damage(KEY, row.position() + reader.blocks().get(4).position() + 100);
    var cache = cache(memory, new SegmentCache.Limits(64 << 20, 1 << 20, 8, 100, 8 << 20));
    found(cache.read(row, 0, 1));
    await().until(() -> cache.loadsNow() == 0);

    for (long offset = 0; offset < 8; offset++) {
      if (offset == 4) {
        assertThat(failed(cache.read(row, offset, 1))).contains("damaged", "block 4");
      } else {
        assertThat(count(found(cache.read(row, offset, 1)))).isEqualTo(1);
      }
    }
  }

  @Test
  void onePartitionsSlowLoadsLeavePlacesToOthers() throws Exception {
    var gated = new GatedStore(memory);
    gated.slow = "slow";
    var cache = cache(gated, limits(64 << 20, 1 << 20, 8, 100));
    var slow = new ArrayList<CompletableFuture<SegmentRead>>();
    for (int i = 0; i < 20; i++) {
      slow.add(cache.read(put("slow" + i, large(0, 1)), 0, 1));
    }
    var other = of(new PartitionId(new UUID(9, 9), 1), put("other", large(0, 3)));

    for (long offset = 0; offset < 3; offset++) {
      assertThat(count(found(cache.read(other, offset, 1)))).isEqualTo(1);
    }
    assertThat(slow).noneMatch(CompletableFuture::isDone);
    gated.gate.countDown();
    for (var read : slow) {
      found(read);
    }
  }

  @Test
  void blocksAreReadFromDiskAfterARestartWithTheStoreDown() throws Exception {
    var large = put("large", large(0, 3));
    var small = put("small", List.of(), small(0, 10));
    try (var first = new SegmentCache(memory, disk(1 << 30), limits(64 << 20, 1 << 20, 4, 100))) {
      assertThat(count(found(first.read(large, 0, Integer.MAX_VALUE)))).isEqualTo(3);
      assertThat(count(found(first.read(small, 0, Integer.MAX_VALUE)))).isEqualTo(10);
      await().until(() -> first.loadsNow() == 0);
    }
    faulty.faults(Faults.DOWN);

    var disk = disk(1 << 30);
    var second = new SegmentCache(faulty, disk, limits(64 << 20, 1 << 20, 4, 100));
    caches.add(second);
    assertThat(count(found(second.read(large, 0, Integer.MAX_VALUE)))).isEqualTo(3);
    assertThat(count(found(second.read(small, 0, Integer.MAX_VALUE)))).isEqualTo(10);
    assertThat(disk.hits()).isPositive();
    assertThat(disk.misses()).isZero();
  }

  @Test
  void partitionsOfOneObjectAreReadTogetherFromTheSecondOn() throws Exception {
    var rows = putTogether(200);
    var gated = new GatedStore(memory);
    var cache = cache(gated, limits(64 << 20, 1 << 20, 32, 1000));

    var reads = rows.stream().map(row -> cache.read(row, 0, 1)).toList();
    gated.gate.countDown();

    for (var read : reads) {
      assertThat(count(found(read))).isEqualTo(1);
    }
    assertThat(gated.gets).as("the first segment, and all of it").hasValue(2);
    assertThat(cache.counters().grouped()).isEqualTo(199);
  }

  @Test
  void segmentDamagedAmongOthersIsReadAlone() throws Exception {
    var rows = putTogether(20);
    var damaging =
        new GatedStore(memory) {
          @Override
          public ByteBuffer get(String key, long position, int length) throws IOException {
            var bytes = super.get(key, position, length);
            if (length == SegmentWindows.WINDOW_BYTES) {
              // Footer of the second segment; a batch of the third.
              bytes.put((int) rows.get(2).position() - 1, (byte) 77);
              bytes.put((int) rows.get(2).position() + 64 + 20, (byte) 77);
            }
            return bytes;
          }
        };
    damaging.gate.countDown();
    var cache = new SegmentCache(damaging, disk(1 << 30), limits(64 << 20, 1 << 20, 4, 100));
    caches.add(cache);

    for (var row : rows) {
      assertThat(count(found(cache.read(row, 0, 1)))).isEqualTo(1);
    }
    assertThat(cache.counters().failures()).isZero();
  }

  /// An object with a small segment of each of so many partitions.
  private List<Segment> putTogether(int partitions) throws IOException {
    var object = new ObjectWriter();
    var rows = new ArrayList<Segment>();
    for (int i = 0; i < partitions; i++) {
      var placed = object.add(writer(null, small(0, 1)).finish());
      rows.add(
          new Segment(
              new PartitionId(new UUID(1, 2), i),
              placed.header().baseOffset(),
              placed.header().endOffset(),
              new UUID(3, 4),
              KEY,
              placed.position(),
              placed.length(),
              placed.header().records(),
              placed.header().maxTimestamp()));
    }
    memory.putNew(KEY, object.content(), Map.of());
    return rows;
  }

  @Test
  void damagedBytesAreNeverKeptOnDisk() throws Exception {
    var row = put(KEY, large(0, 2));
    var cache = new SegmentCache(faulty, disk(1 << 30), limits(0, 1 << 20, 4, 100));
    caches.add(cache);
    found(cache.read(row, 0, 1));
    faulty.faults(new Faults(0, 0, 0, 0, 0, 1));
    failed(cache.read(row, 1, 1));
    faulty.faults(Faults.NONE);

    assertThat(count(found(cache.read(row, 1, 1)))).isEqualTo(1);
  }

  private DiskCache disk(long bytes) throws IOException {
    return DiskCache.open(directory.resolve("cache"), bytes, 0);
  }

  private static Segment of(PartitionId partition, Segment row) {
    return new Segment(
        partition,
        row.baseOffset(),
        row.endOffset(),
        row.objectId(),
        row.object(),
        row.position(),
        row.length(),
        row.records(),
        row.maxTimestamp());
  }

  /// Nothing is read ahead, so that every load has a reader.
  private static SegmentCache.Limits limits(
      long blockBytes, long readerBytes, int loads, int waitingReads) {
    return new SegmentCache.Limits(blockBytes, readerBytes, loads, waitingReads, 0);
  }

  private SegmentCache cache(ObjectStore store) {
    return cache(store, limits(64 << 20, 1 << 20, 4, 100));
  }

  private SegmentCache cache(ObjectStore store, SegmentCache.Limits limits) {
    var cache = new SegmentCache(store, null, limits);
    caches.add(cache);
    return cache;
  }

  /// Batches of two records each.
  private static List<RecordBatches> small(long baseOffset, int count) {
    var batches = new ArrayList<RecordBatches>();
    for (long offset = baseOffset; offset < baseOffset + 2L * count; offset += 2) {
      batches.add(stamped(Batches.plain(offset, "" + offset, "" + (offset + 1)), offset));
    }
    return batches;
  }

  /// Batches of one record, each large enough to be a block of its own; times 100 apart.
  private static List<RecordBatches> large(long baseOffset, int count) {
    var batches = new ArrayList<RecordBatches>();
    for (int i = 0; i < count; i++) {
      batches.add(stamped(Batches.plain(i * 100L, (i % 10 + "x").repeat(300_000)), baseOffset + i));
    }
    return batches;
  }

  private static RecordBatches stamped(RecordBatches batch, long offset) {
    batch.stamp(offset, 0);
    return batch;
  }

  private Segment put(String key, List<RecordBatches> before, List<RecordBatches> batches)
      throws IOException {
    if (before.isEmpty()) {
      return place(key, writer(null, batches));
    }
    return put(key, null, before, batches);
  }

  private Segment put(String key, List<RecordBatches> batches) throws IOException {
    return put(key, null, small(0, 3), batches);
  }

  /// Stores `before` and `batches` as two segments of an object; the row is the second one's.
  private Segment put(
      String key,
      @Nullable BlockCompressor compressor,
      List<RecordBatches> before,
      List<RecordBatches> batches)
      throws IOException {
    var object = new ObjectWriter();
    object.add(writer(compressor, before).finish());
    return place(key, object, writer(compressor, batches));
  }

  private static SegmentWriter writer(
      @Nullable BlockCompressor compressor, List<RecordBatches> batches) {
    var writer = new SegmentWriter(0, compressor);
    for (var piece : batches) {
      RecordBatch batch = piece.single();
      writer.add(
          piece.bytes(),
          batch.baseOffset(),
          batch.endOffset(),
          batch.maxTimestamp(),
          batch.recordCount(),
          batch.compression() != 0);
    }
    return writer;
  }

  private Segment place(String key, SegmentWriter writer) throws IOException {
    return place(key, new ObjectWriter(), writer);
  }

  private Segment place(String key, ObjectWriter object, SegmentWriter writer) throws IOException {
    var placed = object.add(writer.finish());
    memory.putNew(key, object.content(), Map.of());
    return new Segment(
        PARTITION,
        placed.header().baseOffset(),
        placed.header().endOffset(),
        new UUID(3, 4),
        key,
        placed.position(),
        placed.length(),
        placed.header().records(),
        placed.header().maxTimestamp());
  }

  private static Segment withKey(Segment row, String key) {
    return new Segment(
        row.partition(),
        row.baseOffset(),
        row.endOffset(),
        row.objectId(),
        key,
        row.position(),
        row.length(),
        row.records(),
        row.maxTimestamp());
  }

  private void damage(String key, long position) throws IOException {
    var bytes = memory.get(key, 0, Integer.MAX_VALUE);
    bytes.put((int) position, (byte) ~bytes.get((int) position));
    memory.delete(List.of(key));
    memory.putNew(key, List.of(bytes), Map.of());
  }

  private List<RecordBatches> found(CompletableFuture<SegmentRead> read) throws Exception {
    return switch (read.get(10, TimeUnit.SECONDS)) {
      case SegmentRead.Found(var batches) -> {
        taken.addAll(batches);
        yield batches;
      }
      case SegmentRead.Busy busy -> throw new AssertionError(busy);
      case SegmentRead.Failed(var failure) -> throw new AssertionError(failure.message());
    };
  }

  private static String failed(CompletableFuture<SegmentRead> read) throws Exception {
    return switch (read.get(10, TimeUnit.SECONDS)) {
      case SegmentRead.Found(var batches) -> throw new AssertionError("found " + batches.size());
      case SegmentRead.Busy busy -> throw new AssertionError(busy);
      case SegmentRead.Failed(var failure) -> failure.message();
    };
  }

  private static int count(List<RecordBatches> batches) {
    int count = 0;
    for (var piece : batches) {
      for (var _ : piece) {
        count++;
      }
    }
    return count;
  }

  /// Base offset of the first batch found, or -1.
  private long first(CompletableFuture<SegmentRead> read) throws Exception {
    var batches = found(read);
    return batches.isEmpty() ? -1 : batches.getFirst().single().baseOffset();
  }

  /// Lets reads wait until its gate opens, and counts them.
  private static class GatedStore implements ObjectStore {

    volatile CountDownLatch gate = new CountDownLatch(1);
    final AtomicInteger gets = new AtomicInteger();

    /// Keys that begin so wait.
    String slow = "";

    private final ObjectStore store;

    GatedStore(ObjectStore store) {
      this.store = store;
    }

    @Override
    public ByteBuffer get(String key, long position, int length) throws IOException {
      gets.incrementAndGet();
      if (!key.startsWith(slow)) {
        return store.get(key, position, length);
      }
      try {
        if (!gate.await(10, TimeUnit.SECONDS)) {
          throw new IOException("the gate never opened");
        }
      } catch (InterruptedException interrupted) {
        throw new IOException(interrupted);
      }
      return store.get(key, position, length);
    }

    @Override
    public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
        throws IOException {
      return store.putNew(key, content, metadata);
    }

    @Override
    public Optional<ObjectInfo> head(String key) throws IOException {
      return store.head(key);
    }

    @Override
    public List<String> list(String prefix, String startAfter, int limit) throws IOException {
      return store.list(prefix, startAfter, limit);
    }

    @Override
    public Map<String, DeleteResult> delete(Collection<String> keys) {
      return store.delete(keys);
    }

    @Override
    public void close() {
      store.close();
    }
  }
}
