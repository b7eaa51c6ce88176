package io.streamhouse.broker.sweep;

import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.SegmentManifest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/// Deletes objects that are due: registered by a session that ended before it committed them, or
/// left by the last segment that referred to them.
///
/// ```
/// seen due → (grace) → deleted → (twice the upload time-out) → deleted again → forgotten
/// ```
///
/// The second time is for an upload that a dead session's process had still under way. How far each
/// object has come is in memory alone: an agent that restarts, or takes over, begins each wait
/// anew. A key that cannot be deleted holds up no other, and what was deleted is not asked for
/// again.
///
/// One agent of a cluster sweeps, but nothing breaks if two do: the passes' numbers are fenced.
/// Confined to its caller, but for [#whyStopped] and the counts; [#pass] blocks for both stores.
public final class Sweeper {

  private static final Logger log = LoggerFactory.getLogger(Sweeper.class);

  /// Keys given to the object store at once.
  private static final int CHUNK = 1000;

  /// A key is let go after so many failures in a row; the look-through finds it again later.
  private static final int PATIENCE = 5;

  private final SegmentManifest manifest;
  private final ObjectStore store;
  private final SweepGuard guard;
  private final SweepOptions options;
  private final BooleanSupplier mine;
  private final TimeSource time;

  /// At most `options.tracked` objects, in the order they were registered.
  private final Map<UUID, Due> due = new LinkedHashMap<>();

  /// How far the look-through has come.
  private long cursor;

  private volatile @Nullable String whyStopped;
  private final LongAdder deleted = new LongAdder();
  private final LongAdder failed = new LongAdder();

  private static final class Due {
    final UUID objectId;
    final String key;

    /// When the present wait began.
    long sinceNanos;

    boolean deletedOnce;
    int failures;

    Due(UUID objectId, String key, long sinceNanos) {
      this.objectId = objectId;
      this.key = key;
      this.sinceNanos = sinceNanos;
    }
  }

  /// @param mine whether this agent is the one that sweeps; cheap
  public Sweeper(
      SegmentManifest manifest,
      ObjectStore store,
      SweepGuard guard,
      SweepOptions options,
      BooleanSupplier mine,
      TimeSource time) {
    this.manifest = manifest;
    this.store = store;
    this.guard = guard;
    this.options = options;
    this.mine = mine;
    this.time = time;
  }

  /// Looks for objects that have become due, and deletes those whose time has come.
  public void pass() throws IOException {
    if (!mine.getAsBoolean()) {
      due.clear();
      cursor = 0;
      return;
    }
    look();
    var ripe =
        due.values().stream()
            .filter(this::ripe)
            .sorted(Comparator.comparingInt(one -> one.failures))
            .limit(options.perPass())
            .toList();
    if (ripe.isEmpty()) {
      return;
    }
    switch (guard.begin()) {
      case SweepGuard.Decision.Go(long number) -> {
        whyStopped = null;
        delete(number, ripe);
      }
      case SweepGuard.Decision.Later _ -> {}
      case SweepGuard.Decision.Stop(String why) -> {
        if (whyStopped == null) {
          log.error(
              "no object is deleted any more; if this database is the one to go on with, stop the"
                  + " agents and run streamctl metadata adopt why={}",
              why);
        }
        whyStopped = why;
      }
    }
  }

  /// Goes on looking through what is due, from the start again once the end was reached.
  private void look() {
    int room = options.tracked() - due.size();
    if (room <= 0) {
      return;
    }
    var found = manifest.dueForDeletion(cursor, room);
    for (var object : found) {
      due.computeIfAbsent(object.objectId(), id -> new Due(id, object.key(), time.nanos()));
    }
    cursor = found.size() < room ? 0 : found.getLast().sequence();
  }

  private boolean ripe(Due one) {
    var wait = one.deletedOnce ? options.uploadTimeout().multipliedBy(2) : options.grace();
    return time.nanos() - one.sinceNanos >= wait.toNanos();
  }

  private void delete(long number, List<Due> ripe) {
    int gone = 0;
    int refused = 0;
    String why = "";
    for (int from = 0; from < ripe.size(); from += CHUNK) {
      var chunk = ripe.subList(from, Math.min(from + CHUNK, ripe.size()));
      var results = store.delete(chunk.stream().map(one -> one.key).toList());
      var forget = new ArrayList<UUID>();
      int before = gone;
      for (var one : chunk) {
        switch (results.get(one.key)) {
          case ObjectStore.DeleteResult.Gone _ -> {
            gone++;
            one.failures = 0;
            if (one.deletedOnce) {
              forget.add(one.objectId);
            } else {
              deleted.increment();
              one.deletedOnce = true;
              one.sinceNanos = time.nanos();
            }
          }
          case ObjectStore.DeleteResult.Failed(IOException cause) -> {
            refused++;
            why = String.valueOf(cause);
            giveUp(one);
          }
          case null -> {
            refused++;
            giveUp(one);
          }
        }
      }
      manifest.forgetObjects(forget);
      forget.forEach(due::remove);
      if (gone == before) {
        // Throttled or down: the next pass goes on with those that failed least.
        break;
      }
    }
    failed.add(refused);
    log.atLevel(refused == 0 ? Level.INFO : Level.WARN)
        .log(
            "objects deleted pass={} count={} failed={} lastFailure={}",
            number,
            gone,
            refused,
            why);
  }

  private void giveUp(Due one) {
    if (++one.failures >= PATIENCE) {
      due.remove(one.objectId);
    }
  }

  /// Why nothing is deleted until `streamctl metadata adopt`; null while it is. From any thread.
  public @Nullable String whyStopped() {
    return whyStopped;
  }

  /// Objects deleted so far.
  public long deleted() {
    return deleted.sum();
  }

  /// Deletions that failed so far; they are tried again.
  public long failed() {
    return failed.sum();
  }
}
