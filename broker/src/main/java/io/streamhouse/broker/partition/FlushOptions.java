package io.streamhouse.broker.partition;

import java.time.Duration;

/// When the unflushed tail becomes an object.
///
/// @param bytes of unflushed batches that start a flush, and about the largest object made
/// @param interval after which the oldest unflushed batch starts one
/// @param compress blocks the producers left uncompressed are stored LZ4-compressed where it pays
/// @param linger how long batches gather that wait for their commit, while objects are on their way
/// @param uploads objects on their way at once
/// @param uploadBytes of batches in them together; one object is always allowed
public record FlushOptions(
    long bytes,
    Duration interval,
    Duration linger,
    boolean compress,
    int uploads,
    long uploadBytes) {

  /// How long after one object the next may be begun for batches that wait for their commit, where
  /// none is on its way: a store that takes an object in two milliseconds would get hundreds a
  /// second, each of which is paid for, committed, and read again by merging.
  Duration pace() {
    return linger.dividedBy(10);
  }

  public FlushOptions {
    if (bytes < 1 || uploads < 1 || uploadBytes < 1) {
      throw new IllegalArgumentException(
          "flush of %d bytes, %d uploads of %d bytes".formatted(bytes, uploads, uploadBytes));
    }
  }
}
