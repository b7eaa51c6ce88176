package io.streamhouse.broker.partition;

import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// One object on its way from tails into the store.
///
/// ```
/// build → register → upload → commit
/// ```
///
/// A step that failed is taken again, unchanged, after a growing pause; each is safe to repeat, so
/// an unknown outcome becomes known by asking again. Belongs to one thread at a time: to whoever
/// runs [#work] from [#started] until its end, else to the flusher; `working` hands it over.
final class Flight {

  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LAST_PAUSE = Duration.ofSeconds(10);

  private final UUID id;
  private final List<FlushSlice> slices;
  private final Set<PartitionId> partitions = new HashSet<>();
  private final long cost;
  private Step step = Step.BUILD;
  private @Nullable FlushObject object;
  private Duration pause = Duration.ZERO;
  private long notBeforeNanos;
  private @Nullable Throwable error;
  private volatile boolean working;

  enum Step {
    BUILD,
    REGISTER,
    UPLOAD,
    COMMIT
  }

  /// @param slices at least one; owned from here on
  Flight(UUID id, List<FlushSlice> slices, long nowNanos) {
    this.id = id;
    this.slices = new ArrayList<>(slices);
    this.notBeforeNanos = nowNanos;
    long sum = 0;
    for (var slice : slices) {
      sum += slice.cost();
      partitions.add(slice.partition().id());
    }
    this.cost = sum;
  }

  Step step() {
    return step;
  }

  /// Memory its batches take.
  long cost() {
    return cost;
  }

  Set<PartitionId> partitions() {
    return partitions;
  }

  /// The object; there is one from [Step#REGISTER] on.
  FlushObject object() {
    if (object == null) {
      throw new IllegalStateException("no object at step " + step);
    }
    return object;
  }

  /// Whether its next step can be taken now.
  boolean ready(long nowNanos) {
    return !working && nowNanos - notBeforeNanos >= 0;
  }

  /// What went wrong in our own code, if anything did.
  @Nullable Throwable error() {
    return working ? null : error;
  }

  /// When it waits for its pause to be over; only while no step is being taken.
  long notBeforeNanos() {
    return notBeforeNanos;
  }

  boolean working() {
    return working;
  }

  void started() {
    working = true;
  }

  /// Takes one step before the commit; blocks.
  ///
  /// @return whether another such step can follow at once
  boolean work(
      Compressors compressors, SegmentManifest manifest, ObjectStore store, UUID incarnation)
      throws IOException, MetadataUnavailable {
    switch (step) {
      case BUILD -> {
        // What is not led here any more is not worth building, and may not be in the log any more.
        slices.removeIf(FlushSlice::droppedIfClosed);
        if (slices.isEmpty()) {
          step = Step.COMMIT;
          return false;
        }
        object = compressors.with(compressor -> FlushObject.of(id, slices, compressor));
        step = Step.REGISTER;
      }
      case REGISTER -> {
        manifest.registerObject(incarnation, id, object().key());
        step = Step.UPLOAD;
      }
      case UPLOAD -> {
        object().upload(store);
        step = Step.COMMIT;
      }
      case COMMIT -> throw new IllegalStateException("the flusher commits");
    }
    pause = Duration.ZERO;
    return step != Step.COMMIT;
  }

  /// The step is to be taken again, after a pause.
  void failed(long nowNanos) {
    var doubled = pause.isZero() ? FIRST_PAUSE : pause.multipliedBy(2);
    pause = doubled.compareTo(LAST_PAUSE) < 0 ? doubled : LAST_PAUSE;
    notBeforeNanos = nowNanos + pause.toNanos();
  }

  void broke(Throwable thrown) {
    error = thrown;
  }

  /// Hands it back to the flusher.
  void ended() {
    working = false;
  }

  void release() {
    if (object != null) {
      object.release();
    }
    slices.forEach(FlushSlice::release);
  }

  /// Whether nothing of it is worth committing any more.
  boolean isEmpty() {
    return slices.isEmpty();
  }
}
