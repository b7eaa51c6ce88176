package io.streamhouse.segment;

import java.io.IOException;

/// Bytes of the write-ahead log that were durable are not what was written, or not what this
/// version can read. Nothing is skipped: the log cannot be replayed past them.
public final class WalDamaged extends IOException {

  WalDamaged(String file, long position, String expected, String found) {
    super(
        "write-ahead log file %s is damaged at position %d: expected %s, found %s"
            .formatted(file, position, expected, found));
  }

  private WalDamaged(String message) {
    super(message);
  }

  /// The file is none of ours to judge, let alone to delete.
  static WalDamaged tooNew(String file, int version) {
    return new WalDamaged(
        "write-ahead log file %s has format version %d, made by a newer program; this one knows %d"
            .formatted(file, version, WalFormat.VERSION));
  }
}
