package io.streamhouse.broker.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.CommitResult;
import io.streamhouse.metadata.SegmentManifest.CommitResult.Fenced;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.SegmentManifest.ReplaceResult;
import io.streamhouse.metadata.SegmentManifest.Replacement;
import io.streamhouse.metadata.SegmentManifest.Segment;
import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/// What is known of the segments of all partitions together.
class SegmentRowsTest {

  private static final UUID TOPIC = new UUID(1, 1);

  private final SimulatedTime time = new SimulatedTime();

  /// How many segments of ten offsets each a partition has, from offset 100 on.
  private int length = 10;

  /// Whether they are one segment by now.
  private boolean merged;

  private boolean unreachable;

  private final SegmentManifest manifest =
      (SegmentManifest)
          Proxy.newProxyInstance(
              SegmentManifest.class.getClassLoader(),
              new Class<?>[] {SegmentManifest.class},
              (_, method, arguments) -> {
                assertThat(method.getName()).isEqualTo("segments");
                if (unreachable) {
                  throw new MetadataUnavailable("cut", null);
                }
                return segments(
                    (PartitionId) arguments[0], (long) arguments[1], (int) arguments[2]);
              });

  private final SegmentRows rows = new SegmentRows(manifest, Runnable::run, 30, time);

  private List<Segment> segments(PartitionId partition, long from, int limit) {
    var found = new ArrayList<Segment>();
    long size = merged ? 10L * length : 10;
    long end = 100 + 10L * length;
    for (long base = 100; base < end && found.size() < limit; base += size) {
      if (base + size > from) {
        found.add(
            new Segment(partition, base, base + size, new UUID(2, base), "key", 0, 1, size, base));
      }
    }
    return found;
  }

  private static PartitionId partition(int index) {
    return new PartitionId(TOPIC, index);
  }

  private void read(int partition, long offset) {
    var found = rows.holding(partition(partition), offset).join();
    assertThat(found).isNotNull();
    assertThat(found.baseOffset()).isLessThanOrEqualTo(offset);
    assertThat(found.endOffset()).isGreaterThan(offset);
  }

  @Test
  void aSequentialReaderAsksOnce() {
    for (int offset = 100; offset < 200; offset += 5) {
      read(0, offset);
    }
    assertThat(rows.misses()).isEqualTo(1);
    assertThat(rows.hits()).isEqualTo(19);
    assertThat(rows.size()).isEqualTo(10);
  }

  @Test
  void whoComesAgainBeforeTheAnswerIsThereDoesNotAskAgain() {
    var waiting = new ArrayDeque<Runnable>();
    var slow = new SegmentRows(manifest, waiting::add, 30, time);
    var first = slow.holding(partition(0), 100);
    var again = slow.holding(partition(0), 100);
    var further = slow.holding(partition(0), 150);
    var beyond = slow.holding(partition(0), 200);
    assertThat(waiting).hasSize(1);
    waiting.remove().run();
    assertThat(first.join()).isEqualTo(segments(partition(0), 100, 1).getFirst());
    assertThat(again.join()).isEqualTo(first.join());
    assertThat(further.join()).isEqualTo(segments(partition(0), 150, 1).getFirst());
    assertThat(slow.misses()).isEqualTo(2);
    waiting.remove().run();
    assertThat(beyond.join()).isNull();
    assertThat(slow.hits()).isEqualTo(2);
    assertThat(waiting).isEmpty();
  }

  @Test
  void whoWaitedForAnAnswerThatDidNotComeGetsNoneEither() {
    unreachable = true;
    var waiting = new ArrayDeque<Runnable>();
    var slow = new SegmentRows(manifest, waiting::add, 30, time);
    var first = slow.holding(partition(0), 100);
    var again = slow.holding(partition(0), 100);
    waiting.remove().run();
    assertThat(first).isCompletedExceptionally();
    assertThat(again).isCompletedExceptionally();
    assertThat(waiting).isEmpty();

    unreachable = false;
    var later = slow.holding(partition(0), 100);
    waiting.remove().run();
    assertThat(later.join()).isNotNull();
  }

  @Test
  void ofSeveralThatAnAnswerDoesNotHelpOneAsks() {
    length = 100;
    var waiting = new ArrayDeque<Runnable>();
    var slow = new SegmentRows(manifest, waiting::add, 100, time);
    var first = slow.holding(partition(0), 100);
    var further = List.of(slow.holding(partition(0), 600), slow.holding(partition(0), 610));
    for (int asked = 0; asked < 3 && !waiting.isEmpty(); asked++) {
      assertThat(waiting).hasSize(1);
      waiting.remove().run();
      assertThat(first).isDone();
    }
    assertThat(waiting).isEmpty();
    assertThat(further).allMatch(CompletableFuture::isDone);
    assertThat(further).allSatisfy(read -> assertThat(read.getNow(null)).isNotNull());
  }

  @Test
  void theNextSegmentIsKnownToo() {
    read(0, 105);
    var first = segments(partition(0), 100, 2);
    assertThat(rows.after(first.getFirst())).isEqualTo(first.getLast());
    assertThat(rows.after(segments(partition(0), 190, 1).getFirst())).isNull();
    assertThat(rows.after(segments(partition(1), 100, 1).getFirst())).isNull();
  }

  @Test
  void offsetsInNoSegmentAreHeldByNone() {
    assertThat(rows.holding(partition(0), 99).join()).isNull();
    assertThat(rows.holding(partition(0), 200).join()).isNull();
  }

  @Test
  void whoGoesRoundMoreThanThereIsRoomForFindsWhatThereIsRoomFor() {
    for (int round = 0; round < 10; round++) {
      for (int partition = 0; partition < 6; partition++) {
        read(partition, 100);
      }
      assertThat(rows.size()).isEqualTo(30);
    }
    // Three of six partitions have a place.
    assertThat(rows.hits()).isEqualTo(9 * 3);
  }

