package io.streamhouse.compat.kill;

import io.streamhouse.compat.LongSequence;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// What producers were told and what consumers saw, and the judgement of it, in the style of
/// Jepsen's Kafka workload.
///
/// A record is a producer's number and its sequence there, both in its value. What must hold:
///
/// 1. every acknowledged record is in the log, at the offset it was acknowledged with;
/// 2. an idempotent producer's record is there at most once, acknowledged or not;
/// 3. per partition, the records of one producer are in the order they were sent in;
/// 4. offsets have no gap: nothing was compacted, and there are no transactions;
/// 5. what a consumer saw at any time is what every later reader finds at that offset.
final class History {

  /// No answer yet, or an error: the record may be in the log or not.
  private static final long UNKNOWN = -1;

  /// Acknowledged without an offset, as the client reports a batch so old that only its being a
  /// duplicate is known.
  private static final long SOMEWHERE = -2;

  private static final int OFFSET_BITS = 40;

  /// What one producer was told, by sequence. Guarded by itself.
  private static final class Sent {
    final boolean idempotent;
    final LongSequence answers = new LongSequence();

    Sent(boolean idempotent) {
      this.idempotent = idempotent;
    }
  }

  private final int partitions;
  private final List<Sent> producers = new ArrayList<>();

  History(int partitions, List<Boolean> idempotent) {
    this.partitions = partitions;
    idempotent.forEach(each -> producers.add(new Sent(each)));
  }

  /// The next record of `producer` is about to be sent.
  ///
  /// @return its sequence
  int send(int producer) {
    var sent = producers.get(producer);
    synchronized (sent) {
      sent.answers.add(UNKNOWN);
      return sent.answers.size() - 1;
    }
  }

  /// @param offset negative where the acknowledgement named none
  void acknowledge(int producer, int sequence, int partition, long offset) {
    var sent = producers.get(producer);
    synchronized (sent) {
      sent.answers.set(
          sequence, offset < 0 ? SOMEWHERE : ((long) partition << OFFSET_BITS) | offset);
    }
  }

  static String value(int producer, int sequence) {
    return producer + ":" + sequence;
  }

  /// The log as one reader saw it: per partition, records by offset. Confined to its reader.
  static final class View {

    private final String reader;
    private final List<LongSequence> partitions = new ArrayList<>();

    View(String reader, int count) {
      this.reader = reader;
      for (int i = 0; i < count; i++) {
        partitions.add(new LongSequence());
      }
    }

    /// Takes the next record of a partition; throws when its offset is not the next.
    void see(int partition, long offset, String value) {
      var seen = partitions.get(partition);
      if (offset != seen.size()) {
        throw new AssertionError(
            "%s read offset %d of partition %d after %d records"
                .formatted(reader, offset, partition, seen.size()));
      }
      int colon = value.indexOf(':');
      seen.add(
          (long) Integer.parseInt(value, 0, colon, 10) << 32
              | Integer.parseInt(value, colon + 1, value.length(), 10));
    }

    int size(int partition) {
      return partitions.get(partition).size();
    }

    long total() {
      return partitions.stream().mapToLong(LongSequence::size).sum();
    }
  }

  /// How many records of all producers were acknowledged, and how many were not.
  record Counts(long acknowledged, long unknown) {}

  Counts counts() {
    long acknowledged = 0;
    long unknown = 0;
    for (var sent : producers) {
      synchronized (sent) {
        for (int sequence = 0; sequence < sent.answers.size(); sequence++) {
          if (sent.answers.get(sequence) == UNKNOWN) {
            unknown++;
          } else {
            acknowledged++;
          }
        }
      }
    }
    return new Counts(acknowledged, unknown);
  }

  /// Judges `last`, read to the end after all producers stopped, and what others saw before.
  ///
  /// @return the violations, none if all is well; at most a few of each kind
  List<String> judge(View last, List<View> earlier) {
    var violations = new ArrayList<String>();
    var kinds = new TreeMap<String, Integer>();
    judgeLog(last, violations, kinds);
    judgeAcknowledgements(last, violations, kinds);
    earlier.forEach(view -> judgeView(view, last, violations, kinds));
    kinds.forEach((kind, count) -> violations.add(count + " × " + kind));
    return violations;
  }

  /// Order and uniqueness, from the log alone.
  private void judgeLog(View log, List<String> violations, Map<String, Integer> kinds) {
    var seen = new ArrayList<java.util.BitSet>();
    producers.forEach(_ -> seen.add(new java.util.BitSet()));
    for (int partition = 0; partition < partitions; partition++) {
      int[] lastSequence = new int[producers.size()];
      java.util.Arrays.fill(lastSequence, -1);
      var records = log.partitions.get(partition);
      for (int offset = 0; offset < records.size(); offset++) {
        int producer = (int) (records.get(offset) >>> 32);
        int sequence = (int) records.get(offset);
        boolean repeated = seen.get(producer).get(sequence);
        seen.get(producer).set(sequence);
        boolean idempotent = producers.get(producer).idempotent;
        if (repeated && idempotent) {
          add(violations, kinds, "doubled", value(producer, sequence), partition, offset);
        }
        // Without idempotence a repeated batch is allowed; its first copy must still be in order.
        if (!repeated && sequence < lastSequence[producer]) {
          add(violations, kinds, "out of order", value(producer, sequence), partition, offset);
        }
        lastSequence[producer] = Math.max(lastSequence[producer], sequence);
      }
    }
    for (int producer = 0; producer < producers.size(); producer++) {
      var sent = producers.get(producer);
      synchronized (sent) {
        for (int sequence = 0; sequence < sent.answers.size(); sequence++) {
          if (sent.answers.get(sequence) != UNKNOWN && !seen.get(producer).get(sequence)) {
            add(violations, kinds, "lost", value(producer, sequence), -1, -1);
          }
        }
      }
    }
  }

  private void judgeAcknowledgements(
      View log, List<String> violations, Map<String, Integer> kinds) {
    for (int producer = 0; producer < producers.size(); producer++) {
      var sent = producers.get(producer);
      synchronized (sent) {
        for (int sequence = 0; sequence < sent.answers.size(); sequence++) {
          long answer = sent.answers.get(sequence);
          if (answer < 0) {
            continue;
          }
          int partition = (int) (answer >>> OFFSET_BITS);
          long offset = answer & ((1L << OFFSET_BITS) - 1);
          var records = log.partitions.get(partition);
          long wanted = (long) producer << 32 | sequence;
          if (offset >= records.size() || records.get((int) offset) != wanted) {
            add(
                violations,
                kinds,
                "not where acknowledged",
                value(producer, sequence),
                partition,
                offset);
          }
        }
      }
    }
  }

  private void judgeView(
      View view, View last, List<String> violations, Map<String, Integer> kinds) {
    for (int partition = 0; partition < partitions; partition++) {
      var then = view.partitions.get(partition);
      var now = last.partitions.get(partition);
      for (int offset = 0; offset < then.size(); offset++) {
        if (offset >= now.size() || then.get(offset) != now.get(offset)) {
          add(violations, kinds, "seen, then changed or gone", view.reader, partition, offset);
        }
      }
    }
  }

  private static void add(
      List<String> violations,
      Map<String, Integer> kinds,
      String kind,
      String what,
      int partition,
      long offset) {
    if (kinds.merge(kind, 1, Integer::sum) <= 5) {
      violations.add("%s: %s at %d/%d".formatted(kind, what, partition, offset));
    }
  }
}
