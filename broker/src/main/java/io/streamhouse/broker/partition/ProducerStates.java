package io.streamhouse.broker.partition;

import io.streamhouse.broker.partition.ProducerEntry.WrittenBatch;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.RecordBatch;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Kafka's sequence rules for the idempotent producers of one partition. Guarded by its owner's
/// lock.
///
/// | batch of a producer               | answer                                       |
/// |-----------------------------------|----------------------------------------------|
/// | unknown here                      | accepted, whatever its sequence (KIP-360)    |
/// | with an older epoch               | `INVALID_PRODUCER_EPOCH`                     |
/// | with a newer epoch                | accepted if its sequence is 0                |
/// | equal to one of its last five     | duplicate: gets that batch's offset          |
/// | continuing its last, wrap at 2^31 | accepted                                     |
/// | anything else                     | `OUT_OF_ORDER_SEQUENCE_NUMBER`               |
final class ProducerStates {

  /// How many producers are remembered at most: whoever writes under ever new ids, as a client that
  /// lives for one request does, must not take memory without end, nor may a snapshot outgrow what
  /// a segment takes. Of more, those heard of last are; the others are as good as expired.
  static final int MOST = 100_000;

  private final Map<Long, ProducerEntry> entries = new HashMap<>();

  /// What became of a batch's producer fields.
  sealed interface Check {
    record Accepted() implements Check {}

    record Duplicate(WrittenBatch first) implements Check {}

    record Rejected(Failure failure) implements Check {}
  }

  private static final Check ACCEPTED = new Check.Accepted();

  Check check(RecordBatch batch) {
    if (!batch.hasProducerId()) {
      return ACCEPTED;
    }
    var entry = entries.get(batch.producerId());
    if (entry == null) {
      return ACCEPTED;
    }
    if (batch.producerEpoch() < entry.epoch()) {
      return new Check.Rejected(
          new Failure.InvalidProducerEpoch(
              batch.producerId(), entry.epoch(), batch.producerEpoch()));
    }
    if (batch.producerEpoch() > entry.epoch()) {
      return batch.baseSequence() == 0 ? ACCEPTED : outOfOrder(batch, 0);
    }
    for (var written : entry.batches()) {
      if (written.baseSequence() == batch.baseSequence()
          && written.lastSequence() == batch.lastSequence()) {
        return new Check.Duplicate(written);
      }
    }
    int last = entry.latest().lastSequence();
    int next = last == Integer.MAX_VALUE ? 0 : last + 1;
    return batch.baseSequence() == next ? ACCEPTED : outOfOrder(batch, next);
  }

  private static Check outOfOrder(RecordBatch batch, int expected) {
    return new Check.Rejected(
        new Failure.OutOfOrderSequence(batch.producerId(), expected, batch.baseSequence()));
  }

  /// Whether this producer has written here in this epoch or a later one.
  boolean knows(RecordBatch batch) {
    var entry = entries.get(batch.producerId());
    return entry != null && entry.epoch() >= batch.producerEpoch();
  }

  /// Records an accepted batch; called in the same step that appends it.
  ///
  /// @param nowMillis when it was appended: producers expire by that, not by the times they put
  ///   into records, which may be years old
  void apply(RecordBatch batch, long nowMillis) {
    if (!batch.hasProducerId()) {
      return;
    }
    var written = WrittenBatch.of(batch);
    entries.compute(
        batch.producerId(),
        (id, entry) ->
            entry == null || entry.epoch() != batch.producerEpoch()
                ? new ProducerEntry(id, batch.producerEpoch(), List.of(written), nowMillis)
                : entry.with(written, nowMillis));
  }

  void merge(ProducerEntry entry) {
    entries.merge(entry.producerId(), entry, ProducerEntry::merge);
  }

  void merge(Collection<ProducerEntry> others) {
    others.forEach(this::merge);
  }

  /// Forgets producers that were not heard of since `expiredMillis`, and those above [#MOST].
  ///
  /// @param committedEnd who wrote at or above it is kept: replay would know it again
  /// @return whether any was forgotten that had not expired
  boolean forget(long expiredMillis, long committedEnd) {
    var _ = forgetHeardBefore(expiredMillis, committedEnd);
    return entries.size() > MOST && forgetHeardBefore(oldestOfMost(), committedEnd);
  }

  private boolean forgetHeardBefore(long millis, long committedEnd) {
    return entries
        .values()
        .removeIf(
            entry -> entry.lastTimestamp() < millis && entry.latest().endOffset() <= committedEnd);
  }

  /// What an entry must have been heard of since to be among the most that are kept. Some less are
  /// kept than may be, so that this is not looked for each time that one more comes.
  private long oldestOfMost() {
    long[] heard = entries.values().stream().mapToLong(ProducerEntry::lastTimestamp).toArray();
    Arrays.sort(heard);
    return heard[heard.length - MOST * 9 / 10];
  }

  /// Of these the [#MOST] that were heard of last.
  static List<ProducerEntry> newest(Collection<ProducerEntry> entries) {
    if (entries.size() <= MOST) {
      return List.copyOf(entries);
    }
    return entries.stream()
        .sorted(Comparator.comparingLong(ProducerEntry::lastTimestamp).reversed())
        .limit(MOST)
        .toList();
  }

  int size() {
    return entries.size();
  }

  /// All entries as of now.
  List<ProducerEntry> all() {
    return List.copyOf(entries.values());
  }
}
