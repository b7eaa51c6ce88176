package io.streamhouse.broker.wal;

import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.WalDamaged;
import io.streamhouse.segment.WalFileReader;
import java.io.IOException;
import java.util.List;
import java.util.UUID;

/// The write-ahead log of a session that is over, read for the tails that only it has. Nothing in
/// it is changed.
///
/// What that session acknowledged was written before its deadline, so before anybody could take its
/// leases: whoever opens the files after that finds it. A process that was merely paused may still
/// add to the log, which it does not acknowledge, and drops no file that has entries of partitions
/// it does not lead. Thread-safe.
public final class AdoptedLog {

  private final WalFiles files;
  private final UUID walId;

  /// @param walId the log's id, which its files bear
  public AdoptedLog(WalFiles files, UUID walId) {
    this.files = files;
    this.walId = walId;
  }

  /// Hands over what the log holds, oldest first.
  ///
  /// @throws WalDamaged when bytes that were durable cannot be read back
  public void replay(WriteAheadLog.Replayed replayed) throws IOException {
    var sequences = files.sequences();
    for (int i = 0; i < sequences.size(); i++) {
      long sequence = sequences.get(i);
      boolean last = i == sequences.size() - 1;
      try (var content = files.read(sequence)) {
        new WalFileReader(files.name(sequence), sequence, content.bytes())
            .scan(
                walId,
                last,
                (position, entry) ->
                    replayed.entry(
                        new WalPlace(sequence, position, entry.batch().remaining()), entry));
      }
    }
  }

  /// Reads batches back, in the order asked; blocks. The caller releases them.
  public List<RecordBatches> read(List<WalPlace> places) throws IOException {
    try (var parts = new WalParts(files)) {
      return parts.read(places);
    }
  }
}
