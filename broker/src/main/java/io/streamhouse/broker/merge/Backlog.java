package io.streamhouse.broker.merge;

import io.streamhouse.broker.merge.MergePolicy.Plan;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.segment.ObjectKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/// How many segments one partition led here has that may be merged, as far as can be told without
/// asking the metadata store: rows as of the last look, and what was committed since. Confined to
/// the merger.
final class Backlog {

  /// Rows looked at, the oldest first; behind them others wait for their turn.
  static final int ROWS = 512;

  /// A look that finds fewer new rows than that would find nothing to do.
  private static final int WORTH_A_LOOK = MergePolicy.FAN_IN / 2;

  /// Objects of flushes that are remembered. What is not is not old, and waits for its turn.
  private static final int MOST_SEEN = 100_000;

  private final Partition partition;
  private final Lease<PartitionId> lease;

  /// What ends at or below it is never looked at again.
  private long settledEnd = -1;

  private boolean looked;
  private int rows;
  private long committedThen;
  private long lookedNanos;

  /// When an object that it shares with other partitions is to be left; none while there is none.
  private boolean shares;

  private boolean more;
  private boolean behind;
  private long behindSinceNanos;
  private boolean blocked;
  private long blockedUntilNanos;

  Backlog(Partition partition) {
    this.partition = partition;
    this.lease = partition.lease();
  }

  /// Whether it is of the partition as it is led now.
  boolean of(Partition current) {
    return partition == current;
  }

  Partition partition() {
    return partition;
  }

  /// Segments that are not large enough to be left alone.
  long rows() {
    return rows + partition.committedSegments() - committedThen;
  }

  /// Whether a look at the rows may find something to do.
  boolean due(long nowNanos, MergeOptions options) {
    if (blocked && nowNanos - blockedUntilNanos < 0) {
      return false;
    }
    long fresh = partition.committedSegments() - committedThen;
    return !looked
        || more
        || (rows() >= MergePolicy.FAN_IN && fresh >= WORTH_A_LOOK)
        || (rows() > MergePolicy.MOST_SEGMENTS && fresh > 0)
        || ((shares || fresh > 0) && nowNanos - lookedNanos >= options.age().toNanos() / 2);
  }

  /// Looks at the rows: what is to be merged of them.
  ///
  /// @param seen when an object was first seen, by id; gets those that are new
  List<MergeRun> look(
      SegmentManifest manifest, MergeOptions options, Map<UUID, Long> seen, TimeSource time) {
    long now = time.nanos();
    long from = Math.max(settledEnd, partition.logStart());
    // Before the rows: what is committed between the two is counted twice, not overlooked.
    long committed = partition.committedSegments();
    long end = partition.committedEnd();
    var found =
        manifest.segments(partition.id(), from, ROWS).stream()
            // A commit of which the outcome is not known yet is sent again, and answered by what
            // is there of it: that must not have been merged meanwhile.
            .filter(row -> row.endOffset() <= end)
            .toList();
    long oldAfter = options.age().toNanos();
    Plan plan =
        MergePolicy.plan(
            found,
            options.limits().within(partition.settings()),
            Backlog::shared,
            row -> now - seen.getOrDefault(row.objectId(), now) >= oldAfter);
    shares = false;
    for (var row : found) {
      if (shared(row)) {
        if (seen.size() < MOST_SEEN) {
          seen.putIfAbsent(row.objectId(), now);
        }
        shares = true;
      }
    }
    var runs = new ArrayList<MergeRun>();
    for (var run : plan.runs()) {
      var rowsOfRun = found.subList(run.from(), run.to());
      // What is still stored below says of producers what nothing else does.
      boolean first = rowsOfRun.getFirst().baseOffset() <= partition.storedLogStart();
      runs.add(new MergeRun(partition, lease, rowsOfRun, first));
    }
    if (plan.settled() > 0) {
      settledEnd = found.get(plan.settled() - 1).endOffset();
    }
    looked = true;
    lookedNanos = now;
    committedThen = committed;
    more = found.size() == ROWS && (plan.settled() > 0 || !runs.isEmpty());
    rows = found.size() - plan.settled();
    note(now);
    return runs;
  }

  /// Of what was found at the last look some is merged now.
  void merged(int less) {
    rows -= less;
    // What came out may be merged on with others.
    more |= rows() >= MergePolicy.FAN_IN;
  }

  /// The next look is to come soon: what was found was not merged.
  void again() {
    looked = false;
  }

  /// What it has cannot be merged, and will not be so soon.
  void block(long untilNanos) {
    blocked = true;
    blockedUntilNanos = untilNanos;
    looked = false;
  }

  private void note(long nowNanos) {
    boolean now = rows() > Merger.BOUND;
    if (now && !behind) {
      behindSinceNanos = nowNanos;
    }
    behind = now;
  }

  /// For how long it has had more segments than it should; 0 while it has not.
  long behindNanos(long nowNanos) {
    return behind ? nowNanos - behindSinceNanos : 0;
  }

  private static boolean shared(Segment row) {
    return ObjectKey.parse(row.object()).orElse(null) instanceof ObjectKey.Mixed;
  }
}
