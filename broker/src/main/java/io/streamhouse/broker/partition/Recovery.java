package io.streamhouse.broker.partition;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.wal.WalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Sweeps;
import java.io.IOException;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What an agent finds when it comes back to its data directory: its partitions' leases, taken
/// again at a higher epoch, and in its write-ahead log the acknowledged tails they have.
///
/// @param wal open for new appends
/// @param grants leases to open partitions from
/// @param replay their tails
public record Recovery(WriteAheadLog wal, List<Grant> grants, TailReplay replay) {

  private static final Logger log = LoggerFactory.getLogger(Recovery.class);

  /// Takes the leases first, because only they say where each partition's committed log ends, then
  /// reads the log. Blocks.
  ///
  /// @param deleted whether a topic id belongs to a deleted topic
  public static Recovery run(
      Image image,
      PartitionLeases leases,
      Leadership.Cluster self,
      Predicate<UUID> deleted,
      WalFiles files,
      WalOptions options,
      TimeSource time)
      throws IOException {
    var grants = leases.take(image, self.firstClaims(image));
    var replay = new TailReplay(self.walId(), grants, deleted);
    var wal = WriteAheadLog.open(files, self.walId(), options, time, replay::entry);
    replay.report();
    return new Recovery(wal, grants, replay);
  }

  /// Lets go of what the log kept for partitions that are not led here, where no row names it any
  /// more: nobody can need it then. Blocks.
  ///
  /// @param named asked for the partitions whose rows name this log
  /// @param known whether the catalogue has a topic, or had: of others nobody can say
  public void settle(
      Leadership leadership, Supplier<Collection<PartitionId>> named, Predicate<UUID> known) {
    // Before the question: what is added meanwhile is not judged by its answer.
    var kept = new HashSet<>(replay.unclaimed());
    kept.addAll(leadership.unsettled());
    kept.removeIf(id -> !known.test(id.topicId()));
    if (!kept.isEmpty()) {
      kept.removeAll(Set.copyOf(named.get()));
      if (!kept.isEmpty()) {
        log.info(
            "the write-ahead log lets go of partitions whose tails are not in it count={}",
            kept.size());
      }
      replay.unclaimed().removeAll(kept);
      leadership.unsettled().removeAll(kept);
    }
  }

  /// What the log must keep while `leadership` leads.
  public WriteAheadLog.Kept kept(Leadership leadership) {
    Set<PartitionId> unclaimed = replay.unclaimed();
    return (partition, leaseEpoch, endOffset) -> {
      var led = leadership.find(partition);
      if (led == null) {
        if (leadership.mayReturn(partition) || unclaimed.contains(partition)) {
          return true;
        }
        // It may have been opened between the two looks.
        led = leadership.find(partition);
      }
      return led != null && led.committedEnd() < endOffset && !givenUp(leaseEpoch, led.tailSince());
    };
  }

  /// Whether what was written under an epoch is none of a tail that began under another. Where the
  /// database was restored in between it may be, and is not in that database: it is left for people
  /// to look at.
  private static boolean givenUp(int leaseEpoch, int tailSince) {
    return leaseEpoch < tailSince && !restoredBetween(leaseEpoch, tailSince);
  }

  static boolean restoredBetween(int leaseEpoch, int later) {
    return later - leaseEpoch >= Sweeps.EPOCH_STEP;
  }
}
