package io.streamhouse.broker.partition;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.wal.AdoptedLog;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import io.streamhouse.segment.WalDamaged;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The partitions this agent leads: takes the leases of those placed here, adopts tails from the
/// logs of agents that are gone, hands over what is placed elsewhere, closes what is gone. What is
/// to be done is [LeasePlan]'s to say.
///
/// [#find], [#all], [#waiting] and [#busy] may be called by anyone; everything else by one caller
/// at a time, off the event loops.
public final class Leadership {

  private static final Logger log = LoggerFactory.getLogger(Leadership.class);

  /// How long a log that could not be read is left alone; one that is damaged twice as long each
  /// time, up to [#RETRY_MOST], since every attempt takes leases and gives them back.
  private static final Duration RETRY_PAUSE = Duration.ofSeconds(5);

  private static final Duration RETRY_MOST = Duration.ofMinutes(5);

  private final PartitionLeases leases;
  private final LeasePlan.Self self;
  private final Function<UUID, @Nullable AdoptedLog> logs;
  private final Opener opener;
  private final Function<Topic, PartitionSettings> settings;
  private final Predicate<UUID> deleted;
  private final TailReplay replayed;
  private final FlushSignal flushing;
  private final TimeSource time;
  private final Handover handover;
  private final ConcurrentHashMap<PartitionId, Partition> led = new ConcurrentHashMap<>();

  /// Those whose lease was lost while the session went on: what the log has of them stays.
  private final Set<PartitionId> unsettled = ConcurrentHashMap.newKeySet();

  private volatile boolean released;
  private volatile Map<UUID, List<PartitionId>> waiting = Map.of();
  private volatile Set<PartitionId> waitingPartitions = Set.of();

  /// At first, too: the image it begins with may be the last for long, and opening what was granted
  /// adopts nothing.
  private volatile boolean busy = true;

  // Confined to the caller.
  private boolean again = true;
  private long againNanos;

  /// The newest image that was acted on; null before the first.
  private @Nullable Image seen;

  /// The counter of the image as of which leases were last given away: one that is no newer may
  /// still show them as held here.
  private long releasedChanges = -1;

  /// Logs that could not be read when it was tried last.
  private final Map<UUID, Unreadable> unreadable = new HashMap<>();

  /// @param untilNanos when it is tried again
  private record Unreadable(long untilNanos, Duration pause) {}

  /// Makes a partition out of a lease.
  public interface Opener {

    /// @param tail the acknowledged batches beyond the committed end
    /// @param adopted the log they are in, if it is not this agent's or was not replayed when that
    ///   was opened
    Partition open(
        Grant grant,
        List<TailBatch> tail,
        TailReplay.@Nullable Source adopted,
        PartitionSettings settings);
  }

  /// @param self whose leases these are; what it leads is asked of this
  /// @param logs opens the log of an agent that lives no more, or this agent's own once more, to
  ///   read tails; null where this agent has no access to it
  /// @param deleted tells a topic that was deleted from one that the catalogue does not know; may
  ///   block
  /// @param replayed the tails, as read when this agent's log was opened
  public Leadership(
      PartitionLeases leases,
      Cluster self,
      Function<UUID, @Nullable AdoptedLog> logs,
      Opener opener,
      Function<Topic, PartitionSettings> settings,
      Predicate<UUID> deleted,
      TailReplay replayed,
      FlushSignal flushing,
      TimeSource time) {
    this.leases = leases;
    this.self = self.plan(led::containsKey, walId -> resting(walId) || logs.apply(walId) != null);
    this.logs = logs;
    this.opener = opener;
    this.settings = settings;
    this.deleted = deleted;
    this.replayed = replayed;
    this.flushing = flushing;
    this.time = time;
    this.againNanos = time.nanos();
    this.handover = new Handover(leases, self.incarnation(), flushing, time);
  }

  /// Which agent this is, and what it may do with topics.
  ///
  /// @param local whether acknowledgements of a topic mean that its batches are in the log
  /// @param unclean whether a tail of a topic may be lost rather than waited for
  public record Cluster(
      UUID incarnation, UUID walId, Predicate<Topic> local, Predicate<Topic> unclean) {

    LeasePlan.Self plan(Predicate<PartitionId> led, Predicate<UUID> readable) {
      return new LeasePlan.Self(incarnation, walId, led, readable, local, unclean);
    }

    /// What to claim at the start, before the log is read: what is placed here, and what has its
    /// tail in this agent's log.
    List<Claim> firstClaims(Image image) {
      return LeasePlan.of(image, plan(_ -> false, _ -> false)).claimsWithTailsIn(walId);
    }
  }

