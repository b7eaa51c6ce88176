package io.streamhouse.metadata.memory;

import io.streamhouse.metadata.Audit;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.metadata.memory.State.PartitionRow;
import io.streamhouse.metadata.memory.State.TopicRow;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;

/// Some rows cannot be wrong here, since one structure holds what several tables do.
final class MemoryAudit implements Audit {

  private final State state;

  MemoryAudit(State state) {
    this.state = state;
  }

  @Override
  public List<AuditedPartition> partitions(Optional<PartitionId> after, int limit) {
    return state.transaction(
        "auditPartitions",
        () -> {
          var rows = new TreeMap<PartitionId, AuditedPartition>();
          for (var topic : state.topicsById.values()) {
            for (int i = 0; i < topic.partitions.size(); i++) {
              var id = new PartitionId(topic.id, i);
              if (after.isEmpty() || id.compareTo(after.get()) > 0) {
                rows.put(id, audited(id, topic, topic.partitions.get(i)));
              }
            }
          }
          return rows.values().stream().limit(limit).toList();
        });
  }

  @Override
  public Optional<AuditedPartition> partition(PartitionId partition) {
    return state.transaction(
        "auditPartition",
        () -> {
          var row = state.partition(partition);
          var topic = state.topicsById.get(partition.topicId());
          return row == null || topic == null
              ? Optional.<AuditedPartition>empty()
              : Optional.of(audited(partition, topic, row));
        });
  }

  private static AuditedPartition audited(PartitionId id, TopicRow topic, PartitionRow row) {
    return new AuditedPartition(
        id,
        Optional.of(topic.name),
        row.epoch,
        row.logStart,
        row.committedEnd,
        Optional.ofNullable(row.tail));
  }

  @Override
  public List<String> topicsMissingPartitions(int limit) {
    return List.of();
  }

  @Override
  public List<PartitionId> strays(int limit) {
    return List.of();
  }

  @Override
  public List<AuditedSegment> segments(PartitionId partition, long fromOffset, int limit) {
    return state.transaction(
        "auditSegments",
        () -> {
          var row = state.partition(partition);
          return row == null
              ? List.<AuditedSegment>of()
              : row.segments.tailMap(fromOffset, false).values().stream()
                  .limit(limit)
                  .map(segment -> audited(segment, row))
                  .toList();
        });
  }

  private AuditedSegment audited(Segment segment, PartitionRow row) {
    return new AuditedSegment(
        segment.baseOffset(),
        segment.endOffset(),
        row.leaderEpochs.getOrDefault(segment.endOffset(), -1),
        segment.objectId(),
        Optional.ofNullable(state.objects.get(segment.objectId())).map(object -> object.key),
        segment.position(),
        segment.length(),
        segment.records(),
        segment.maxTimestamp());
  }

  @Override
  public List<AuditedObject> objects(long after, int limit) {
    return state.transaction(
        "auditObjects",
        () -> {
          var referring = referring();
          return state.objects.entrySet().stream()
              .filter(entry -> entry.getValue().sequence > after)
              .limit(limit)
              .map(entry -> audited(entry, referring))
              .toList();
        });
  }

  @Override
  public List<AuditedObject> objects(Collection<UUID> objectIds) {
    return state.transaction(
        "auditObjects",
        () -> {
          var referring = referring();
          var wanted = Set.copyOf(objectIds);
          return state.objects.entrySet().stream()
              .filter(entry -> wanted.contains(entry.getKey()))
              .map(entry -> audited(entry, referring))
              .toList();
        });
  }

  private Map<UUID, Long> referring() {
    return state.topicsById.values().stream()
        .flatMap(topic -> topic.partitions.stream())
        .flatMap(row -> row.segments.values().stream())
        .collect(Collectors.groupingBy(Segment::objectId, Collectors.counting()));
  }

  private static AuditedObject audited(
      Map.Entry<UUID, State.ObjectRow> entry, Map<UUID, Long> referring) {
    var row = entry.getValue();
    return new AuditedObject(
        row.sequence,
        entry.getKey(),
        row.key,
        ObjectState.valueOf(row.state.name()),
        row.segments,
        referring.getOrDefault(entry.getKey(), 0L).intValue());
  }

  @Override
  public Set<UUID> wals() {
    return state.transaction(
        "wals",
        () ->
            state.sessions.values().stream()
                .map(session -> session.session.walId())
                .collect(Collectors.toUnmodifiableSet()));
  }

  @Override
  public List<DanglingOffset> danglingOffsets(int limit) {
    return state.transaction(
        "danglingOffsets",
        () -> {
          var dangling = new ArrayList<DanglingOffset>();
          state.groups.forEach((group, row) ->
              row.offsets.keySet().stream()
                  .filter(partition -> state.partition(partition) == null)
                  .forEach(partition -> dangling.add(new DanglingOffset(group, partition))));
          return dangling.stream().limit(limit).toList();
        });
  }

  @Override
  public boolean recount(UUID objectId) {
    return state.transaction(
        "recount",
        () -> {
          var object = state.objects.get(objectId);
          if (object == null || object.state == State.ObjectState.PENDING) {
            return false;
          }
          object.segments = referring().getOrDefault(objectId, 0L).intValue();
          object.state =
              object.segments == 0 ? State.ObjectState.ABANDONED : State.ObjectState.COMMITTED;
          return true;
        });
  }
}
