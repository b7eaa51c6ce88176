package io.streamhouse.broker.partition;

import io.streamhouse.broker.wal.WalPlace;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.WalEntry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/// Sorts what a write-ahead log holds into the tails of the partitions it belongs to.
///
/// A partition accepts only entries of the WAL named in its row, with an epoch at least its tail's,
/// chaining without gap from its committed end; an entry of a higher epoch voids every earlier one
/// at or above its base offset. Everything else is dropped, counted, and logged as ranges, except
/// where it is committed, which nobody needs to know. Entries of a topic that the catalogue has
/// never heard of (a database older than this log) are kept: see [#unclaimed].
public final class TailReplay {

  private static final Logger log = LoggerFactory.getLogger(TailReplay.class);

  private static final String COMMITTED = "committed";
  private static final String GAP = "does not continue at ";

  /// Appended by an owner that had lost its lease, or lost when somebody took the partition without
  /// its tail.
  private static final String GIVEN_UP =
      "before the tail's epoch: never acknowledged, or given up by an unclean election";

  /// Perhaps the only copy of something acknowledged.
  private static final String RESTORED =
      "written before the database was restored, which knows nothing of it; its file is kept";

  private final UUID walId;
  private final Map<PartitionId, TailBuilder> tails = new HashMap<>();
  private final Predicate<UUID> deleted;
  private final Map<UUID, Boolean> deletedTopics = new HashMap<>();
  private final Set<PartitionId> unclaimed = ConcurrentHashMap.newKeySet();

  /// Partitions that were opened since the replay, whose later records are in the log.
  private final Set<PartitionId> opened = new HashSet<>();

  private final Map<PartitionId, Dropped> dropped = new HashMap<>();

  /// @param grants of the partitions whose tail may be in this log
  /// @param deleted tells a topic that was deleted from one never heard of; asked once for each
  public TailReplay(UUID walId, Collection<Grant> grants, Predicate<UUID> deleted) {
    this.walId = walId;
    this.deleted = deleted;
    for (var grant : grants) {
      tails.put(grant.lease().key(), new TailBuilder(grant));
    }
  }

  /// A log that batches of a tail are in.
  public interface Source {

    /// Reads batches back, in the order asked; blocks. The caller releases them.
    List<RecordBatches> read(List<WalPlace> places) throws IOException;
  }

  /// A tail that was not among those of a replay.
  static final class NotReplayed extends IllegalStateException {
    NotReplayed(String message) {
      super(message);
    }
  }

  /// Takes one entry, oldest first; of what it keeps, it copies the header.
  public void entry(WalPlace place, WalEntry entry) {
    var partition = new PartitionId(entry.topicId(), entry.partition());
    var tail = tails.get(partition);
    if (tail == null) {
      if (deletedTopics.computeIfAbsent(entry.topicId(), deleted::test)) {
        drop(partition, entry, "topic deleted");
      } else {
        unclaimed.add(partition);
      }
      return;
    }
    var refused = tail.offer(place, entry);
    if (refused != null) {
      drop(partition, entry, refused);
    }
  }

  private void drop(PartitionId partition, WalEntry entry, String why) {
    dropped
        .computeIfAbsent(partition, _ -> new Dropped())
        .add(RecordBatches.of(entry.batch()).single(), entry.leaseEpoch(), why);
  }

  /// Hands over the acknowledged batches of a partition beyond its committed end, once.
  ///
  /// A lease may have been taken before without anybody hearing of it: its answer was lost. Then
  /// the tail is older than the lease, too, but nothing was ever written to it.
  ///
  /// @throws NotReplayed if the partition may have a tail in this log that was not part of this
  ///   replay: opening it without would lose what was acknowledged
  public List<TailBatch> take(Grant grant) {
    var partition = grant.lease().key();
    boolean first = opened.add(partition);
    var tail = tails.remove(partition);
    if (tail != null) {
      return tail.batches();
    }
    boolean older = grant.tail().isPresent() && grant.tail().get().epoch() < grant.lease().epoch();
    if (older && (!first || unclaimed.contains(partition))) {
      throw new NotReplayed(
          "the tail of %s since epoch %d is in this log but was not replayed"
              .formatted(partition, grant.tail().get().epoch()));
    }
    return List.of();
  }

  /// Notes that a partition was opened, be it with a tail from elsewhere: from now on the log may
  /// have records of it that were not part of this replay.
  void opened(PartitionId partition) {
    opened.add(partition);
  }

