package io.streamhouse.broker.fsck;

import io.streamhouse.broker.fsck.Finding.Kind;
import io.streamhouse.broker.wal.WalFiles;
import io.streamhouse.metadata.Audit;
import io.streamhouse.metadata.Audit.AuditedPartition;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.TopicCatalog;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.WalDamaged;
import io.streamhouse.segment.WalEntry;
import io.streamhouse.segment.WalFileReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// Checks the write-ahead log of an agent that is stopped: what its partitions have in it beyond
/// their committed ends must continue there, as replay will ask. Keeps a few numbers for each
/// partition and no record. Confined to one run.
final class WalCheck {

  private final Audit audit;
  private final TopicCatalog topics;
  private final UUID walId;
  private final Map<PartitionId, Chain> chains = new HashMap<>();
  private final List<Finding> findings = new ArrayList<>();
  private long entries;

  WalCheck(Audit audit, TopicCatalog topics, UUID walId) {
    this.audit = audit;
    this.topics = topics;
    this.walId = walId;
  }

  List<Finding> run(WalFiles files) throws IOException {
    var sequences = files.sequences();
    for (int i = 0; i < sequences.size(); i++) {
      long sequence = sequences.get(i);
      var name = files.name(sequence);
      try (var content = files.read(sequence)) {
        new WalFileReader(name, sequence, content.bytes())
            .scan(walId, i == sequences.size() - 1, (_, entry) -> entry(name, entry));
      } catch (WalDamaged damaged) {
        findings.add(
            new Finding(
                Kind.WAL, name, "frames that verify", String.valueOf(damaged.getMessage())));
        // What follows would seem to leave gaps.
        return findings;
      }
    }
    chains.forEach((id, chain) -> chain.report(id));
    return findings;
  }

  /// Entries looked at.
  long entries() {
    return entries;
  }

  private void entry(String file, WalEntry entry) {
    entries++;
    var id = new PartitionId(entry.topicId(), entry.partition());
    var chain = chains.get(id);
    if (chain == null) {
      chain = new Chain(file, audit.partition(id).orElse(null));
      chains.put(id, chain);
    }
    chain.offer(entry);
  }

  /// What of one partition replay would accept, as it does: see
  /// [io.streamhouse.broker.partition.TailReplay].
  private final class Chain {

    private final String file;
    private final @Nullable AuditedPartition row;
    private long next;
    private int epoch = -1;
    private @Nullable String gap;

    /// @param file the first that names it
    Chain(String file, @Nullable AuditedPartition row) {
      this.file = file;
      this.row = row;
      this.next = row == null ? 0 : row.committedEnd();
    }

    void offer(WalEntry entry) {
      if (row == null
          || row.tail().isEmpty()
          || !row.tail().get().walId().equals(walId)
          || entry.leaseEpoch() < row.tail().get().epoch()
          || entry.leaseEpoch() < epoch) {
        return;
      }
      if (entry.leaseEpoch() > epoch) {
        epoch = entry.leaseEpoch();
        // Voids what earlier epochs left from here on.
        next = Math.max(row.committedEnd(), Math.min(next, entry.baseOffset()));
      }
      long end;
      try {
        end = RecordBatches.of(entry.batch()).single().endOffset();
      } catch (IndexOutOfBoundsException | IllegalStateException noBatch) {
        gap = gap == null ? "an entry at " + entry.baseOffset() + " that is no batch" : gap;
        return;
      }
      if (end <= row.committedEnd()) {
        return;
      }
      if (entry.baseOffset() == next) {
        next = end;
      } else if (gap == null) {
        gap = "an entry at %d of epoch %d".formatted(entry.baseOffset(), entry.leaseEpoch());
      }
    }

    void report(PartitionId id) {
      if (row == null && topics.deletedAmong(List.of(id.topicId())).isEmpty()) {
        findings.add(
            new Finding(Kind.WAL, file, "entries of known or deleted topics", "entries of " + id));
      }
      if (gap != null) {
        findings.add(new Finding(Kind.WAL, id.toString(), "its log to continue at " + next, gap));
      }
    }
  }
}
