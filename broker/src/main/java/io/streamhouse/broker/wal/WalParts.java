package io.streamhouse.broker.wal;

import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.WalFileReader;
import io.streamhouse.segment.WalFormat;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Reads batches back from the files of a log, one file open at a time. Used by one thread, once.
final class WalParts implements AutoCloseable {

  private final WalFiles files;
  private WalFiles.@Nullable PartReader reader;
  private long sequence = -1;

  WalParts(WalFiles files) {
    this.files = files;
  }

  /// Those at `places`, in that order.
  ///
  /// @throws io.streamhouse.segment.WalDamaged when one is not there as it was written
  List<RecordBatches> read(List<WalPlace> places) throws IOException {
    var batches = new ArrayList<RecordBatches>(places.size());
    for (var place : places) {
      batches.add(read(place));
    }
    return batches;
  }

  private RecordBatches read(WalPlace place) throws IOException {
    if (reader == null || place.sequence() != sequence) {
      close();
      reader = files.parts(place.sequence());
      sequence = place.sequence();
    }
    int length = WalFormat.ENTRY_OVERHEAD_BYTES + place.batchBytes();
    var frame = reader.read(place.position(), length);
    return RecordBatches.of(
        WalFileReader.entryAt(
                files.name(place.sequence()),
                place.sequence(),
                place.position(),
                place.batchBytes(),
                frame)
            .batch());
  }

  /// The file that was read last; -1 before the first.
  long sequence() {
    return sequence;
  }

  @Override
  public void close() throws IOException {
    if (reader != null) {
      reader.close();
      reader = null;
    }
  }
}
