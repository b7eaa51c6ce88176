package io.streamhouse.broker.sweep;

import io.streamhouse.broker.storage.ObjectMissing;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.Sweeps;
import io.streamhouse.metadata.Sweeps.Sweep;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Keeps a database from deleting objects it knows less about than a newer one did.
///
/// Each deletion pass has a number. It is committed to the database first, then written beside the
/// objects as a *marker*, `meta/sweeps/{number:020}`, never over another one; only then is anything
/// deleted. A marker above the database's own number, or one of that number with another token, was
/// written by a newer life of the database, or by a copy of it: what this one takes for
/// unreferenced may be referred to there. Then nothing is deleted until somebody who knows says so
/// ([#adopt]).
///
/// Blocks; holds no state, so a stop needs no undoing but that adoption.
public final class SweepGuard {

  public static final String PREFIX = "meta/sweeps/";

  private static final int PAGE = 1000;
  private static final int MARKER_BYTES = 200;

  private final Sweeps sweeps;
  private final ObjectStore store;
  private final RandomGenerator random;

  public SweepGuard(Sweeps sweeps, ObjectStore store, RandomGenerator random) {
    this.sweeps = sweeps;
    this.store = store;
    this.random = random;
  }

  /// Whether a pass may delete.
  public sealed interface Decision {

    /// It may, under this number.
    record Go(long number) implements Decision {}

    /// Another agent has begun one just now.
    record Later() implements Decision {}

    /// This database is not the newest one.
    record Stop(String why) implements Decision {}
  }

  /// Begins a pass.
  public Decision begin() throws IOException {
    // Listed before the number is read: whatever marker is there by now, its number was committed
    // before it was written, so a database that is the newest one shows that number.
    long highest = highestMarker();
    var last = sweeps.last();
    var problem = problem(highest, last);
    if (problem != null) {
      return new Decision.Stop(problem);
    }
    var next = new Sweep(last.number() + 1, random.nextLong());
    if (!sweeps.begin(last, next)) {
      return new Decision.Later();
    }
    if (!mark(next)) {
      return new Decision.Stop(foreign(next));
    }
    prune(next);
    return new Decision.Go(next.number());
  }

  /// Why no pass may begin now, if so; changes nothing.
  public @Nullable String problem() throws IOException {
    long highest = highestMarker();
    return problem(highest, sweeps.last());
  }

  private @Nullable String problem(long highest, Sweep last) throws IOException {
    if (highest > last.number()) {
      return "the object store has seen deletion pass %d, this database only %d: it is older"
          .formatted(highest, last.number());
    }
    return highest > 0 && highest == last.number() && !isMarkerOf(last) ? foreign(last) : null;
  }

  private static String foreign(Sweep sweep) {
    return "deletion pass %d of this object store is not this database's: a copy of it is in use"
        .formatted(sweep.number());
  }

  /// Takes this database for the newest one from now on, and raises its lease epochs above any that
  /// may have been given elsewhere.
  ///
  /// @return the number it continues from
  public long adopt() throws IOException {
    long above = Math.max(highestMarker(), sweeps.last().number());
    var next = new Sweep(above + 1, random.nextLong());
    sweeps.adopt(next);
    if (!mark(next)) {
      throw new IOException(
          "pass %d was begun by another meanwhile: stop every agent that uses this object store"
              .formatted(next.number()));
    }
    return next.number();
  }

  /// The number of the newest marker; 0 if there is none.
  private long highestMarker() throws IOException {
    String last = "";
    for (var page = store.list(PREFIX, last, PAGE);
        !page.isEmpty();
        page = store.list(PREFIX, last, PAGE)) {
      last = page.getLast();
    }
    if (last.isEmpty()) {
      return 0;
    }
    try {
      return Long.parseLong(last.substring(PREFIX.length()));
    } catch (NumberFormatException e) {
      throw new IOException("the object store has a strange name among its markers: " + last, e);
    }
  }

  /// @return whether the marker is there and ours
  private boolean mark(Sweep sweep) throws IOException {
    return switch (store.putNew(key(sweep.number()), List.of(content(sweep)), Map.of())) {
      case ObjectStore.PutResult.Created _ -> true;
      case ObjectStore.PutResult.AlreadyExists _ -> isMarkerOf(sweep);
    };
  }

  private boolean isMarkerOf(Sweep sweep) throws IOException {
    try {
      return store.get(key(sweep.number()), 0, MARKER_BYTES).equals(content(sweep));
    } catch (ObjectMissing e) {
      return false;
    }
  }

  /// Drops markers below the newest, which says all they did. What cannot be dropped now is next
  /// time.
  private void prune(Sweep newest) throws IOException {
    var older =
        store.list(PREFIX, "", PAGE).stream()
            .filter(key -> key.compareTo(key(newest.number())) < 0)
            .toList();
    if (!older.isEmpty()) {
      var _ = store.delete(older);
    }
  }

  private static String key(long number) {
    return PREFIX + String.format(Locale.ROOT, "%020d", number);
  }

  private static ByteBuffer content(Sweep sweep) {
    return ByteBuffer.wrap(
        "deletion pass %d, token %016x%n"
            .formatted(sweep.number(), sweep.token())
            .replace(System.lineSeparator(), "\n")
            .getBytes(StandardCharsets.US_ASCII));
  }
}
