package io.streamhouse.broker.read;

import io.streamhouse.broker.read.LogReader.EpochEnd;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.RecordBatches;
import java.util.List;

/// What a fetch has for one partition.
public sealed interface FetchResult {

  /// @param pieces empty where there is nothing new, or no room in this answer; whoever gets the
  ///   result releases them
  /// @param bounds as of the read
  record Records(List<RecordBatches> pieces, Bounds bounds) implements FetchResult {
    public Records {
      pieces = List.copyOf(pieces);
    }
  }

  /// The client's log left this one: what it has beyond `agreed` is not what stands here (KIP-595).
  record Diverged(EpochEnd agreed, Bounds bounds) implements FetchResult {}

  record Failed(Failure failure) implements FetchResult {}

  /// @param end the high watermark
  record Bounds(long start, long end, long lastStable) {

    static Bounds of(LogReader reader) {
      // The end first: with a truncation in between, the start is never beyond the end.
      long lastStable = reader.lastStableOffset();
      long end = reader.endOffset();
      return new Bounds(Math.min(reader.startOffset(), end), end, Math.min(lastStable, end));
    }
  }
}
