package io.streamhouse.broker.partition;

import io.streamhouse.broker.partition.Appends.TruncateResult;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.Segment;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Drops what topics do not keep any longer from the start of the logs led here, by Kafka's rules:
///
/// - by time, segments from the oldest on while their newest record is older than `retention.ms`
/// - by size, segments from the oldest on as long as at least `retention.bytes` stay
///
/// Whole segments go, committed ones only. What is due is worked out from segment rows without any
/// lock; the log start is then raised in one fenced transaction. Each step looks at a bounded
/// number of partitions and drops a bounded number of segments of each, so that neither a large
/// agent nor a long backlog holds up what else waits for the metadata store.
///
/// Confined to its caller, who calls [#step] now and then; it blocks for the metadata store.
public final class Retention {

  private static final Logger log = LoggerFactory.getLogger(Retention.class);

  private static final int PARTITIONS_PER_STEP = 200;
  private static final int SEGMENTS_PER_STEP = 100;

  private final Supplier<Collection<Partition>> partitions;
  private final SegmentManifest manifest;
  private final Duration interval;
  private final TimeSource time;

  /// Those still to be looked at in this round; at most as many as are led here.
  private final ArrayDeque<Partition> round = new ArrayDeque<>();

  /// Those whose log start is being raised; thread-safe, since that ends elsewhere.
  private final Set<PartitionId> raising = ConcurrentHashMap.newKeySet();

  private final LongAdder expiredSegments = new LongAdder();
  private final LongAdder expiredBytes = new LongAdder();
  private long nextRoundNanos;

  /// @param partitions those led here, as of each call
  /// @param interval from the begin of one round to the next
  public Retention(
      Supplier<Collection<Partition>> partitions,
      SegmentManifest manifest,
      Duration interval,
      TimeSource time) {
    this.partitions = partitions;
    this.manifest = manifest;
    this.interval = interval;
    this.time = time;
    this.nextRoundNanos = time.nanos();
  }

  /// Goes on with the round under way, or begins one that is due.
  public void step() {
    if (round.isEmpty() && time.nanos() - nextRoundNanos >= 0) {
      nextRoundNanos = time.nanos() + interval.toNanos();
      for (var partition : partitions.get()) {
        if (partition.settings().retention().any()) {
          round.add(partition);
        }
      }
    }
    for (int i = Math.min(round.size(), PARTITIONS_PER_STEP); i > 0; i--) {
      var partition = round.removeFirst();
      if (raising.contains(partition.id()) || expire(partition)) {
        round.addLast(partition);
      }
    }
  }

  /// @return whether there may be more to drop than was now
  private boolean expire(Partition partition) {
    if (partition.notLeading() != null) {
      return false;
    }
    var limits = partition.settings().retention();
    long start = partition.storedLogStart();
    var rows = manifest.segments(partition.id(), start, SEGMENTS_PER_STEP);
    int count = tooOld(rows, limits);
    count = tooMuch(partition.id(), rows, count, limits);
    if (count == 0) {
      return false;
    }
    drop(partition, rows.subList(0, count));
    return count == SEGMENTS_PER_STEP;
  }

  /// How many segments time drops. One whose records have no timestamps is as old as what follows
  /// it says.
  private int tooOld(List<Segment> rows, RetentionLimits limits) {
    int count = 0;
    if (limits.millis() >= 0) {
      long now = time.wallMillis();
      for (int i = 0; i < rows.size(); i++) {
        long newest = rows.get(i).maxTimestamp();
        if (newest >= 0) {
          if (now - newest <= limits.millis()) {
            break;
          }
          count = i + 1;
        }
      }
    }
    return count;
  }

  /// How many go once size is looked at, too.
  private int tooMuch(PartitionId id, List<Segment> rows, int count, RetentionLimits limits) {
    if (limits.bytes() < 0 || count == rows.size()) {
      return count;
    }
    long excess = manifest.storedBytes(id, rows.get(count).baseOffset()) - limits.bytes();
    int kept = count;
    while (kept < rows.size() && excess >= rows.get(kept).length()) {
      excess -= rows.get(kept).length();
      kept++;
    }
    return kept;
  }

  private void drop(Partition partition, List<Segment> segments) {
    long target = segments.getLast().endOffset();
    raising.add(partition.id());
    var _ =
        partition
            .deleteRecordsBefore(target)
            .whenComplete((result, thrown) -> {
              raising.remove(partition.id());
              if (result instanceof TruncateResult.Truncated) {
                expiredSegments.add(segments.size());
                expiredBytes.add(segments.stream().mapToLong(Segment::length).sum());
                log.info(
                    "segments expired count={} partition={} logStart={}",
                    segments.size(),
                    partition.id(),
                    target);
              } else {
                log.warn(
                    "segments not expired yet partition={} why={}",
                    partition.id(),
                    thrown == null ? result : thrown.toString());
              }
            });
  }

  /// Segments dropped so far.
  public long expiredSegments() {
    return expiredSegments.sum();
  }

  /// Their bytes, as stored.
  public long expiredBytes() {
    return expiredBytes.sum();
  }
}
