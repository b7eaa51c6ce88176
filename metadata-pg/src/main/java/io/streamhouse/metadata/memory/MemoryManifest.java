package io.streamhouse.metadata.memory;

import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.memory.State.ObjectRow;
import io.streamhouse.metadata.memory.State.ObjectState;
import io.streamhouse.metadata.memory.State.PartitionRow;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

final class MemoryManifest implements SegmentManifest {

  private final State state;

  MemoryManifest(State state) {
    this.state = state;
  }

  @Override
  public void registerObject(UUID incarnation, UUID objectId, String key) {
    state.run(
        "registerObject",
        () ->
            state.objects.computeIfAbsent(
                objectId, _ -> new ObjectRow(state.nextSequence++, incarnation, key)));
  }

  @Override
  public List<CommitResult> commit(UUID objectId, List<NewSegment> segments) {
    return state.transaction("commit", () -> commitNow(objectId, segments));
  }

  private List<CommitResult> commitNow(UUID objectId, List<NewSegment> segments) {
    var object = state.objects.get(objectId);
    if (object == null || object.state != ObjectState.PENDING) {
      return segments.stream().map(segment -> outcome(objectId, segment)).toList();
    }
    var results =
        new ArrayList<CommitResult>(
            Collections.nCopies(segments.size(), new CommitResult.TopicGone()));
    var order =
        IntStream.range(0, segments.size())
            .boxed()
            .sorted(
                Comparator.comparing((Integer i) -> segments.get(i).lease().key())
                    .thenComparingLong(i -> segments.get(i).baseOffset()))
            .toList();
    for (int i : order) {
      results.set(i, commitOne(objectId, object, segments.get(i)));
    }
    object.state = object.segments == 0 ? ObjectState.ABANDONED : ObjectState.COMMITTED;
    return results;
  }

  private CommitResult commitOne(UUID objectId, ObjectRow object, NewSegment s) {
    var row = state.partition(s.lease().key());
    if (row == null) {
      return new CommitResult.TopicGone();
    }
    if (!row.heldBy(s.lease())) {
      return new CommitResult.Fenced();
    }
    if (row.committedEnd != s.baseOffset()) {
      return outcome(objectId, s);
    }
    row.committedEnd = s.endOffset();
    row.epochStarts.putIfAbsent(s.leaderEpoch(), s.baseOffset());
    add(row, objectId, object, s);
    return new CommitResult.Committed(s.endOffset());
  }

  private static void add(PartitionRow row, UUID objectId, ObjectRow object, NewSegment s) {
    row.segments.put(
        s.endOffset(),
        new Segment(
            s.lease().key(),
            s.baseOffset(),
            s.endOffset(),
            objectId,
            object.key,
            s.position(),
            s.length(),
            s.records(),
            s.maxTimestamp()));
    row.leaderEpochs.put(s.endOffset(), s.leaderEpoch());
    object.segments++;
  }

  /// What an earlier commit of this object did with a segment, if there was one.
  private CommitResult outcome(UUID objectId, NewSegment s) {
    var row = state.partition(s.lease().key());
    if (row == null) {
      return new CommitResult.TopicGone();
    }
    var segment = row.segments.get(s.endOffset());
    if (segment != null
        && segment.objectId().equals(objectId)
        && segment.baseOffset() == s.baseOffset()) {
      return new CommitResult.Committed(s.endOffset());
    }
    if (!row.heldBy(s.lease())) {
      return new CommitResult.Fenced();
    }
    if (row.logStart >= s.endOffset()) {
      // Only this lease could have committed the range; its rows went with the log start.
      return new CommitResult.Committed(s.endOffset());
    }
    // Abandoned before it was committed: not a gap, but the end of the session.
    return row.committedEnd == s.baseOffset()
        ? new CommitResult.Fenced()
        : new CommitResult.Gap(row.committedEnd);
  }

  @Override
  public List<ReplaceResult> replace(UUID objectId, List<Replacement> replacements) {
    return state.transaction(
        "replace",
        () -> {
          var object = state.objects.get(objectId);
          var results = new ArrayList<ReplaceResult>();
          for (var one : replacements) {
            results.add(
                object == null || object.state != ObjectState.PENDING
                    ? replaceOutcome(objectId, one.by())
                    : replaceOne(objectId, object, one));
          }
          if (object != null && object.state == ObjectState.PENDING) {
            object.state = object.segments == 0 ? ObjectState.ABANDONED : ObjectState.COMMITTED;
          }
          return results;
        });
  }

  private ReplaceResult replaceOne(UUID objectId, ObjectRow object, Replacement one) {
    var by = one.by();
    var row = state.partition(by.lease().key());
    if (row == null || !row.heldBy(by.lease())) {
      return new ReplaceResult.Fenced();
    }
    for (var old : one.rows()) {
      var there = row.segments.get(old.endOffset());
      if (there == null
          || there.baseOffset() != old.baseOffset()
          || !there.objectId().equals(old.objectId())) {
        return new ReplaceResult.Changed();
      }
    }
    for (var old : one.rows()) {
      row.segments.remove(old.endOffset());
      row.leaderEpochs.remove(old.endOffset());
      state.unreference(old.objectId(), 1);
    }
    add(row, objectId, object, by);
    return new ReplaceResult.Replaced();
  }

  private ReplaceResult replaceOutcome(UUID objectId, NewSegment by) {
    var row = state.partition(by.lease().key());
    if (row == null) {
      return new ReplaceResult.Fenced();
    }
    var segment = row.segments.get(by.endOffset());
    if (segment != null
        && segment.objectId().equals(objectId)
        && segment.baseOffset() == by.baseOffset()) {
      return new ReplaceResult.Replaced();
    }
    return row.heldBy(by.lease()) ? new ReplaceResult.Changed() : new ReplaceResult.Fenced();
  }

