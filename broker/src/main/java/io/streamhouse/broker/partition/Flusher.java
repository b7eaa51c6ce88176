package io.streamhouse.broker.partition;

import io.streamhouse.broker.partition.Flight.Step;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.CommitResult;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Moves tails into the object store: several objects on their way at once, one segment per
/// partition in each.
///
/// Objects are committed in the order they were begun, except that one whose upload does not get on
/// holds up only those that continue one of its partitions. What an object holds stays in the tails
/// until it is committed.
///
/// Has no thread. A driver calls [#step], which blocks at most for one commit; building,
/// registering and uploading are handed to an executor, one step at a time. Confined to its driver,
/// but for the counters.
///
/// Batches that are acknowledged when they are committed are not kept waiting: an object of their
/// own is begun at once when none is on its way, else they gather, at most for the linger.
public final class Flusher {

  private static final Logger log = LoggerFactory.getLogger(Flusher.class);

  private final Supplier<Collection<Partition>> partitions;
  private final FlushOptions options;
  private final TailBudget budget;
  private final SegmentManifest manifest;
  private final ObjectStore store;
  private final UUID incarnation;
  private final Supplier<UUID> ids;
  private final Executor executor;
  private final FlushSignal signal;
  private final TimeSource time;
  private final Compressors compressors;

  /// Oldest first.
  private final List<Flight> flights = new ArrayList<>();

  private long flightBytes;

  /// When the last object was begun.
  private long begunNanos;

  private final LongAdder committed = new LongAdder();
  private final LongAdder failures = new LongAdder();
  private volatile int flying;

  /// What one step did.
  public enum Progress {
    /// Something; the next step can follow at once.
    WORKED,
    /// Nothing, but objects are on their way or wait for the stores to answer again.
    WAITING,
    /// Nothing is due and nothing is on its way.
    IDLE
  }

  /// @param partitions those led here, as of each call
  /// @param budget what all of them hold unflushed
  /// @param ids new object ids
  /// @param executor for what blocks; at most [FlushOptions#uploads] tasks at once
  public Flusher(
      Supplier<Collection<Partition>> partitions,
      FlushOptions options,
      TailBudget budget,
      SegmentManifest manifest,
      ObjectStore store,
      UUID incarnation,
      Supplier<UUID> ids,
      Executor executor,
      FlushSignal signal,
      TimeSource time) {
    this.partitions = partitions;
    this.options = options;
    this.budget = budget;
    this.manifest = manifest;
    this.store = store;
    this.incarnation = incarnation;
    this.ids = ids;
    this.executor = executor;
    this.signal = signal;
    this.time = time;
    this.compressors = new Compressors(options.compress());
    this.begunNanos = time.nanos() - options.pace().toNanos();
  }

  /// Objects committed so far.
  public long committed() {
    return committed.sum();
  }

  /// Steps that failed and were or will be taken again.
  public long failures() {
    return failures.sum();
  }

  /// Objects on their way now.
  public int flying() {
    return flying;
  }

  /// Commits one object, or takes up one whose pause is over, or begins one if that is due.
  public Progress step() {
    long now = time.nanos();
    var blocked = new HashSet<PartitionId>();
    for (var flight : flights) {
      if (flight.error() != null) {
        throw new IllegalStateException("flush failed at step=" + flight.step(), flight.error());
      }
      if (flight.ready(now)) {
        if (flight.step() != Step.COMMIT) {
          submit(flight);
          return Progress.WORKED;
        }
        if (flight.partitions().stream().noneMatch(blocked::contains)) {
          return commit(flight);
        }
      }
      blocked.addAll(flight.partitions());
    }
    if (begin()) {
      return Progress.WORKED;
    }
    return flights.isEmpty() ? Progress.IDLE : Progress.WAITING;
  }

  /// How long nothing will be due by itself, at most `limit`.
  long pauseNanos(long limit) {
    long pause = limit;
    long now = time.nanos();
    for (var flight : flights) {
      if (!flight.working()) {
        pause = Math.min(pause, flight.notBeforeNanos() - now);
      }
    }
    if (flights.size() < options.uploads()) {
      pause = Math.min(pause, lingerLeft());
    }
    return Math.max(pause, 1_000_000);
  }

  private long lingerLeft() {
    long left = Long.MAX_VALUE;
    for (var partition : partitions.get()) {
      if (partition.awaitsCommit()) {
        if (flights.isEmpty()) {
          return paceLeft();
        }
        left = Math.min(left, options.linger().toNanos() - partition.unslicedNanos().orElse(0));
      }
    }
    return left;
  }

  private long paceLeft() {
    return begunNanos + options.pace().toNanos() - time.nanos();
  }

  private void submit(Flight flight) {
    flight.started();
    try {
      executor.execute(() -> work(flight));
    } catch (RejectedExecutionException busy) {
      flight.failed(time.nanos());
      flight.ended();
    }
  }

