package io.streamhouse.broker.merge;

import io.streamhouse.metadata.SegmentManifest.Segment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// Which segments of a partition are to become one. A pure function of its rows.
///
/// Sizes fall into tiers, each [#FAN_IN] times the one before. A run of neighbours is merged when
/// the largest tier in it has [#FAN_IN] segments, or when what comes out is large enough to be left
/// alone from then on: so a byte is written again about once per tier, and how many segments there
/// are goes with the logarithm of the bytes. Where sizes vary so badly that this leaves too many,
/// the runs that cost the fewest bytes for each segment less are merged, whatever their tiers.
///
/// What was flushed together with other partitions is moved when it is old, however few it is: the
/// whole object would stay for it.
final class MergePolicy {

  /// A power of the number of tiers between a kibibyte and 64 MiB, and the least that makes
  /// rewriting cheap: 16 in each of four tiers is the most that is left unmerged.
  static final int FAN_IN = 16;

  /// Of the smallest tier.
  private static final int TIER_BYTES = 4 << 10;

  /// What is left alone is not counted in these: more than so many are merged at any price.
  static final int MOST_SEGMENTS = 48;

  /// Down to so many, so that it is not begun again with the next segment.
  private static final int FEW_SEGMENTS = 40;

  /// Merging fewer is not worth a transaction, as long as there are others.
  private static final int WORTHWHILE = 8;

  private MergePolicy() {}

  /// @param settled how many rows, from the first on, need never be looked at again
  /// @param runs in offset order
  /// @param unsettled how many rows there will be behind the settled ones once the runs are merged
  record Plan(int settled, List<Run> runs, int unsettled) {
    Plan {
      runs = List.copyOf(runs);
    }
  }

  /// Rows to be merged into one: `[from, to)`.
  record Run(int from, int to) {
    int rows() {
      return to - from;
    }
  }

  /// @param rows contiguous, by base offset
  /// @param shared whether a row lies in an object of one flush of several partitions
  /// @param old whether such an object is to go
  static Plan plan(
      List<Segment> rows, MergeLimits limits, Predicate<Segment> shared, Predicate<Segment> old) {
    int settled = settled(rows, limits, shared);
    var search = new Search(rows, settled, limits);
    var runs = new ArrayList<Run>();
    int left = rows.size() - settled;
    for (var run = search.natural(); run != null; run = search.natural()) {
      left -= search.take(run, runs);
    }
    if (left > MOST_SEGMENTS) {
      for (var run = search.forced(); run != null && left > FEW_SEGMENTS; run = search.forced()) {
        left -= search.take(run, runs);
      }
    }
    for (var run : search.leaving(shared.and(old))) {
      left -= search.take(run, runs);
    }
    runs.sort((a, b) -> Integer.compare(a.from(), b.from()));
    return new Plan(settled, runs, left);
  }

  /// The longest run of rows from the first on that are large enough on average, and whose last one
  /// is: small ones among them are too few to matter.
  private static int settled(List<Segment> rows, MergeLimits limits, Predicate<Segment> shared) {
    int settled = 0;
    long bytes = 0;
    for (int i = 0; i < rows.size() && !shared.test(rows.get(i)); i++) {
      long length = rows.get(i).length();
      bytes += length;
      if (length >= limits.targetBytes() && bytes / limits.targetBytes() >= i + 1) {
        settled = i + 1;
      }
    }
    return settled;
  }

  private static int tier(long bytes) {
    int tier = 0;
    for (long above = TIER_BYTES; bytes >= above && tier < 8; above *= FAN_IN) {
      tier++;
    }
    return tier;
  }

  /// Looks for runs among the rows that are in none yet.
  private static final class Search {

    private final List<Segment> rows;
    private final int first;
    private final MergeLimits limits;
    private final boolean[] taken;

    Search(List<Segment> rows, int first, MergeLimits limits) {
      this.rows = rows;
      this.first = first;
      this.limits = limits;
      this.taken = new boolean[rows.size()];
    }

    /// @return how many rows less there are once it is merged
    int take(Run run, List<Run> runs) {
      runs.add(run);
      for (int i = run.from(); i < run.to(); i++) {
        taken[i] = true;
      }
      return run.rows() - 1;
    }

    @Nullable Run natural() {
      return cheapest(2, true, true);
    }

    @Nullable Run forced() {
      var run = cheapest(WORTHWHILE, true, false);
      run = run != null ? run : cheapest(2, true, false);
      run = run != null ? run : cheapest(WORTHWHILE, false, false);
      return run != null ? run : cheapest(2, false, false);
    }

    /// Of the runs that may be merged the one that rewrites the fewest bytes for each row less.
    private @Nullable Run cheapest(int least, boolean spread, boolean natural) {
      Run best = null;
      double lowest = Double.MAX_VALUE;
      for (int from = first; from < rows.size(); from++) {
        long bytes = 0;
        int top = 0;
        int inTop = 0;
        long largest = 0;
        long newest = Long.MIN_VALUE;
        long oldest = Long.MAX_VALUE;
        for (int to = from; to < rows.size() && !taken[to]; to++) {
          var row = rows.get(to);
          bytes += row.length();
          if (bytes > limits.maxBytes()) {
            break;
          }
          if (row.maxTimestamp() >= 0) {
            newest = Math.max(newest, row.maxTimestamp());
            oldest = Math.min(oldest, row.maxTimestamp());
            if (spread && newest - oldest > limits.spreadMillis()) {
              break;
            }
          }
          largest = Math.max(largest, row.length());
          int tier = tier(row.length());
          inTop = tier > top ? 1 : tier == top ? inTop + 1 : inTop;
          top = Math.max(top, tier);
          int count = to - from + 1;
          boolean good =
              count >= least
                  && (!natural
                      || inTop >= FAN_IN
                      || (bytes >= limits.targetBytes() && largest < limits.targetBytes()));
          double cost = (double) bytes / (count - 1);
          if (good && cost < lowest) {
            lowest = cost;
            best = new Run(from, to + 1);
          }
        }
      }
      return best;
    }

    /// Runs of what must move and is in no other run.
    List<Run> leaving(Predicate<Segment> leave) {
      var runs = new ArrayList<Run>();
      int from = first;
      while (from < rows.size()) {
        int to = from;
        long bytes = 0;
        while (to < rows.size()
            && !taken[to]
            && leave.test(rows.get(to))
            && (to == from || bytes + rows.get(to).length() <= limits.maxBytes())) {
          bytes += rows.get(to).length();
          to++;
        }
        if (to > from) {
          runs.add(new Run(from, to));
        }
        from = Math.max(to, from + 1);
      }
      return runs;
    }
  }
}
