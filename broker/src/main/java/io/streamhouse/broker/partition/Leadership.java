package io.streamhouse.broker.partition;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The partitions this agent leads: takes leases of those placed here, opens them, closes those
/// that are gone. With one agent, every partition is placed here.
///
/// [#find] may be called by anyone; everything else by one caller at a time, off the event loops.
public final class Leadership {

  private static final Logger log = LoggerFactory.getLogger(Leadership.class);

  private final PartitionLeases leases;
  private final Opener opener;
  private final Function<Topic, PartitionSettings> settings;
  private final ConcurrentHashMap<PartitionId, Partition> led = new ConcurrentHashMap<>();
  private volatile boolean released;

  /// Makes a partition out of a lease.
  public interface Opener {
    Partition open(Grant grant, PartitionSettings settings);
  }

  public Leadership(
      PartitionLeases leases, Opener opener, Function<Topic, PartitionSettings> settings) {
    this.leases = leases;
    this.opener = opener;
    this.settings = settings;
  }

  /// The partition if it is led here; a plain read.
  public @Nullable Partition find(PartitionId partition) {
    return led.get(partition);
  }

  public Collection<Partition> all() {
    return led.values();
  }

  /// Opens partitions whose leases were granted.
  public void open(Image image, List<Grant> grants) {
    for (var grant : grants) {
      var topic = image.topic(grant.lease().key().topicId());
      if (topic == null) {
        continue;
      }
      Partition partition;
      try {
        partition = opener.open(grant, settings.apply(topic));
      } catch (IllegalStateException unsafe) {
        log.error("partition stays closed until the next start", unsafe);
        continue;
      }
      led.put(partition.id(), partition);
      log.debug(
          "partition opened partition={} leaseEpoch={} committedEnd={} highWatermark={}",
          partition.id(),
          partition.lease().epoch(),
          partition.committedEnd(),
          partition.highWatermark());
    }
    if (!grants.isEmpty()) {
      log.info("partitions opened count={}", grants.size());
    }
  }

  /// Whether everything was given up: what was led here is no longer known.
  boolean released() {
    return released;
  }

  /// Brings what is led in line with `image`.
  ///
  /// @return whether leases were taken
  public boolean reconcile(Image image) {
    if (released) {
      return false;
    }
    for (var partition : List.copyOf(led.values())) {
      var topic = image.topic(partition.id().topicId());
      if (topic == null) {
        led.remove(partition.id());
        partition.close(new Failure.UnknownTopic());
      } else {
        partition.settings(settings.apply(topic));
      }
    }
    var grants = leases.take(image, led::containsKey);
    open(image, grants);
    return !grants.isEmpty();
  }

  /// Gives every lease up: those of flushed partitions with a null tail, the others with their tail
  /// where it is.
  public void release() {
    released = true;
    var flushed = new ArrayList<Lease<PartitionId>>();
    var unflushed = new ArrayList<Lease<PartitionId>>();
    for (var partition : led.values()) {
      partition.close(new Failure.NotLeader(OptionalInt.empty()));
      (partition.flushedToItsEnd() ? flushed : unflushed).add(partition.lease());
    }
    led.clear();
    leases.release(flushed, unflushed);
    log.info(
        "partitions released flushed={} withTailInTheLog={}", flushed.size(), unflushed.size());
  }
}
