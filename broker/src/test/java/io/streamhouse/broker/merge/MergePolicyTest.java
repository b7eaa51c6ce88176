package io.streamhouse.broker.merge;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.merge.MergePolicy.Run;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.Segment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.function.IntToLongFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MergePolicyTest {

  private static final long MIB = 1 << 20;
  private static final PartitionId PARTITION = new PartitionId(new UUID(1, 1), 0);
  private static final MergeLimits LIMITS = new MergeLimits(64 * MIB, 256 * MIB, Long.MAX_VALUE);

  private static Segment row(long base, long length, long maxTimestamp) {
    return new Segment(
        PARTITION, base, base + 1, new UUID(2, base), "o" + base, 0, length, 1, maxTimestamp);
  }

  private static List<Segment> rows(long... lengths) {
    return IntStream.range(0, lengths.length).mapToObj(i -> row(i, lengths[i], i)).toList();
  }

  private static List<Segment> rows(int count, IntToLongFunction length) {
    return rows(IntStream.range(0, count).mapToLong(length).toArray());
  }

  private static MergePolicy.Plan plan(List<Segment> rows, MergeLimits limits) {
    return MergePolicy.plan(rows, limits, _ -> false, _ -> false);
  }

  @Test
  void fewSegmentsAreLeftAlone() {
    var plan = plan(rows(15, _ -> 1000), LIMITS);
    assertThat(plan.runs()).isEmpty();
    assertThat(plan.settled()).isZero();
    assertThat(plan.unsettled()).isEqualTo(15);
  }

  @Test
  void asManyOfOneTierAsMakeTheNextAreMergedAllAtOnce() {
    assertThat(plan(rows(16, _ -> 1000), LIMITS).runs()).containsExactly(new Run(0, 16));
    assertThat(plan(rows(40, _ -> 1000), LIMITS).runs()).containsExactly(new Run(0, 40));
  }

  @Test
  void smallerOnesAmongThemGoAlong() {
    assertThat(plan(rows(31, i -> i % 2 == 0 ? 100_000 : 100), LIMITS).runs())
        .containsExactly(new Run(0, 31));
  }

  @Test
  void largerOnesAreNotWrittenAgainForThem() {
    assertThat(plan(rows(20, i -> i < 4 ? 10 * MIB : 1000), LIMITS).runs())
        .containsExactly(new Run(4, 20));
  }

  @Test
  void whatBecomesLargeEnoughIsMergedWhateverItsNumber() {
    assertThat(plan(rows(40 * MIB, 30 * MIB), LIMITS).runs()).containsExactly(new Run(0, 2));
  }

  @Test
  void noneBecomesLargerThanTheLimit() {
    var runs = plan(rows(30, _ -> 50 * MIB), LIMITS).runs();
    assertThat(runs).isNotEmpty().allMatch(run -> run.rows() <= 5);
  }

  @Test
  void largeSegmentsAtTheStartAreSettledAndTheFewSmallOnesAmongThem() {
    assertThat(plan(rows(200 * MIB, 1000, 90 * MIB, 1000, 1000), LIMITS).settled()).isEqualTo(3);
    assertThat(plan(rows(70 * MIB, 1000, 60 * MIB), LIMITS).settled()).isEqualTo(1);
    assertThat(plan(rows(1000, 1000, 70 * MIB), LIMITS).settled()).isZero();
  }

  @Test
  void whatIsOldLeavesTheObjectItSharesHoweverFewItIs() {
    var plan =
        MergePolicy.plan(
            rows(6, _ -> 1000), LIMITS, row -> row.baseOffset() != 3, row -> row.baseOffset() < 5);
    assertThat(plan.runs()).containsExactly(new Run(0, 3), new Run(4, 5));
    assertThat(plan.unsettled()).isEqualTo(4);
  }

  @Test
  void whatStillSharesAnObjectIsNotSettled() {
    var plan =
        MergePolicy.plan(
            rows(80 * MIB, 80 * MIB, 80 * MIB), LIMITS, row -> row.baseOffset() == 1, _ -> false);
    assertThat(plan.settled()).isEqualTo(1);
  }

  @Test
  void segmentsThatSpreadOverTooLongAreNotMergedUnlessThereAreTooMany() {
    var limits = new MergeLimits(64 * MIB, 256 * MIB, 9);
    // Each is a millisecond newer than the one before: no run of sixteen is near enough.
    assertThat(plan(rows(40, _ -> 1000), limits).runs()).isEmpty();
    var plan = plan(rows(60, _ -> 1000), limits);
    assertThat(plan.runs()).isNotEmpty().allMatch(run -> run.rows() <= 10);
    assertThat(plan.unsettled()).isLessThanOrEqualTo(MergePolicy.MOST_SEGMENTS);
  }

  /// Whatever is flushed, a partition has few rows; and where sizes are what they usually are, few
  /// bytes are written again for it.
  @Test
  void rowsStayFewWhateverIsFlushed() {
    for (long seed = 0; seed < 300; seed++) {
      var history = new History(seed);
      for (int flush = 0; flush < 3000; flush++) {
        history.flush();
        assertThat(history.rows.size())
            .as("rows of seed %d after flush %d", seed, flush)
            .isLessThanOrEqualTo(
                (int) (Merger.BOUND + history.bytes() / history.limits.targetBytes()));
      }
      assertThat(history.contiguous()).as("seed %d", seed).isTrue();
      if (history.steady) {
        assertThat((double) history.rewritten / history.written)
            .as("rewritten over written, seed %d", seed)
            .isLessThan(5);
      }
    }
  }

  /// Flushes of one partition, and merging that keeps up with them, as the merger does it: looking
  /// only at what is not settled.
  private static final class History {
    private final SplittableRandom random;
    private final MergeLimits limits;
    private final long size;
    private final boolean steady;
    private final boolean shares;
    private final List<Segment> rows = new ArrayList<>();
    private int settled;
    private long next;
    private long millis;
    private long written;
    private long rewritten;

    History(long seed) {
      random = new SplittableRandom(seed);
      long target = random.nextBoolean() ? 64 * MIB : MIB;
      boolean spreads = random.nextInt(3) == 0;
      limits =
          new MergeLimits(target, 4 * target, spreads ? random.nextLong(1, 2000) : Long.MAX_VALUE);
      size = 1L << random.nextInt(8, 26);
      steady = !spreads && random.nextBoolean();
      shares = !steady && random.nextBoolean();
    }

    void flush() {
      long length = steady ? random.nextLong(size / 2, size + 1) : random.nextLong(1, 2 * size);
      if (!steady && random.nextInt(4) == 0) {
        length = 1L << random.nextInt(8, 27);
      }
      millis += random.nextInt(10) == 0 ? -5 : random.nextInt(10);
      rows.add(row(next++, length, Math.max(-1, millis)));
      written += length;
      boolean old = random.nextInt(50) == 0;
      int start = settled;
      var window = List.copyOf(rows.subList(start, Math.min(rows.size(), start + Backlog.ROWS)));
      var plan =
          MergePolicy.plan(window, limits, one -> shares && one.object().startsWith("o"), _ -> old);
      settled += plan.settled();
      for (var run : plan.runs().reversed()) {
        merge(rows.subList(start + run.from(), start + run.to()));
      }
      if (window.size() < Backlog.ROWS) {
        assertThat(rows.size() - settled).isEqualTo(plan.unsettled());
      }
    }

    private void merge(List<Segment> merged) {
      long sum = merged.stream().mapToLong(Segment::length).sum();
      assertThat(sum).isLessThanOrEqualTo(Math.max(limits.maxBytes(), merged.getFirst().length()));
      rewritten += sum;
      var one =
          new Segment(
              PARTITION,
              merged.getFirst().baseOffset(),
              merged.getLast().endOffset(),
              new UUID(3, next),
              "m",
              0,
              sum,
              merged.size(),
              merged.stream().mapToLong(Segment::maxTimestamp).max().orElseThrow());
      merged.clear();
      merged.add(one);
    }

    long bytes() {
      return rows.stream().mapToLong(Segment::length).sum();
    }

    boolean contiguous() {
      long end = 0;
      for (var one : rows) {
        if (one.baseOffset() != end) {
          return false;
        }
        end = one.endOffset();
      }
      return end == next;
    }
  }
}