  @Override
  public List<Segment> segments(PartitionId partition, long fromOffset, int limit) {
    return state.transaction(
        "segments",
        () -> {
          var row = state.partition(partition);
          return row == null
              ? List.<Segment>of()
              : row.segments.tailMap(fromOffset, false).values().stream().limit(limit).toList();
        });
  }

  @Override
  public List<Segment> segmentsBefore(PartitionId partition, long endOffset, int limit) {
    return state.transaction(
        "segmentsBefore",
        () -> {
          var row = state.partition(partition);
          return row == null
              ? List.<Segment>of()
              : row.segments.headMap(endOffset, true).descendingMap().values().stream()
                  .limit(limit)
                  .toList();
        });
  }

  @Override
  public Optional<Segment> segmentAtTimestamp(
      PartitionId partition, long timestamp, long fromOffset) {
    return state.transaction(
        "segmentAtTimestamp",
        () ->
            Optional.ofNullable(state.partition(partition)).stream()
                .flatMap(row -> row.segments.tailMap(fromOffset, false).values().stream())
                .filter(segment -> segment.maxTimestamp() >= timestamp)
                .findFirst());
  }

  @Override
  public Optional<Segment> segmentWithMaxTimestamp(PartitionId partition, long fromOffset) {
    return state.transaction(
        "segmentWithMaxTimestamp",
        () ->
            Optional.ofNullable(state.partition(partition)).stream()
                .flatMap(row -> row.segments.tailMap(fromOffset, false).values().stream())
                .reduce((a, b) -> b.maxTimestamp() > a.maxTimestamp() ? b : a));
  }

  @Override
  public long storedBytes(PartitionId partition, long fromOffset) {
    return state.transaction(
        "storedBytes",
        () ->
            Optional.ofNullable(state.partition(partition)).stream()
                .flatMap(row -> row.segments.tailMap(fromOffset, false).values().stream())
                .mapToLong(Segment::length)
                .sum());
  }

  @Override
  public Map<PartitionId, Long> storedBytes(UUID incarnation, @Nullable Collection<UUID> topics) {
    return state.transaction(
        "storedBytes",
        () -> {
          var bytes = new HashMap<PartitionId, Long>();
          state.topicsById.forEach((topic, row) -> {
            if (topics != null && !topics.contains(topic)) {
              return;
            }
            for (var i = 0; i < row.partitions.size(); i++) {
              var partition = row.partitions.get(i);
              if (incarnation.equals(partition.incarnation) && !partition.segments.isEmpty()) {
                bytes.put(
                    new PartitionId(topic, i),
                    partition.segments.values().stream().mapToLong(Segment::length).sum());
              }
            }
          });
          return bytes;
        });
  }

  @Override
  public List<EpochStart> epochs(PartitionId partition) {
    return state.transaction(
        "epochs",
        () -> {
          var starts = new ArrayList<EpochStart>();
          var row = state.partition(partition);
          if (row != null) {
            row.epochStarts.forEach((epoch, start) -> starts.add(new EpochStart(epoch, start)));
          }
          return starts;
        });
  }

  @Override
  public boolean raiseLogStart(
      Lease<PartitionId> lease, long logStart, @Nullable ByteBuffer producers) {
    return state.transaction(
        "raiseLogStart",
        () -> {
          var row = state.partition(lease.key());
          if (row == null || !row.heldBy(lease)) {
            return false;
          }
          if (logStart > row.committedEnd) {
            throw new IllegalArgumentException(
                "log start " + logStart + " above committed end " + row.committedEnd);
          }
          if (logStart > row.logStart) {
            row.logStart = logStart;
            row.logStartProducers = producers == null ? null : copy(producers);
            dropBelow(row, logStart);
          }
          return true;
        });
  }

  private static ByteBuffer copy(ByteBuffer bytes) {
    return ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
  }

  @Override
  public Optional<ByteBuffer> logStartProducers(PartitionId partition) {
    return state.transaction(
        "logStartProducers",
        () -> {
          var row = state.partition(partition);
          return row == null || row.logStartProducers == null
              ? Optional.empty()
              : Optional.of(row.logStartProducers.asReadOnlyBuffer());
        });
  }

  private void dropBelow(PartitionRow row, long logStart) {
    var below = row.segments.headMap(logStart, true);
    below.values().forEach(segment -> state.unreference(segment.objectId(), 1));
    below.clear();
    row.leaderEpochs.headMap(logStart, true).clear();
    // An epoch has ended below the start when a later one begins at or below it.
    var starts = row.epochStarts;
    while (starts.size() > 1) {
      var first = starts.firstKey();
      if (starts.tailMap(first, false).firstEntry().getValue() > logStart) {
        break;
      }
      starts.remove(first);
    }
  }

  @Override
  public List<DueObject> dueForDeletion(long after, int limit) {
    return state.transaction(
        "dueForDeletion",
        () -> {
          var due = new ArrayList<DueObject>();
          state.objects.forEach((id, object) -> {
            if (object.state == ObjectState.PENDING && !state.live(object.incarnation)) {
              object.state = ObjectState.ABANDONED;
            }
            if (object.state == ObjectState.ABANDONED
                && object.sequence > after
                && due.size() < limit) {
              due.add(new DueObject(object.sequence, id, object.key));
            }
          });
          return due;
        });
  }

  @Override
  public void forgetObjects(Collection<UUID> objectIds) {
    state.run(
        "forgetObjects",
        () -> {
          for (var id : objectIds) {
            var object = state.objects.get(id);
            if (object != null && object.state == ObjectState.ABANDONED) {
              state.objects.remove(id);
            }
          }
        });
  }
}
