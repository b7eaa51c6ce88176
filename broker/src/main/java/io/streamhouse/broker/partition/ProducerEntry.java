package io.streamhouse.broker.partition;

import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.segment.ProducerSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What one idempotent producer wrote last to a partition. Immutable.
///
/// @param batches its latest batches of `epoch`, oldest first, at most [#WINDOW]
/// @param lastTimestamp wall time of its last append, ms; what expiry goes by
public record ProducerEntry(
    long producerId, short epoch, List<WrittenBatch> batches, long lastTimestamp) {

  /// Kafka's producers keep at most five requests in flight with idempotence, so a retry is always
  /// among the last five batches.
  public static final int WINDOW = ProducerSnapshot.MAX_BATCHES;

  public ProducerEntry {
    batches = List.copyOf(batches);
    if (batches.isEmpty() || batches.size() > WINDOW) {
      throw new IllegalArgumentException(batches.size() + " batches");
    }
  }

  public record WrittenBatch(int baseSequence, int lastSequence, long baseOffset, long timestamp) {

    static WrittenBatch of(RecordBatch batch) {
      return new WrittenBatch(
          batch.baseSequence(), batch.lastSequence(), batch.baseOffset(), batch.maxTimestamp());
    }

    /// One past its last offset; sequences wrap, offsets do not.
    long endOffset() {
      return baseOffset + ((lastSequence - baseSequence) & 0x7fff_ffff) + 1;
    }
  }

  public static ProducerEntry of(ProducerSnapshot snapshot) {
    return new ProducerEntry(
        snapshot.producerId(),
        snapshot.producerEpoch(),
        snapshot.batches().stream()
            .map(batch ->
                new WrittenBatch(
                    batch.baseSequence(),
                    batch.lastSequence(),
                    batch.baseOffset(),
                    batch.timestamp()))
            .toList(),
        snapshot.lastTimestamp());
  }

  /// As segments keep it.
  public ProducerSnapshot snapshot() {
    return new ProducerSnapshot(
        producerId,
        epoch,
        lastTimestamp,
        batches.stream()
            .map(batch ->
                new ProducerSnapshot.Batch(
                    batch.baseSequence(),
                    batch.lastSequence(),
                    batch.baseOffset(),
                    batch.timestamp()))
            .toList(),
        -1);
  }

  public WrittenBatch latest() {
    return batches.getLast();
  }

  /// What of it is from batches that begin below an offset; empty where nothing is.
  Optional<ProducerEntry> below(long offset) {
    var older = batches.stream().filter(batch -> batch.baseOffset() < offset).toList();
    return older.isEmpty()
        ? Optional.empty()
        : Optional.of(new ProducerEntry(producerId, epoch, older, lastTimestamp));
  }

  /// This entry after one more batch.
  ProducerEntry with(WrittenBatch batch, long nowMillis) {
    var latest = new ArrayList<WrittenBatch>(WINDOW);
    latest.addAll(batches.subList(batches.size() < WINDOW ? 0 : 1, batches.size()));
    latest.add(batch);
    return new ProducerEntry(producerId, epoch, latest, nowMillis);
  }

  /// This entry and another of the same producer as one: the higher epoch wins, of one epoch the
  /// latest batches of both.
  public ProducerEntry merge(ProducerEntry other) {
    if (other.epoch != epoch) {
      return other.epoch > epoch ? other : this;
    }
    var all = new ArrayList<>(batches);
    for (var batch : other.batches) {
      if (!all.contains(batch)) {
        all.add(batch);
      }
    }
    all.sort((a, b) -> Long.compare(a.baseOffset(), b.baseOffset()));
    return new ProducerEntry(
        producerId,
        epoch,
        all.subList(Math.max(0, all.size() - WINDOW), all.size()),
        Math.max(lastTimestamp, other.lastTimestamp));
  }
}