  /// Partitions in the log that are not deleted and were not granted: unknown to the metadata, or
  /// led elsewhere. The files that name them must stay.
  public Set<PartitionId> unclaimed() {
    return unclaimed;
  }

  /// Says what was dropped and why, once, and what of the log stays because others may need it.
  public void report() {
    reportDropped();
    if (!unclaimed.isEmpty()) {
      log.warn("replay keeps the files of partitions that are not led here ids={}", unclaimed);
    }
  }

  /// Says what was dropped and why, once.
  void reportDropped() {
    dropped.forEach((partition, ranges) ->
        log.atLevel(ranges.level())
            .log(
                "replay dropped batches partition={} count={} records={} offsets={}..{}"
                    + " epochs={}..{} why={}",
                partition,
                ranges.count,
                ranges.records,
                ranges.lowest,
                ranges.highest,
                ranges.lowestEpoch,
                ranges.highestEpoch,
                ranges.reasons));
    dropped.clear();
  }

  private final class TailBuilder {

    private final Grant grant;
    private final List<Kept> kept = new ArrayList<>();

    private record Kept(int epoch, long baseOffset, long endOffset, TailBatch batch) {}

    TailBuilder(Grant grant) {
      this.grant = grant;
    }

    /// @return why the entry is not part of the tail, or null
    @Nullable String offer(WalPlace place, WalEntry entry) {
      var batches = RecordBatches.of(entry.batch());
      var batch = batches.single();
      if (batch.baseOffset() != entry.baseOffset()
          || batch.sizeInBytes() != batches.sizeInBytes()) {
        throw new IllegalStateException(
            "write-ahead log entry of %s at %d holds a batch at %d of %d in %d bytes"
                .formatted(
                    grant.lease().key(),
                    entry.baseOffset(),
                    batch.baseOffset(),
                    batch.sizeInBytes(),
                    batches.sizeInBytes()));
      }
      boolean committed = batch.endOffset() <= grant.committedEnd();
      if (grant.tail().isEmpty() || !grant.tail().get().walId().equals(walId)) {
        return committed ? COMMITTED : "tail is not in this log";
      }
      if (entry.leaseEpoch() < grant.tail().get().epoch()) {
        if (committed) {
          return COMMITTED;
        }
        return Recovery.restoredBetween(entry.leaseEpoch(), grant.tail().get().epoch())
            ? RESTORED
            : GIVEN_UP;
      }
      int newest = kept.isEmpty() ? -1 : kept.getLast().epoch;
      if (entry.leaseEpoch() < newest) {
        return "epoch before that of earlier entries";
      }
      if (entry.leaseEpoch() > newest) {
        kept.removeIf(earlier -> earlier.baseOffset >= entry.baseOffset());
      }
      if (committed) {
        return COMMITTED;
      }
      long next = kept.isEmpty() ? grant.committedEnd() : kept.getLast().endOffset;
      if (entry.baseOffset() != next) {
        return GAP + next;
      }
      kept.add(
          new Kept(
              entry.leaseEpoch(),
              entry.baseOffset(),
              batch.endOffset(),
              TailBatch.evicted(entry.batch(), place)));
      return null;
    }

    List<TailBatch> batches() {
      return kept.stream().map(Kept::batch).toList();
    }
  }

  private static final class Dropped {
    private int count;
    private long records;
    private boolean lost;
    private long lowest = Long.MAX_VALUE;
    private long highest;
    private int lowestEpoch = Integer.MAX_VALUE;
    private int highestEpoch;
    private final Set<String> reasons = new HashSet<>();

    /// Committed entries are in segments: nothing is lost with them.
    Level level() {
      return lost ? Level.WARN : reasons.equals(Set.of(COMMITTED)) ? Level.DEBUG : Level.INFO;
    }

    void add(RecordBatch batch, int epoch, String why) {
      count++;
      records += batch.recordCount();
      lost |= why.startsWith(GAP) || why.equals(RESTORED);
      lowest = Math.min(lowest, batch.baseOffset());
      highest = Math.max(highest, batch.endOffset() - 1);
      lowestEpoch = Math.min(lowestEpoch, epoch);
      highestEpoch = Math.max(highestEpoch, epoch);
      if (reasons.size() < 8) {
        reasons.add(why);
      }
    }
  }
}
