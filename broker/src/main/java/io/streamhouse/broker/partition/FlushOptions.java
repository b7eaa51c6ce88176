package io.streamhouse.broker.partition;

import java.time.Duration;

/// When the unflushed tail becomes an object.
///
/// @param bytes of unflushed batches that start a flush, and about the largest object made
/// @param interval after which the oldest unflushed batch starts one
/// @param compress blocks the producers left uncompressed are stored LZ4-compressed where it pays
public record FlushOptions(long bytes, Duration interval, boolean compress) {

  public FlushOptions {
    if (bytes < 1) {
      throw new IllegalArgumentException("flush of " + bytes + " bytes");
    }
  }
}
