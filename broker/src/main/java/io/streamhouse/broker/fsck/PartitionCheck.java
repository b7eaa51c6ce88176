package io.streamhouse.broker.fsck;

import io.streamhouse.broker.fsck.Finding.Kind;
import io.streamhouse.broker.storage.ObjectMissing;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.Audit;
import io.streamhouse.metadata.Audit.AuditedPartition;
import io.streamhouse.metadata.Audit.AuditedSegment;
import io.streamhouse.metadata.SegmentManifest.EpochStart;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.SegmentDamaged;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/// Checks one partition: its row, its segments' rows, their epochs and their bytes. Confined to one
/// run of a check.
final class PartitionCheck {

  private static final int PAGE = 500;

  private final Audit audit;
  private final ObjectStore store;
  private final boolean shallow;
  private final AuditedPartition row;
  private final List<EpochStart> epochs;
  private final Set<UUID> wals;
  private final String name;
  private final List<Finding> findings = new ArrayList<>();
  private long segments;
  private long bytes;

  /// @param epochs of the partition, by epoch
  /// @param wals logs of all agents
  PartitionCheck(
      Audit audit,
      ObjectStore store,
      boolean shallow,
      AuditedPartition row,
      List<EpochStart> epochs,
      Set<UUID> wals) {
    this.audit = audit;
    this.store = store;
    this.shallow = shallow;
    this.row = row;
    this.epochs = epochs;
    this.wals = wals;
    this.name =
        row.topic().map(topic -> topic + "-" + row.id().partition()).orElse(row.id().toString());
  }

  /// Findings beyond these are left out: what is wrong everywhere needs no list of all.
  private static final int LIMIT = 200;

  /// @throws IOException if the object store does not answer
  List<Finding> run() throws IOException {
    if (row.topic().isEmpty()) {
      add(Kind.CATALOGUE, name, "a topic of this partition", "none");
    }
    if (row.logStart() > row.committedEnd() || row.logStart() < 0) {
      add(
          Kind.RANGE,
          name,
          "log start at or below the committed end " + row.committedEnd(),
          Long.toString(row.logStart()));
    }
    row.tail()
        .filter(tail -> !wals.contains(tail.walId()))
        .ifPresent(tail ->
            add(Kind.TAIL, name, "the write-ahead log of some agent", tail.walId().toString()));
    epochStarts();
    ranges();
    return findings;
  }

  /// Segments looked at.
  long segments() {
    return segments;
  }

  /// Their bytes, as stored.
  long bytes() {
    return bytes;
  }

  private void add(Kind kind, String where, String expected, String found) {
    if (findings.size() < LIMIT) {
      findings.add(new Finding(kind, where, expected, found));
    }
  }

  private void epochStarts() {
    for (int i = 0; i < epochs.size(); i++) {
      var one = epochs.get(i);
      if (one.epoch() > row.leaseEpoch()) {
        add(
            Kind.EPOCH,
            name,
            "no epoch above the lease's, " + row.leaseEpoch(),
            "epoch " + one.epoch() + " from " + one.startOffset());
      }
      if (i > 0 && one.startOffset() <= epochs.get(i - 1).startOffset()) {
        add(
            Kind.EPOCH,
            name,
            "epoch %d to begin above %d".formatted(one.epoch(), epochs.get(i - 1).startOffset()),
            Long.toString(one.startOffset()));
      }
    }
  }

  private void ranges() throws IOException {
    long next = -1;
    long from = -1;
    List<AuditedSegment> page;
    do {
      page = audit.segments(row.id(), from, PAGE);
      for (var segment : page) {
        segments++;
        bytes += segment.length();
        var where = "%s[%d,%d)".formatted(name, segment.baseOffset(), segment.endOffset());
        if (next < 0 && segment.baseOffset() > row.logStart()) {
          add(
              Kind.RANGE,
              where,
              "the first segment to begin at or below the log start " + row.logStart(),
              Long.toString(segment.baseOffset()));
        }
        if (next >= 0 && segment.baseOffset() != next) {
          add(Kind.RANGE, where, "to begin at " + next, Long.toString(segment.baseOffset()));
        }
        if (segment.endOffset() <= row.logStart()) {
          add(
              Kind.RANGE,
              where,
              "no segment below the log start " + row.logStart(),
              "one that ends at " + segment.endOffset());
        }
        epoch(where, segment);
        content(where, segment);
        next = segment.endOffset();
        from = segment.endOffset();
      }
    } while (page.size() == PAGE);
    long end = next < 0 ? row.logStart() : next;
    if (end != row.committedEnd()) {
      add(
          Kind.RANGE,
          name,
          "segments up to the committed end " + row.committedEnd(),
          next < 0 ? "no segment" : "segments up to " + next);
    }
  }

