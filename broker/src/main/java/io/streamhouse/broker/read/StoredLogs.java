package io.streamhouse.broker.read;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Leadership;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.Stages;
import io.streamhouse.broker.storage.SegmentCache;
import io.streamhouse.metadata.Audit;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/// The logs of the partitions led here, and the committed part of those placed here whose tails are
/// with an agent that is away.
public final class StoredLogs implements Logs {

  private final Leadership leadership;
  private final Supplier<Image> image;
  private final SegmentManifest manifest;
  private final Audit partitions;
  private final SegmentCache segments;
  private final Executor blocking;
  private final Executor searching;
  private final SegmentRows rows;
  private final ConcurrentHashMap<PartitionId, Led> known = new ConcurrentHashMap<>();

  /// Of partitions that wait; a stage while its row is being read.
  private final ConcurrentHashMap<PartitionId, CompletableFuture<Optional<Lookup.Led>>> waiting =
      new ConcurrentHashMap<>();

  private record Led(Partition partition, Lookup.Led lookup) {}

  /// @param partitions rows of partitions
  /// @param rows rows of segments
  /// @param blocking runs metadata reads
  /// @param searching runs lookups in segments, which a slow store holds up
  public StoredLogs(
      Leadership leadership,
      Supplier<Image> image,
      SegmentManifest manifest,
      Audit partitions,
      SegmentCache segments,
      SegmentRows rows,
      Executor blocking,
      Executor searching) {
    this.leadership = leadership;
    this.image = image;
    this.manifest = manifest;
    this.partitions = partitions;
    this.segments = segments;
    this.rows = rows;
    this.blocking = blocking;
    this.searching = searching;
  }

  @Override
  public Lookup find(PartitionId id) {
    var partition = leadership.find(id);
    if (partition == null) {
      known.remove(id);
      return leadership.waits(id) ? committed(id) : new Lookup.NotLed(whyNot(id));
    }
    var led = known.get(id);
    if (led == null || led.partition != partition) {
      var reader = new StoredLog(partition, manifest, segments, blocking, searching, rows);
      led = new Led(partition, new Lookup.Led(reader, partition));
      known.put(id, led);
    }
    return led.lookup;
  }

  /// The committed part of the log of a partition that waits for the rest.
  private Lookup committed(PartitionId id) {
    var log = waiting.computeIfAbsent(id, this::readRow);
    if (log.isDone() && !log.isCompletedExceptionally() && log.join().isPresent()) {
      return log.join().get();
    }
    if (log.isDone()) {
      waiting.remove(id, log);
    }
    return new Lookup.NotLed(new Failure.OffsetNotAvailable());
  }

  private CompletableFuture<Optional<Lookup.Led>> readRow(PartitionId id) {
    return Stages.supply(
        blocking,
        () ->
            partitions
                .partition(id)
                .map(row -> {
                  var log = new WaitingLog(row, segments, rows);
                  return new Lookup.Led(log, log);
                }));
  }

  /// Forgets the logs of partitions that are not led here any more; to be called now and then.
  public void prune() {
    known.keySet().removeIf(id -> leadership.find(id) == null);
    waiting.keySet().removeIf(id -> !leadership.waits(id));
    rows.prune(id -> leadership.find(id) != null || leadership.waits(id));
  }

  private Failure whyNot(PartitionId id) {
    var seen = image.get();
    var topic = seen.topic(id.topicId());
    if (topic == null || id.partition() >= topic.partitions()) {
      return new Failure.UnknownTopicId();
    }
    var leader = seen.leader(id);
    return new Failure.NotLeader(
        leader == null ? OptionalInt.empty() : OptionalInt.of(leader.agent().nodeId()));
  }
}
