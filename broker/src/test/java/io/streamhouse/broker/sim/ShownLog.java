package io.streamhouse.broker.sim;

import static java.util.Objects.requireNonNull;

import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/// What readers were ever shown of partitions, and the proof that it stays so: no record changes,
/// and the high watermark never falls, whoever is asked.
final class ShownLog {

  private final SegmentManifest manifest;
  private final ObjectStore store;
  private final DatabaseLinks links;
  private final Function<String, AssertionError> broken;
  private final Map<PartitionId, Seen> seen = new LinkedHashMap<>();
  long evictedReads;

  private static final class Seen {
    final List<String> values = new ArrayList<>();
    long logStart;

    /// The leader epoch it was shown under; readers do not go back.
    int epoch = -1;
  }

  ShownLog(
      Collection<PartitionId> partitions,
      SegmentManifest manifest,
      ObjectStore store,
      DatabaseLinks links,
      Function<String, AssertionError> broken) {
    this.manifest = manifest;
    this.store = store;
    this.links = links;
    this.broken = broken;
    partitions.forEach(id -> seen.put(id, new Seen()));
  }

  static SegmentReader open(Segment row, ObjectStore from) throws IOException {
    return SegmentReader.open(
        row.object(),
        (position, length) -> from.get(row.object(), position, length),
        row.position(),
        row.length());
  }

  /// What was shown last.
  List<String> values(PartitionId id) {
    return of(id).values;
  }

  /// The newest leader epoch under which readers were shown anything.
  int epoch(PartitionId id) {
    return of(id).epoch;
  }

  long logStart(PartitionId id) {
    return of(id).logStart;
  }

  void truncated(PartitionId id, long logStart) {
    of(id).logStart = Math.max(of(id).logStart, logStart);
  }

  private Seen of(PartitionId id) {
    return requireNonNull(seen.get(id));
  }

  /// An acknowledged batch is what readers see at its offset.
  void check(Partition partition, long offset, String[] values) {
    check(partition.id(), read(partition), offset, values);
  }

  void check(PartitionId id, List<String> all, long offset, String[] values) {
    for (int i = 0; i < values.length; i++) {
      if (offset + i >= all.size() || !all.get((int) offset + i).equals(values[i])) {
        throw broken.apply(
            "%s acknowledged %s at %d, reads as %s"
                .formatted(
                    id,
                    values[i],
                    offset + i,
                    offset + i < all.size() ? all.get((int) offset + i) : "nothing"));
      }
    }
  }

  /// Everything a reader may see, from offset 0 on; below the log start from memory.
  List<String> read(Partition partition) {
    var id = partition.id();
    var known = of(id);
    long start = Math.max(partition.logStart(), known.logStart);
    if (partition.highWatermark() < known.values.size()) {
      throw broken.apply(
          "high watermark of %s fell from %d to %d"
              .formatted(id, known.values.size(), partition.highWatermark()));
    }
    known.epoch = Math.max(known.epoch, partition.lease().epoch());
    var values = new ArrayList<>(known.values.subList(0, (int) start));
    while (values.size() < partition.committedEnd()) {
      appendCommitted(id, values);
    }
    appendTail(partition, values);
    if (values.size() != partition.highWatermark()) {
      throw broken.apply(
          "%s reads %d records up to %d".formatted(id, values.size(), partition.highWatermark()));
    }
    checkSame(id, values, known.values.size());
    known.values.clear();
    known.values.addAll(values);
    return values;
  }

  /// The committed log alone, as any agent may serve it: it is what was shown before.
  void readCommitted(PartitionId id, long committedEnd) {
    var known = of(id);
    var rows = segments(id);
    // Below its log start nothing need be there; whoever raised that may not have heard of it.
    long start =
        Math.max(known.logStart, rows.isEmpty() ? committedEnd : rows.getFirst().baseOffset());
    if (start > known.values.size()) {
      return;
    }
    var values = new ArrayList<>(known.values.subList(0, (int) start));
    while (values.size() < committedEnd) {
      appendCommitted(id, values);
    }
    checkSame(id, values, Math.min(values.size(), known.values.size()));
  }

