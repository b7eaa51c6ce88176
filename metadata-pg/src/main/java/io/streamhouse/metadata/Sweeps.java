package io.streamhouse.metadata;

/// The numbers of deletion passes, and what follows when they show that this database is not the
/// newest one its object store has known.
///
/// A pass takes the next number here before it writes a marker of that number beside the objects,
/// and deletes only then. A database restored from a backup, or a copy of one, therefore finds
/// markers it knows nothing of.
public interface Sweeps {

  /// By how much [#adopt] raises lease epochs: more than an agent takes leases in a lifetime, so
  /// that they are above any that were given after the backup was made.
  int EPOCH_STEP = 1 << 20;

  /// @param number 0 before the first
  /// @param token random; tells two passes of the same number apart
  record Sweep(long number, long token) {}

  /// The last pass begun.
  Sweep last();

  /// Begins the pass after `last`.
  ///
  /// @return false if another has begun meanwhile
  boolean begin(Sweep last, Sweep next);

  /// Makes this database the one that counts from now on: `sweep` is its last pass, and every lease
  /// epoch is raised by [#EPOCH_STEP], which voids every lease.
  ///
  /// @throws IllegalArgumentException if `sweep` is not above the last
  /// @throws IllegalStateException if an epoch would not fit any more
  void adopt(Sweep sweep);
}