  /// The partition if it is led here; a plain read.
  public @Nullable Partition find(PartitionId partition) {
    return led.get(partition);
  }

  public Collection<Partition> all() {
    return led.values();
  }

  /// Partitions placed here whose tails are in logs of agents that are away, by log: they take no
  /// records before those are back.
  public Map<UUID, List<PartitionId>> waiting() {
    return waiting;
  }

  /// Whether a partition is one of [#waiting].
  public boolean waits(PartitionId partition) {
    return waitingPartitions.contains(partition);
  }

  /// Whether [#step] has something to do.
  public boolean busy() {
    return busy;
  }

  /// Opens partitions whose leases were granted and whose tails, if any, are in this agent's log.
  ///
  /// @return how many leases changed by it
  public int open(Image image, List<Grant> grants) {
    int opened = 0;
    var unsafe = new ArrayList<Lease<PartitionId>>();
    for (var grant : grants) {
      var topic = image.topic(grant.lease().key().topicId());
      if (topic == null) {
        continue;
      }
      try {
        opened(opener.open(grant, replayed.take(grant), null, settings.apply(topic)));
        opened++;
      } catch (TailReplay.NotReplayed notReplayed) {
        log.info("a tail must be read from the log again why={}", notReplayed.getMessage());
        unsafe.add(grant.lease());
      }
    }
    // Their rows name the log: they are adopted from it.
    leases.release(List.of(), unsafe);
    if (opened > 0) {
      log.info("partitions opened count={}", opened);
    }
    return opened + unsafe.size();
  }

  private void opened(Partition partition) {
    led.put(partition.id(), partition);
    replayed.opened(partition.id());
    unsettled.remove(partition.id());
    log.debug(
        "partition opened partition={} leaseEpoch={} committedEnd={} highWatermark={}",
        partition.id(),
        partition.lease().epoch(),
        partition.committedEnd(),
        partition.highWatermark());
  }

  /// Whether a partition that is not led here may still need what this agent's log has of it.
  boolean mayReturn(PartitionId partition) {
    return released || unsettled.contains(partition);
  }

  /// Brings what is led in line with `image`.
  ///
  /// A topic that is gone without having been deleted was in a newer database than this one: its
  /// partitions take no records any more, and what the log holds of them stays there.
  ///
  /// @return whether leases changed
  public boolean reconcile(Image image) {
    if (released) {
      return false;
    }
    seen = image;
    var deletedTopics = new HashMap<UUID, Boolean>();
    for (var partition : List.copyOf(led.values())) {
      closeIfSuperseded(image, partition);
      var topic = image.topic(partition.id().topicId());
      if (topic == null) {
        // Asked first: it may not be to be had now, and then nothing is closed.
        boolean gone = deletedTopics.computeIfAbsent(partition.id().topicId(), deleted::test);
        partition.close(new Failure.UnknownTopic());
        if (gone) {
          led.remove(partition.id());
          unsettled.remove(partition.id());
        } else {
          log.error("topic is gone but was not deleted partition={}", partition.id());
        }
      } else if (partition.fenced() && !handover.releasing(partition)) {
        unsettled.add(partition.id());
        led.remove(partition.id());
      } else {
        partition.settings(settings.apply(topic));
      }
    }
    var plan = LeasePlan.of(image, self);
    note(plan);
    boolean changed = open(image, leases.take(image, plan.claims())) > 0;
    for (var adoption : plan.adoptions().entrySet()) {
      changed |= adopt(image, adoption.getKey(), adoption.getValue());
    }
    var moving = List.copyOf(plan.moves());
    for (var id : moving) {
      var partition = led.get(id);
      if (partition != null && !handover.begin(partition)) {
        again = true;
      }
    }
    handover.keepOnly(moving);
    busy = again || handover.moving();
    return changed;
  }

  /// A take that nobody heard of may be carried out late, after this session took the same lease
  /// again: then it holds the lease under an epoch at which nothing is open, and nobody else would
  /// ever say so. Epochs only rise, so an image out of date says nothing wrong.
  private static void closeIfSuperseded(Image image, Partition partition) {
    var leader = image.leader(partition.id());
    if (leader != null && leader.leaseEpoch() > partition.lease().epoch()) {
      partition.close(new Failure.NotLeader(OptionalInt.of(leader.agent().nodeId())));
    }
  }

