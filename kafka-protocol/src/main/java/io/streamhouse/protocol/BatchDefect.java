package io.streamhouse.protocol;

/// Why a producer's record batch is refused, before any log is asked.
public enum BatchDefect {
  /// Length or CRC-32C does not match, or bytes are missing.
  CORRUPT,
  /// Magic 0 or 1: formats Kafka 4 no longer accepts.
  UNSUPPORTED_MAGIC,
  /// Compression codec id outside 0–4.
  UNSUPPORTED_COMPRESSION,
  /// Header fields that contradict each other: record count, offsets, producer fields, attributes.
  INVALID_RECORD,
  /// A control batch, which only the server writes.
  CONTROL_BATCH,
  /// No batch or more than one where exactly one is allowed.
  BATCH_COUNT
}
