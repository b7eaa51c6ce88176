package io.streamhouse.broker.partition;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.CommitResult;
import io.streamhouse.segment.BlockCompressor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Moves durable tails into the object store: one object at a time, one segment per partition in
/// it.
///
/// ```
/// idle → register → upload → commit → idle
/// ```
///
/// Has no thread: a driver calls [#step], which blocks for one call to the object store or the
/// metadata store. A step that failed is taken again, unchanged; each is safe to repeat, so an
/// unknown outcome becomes known by asking again. Confined to its driver, but for [#request].
public final class Flusher {

  private static final Logger log = LoggerFactory.getLogger(Flusher.class);

  private final Supplier<Collection<Partition>> partitions;
  private final FlushOptions options;
  private final TailBudget budget;
  private final SegmentManifest manifest;
  private final ObjectStore store;
  private final UUID incarnation;
  private final Supplier<UUID> ids;

  private final @Nullable BlockCompressor compressor;
  private State state = State.IDLE;
  private @Nullable FlushObject object;
  private volatile boolean requested;

  private enum State {
    IDLE,
    REGISTER,
    UPLOAD,
    COMMIT
  }

  /// What one step did.
  public enum Progress {
    /// Nothing is due.
    IDLE,
    /// One step of a flush was taken; the next can follow at once.
    WORKED,
    /// The object store or the metadata store did not answer; try again after a pause.
    RETRY
  }

  /// @param partitions those led here, as of each call
  /// @param budget what all of them hold unflushed
  /// @param ids new object ids
  public Flusher(
      Supplier<Collection<Partition>> partitions,
      FlushOptions options,
      TailBudget budget,
      SegmentManifest manifest,
      ObjectStore store,
      UUID incarnation,
      Supplier<UUID> ids) {
    this.partitions = partitions;
    this.options = options;
    this.budget = budget;
    this.manifest = manifest;
    this.store = store;
    this.incarnation = incarnation;
    this.ids = ids;
    this.compressor = options.compress() ? new BlockCompressor() : null;
  }

  /// Has the next [#step] begin a flush whatever is unflushed; from any thread.
  public void request() {
    requested = true;
  }

  /// Takes the next step of the flush under way, or begins one if it is due.
  public Progress step() {
    try {
      switch (state) {
        case IDLE -> {
          return begin();
        }
        case REGISTER -> {
          manifest.registerObject(incarnation, current().id(), current().key());
          state = State.UPLOAD;
        }
        case UPLOAD -> {
          current().upload(store);
          state = State.COMMIT;
        }
        case COMMIT -> {
          apply(current(), manifest.commit(current().id(), current().segments()));
          current().release();
          object = null;
          state = State.IDLE;
        }
      }
      return Progress.WORKED;
    } catch (IOException | MetadataUnavailable failed) {
      log.warn("flush waits at step={} why={}", state, failed.toString());
      return Progress.RETRY;
    }
  }

  private FlushObject current() {
    if (object == null) {
      throw new IllegalStateException("no object in state " + state);
    }
    return object;
  }

  private Progress begin() {
    boolean asked = requested;
    if (!asked && !due()) {
      return Progress.IDLE;
    }
    requested = false;
    var slices = new ArrayList<FlushSlice>();
    long room = options.bytes();
    for (var partition : oldestFirst()) {
      var slice = partition.unflushed(room);
      if (slice != null) {
        slices.add(slice);
        room -= slice.sizeInBytes();
        if (room <= 0) {
          requested = asked;
          break;
        }
      }
    }
    if (slices.isEmpty()) {
      return Progress.IDLE;
    }
    object = FlushObject.of(ids.get(), slices, compressor);
    state = State.REGISTER;
    return Progress.WORKED;
  }

  /// Those with something to flush, the longest waiting first, so that none starves under load.
  private List<Partition> oldestFirst() {
    record Waiting(Partition partition, long nanos) {}
    var waiting = new ArrayList<Waiting>();
    for (var partition : partitions.get()) {
      var nanos = partition.unflushedNanos();
      if (nanos.isPresent()) {
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
    if (budget.used() >= options.bytes()) {
      return true;
    }
    for (var partition : partitions.get()) {
      if (partition.unflushedNanos().orElse(-1) >= options.interval().toNanos()) {
        return true;
      }
    }
    return false;
  }

  private static void apply(FlushObject object, List<CommitResult> results) {
    for (int i = 0; i < results.size(); i++) {
      var slice = object.slices().get(i);
      var partition = slice.partition();
      switch (results.get(i)) {
        case CommitResult.Committed _ -> partition.committed(slice);
        case CommitResult.Fenced _ -> {
          log.warn(
              "commit fenced: the lease is held elsewhere partition={} leaseEpoch={}",
              partition.id(),
              partition.lease().epoch());
          partition.close(new Failure.NotLeader(OptionalInt.empty()));
        }
        case CommitResult.TopicGone _ -> partition.close(new Failure.UnknownTopic());
        case CommitResult.Gap(long committedEnd) -> {
          log.error(
              "segment does not begin where the committed log ends; the partition closes"
                  + " partition={} baseOffset={} committedEnd={}",
              partition.id(),
              slice.baseOffset(),
              committedEnd);
          partition.close(new Failure.Storage("segment at a gap"));
        }
      }
    }
  }
}
