package io.streamhouse.segment;

import java.io.IOException;

/// Bytes of the write-ahead log that were durable are not what was written. Nothing is skipped: the
/// log cannot be replayed past them.
public final class WalDamaged extends IOException {

  WalDamaged(String file, long position, String expected, String found) {
    super(
        "write-ahead log file %s is damaged at position %d: expected %s, found %s"
            .formatted(file, position, expected, found));
  }
}
