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
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Predicate;
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
  private final Predicate<UUID> deleted;
  private final ConcurrentHashMap<PartitionId, Partition> led = new ConcurrentHashMap<>();
  private volatile boolean released;

  /// Makes a partition out of a lease.
  public interface Opener {
    Partition open(Grant grant, PartitionSettings settings);
  }

  /// @param deleted tells a topic that was deleted from one that the catalogue does not know; may
  ///   block
  public Leadership(
      PartitionLeases leases,
      Opener opener,
      Function<Topic, PartitionSettings> settings,
      Predicate<UUID> deleted) {
    this.leases = leases;
    this.opener = opener;
    this.settings = settings;
    this.deleted = deleted;
  }

  /// The partition if it is led here; a plain read.
  public @Nullable Partition find(PartitionId partition) {
    return led.get(partition);
  }

  public Collection<Partition> all() {
    return led.values();
  }

  /// Opens partitions whose leases were granted.
  ///
  /// @return how many could be
  public int open(Image image, List<Grant> grants) {
    int opened = 0;
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
      opened++;
      log.debug(
          "partition opened partition={} leaseEpoch={} committedEnd={} highWatermark={}",
          partition.id(),
          partition.lease().epoch(),
          partition.committedEnd(),
          partition.highWatermark());
    }
    if (opened > 0) {
      log.info("partitions opened count={}", opened);
    }
    return opened;
  }

  /// Whether everything was given up: what was led here is no longer known.
  boolean released() {
    return released;
  }

  /// Brings what is led in line with `image`.
  ///
  /// A topic that is gone without having been deleted was in a newer database than this one: its
  /// partitions take no records any more, and what the log holds of them stays there.
  ///
  /// @return whether partitions were opened
  public boolean reconcile(Image image) {
    if (released) {
      return false;
    }
    for (var partition : List.copyOf(led.values())) {
      var topic = image.topic(partition.id().topicId());
      if (topic == null) {
        partition.close(new Failure.UnknownTopic());
        if (deleted.test(partition.id().topicId())) {
          led.remove(partition.id());
        } else {
          log.error("topic is gone but was not deleted partition={}", partition.id());
        }
      } else {
        partition.settings(settings.apply(topic));
      }
    }
    var grants = leases.take(image, led::containsKey);
    return open(image, grants) > 0;
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
