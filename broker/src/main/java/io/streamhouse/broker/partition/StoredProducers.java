package io.streamhouse.broker.partition;

import io.streamhouse.broker.partition.BackgroundWork.SegmentOpener;
import io.streamhouse.broker.storage.ObjectMissing;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.segment.ProducerState;
import io.streamhouse.segment.SegmentDamaged;
import io.streamhouse.segment.SegmentDamaged.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Producer state as committed segments have it, and what was kept of segments that the log start
/// has passed. Blocks.
public final class StoredProducers {

  /// Rows read at once while looking for the last snapshot; at least one segment in so many holds
  /// one, once producer state is known.
  private static final int PAGE = 64;

  /// How often it is begun again because segments were merged meanwhile. Merges of one partition
  /// are seconds apart.
  private static final int MOST_LOOKS = 8;

  private static final Logger log = LoggerFactory.getLogger(StoredProducers.class);

  private final SegmentManifest manifest;
  private final SegmentOpener segments;

  public StoredProducers(SegmentManifest manifest, SegmentOpener segments) {
    this.manifest = manifest;
    this.segments = segments;
  }

  /// Merges what segments below `end`, where one ends, say of producers, from the newest back to a
  /// full snapshot.
  public List<ProducerEntry> asOf(PartitionId partition, long end) throws IOException {
    for (int look = 0; look < MOST_LOOKS; look++) {
      var states = new ProducerStates();
      if (collect(partition, end, 0, states)) {
        return states.all();
      }
    }
    throw changing(partition);
  }

  /// What is to be kept of producers when the log start is raised: from batches below it, as far as
  /// they are committed, and not heard of last before `expiredMillis`. A segment that goes with
  /// this and is damaged, or whose object is gone, holds nothing up: what it said is lost already.
  List<ProducerEntry> kept(PartitionId partition, long logStart, long end, long expiredMillis)
      throws IOException {
    for (int look = 0; look < MOST_LOOKS; look++) {
      var states = new ProducerStates();
      if (collect(partition, end, logStart, states)) {
        var _ = states.forget(expiredMillis, end);
        return states.all().stream().flatMap(entry -> entry.below(logStart).stream()).toList();
      }
    }
    throw changing(partition);
  }

  private static IOException changing(PartitionId partition) {
    return new IOException("segments of " + partition + " do not stay as they are");
  }

  /// What was kept of producers when the log start was raised.
  public List<ProducerEntry> belowLogStart(PartitionId partition) throws IOException {
    var kept = manifest.logStartProducers(partition);
    if (kept.isEmpty()) {
      return List.of();
    }
    return ProducerState.decode("producers below the log start of " + partition, kept.get())
        .producers()
        .stream()
        .map(ProducerEntry::of)
        .toList();
  }

  /// Whether a segment need say no more than this, since whoever reads it remembers no more.
  public static boolean enough(Collection<ProducerEntry> entries) {
    return entries.size() >= ProducerStates.MOST;
  }

  /// State that says all there is to remember, of the producers that were heard of last.
  public static ProducerState full(Collection<ProducerEntry> entries) {
    return new ProducerState(
        true, ProducerStates.newest(entries).stream().map(ProducerEntry::snapshot).toList());
  }

  static ByteBuffer encode(List<ProducerEntry> entries) {
    return full(entries).encode();
  }

  /// @param lostBelow segments that end there or before may be unreadable
  /// @return false if segments were merged across the place where one page ended and the next began
  private boolean collect(PartitionId partition, long end, long lostBelow, ProducerStates states)
      throws IOException {
    long next = end;
    while (true) {
      var page = manifest.segmentsBefore(partition, next, PAGE);
      if (page.isEmpty()) {
        // Asked for last: what the log start passes meanwhile is moved there.
        states.merge(belowLogStart(partition));
        return true;
      }
      if (page.getFirst().endOffset() != next) {
        return false;
      }
      if (foundFull(page, lostBelow, states)) {
        return true;
      }
      next = page.getLast().baseOffset();
    }
  }

  private boolean foundFull(List<Segment> page, long lostBelow, ProducerStates states)
      throws IOException {
    for (var segment : page) {
      var section = producers(segment, lostBelow);
      if (section.isPresent()) {
        for (var snapshot : section.get().producers()) {
          states.merge(ProducerEntry.of(snapshot));
        }
        if (section.get().full()) {
          return true;
        }
      }
    }
    return false;
  }

  private Optional<ProducerState> producers(Segment segment, long lostBelow) throws IOException {
    try {
      return segments.open(segment).producers();
    } catch (IOException | CompletionException failed) {
      var cause = failed instanceof CompletionException ? failed.getCause() : failed;
      boolean lost =
          cause instanceof ObjectMissing
              || (cause instanceof SegmentDamaged damaged && damaged.kind() == Kind.DAMAGED);
      if (!lost || segment.endOffset() > lostBelow) {
        throw failed;
      }
      log.warn("what a deleted segment said of producers is lost segment={}", segment, cause);
      return Optional.empty();
    }
  }
}
