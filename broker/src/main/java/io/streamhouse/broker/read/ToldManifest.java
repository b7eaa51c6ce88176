package io.streamhouse.broker.read;

import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The manifest as those use it who add segments to it: [SegmentRows] is told of what they commit,
/// so that readers need not ask for what this agent has done itself. Thread-safe.
public final class ToldManifest implements SegmentManifest {

  private final SegmentManifest manifest;
  private final SegmentRows rows;

  /// Far more than are on their way at once. Of objects given up the keys stay until there are so
  /// many; for what is dropped with them readers ask.
  private static final int MOST_KEYS = 1000;

  /// Of objects registered and not committed yet.
  private final ConcurrentHashMap<UUID, String> keys = new ConcurrentHashMap<>();

  public ToldManifest(SegmentManifest manifest, SegmentRows rows) {
    this.manifest = manifest;
    this.rows = rows;
  }

  @Override
  public void registerObject(UUID incarnation, UUID objectId, String key) {
    manifest.registerObject(incarnation, objectId, key);
    if (keys.size() >= MOST_KEYS) {
      keys.clear();
    }
    keys.put(objectId, key);
  }

  @Override
  public List<CommitResult> commit(UUID objectId, List<NewSegment> segments) {
    var results = manifest.commit(objectId, segments);
    var key = keys.remove(objectId);
    for (int i = 0; key != null && i < segments.size(); i++) {
      if (results.get(i) instanceof CommitResult.Committed) {
        rows.add(row(objectId, key, segments.get(i)));
      }
    }
    return results;
  }

  @Override
  public List<ReplaceResult> replace(UUID objectId, List<Replacement> replacements) {
    var results = manifest.replace(objectId, replacements);
    var key = keys.remove(objectId);
    for (int i = 0; key != null && i < replacements.size(); i++) {
      if (results.get(i) instanceof ReplaceResult.Replaced) {
        rows.add(row(objectId, key, replacements.get(i).by()));
      }
    }
    return results;
  }

  private static Segment row(UUID objectId, String key, NewSegment segment) {
    return new Segment(
        segment.lease().key(),
        segment.baseOffset(),
        segment.endOffset(),
        objectId,
        key,
        segment.position(),
        segment.length(),
        segment.records(),
        segment.maxTimestamp());
  }

  @Override
  public List<Segment> segments(PartitionId partition, long fromOffset, int limit) {
    return manifest.segments(partition, fromOffset, limit);
  }

  @Override
  public List<Segment> segmentsBefore(PartitionId partition, long endOffset, int limit) {
    return manifest.segmentsBefore(partition, endOffset, limit);
  }

  @Override
  public Optional<Segment> segmentAtTimestamp(
      PartitionId partition, long timestamp, long fromOffset) {
    return manifest.segmentAtTimestamp(partition, timestamp, fromOffset);
  }

  @Override
  public Optional<Segment> segmentWithMaxTimestamp(PartitionId partition, long fromOffset) {
    return manifest.segmentWithMaxTimestamp(partition, fromOffset);
  }

  @Override
  public long storedBytes(PartitionId partition, long fromOffset) {
    return manifest.storedBytes(partition, fromOffset);
  }

  @Override
  public Map<PartitionId, Long> storedBytes(UUID incarnation, @Nullable Collection<UUID> topics) {
    return manifest.storedBytes(incarnation, topics);
  }

  @Override
  public List<EpochStart> epochs(PartitionId partition) {
    return manifest.epochs(partition);
  }

  @Override
  public boolean raiseLogStart(
      Lease<PartitionId> lease, long logStart, @Nullable ByteBuffer producers) {
    return manifest.raiseLogStart(lease, logStart, producers);
  }

  @Override
  public Optional<ByteBuffer> logStartProducers(PartitionId partition) {
    return manifest.logStartProducers(partition);
  }

  @Override
  public List<DueObject> dueForDeletion(long after, int limit) {
    return manifest.dueForDeletion(after, limit);
  }

  @Override
  public void forgetObjects(Collection<UUID> objectIds) {
    manifest.forgetObjects(objectIds);
  }
}