  @Test
  void whoReadsOnGivesUpWhatIsBehind() {
    length = 100;
    var roomy = new SegmentRows(manifest, Runnable::run, 100, time);
    for (int offset = 100; offset < 1100; offset += 10) {
      for (int partition = 0; partition < 3; partition++) {
        assertThat(roomy.holding(partition(partition), offset).join()).isNotNull();
      }
      assertThat(roomy.size()).isLessThanOrEqualTo(100);
    }
    // A page of 32 rows has room for each, and makes it for the next one.
    assertThat(roomy.misses()).isEqualTo(3 * 4);
  }

  @Test
  void whatIsMergedTakesThePlaceOfWhatItWasMergedOf() {
    length = 40;
    read(0, 400);
    assertThat(rows.size()).isEqualTo(10);
    merged = true;
    // Behind what is known, so it is asked for, and by now one segment holds all.
    read(0, 100);
    assertThat(rows.size()).isEqualTo(1);
    read(0, 450);
    assertThat(rows.misses()).isEqualTo(2);
  }

  @Test
  void whatNobodyReadsForAWhileMakesRoom() {
    for (int partition = 0; partition < 3; partition++) {
      read(partition, 100);
    }
    time.pass(SegmentRows.IN_USE.dividedBy(2));
    read(0, 100);
    time.pass(SegmentRows.IN_USE.dividedBy(2));
    read(3, 100);
    read(4, 100);
    long asked = rows.misses();
    for (int partition : List.of(0, 3, 4)) {
      read(partition, 150);
    }
    assertThat(rows.misses()).isEqualTo(asked);
    assertThat(rows.size()).isEqualTo(30);
  }

  @Test
  void whatThisAgentCommittedIsNotAskedFor() {
    var manifest =
        new ToldManifest(
            (SegmentManifest)
                Proxy.newProxyInstance(
                    SegmentManifest.class.getClassLoader(),
                    new Class<?>[] {SegmentManifest.class},
                    (_, method, _) ->
                        switch (method.getName()) {
                          case "registerObject" -> null;
                          case "commit" -> List.of(new CommitResult.Committed(100), new Fenced());
                          case "replace" -> List.of(new ReplaceResult.Replaced());
                          default -> throw new AssertionError(method);
                        }),
            rows);
    var object = new UUID(3, 3);
    manifest.registerObject(new UUID(9, 9), object, "new");
    var _ = manifest.commit(object, List.of(segment(0, 90, 100), segment(1, 90, 100)));
    var known = rows.holding(partition(0), 95).join();
    assertThat(known).isEqualTo(new Segment(partition(0), 90, 100, object, "new", 7, 5, 10, 4));
    assertThat(rows.misses()).isZero();
    assertThat(rows.holding(partition(1), 95).join()).isNull();
    assertThat(rows.misses()).isEqualTo(1);

    var merged = new UUID(4, 4);
    manifest.registerObject(new UUID(9, 9), merged, "merged");
    var _ =
        manifest.replace(
            merged,
            List.of(
                new Replacement(
                    List.of(segments(partition(0), 100, 1).getFirst()), segment(0, 100, 110))));
    rows.add(segments(partition(0), 110, 1).getFirst());
    assertThat(rows.holding(partition(0), 105).join())
        .extracting(row -> row == null ? "" : row.object())
        .isEqualTo("merged");
    assertThat(rows.misses()).isEqualTo(1);
  }

  private static NewSegment segment(int partition, long base, long end) {
    return new NewSegment(
        new Lease<>(partition(partition), new UUID(9, 9), 2), 1, base, end, 7, 5, end - base, 4);
  }

  @Test
  void whatIsWrittenTakesNoPlaceFromWhatIsRead() {
    read(0, 100);
    read(1, 100);
    read(2, 100);
    rows.add(segments(partition(3), 100, 1).getFirst());
    assertThat(rows.size()).isEqualTo(30);
    read(0, 100);
    assertThat(rows.misses()).isEqualTo(3);
    // Of its own partition the oldest goes for it.
    length = 11;
    rows.add(segments(partition(0), 200, 1).getFirst());
    assertThat(rows.size()).isEqualTo(30);
    read(0, 205);
    assertThat(rows.misses()).isEqualTo(3);
    time.pass(SegmentRows.IN_USE);
    rows.add(segments(partition(3), 100, 1).getFirst());
    assertThat(rows.size()).isEqualTo(21);
    read(3, 100);
    assertThat(rows.misses()).isEqualTo(3);
  }

  @Test
  void whatIsWrittenAndNotReadIsBounded() {
    length = 1000;
    for (var row : segments(partition(0), 100, 1000)) {
      rows.add(row);
      assertThat(rows.size()).isLessThanOrEqualTo(30);
    }
    for (int partition = 1; partition < 100; partition++) {
      rows.add(segments(partition(partition), 100, 1).getFirst());
      assertThat(rows.size()).isLessThanOrEqualTo(30);
    }
    assertThat(rows.size()).isPositive();
    rows.prune(_ -> false);
    assertThat(rows.size()).isZero();
  }

  @Test
  void whatIsForgottenOrNotWantedIsAskedForAgain() {
    read(0, 100);
    read(1, 100);
    rows.forget(partition(0));
    assertThat(rows.size()).isEqualTo(10);
    read(0, 100);
    assertThat(rows.misses()).isEqualTo(3);
    rows.prune(id -> id.partition() == 1);
    assertThat(rows.size()).isEqualTo(10);
    read(1, 100);
    assertThat(rows.misses()).isEqualTo(3);
    rows.prune(id -> false);
    assertThat(rows.size()).isZero();
  }
}