  private void work(Flight flight) {
    boolean more = false;
    try {
      more = flight.work(compressors, manifest, store, incarnation);
    } catch (IOException | MetadataUnavailable failed) {
      retryLater(flight, failed);
    } catch (Throwable thrown) {
      flight.broke(thrown);
    }
    if (more) {
      try {
        executor.execute(() -> work(flight));
        return;
      } catch (RejectedExecutionException busy) {
        flight.failed(time.nanos());
      }
    }
    flight.ended();
    signal.wake();
  }

  private void retryLater(Flight flight, Exception failed) {
    failures.increment();
    flight.failed(time.nanos());
    log.warn("flush waits at step={} why={}", flight.step(), failed.toString());
  }

  private Progress commit(Flight flight) {
    try {
      if (!flight.isEmpty()) {
        var object = flight.object();
        apply(object, manifest.commit(object.id(), object.segments()));
      }
    } catch (MetadataUnavailable failed) {
      retryLater(flight, failed);
      return Progress.WAITING;
    }
    flight.release();
    flights.remove(flight);
    flightBytes -= flight.cost();
    flying = flights.size();
    committed.increment();
    return Progress.WORKED;
  }

  private boolean begin() {
    if (flights.size() >= options.uploads()
        || (!flights.isEmpty() && flightBytes >= options.uploadBytes())) {
      return false;
    }
    boolean asked = signal.requested();
    boolean all = asked || due();
    if (!all && !awaited()) {
      return false;
    }
    signal.requested(false);
    var slices = new ArrayList<FlushSlice>();
    long room = options.bytes();
    for (var partition : oldestFirst(all)) {
      var slice = partition.slice(room);
      if (slice != null) {
        slices.add(slice);
        room -= slice.sizeInBytes();
        if (room <= 0) {
          signal.requested(asked);
          break;
        }
      }
    }
    if (slices.isEmpty()) {
      return false;
    }
    begunNanos = time.nanos();
    var flight = new Flight(ids.get(), slices, begunNanos);
    flights.add(flight);
    flightBytes += flight.cost();
    flying = flights.size();
    submit(flight);
    return true;
  }

  /// Those with something to flush, the longest waiting first, so that none starves under load.
  private List<Partition> oldestFirst(boolean all) {
    record Waiting(Partition partition, long nanos) {}
    var waiting = new ArrayList<Waiting>();
    for (var partition : partitions.get()) {
      var nanos = partition.unslicedNanos();
      if (nanos.isPresent() && (all || partition.awaitsCommit())) {
        waiting.add(new Waiting(partition, nanos.getAsLong()));
      }
    }
    waiting.sort(
        Comparator.comparingLong(Waiting::nanos)
            .reversed()
            .thenComparing(one -> one.partition().id()));
    return waiting.stream().map(Waiting::partition).toList();
  }

  private boolean due() {
    if (budget.used() - flightBytes >= options.bytes()) {
      return true;
    }
    for (var partition : partitions.get()) {
      if (partition.unslicedNanos().orElse(-1) >= options.interval().toNanos()) {
        return true;
      }
    }
    return false;
  }

  /// Whether batches that are acknowledged at their commit have waited long enough.
  private boolean awaited() {
    boolean next = flights.isEmpty() && paceLeft() <= 0;
    for (var partition : partitions.get()) {
      if (partition.awaitsCommit()
          && (next || partition.unslicedNanos().orElse(-1) >= options.linger().toNanos())) {
        return true;
      }
    }
    return false;
  }

  private static void apply(FlushObject object, List<CommitResult> results) {
    for (int i = 0; i < results.size(); i++) {
      var slice = object.slices().get(i);
      var partition = slice.partition();
      var why = refusal(slice, results.get(i));
      if (why == null) {
        partition.committed(slice);
      } else {
        partition.close(why);
      }
    }
  }

  /// Why the slice was not committed, or null. What follows one that was refused is refused too,
  /// which nobody needs to hear.
  private static @Nullable Failure refusal(FlushSlice slice, CommitResult result) {
    var partition = slice.partition();
    return switch (result) {
      case CommitResult.Committed _ -> null;
      case CommitResult.Fenced _ -> {
        if (!partition.closed()) {
          log.warn(
              "commit fenced: the lease is held elsewhere partition={} leaseEpoch={}",
              partition.id(),
              partition.lease().epoch());
        }
        yield new Failure.NotLeader(OptionalInt.empty());
      }
      case CommitResult.TopicGone _ -> new Failure.UnknownTopic();
      case CommitResult.Gap(long committedEnd) -> {
        if (!partition.closed()) {
          log.error(
              "segment does not begin where the committed log ends; the partition closes"
                  + " partition={} baseOffset={} committedEnd={}",
              partition.id(),
              slice.baseOffset(),
              committedEnd);
        }
        yield new Failure.Storage("segment at a gap");
      }
    };
  }
}