  private void checkSame(PartitionId id, List<String> values, int end) {
    var before = of(id).values;
    for (int i = 0; i < end; i++) {
      if (!before.get(i).equals(values.get(i))) {
        throw broken.apply("%s at %d was %s, is %s".formatted(id, i, before.get(i), values.get(i)));
      }
    }
  }

  /// What is in memory, what is only in the log, and so on.
  private void appendTail(Partition partition, List<String> values) {
    while (values.size() < partition.highWatermark()) {
      int before = values.size();
      var tail = partition.readTail(values.size(), partition.highWatermark(), 1 << 30);
      if (tail == null) {
        throw broken.apply("tail of %s does not reach %d".formatted(partition.id(), before));
      }
      values.addAll(Batches.values(tail));
      tail.forEach(RecordBatches::release);
      var inLog = partition.tailInLog(values.size(), partition.highWatermark(), 1 << 10);
      try {
        values.addAll(Batches.values(requireNonNull(partition.load(inLog), "not in the log")));
        evictedReads += inLog.size();
      } catch (IOException failed) {
        throw broken.apply("the log cannot be read: " + failed);
      }
      if (values.size() == before) {
        throw broken.apply("%s cannot be read at %d".formatted(partition.id(), before));
      }
    }
  }

  private void appendCommitted(PartitionId id, List<String> values) {
    try {
      var rows = links.observe(() -> manifest.segments(id, values.size(), 1));
      if (rows.isEmpty()) {
        throw broken.apply("no segment of %s holds %d".formatted(id, values.size()));
      }
      var row = rows.getFirst();
      long next = row.baseOffset();
      var reader = open(row, store);
      reader.verify();
      for (int i = 0; i < reader.blocks().size(); i++) {
        for (var batch : RecordBatches.of(reader.readBlock(i))) {
          for (var value : Batches.values(List.of(RecordBatches.of(batch.bytes())))) {
            if (next == values.size()) {
              values.add(value);
            }
            next++;
          }
        }
      }
      if (next != row.endOffset()) {
        throw broken.apply("segment %s ends at %d".formatted(row, next));
      }
    } catch (IOException damaged) {
      throw broken.apply("segment is not readable: " + damaged);
    }
  }

  /// The rows of a partition's segments.
  List<Segment> segments(PartitionId id) {
    return links.observe(() -> manifest.segments(id, 0, Integer.MAX_VALUE));
  }

  /// Committed segments of a partition are contiguous.
  void checkManifest() {
    for (var id : seen.keySet()) {
      Segment before = null;
      for (var row : segments(id)) {
        if (before != null && before.endOffset() != row.baseOffset()) {
          throw broken.apply("segments %s and %s are not contiguous".formatted(before, row));
        }
        before = row;
      }
    }
  }

  /// Nothing is there twice, and what each producer wrote is there in its order.
  void checkOrder(PartitionId id) {
    var unique = new HashSet<String>();
    var last = new HashMap<String, Integer>();
    for (var value : values(id)) {
      var name = value.replaceAll("x*$", "");
      if (!unique.add(name)) {
        throw broken.apply(name + " is there twice");
      }
      var parts = name.split("-", -1);
      int number = Integer.parseInt(parts[1]);
      var before = last.put(parts[0], number);
      if (before != null && number != before + 1) {
        throw broken.apply("%s follows %d of its producer".formatted(name, before));
      }
    }
  }

  /// Everything a producer ever sent is there.
  void checkComplete(PartitionId id, SimulatedProducer producer) {
    long written =
        values(id).stream().filter(value -> value.startsWith("p" + producer.id + "-")).count();
    if (written != producer.nextValue) {
      throw broken.apply(
          "producer %d wrote %d records, %d are there"
              .formatted(producer.id, producer.nextValue, written));
    }
  }
}