  /// The epoch that begins last at or before an offset; -1 where those that did are forgotten,
  /// because another one had begun when the log start passed.
  private int epochAt(long offset) {
    int expected = -1;
    for (var one : epochs) {
      if (one.startOffset() <= offset) {
        expected = one.epoch();
      }
    }
    return expected;
  }

  /// A segment has the epoch of its first batch: it began at or before it, and no later one did.
  private void epoch(String where, AuditedSegment segment) {
    int expected = epochAt(segment.baseOffset());
    boolean forgotten =
        expected < 0
            && segment.baseOffset() < row.logStart()
            && !epochs.isEmpty()
            && segment.leaderEpoch() < epochs.getFirst().epoch();
    if (expected != segment.leaderEpoch() && !forgotten) {
      add(
          Kind.EPOCH,
          where,
          expected < 0
              ? "an epoch that begins at or before it"
              : "epoch " + expected + ", which begins last before it",
          "epoch " + segment.leaderEpoch());
    }
  }

  private void content(String where, AuditedSegment segment) throws IOException {
    if (segment.object().isEmpty()) {
      add(Kind.MISSING, where, "object " + segment.objectId() + " in the metadata", "no such row");
      return;
    }
    var key = segment.object().get();
    try {
      var reader =
          SegmentReader.open(
              key,
              (position, length) -> store.get(key, position, length),
              segment.position(),
              segment.length());
      header(where, segment, reader);
      if (!shallow) {
        reader.verify();
        batches(where, segment, reader);
      }
    } catch (ObjectMissing e) {
      add(Kind.MISSING, where, "object " + key + " in the store", "none");
    } catch (SegmentDamaged damaged) {
      add(
          Kind.SEGMENT,
          where,
          "a whole segment at %d of %s".formatted(segment.position(), key),
          String.valueOf(damaged.getMessage()));
    }
  }

  private void header(String where, AuditedSegment segment, SegmentReader reader) {
    var header = reader.header();
    var expected =
        "offsets [%d,%d), %d records, epoch %d, max timestamp %d"
            .formatted(
                segment.baseOffset(),
                segment.endOffset(),
                segment.records(),
                segment.leaderEpoch(),
                segment.maxTimestamp());
    var found =
        "offsets [%d,%d), %d records, epoch %d, max timestamp %d"
            .formatted(
                header.baseOffset(),
                header.endOffset(),
                header.records(),
                header.leaderEpoch(),
                header.maxTimestamp());
    if (!found.equals(expected)) {
      add(Kind.SEGMENT, where, expected, found);
    }
  }

  /// Batches in order and within the segment's range; without holes, as long as nothing compacts.
  private void batches(String where, AuditedSegment segment, SegmentReader reader)
      throws IOException {
    long next = segment.baseOffset();
    long records = 0;
    for (int i = 0; i < reader.blocks().size(); i++) {
      try {
        for (var batch : RecordBatches.of(reader.readBlock(i))) {
          if (batch.baseOffset() != next) {
            add(
                Kind.SEGMENT,
                where,
                "a batch at offset " + next + " in block " + i,
                "one at " + batch.baseOffset());
            return;
          }
          int expected = epochAt(batch.baseOffset());
          if (expected >= 0 && batch.leaderEpoch() != expected) {
            add(
                Kind.EPOCH,
                where,
                "epoch %d at offset %d".formatted(expected, batch.baseOffset()),
                "epoch " + batch.leaderEpoch());
            return;
          }
          next = batch.endOffset();
          records += batch.recordCount();
        }
      } catch (IndexOutOfBoundsException noBatch) {
        add(Kind.SEGMENT, where, "record batches in block " + i, String.valueOf(noBatch));
        return;
      }
    }
    if (next != segment.endOffset() || records != segment.records()) {
      add(
          Kind.SEGMENT,
          where,
          "batches up to %d with %d records".formatted(segment.endOffset(), segment.records()),
          "batches up to %d with %d records".formatted(next, records));
    }
  }
}
