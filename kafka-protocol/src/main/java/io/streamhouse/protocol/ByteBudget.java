package io.streamhouse.protocol;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;

/// Bytes of requests in flight on all connections of a server, with those who wait for room.
///
/// A claim is granted while less than the limit is in use, whatever its size, so the limit is
/// exceeded by at most one claim, large claims do not starve behind small ones, and a single claim
/// always proceeds. Claims that wait are granted in their order. There is at most one per
/// connection, which bounds the queue. Guarded by its own monitor; grants are told outside it.
final class ByteBudget {

  /// Waits for its bytes; told on the thread that released them.
  interface Claim {
    int bytes();

    void granted();
  }

  private final long limit;
  private final LinkedHashSet<Claim> waiting = new LinkedHashSet<>();
  private long used;

  ByteBudget(long limit) {
    this.limit = limit;
  }

  /// Takes the bytes at once, or queues `claim` for [Claim#granted].
  boolean take(Claim claim) {
    synchronized (this) {
      if (used < limit && waiting.isEmpty()) {
        used += claim.bytes();
        return true;
      }
      waiting.add(claim);
      return false;
    }
  }

  /// Withdraws a waiting claim.
  ///
  /// @return false if it was granted already: its bytes are then the caller's to release
  boolean withdraw(Claim claim) {
    synchronized (this) {
      return waiting.remove(claim);
    }
  }

  void release(int bytes) {
    List<Claim> granted = List.of();
    synchronized (this) {
      used -= bytes;
      if (used < 0) {
        throw new IllegalStateException("released more than was taken: " + used);
      }
      if (!waiting.isEmpty()) {
        granted = new ArrayList<>();
        while (used < limit && !waiting.isEmpty()) {
          var claim = waiting.removeFirst();
          used += claim.bytes();
          granted.add(claim);
        }
      }
    }
    granted.forEach(Claim::granted);
  }

  long used() {
    synchronized (this) {
      return used;
    }
  }
}