  private void note(LeasePlan plan) {
    plan.waiting()
        .forEach((walId, partitions) -> {
          if (!waiting.containsKey(walId)) {
            log.warn(
                "partitions wait for the write-ahead log of their tails walId={} count={}",
                walId,
                partitions.size());
          }
        });
    waiting = plan.waiting();
    waitingPartitions =
        waiting.values().stream().flatMap(List::stream).collect(Collectors.toUnmodifiableSet());
    // A log may become readable without anything changing in the metadata.
    again = !waiting.isEmpty();
    againNanos = time.nanos() + RETRY_PAUSE.toNanos();
  }

  /// Takes partitions whose tails are in a log that is not this agent's, or was not read when that
  /// was opened: their tails are committed first, then they take records.
  private boolean adopt(Image image, UUID walId, List<Claim> claims) {
    var adopted = resting(walId) ? null : logs.apply(walId);
    if (adopted == null) {
      again = true;
      return false;
    }
    var grants = leases.take(image, claims, walId);
    if (grants.isEmpty()) {
      return false;
    }
    var tails = new TailReplay(walId, grants, _ -> false);
    try {
      adopted.replay(tails::entry);
    } catch (IOException | IllegalStateException damaged) {
      var pause = damaged instanceof WalDamaged ? pauseAfter(unreadable.get(walId)) : RETRY_PAUSE;
      log.error(
          "the log of tails cannot be read, it is tried again walId={} seconds={}",
          walId,
          pause.toSeconds(),
          damaged);
      unreadable.put(walId, new Unreadable(time.nanos() + pause.toNanos(), pause));
      leases.release(List.of(), grants.stream().map(Grant::lease).toList());
      again = true;
      return true;
    }
    unreadable.remove(walId);
    tails.reportDropped();
    int opened = 0;
    for (var grant : grants) {
      var topic = image.topic(grant.lease().key().topicId());
      if (topic != null) {
        var configured = settings.apply(topic);
        var partition = opener.open(grant, tails.take(grant), adopted::read, configured);
        opened(partition);
        opened++;
        partition.settings(configured);
      }
    }
    flushing.request();
    log.info("partitions adopted count={} walId={}", opened, walId);
    return true;
  }

  private static Duration pauseAfter(@Nullable Unreadable before) {
    if (before == null) {
      return RETRY_PAUSE;
    }
    var twice = before.pause.multipliedBy(2);
    return twice.compareTo(RETRY_MOST) < 0 ? twice : RETRY_MOST;
  }

  private boolean resting(UUID walId) {
    var rests = unreadable.get(walId);
    return rests != null && time.nanos() - rests.untilNanos < 0;
  }

  /// Goes on with what takes time: handing over, also what could not be before, and logs that could
  /// not be read before.
  ///
  /// @param published the image that others see, which may be older than what was acted on
  /// @return whether leases changed
  public boolean step(Image published) {
    if (released) {
      return false;
    }
    var image = seen != null && seen.changes() > published.changes() ? seen : published;
    var gone = handover.step(image);
    gone.forEach(led::remove);
    boolean changed = !gone.isEmpty();
    if (changed && gone.stream().noneMatch(id -> heldHere(image, id))) {
      // An answer was lost before: the image shows it already, and no other will come of it.
      again = true;
      againNanos = time.nanos();
    } else if (changed) {
      releasedChanges = image.changes();
    }
    boolean due = (again && time.nanos() - againNanos >= 0) || handover.rested();
    if (due && image.changes() > releasedChanges) {
      changed |= reconcile(image);
    }
    busy = again || handover.moving();
    return changed;
  }

  private boolean heldHere(Image image, PartitionId partition) {
    var leader = image.leader(partition);
    return leader != null && leader.agent().incarnation().equals(self.incarnation());
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
    handover.end();
    led.clear();
    leases.release(flushed, unflushed);
    log.info(
        "partitions released flushed={} withTailInTheLog={}", flushed.size(), unflushed.size());
  }

  /// Stops acting as an owner of anything: the session is over, and with it every lease. The log
  /// keeps what it has.
  public void abandon() {
    released = true;
    for (var partition : led.values()) {
      partition.close(new Failure.NotLeader(OptionalInt.empty()));
    }
    handover.end();
    led.clear();
  }

  /// Those that are not led here and may need what the log has of them.
  Set<PartitionId> unsettled() {
    return unsettled;
  }
}
