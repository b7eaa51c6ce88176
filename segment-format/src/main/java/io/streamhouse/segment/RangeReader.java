package io.streamhouse.segment;

import java.io.IOException;
import java.nio.ByteBuffer;

/// Reads ranges of one object. Blocks; thread-safe.
@FunctionalInterface
public interface RangeReader {

  /// The bytes from `position` on, in a buffer that belongs to the caller: `length` of them, or
  /// fewer where the object ends.
  ByteBuffer read(long position, int length) throws IOException;
}
