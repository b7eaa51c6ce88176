package io.streamhouse.broker.partition;

import io.streamhouse.segment.BlockCompressor;
import java.io.IOException;
import java.util.concurrent.ConcurrentLinkedDeque;
import org.jspecify.annotations.Nullable;

/// Block compressors for objects that are built at the same time: each in one thread's hands, kept
/// for the next. As many as were ever used at once.
final class Compressors {

  private final boolean compress;
  private final ConcurrentLinkedDeque<BlockCompressor> idle = new ConcurrentLinkedDeque<>();

  /// @param compress false hands out null, which stores blocks as producers sent them
  Compressors(boolean compress) {
    this.compress = compress;
  }

  /// Work that needs a compressor.
  interface Use<T> {
    T apply(@Nullable BlockCompressor compressor) throws IOException;
  }

  <T> T with(Use<T> use) throws IOException {
    if (!compress) {
      return use.apply(null);
    }
    var taken = idle.pollFirst();
    var compressor = taken == null ? new BlockCompressor() : taken;
    try {
      return use.apply(compressor);
    } finally {
      idle.addFirst(compressor);
    }
  }
}
