package io.streamhouse.broker.read;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.partition.Appends.Acks;
import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.protocol.RecordBatches;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class ParkedFetchTest {

  private static final int MEBI = 1 << 20;

  private long unsent;
  private final ResponseBudget budget = new ResponseBudget(1000, () -> unsent);
  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedLoop loop = new SimulatedLoop(time);
  private final AtomicInteger outstanding = new AtomicInteger();
  private final List<MemoryLog> logs = new ArrayList<>();

  @AfterEach
  void everyPieceIsReleasedAndNobodyListens() {
    assertThat(outstanding).hasValue(0);
    assertThat(logs).allSatisfy(log -> assertThat(log.listeners()).isZero());
  }

  @Test
  void whatIsThereIsAnsweredAtOnce() {
    var log = log("a", "b");
    var fetch = fetch(limits(1, MEBI, 500), want(log, 1));
    assertThat(values(fetch)).containsExactly(List.of("b"));
  }

  @Test
  void manyColdLogsAreReadAFewAtATimeAndHoldUpNoneInMemory() {
    var wants = new ArrayList<ParkedFetch.Want>();
    for (int i = 0; i < 3 * ParkedFetch.MOST_READS; i++) {
      wants.add(new ParkedFetch.Want(log("cold").freeze(), 0, 500, -1));
    }
    var warm = log("warm");
    wants.add(want(warm, 0));
    var fetch = fetch(limits(MEBI, MEBI, 500), wants.toArray(ParkedFetch.Want[]::new));
    loop.drain();
    assertThat(logs.stream().filter(log -> log.reads() > 0)).hasSize(ParkedFetch.MOST_READS + 1);
    assertThat(warm.reads()).isEqualTo(1);

    // As some come, others begin.
    logs.get(0).thaw();
    logs.get(1).thaw();
    loop.drain();
    assertThat(logs.stream().filter(log -> log.reads() > 0)).hasSize(ParkedFetch.MOST_READS + 3);
    assertThat(fetch.result()).isNotDone();

    pass(500);
    pass(ParkedFetch.GRACE.toMillis());
    var values = values(fetch);
    assertThat(values.getFirst()).containsExactly("cold");
    assertThat(values.getLast()).containsExactly("warm");
    assertThat(values.stream().filter(each -> !each.isEmpty())).hasSize(3);
    logs.forEach(MemoryLog::thaw);
    loop.drain();
  }

  @Test
  void aLogThatIsBusyIsAskedAgainSoon() {
    var busy = log("a").busy(true);
    var fetch = fetch(limits(1, MEBI, 500), want(busy, 0));
    loop.drain();
    assertThat(fetch.result()).isNotDone();
    pass(20);
    assertThat(busy.reads()).isEqualTo(2);
    busy.busy(false);
    pass(20);
    assertThat(values(fetch)).containsExactly(List.of("a"));
  }

  @Test
  void aBusyLogIsAskedAgainAfterAFetchThatFoundNoRoomToo() {
    unsent = 2000;
    var busy = log("a").busy(true);
    var fetch = fetch(limits(1, MEBI, 500), want(busy, 0));
    loop.drain();
    assertThat(busy.reads()).isZero();
    unsent = 0;
    pass(20);
    assertThat(busy.reads()).isEqualTo(1);
    busy.busy(false);
    pass(20);
    assertThat(values(fetch)).containsExactly(List.of("a"));
  }

  @Test
  void anEmptyLogIsWaitedForUntilItAdvances() {
    var log = log();
    var fetch = fetch(limits(1, MEBI, 500), want(log, 0));
    loop.drain();
    assertThat(fetch.result()).isNotDone();
    append(log, "a");
    loop.drain();
    assertThat(values(fetch)).containsExactly(List.of("a"));
  }

  @Test
  void theWaitEndsWithoutRecords() {
    var fetch = fetch(limits(1, MEBI, 500), want(log(), 0));
    pass(499);
    assertThat(fetch.result()).isNotDone();
    pass(1);
    assertThat(values(fetch)).containsExactly(List.of());
  }

  @Test
  void whatWasReadStaysWhileMoreIsAwaited() {
    var first = log("a");
    var second = log();
    var fetch = fetch(limits(150, MEBI, 500), want(first, 0), want(second, 0));
    loop.drain();
    assertThat(fetch.result()).isNotDone();
    append(second, "b");
    loop.drain();
    assertThat(fetch.result()).isNotDone();
    append(first, "c");
    loop.drain();
    assertThat(values(fetch)).containsExactly(List.of("a", "c"), List.of("b"));
    // Once at the start, and once where it advanced.
    assertThat(second.reads()).isEqualTo(2);
  }

  @Test
  void theWaitEndsWithLessThanTheMinimum() {
    var fetch = fetch(limits(10_000, MEBI, 500), want(log("a"), 0));
    pass(500);
    assertThat(values(fetch)).containsExactly(List.of("a"));
  }

  @Test
  void aMinimumBeyondTheMaximumIsNotWaitedFor() {
    var fetch = fetch(limits(10_000, 50, 500), want(log("a"), 0));
    assertThat(values(fetch)).containsExactly(List.of("a"));
  }

  @Test
  void noWaitMeansNoWait() {
    var fetch = fetch(limits(10_000, MEBI, 0), want(log("a"), 0), want(log(), 0));
    assertThat(values(fetch)).containsExactly(List.of("a"), List.of());
    assertThat(values(fetch(limits(1, MEBI, 500)))).isEmpty();
  }

  @Test
  void oneBatchPerAnswerIsAllowedToBeTooLarge() {
    var large = "x".repeat(1000);
    var fetch =
        fetch(limits(1, 500, 500), want(log(large), 0), want(log("a"), 0), want(log(large), 0));
    assertThat(values(fetch)).containsExactly(List.of(large), List.of(), List.of());
  }

  @Test
  void theFirstPartitionWithAnythingMayBeTooLarge() {
    var large = "x".repeat(1000);
    var fetch = fetch(limits(1, 500, 500), want(log(), 0), want(log(large), 0));
    assertThat(values(fetch)).containsExactly(List.of(), List.of(large));
  }

  @Test
  void laterPartitionsKeepTheirOwnLimit() {
    var large = "x".repeat(1000);
    var fetch =
        fetch(
            limits(1, MEBI, 500),
            want(log("a"), 0),
            new ParkedFetch.Want(log(large), 0, 500, -1),
            want(log("b"), 0));
    assertThat(values(fetch)).containsExactly(List.of("a"), List.of(), List.of("b"));
  }

  @Test
  void limitsOfNothingStillGiveOneBatch() {
    var log = log("a", "b");
    var fetch =
        fetch(
            limits(1, 0, 500),
            new ParkedFetch.Want(log, 0, 0, -1),
            new ParkedFetch.Want(log, 0, 0, -1));
    assertThat(values(fetch)).containsExactly(List.of("a"), List.of());
  }

  @Test
  void coldReadsRunAtOnceAndAllAreAnswered() {
    var first = log("a").freeze();
    var second = log("b").freeze();
    var fetch = fetch(limits(1, 2 * MEBI, 500), want(first, 0), want(second, 0));
    assertThat(first.reads() + second.reads()).isEqualTo(2);
    second.thaw();
    loop.drain();
    assertThat(fetch.result()).isNotDone();
    first.thaw();
    loop.drain();
    assertThat(values(fetch)).containsExactly(List.of("a"), List.of("b"));
  }

  @Test
  void aColdReadIsAnsweredAfterTheWait() {
    var cold = log("a").freeze();
    var fetch = fetch(limits(1, MEBI, 500), want(cold, 0));
    pass(1000);
    assertThat(fetch.result()).isNotDone();
    cold.thaw();
    loop.drain();
    assertThat(values(fetch)).containsExactly(List.of("a"));
  }

  @Test
  void aColdPartitionHoldsUpNobody() {
    var tail = log("a");
    var cold = log("b").freeze();
    var fetch = fetch(limits(1, MEBI, 500), want(cold, 0), want(tail, 0));
    pass(19);
    assertThat(fetch.result()).as("it may still come").isNotDone();
    pass(1);
    assertThat(values(fetch)).containsExactly(List.of(), List.of("a"));
    cold.thaw();
    loop.drain();
  }

  @Test
  void aTailThatAdvancesBesideAColdReadIsAnswered() {
    var tail = log();
    var cold = log("b").freeze();
    var fetch = fetch(limits(1, MEBI, 500), want(cold, 0), want(tail, 0));
    pass(100);
    append(tail, "a");
    loop.drain();
    pass(20);
    assertThat(values(fetch)).containsExactly(List.of(), List.of("a"));
    cold.thaw();
    loop.drain();
  }

  @Test
  void whatIsThereIsAnsweredWhenTheWaitEndsBesideAColdRead() {
    var tail = log("a");
    var cold = log("b").freeze();
    var fetch = fetch(limits(10_000, 2 * MEBI, 500), want(tail, 0), want(cold, 0));
    pass(499);
    assertThat(fetch.result()).isNotDone();
    pass(1);
    assertThat(values(fetch)).containsExactly(List.of("a"), List.of());
    cold.thaw();
    loop.drain();
  }

  @Test
  void aReadThatNeverEndsIsGivenUp() {
    var cold = log("a").freeze();
    var fetch = fetch(limits(1, MEBI, 500), want(cold, 0));
    pass(500);
    pass(4_999);
    assertThat(fetch.result()).isNotDone();
    pass(1);
    assertThat(values(fetch)).containsExactly(List.of());
    cold.thaw();
    loop.drain();
  }

  @Test
  void aLogThatGivesLittleIsReadOnUntilTheMinimumIsThere() {
    var log = log("a", "b", "c", "d").trickle(1);
    var fetch = fetch(limits(3 * 69, MEBI, 500), want(log, 0));
    assertThat(values(fetch)).containsExactly(List.of("a", "b", "c"));
  }

  @Test
  void oneFailureIsToldAtOnceAndFailsNoOther() {
    var broken = log("a");
    broken.fail(new Failure.Storage("damaged"));
    var fetch = fetch(limits(10_000, MEBI, 500), want(broken, 0), want(log("b"), 0));
    var results = fetch.result().getNow(List.of());
    assertThat(results.get(0)).isEqualTo(new FetchResult.Failed(new Failure.Storage("damaged")));
    assertThat(values(results.get(1))).containsExactly("b");
  }

  @Test
  void losingTheLeadEndsTheWait() {
    var log = log("a");
    var fetch = fetch(limits(10_000, MEBI, 500), want(log, 0));
    loop.drain();
    assertThat(outstanding).hasValue(1);
    var lost = new Failure.NotLeader(OptionalInt.empty());
    log.fail(lost);
    loop.drain();
    assertThat(fetch.result()).isCompletedWithValue(List.of(new FetchResult.Failed(lost)));
  }

  @Test
  void offsetsOutsideTheLogFail() {
    var log = log("a", "b");
    var _ = log.deleteRecordsBefore(1);
    for (long offset : new long[] {0, 3}) {
      var fetch = fetch(limits(1, MEBI, 500), want(log, offset));
      assertThat(fetch.result().getNow(List.of()).getFirst())
          .isEqualTo(new FetchResult.Failed(new Failure.OffsetOutOfRange(offset, 1, 2)));
    }
  }

  @Test
  void aLogThatLeftTheClientsIsNotRead() {
    var log = log("a", "b");
    append(log.epoch(7), "c");
    assertThat(diverging(log, 2, 6)).isEqualTo(new LogReader.EpochEnd(5, 2));
    assertThat(diverging(log, 3, 5)).isEqualTo(new LogReader.EpochEnd(5, 2));
    var fetch = fetch(limits(1, MEBI, 500), new ParkedFetch.Want(log, 2, MEBI, 5));
    assertThat(values(fetch)).containsExactly(List.of("c"));
    var older = fetch(limits(1, MEBI, 500), new ParkedFetch.Want(log, 2, MEBI, 4));
    assertThat(older.result().getNow(List.of()).getFirst())
        .isEqualTo(new FetchResult.Failed(new Failure.OffsetOutOfRange(2, 0, 3)));
  }

  @Test
  void aClosedConnectionGivesEverythingBack() {
    var parked = log("a");
    var cold = log("b");
    var fetch = fetch(limits(10_000, MEBI, 500), want(parked, 0), want(cold, 0));
    loop.drain();
    cold.freeze();
    append(cold, "c");
    loop.drain();
    fetch.cancel();
    fetch.cancel();
    cold.thaw();
    append(parked, "d");
    pass(1000);
    assertThat(fetch.result()).isNotDone();
  }

  @Test
  void aFetchWaitsForRoomForItsAnswer() {
    unsent = 1000;
    var log = log("a", "b");
    var fetch = fetch(limits(1, MEBI, 500), want(log, 0));
    pass(400);
    assertThat(fetch.result()).isNotDone();
    unsent = 999;
    pass(20);
    assertThat(values(fetch)).containsExactly(List.of("a", "b"));
  }

  @Test
  void aFetchThatFoundNoRoomIsAnsweredWithoutRecordsWhenItsWaitIsOver() {
    unsent = 1000;
    var fetch = fetch(limits(1, MEBI, 500), want(log("a"), 0));
    pass(499);
    assertThat(fetch.result()).isNotDone();
    pass(1);
    assertThat(values(fetch)).containsExactly(List.of());
    unsent = 0;
    pass(1000);
  }

  @Test
  void aLoopThatIsGoneLosesNoPiece() {
    var cold = log("a").freeze();
    var fetch =
        ParkedFetch.start(
            List.of(want(cold, 0)),
            limits(1, MEBI, 500),
            budget,
            _ -> {
              throw new RejectedExecutionException();
            },
            loop);
    cold.thaw();
    fetch.cancel();
  }

  @Test
  void randomSchedulesAnswerWithinLimitsAndLeakNothing() {
    for (int seed = 0; seed < 2000; seed++) {
      runRandomly(new Random(seed));
      assertThat(outstanding).as("seed %d", seed).hasValue(0);
      assertThat(logs).allSatisfy(log -> assertThat(log.listeners()).isZero());
      logs.clear();
    }
  }

  private void runRandomly(Random random) {
    var wants = new ArrayList<ParkedFetch.Want>();
    for (int i = random.nextInt(5); i >= 0; i--) {
      var log = log();
      for (int n = random.nextInt(4); n > 0; n--) {
        append(log, "x".repeat(random.nextInt(300)));
      }
      if (random.nextInt(3) == 0) {
        log.freeze();
      }
      if (random.nextInt(3) == 0) {
        log.trickle(1);
      }
      wants.add(
          new ParkedFetch.Want(
              log, random.nextInt((int) log.endOffset() + 1), random.nextInt(1000), -1));
    }
    int maxBytes = random.nextInt(2000);
    var fetch =
        ParkedFetch.start(
            wants, limits(random.nextInt(1500), maxBytes, random.nextInt(200)), budget, loop, loop);
    boolean failed = false;
    for (int step = 0; step < 30 && !fetch.result().isDone(); step++) {
      var log = logs.get(random.nextInt(logs.size()));
      switch (random.nextInt(7)) {
        case 0, 1 -> append(log, "x".repeat(random.nextInt(300)));
        case 2 -> log.freeze();
        case 3 -> log.thaw();
        case 4 -> {
          log.fail(new Failure.Storage("test"));
          failed = true;
        }
        case 5 -> time.pass(Duration.ofMillis(random.nextInt(50)));
        default -> loop.drain();
      }
    }
    if (random.nextInt(4) == 0 && !fetch.result().isDone()) {
      fetch.cancel();
    }
    logs.forEach(MemoryLog::thaw);
    pass(1000);
    logs.forEach(MemoryLog::thaw);
    loop.drain();
    var results = fetch.result().getNow(List.of());
    long total = 0;
    boolean first = true;
    for (int i = 0; i < results.size(); i++) {
      if (results.get(i) instanceof FetchResult.Records(var pieces, var bounds)) {
        long size = pieces.stream().mapToLong(RecordBatches::sizeInBytes).sum();
        if (size > 0 && !first) {
          assertThat(size).isLessThanOrEqualTo(wants.get(i).maxBytes());
          assertThat(total + size).isLessThanOrEqualTo(maxBytes);
        }
        first &= size == 0;
        total += size;
        long next = wants.get(i).offset();
        for (var piece : pieces) {
          for (var batch : piece) {
            assertThat(batch.baseOffset()).isLessThanOrEqualTo(next);
            assertThat(batch.endOffset()).isGreaterThan(next).isLessThanOrEqualTo(bounds.end());
            next = batch.endOffset();
          }
          piece.release();
        }
      } else {
        assertThat(failed).isTrue();
      }
    }
  }

  private LogReader.EpochEnd diverging(MemoryLog log, long offset, int lastEpoch) {
    var fetch = fetch(limits(1, MEBI, 500), new ParkedFetch.Want(log, offset, MEBI, lastEpoch));
    return fetch.result().getNow(List.of()).getFirst()
            instanceof FetchResult.Diverged(var end, var _)
        ? end
        : new LogReader.EpochEnd(-1, -1);
  }

  private ParkedFetch fetch(ParkedFetch.Limits limits, ParkedFetch.Want... wants) {
    return ParkedFetch.start(List.of(wants), limits, budget, loop, loop);
  }

  private static ParkedFetch.Limits limits(int minBytes, int maxBytes, int waitMillis) {
    return new ParkedFetch.Limits(minBytes, maxBytes, Duration.ofMillis(waitMillis), false);
  }

  private static ParkedFetch.Want want(MemoryLog log, long offset) {
    return new ParkedFetch.Want(log, offset, MEBI, -1);
  }

  private MemoryLog log(String... values) {
    var log = new MemoryLog(outstanding);
    logs.add(log);
    for (var value : values) {
      append(log, value);
    }
    return log;
  }

  private static void append(MemoryLog log, String value) {
    var _ = log.append(Batches.plain(1000, value), Acks.ALL);
  }

  private void pass(long millis) {
    time.pass(Duration.ofMillis(millis));
    loop.drain();
  }

  private static List<List<String>> values(ParkedFetch fetch) {
    assertThat(fetch.result()).isCompleted();
    return fetch.result().getNow(List.of()).stream().map(ParkedFetchTest::values).toList();
  }

  private static List<String> values(FetchResult result) {
    if (result instanceof FetchResult.Records(var pieces, var _)) {
      var values = Batches.values(pieces);
      pieces.forEach(RecordBatches::release);
      return values;
    }
    throw new AssertionError(result);
  }
}
