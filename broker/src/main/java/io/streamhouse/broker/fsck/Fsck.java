package io.streamhouse.broker.fsck;

import io.streamhouse.broker.fsck.Finding.Kind;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.broker.sweep.SweepGuard;
import io.streamhouse.broker.wal.WalFiles;
import io.streamhouse.metadata.Audit;
import io.streamhouse.metadata.Audit.AuditedObject;
import io.streamhouse.metadata.Audit.AuditedPartition;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.segment.ObjectKey;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;

/// Checks a deployment: that what the metadata says of each partition fits together, that the
/// objects hold just that, and that nothing is there which nobody knows of.
///
/// Reads page by page, so memory does not grow with the deployment. Where agents run, a page may be
/// older than the next; so whatever seems wrong is looked at once more, and told only if it still
/// does. Blocks; for one run.
public final class Fsck {

  private static final int PARTITIONS = 500;

  /// Large, because each page reads the rows of all segments.
  private static final int OBJECTS = 20_000;

  private static final int KEYS = 1000;
  private static final int ROWS = 1000;

  private final MetadataStore metadata;
  private final Audit audit;
  private final ObjectStore store;
  private final SweepGuard guard;
  private final FsckOptions options;
  private final Consumer<Finding> told;

  private long partitions;
  private long segments;
  private long bytes;
  private long objects;
  private long walEntries;
  private long findings;
  private long repaired;
  private boolean old;

  /// @param told each finding, as it is made
  public Fsck(
      MetadataStore metadata,
      ObjectStore store,
      SweepGuard guard,
      FsckOptions options,
      Consumer<Finding> told) {
    this.metadata = metadata;
    this.audit = metadata.audit();
    this.store = store;
    this.guard = guard;
    this.options = options;
    this.told = told;
  }

  /// What was looked at and what came of it.
  ///
  /// @param bytes of segments, as stored
  /// @param repaired of the findings
  public record Summary(
      long partitions,
      long segments,
      long bytes,
      long objects,
      long walEntries,
      long findings,
      long repaired) {

    public boolean clean() {
      return findings == repaired;
    }
  }

  /// The log of an agent that is stopped, to be checked too.
  public record Wal(WalFiles files, UUID walId) {}

  /// Checks everything.
  ///
  /// @param wal empty if its agent runs, or if there is none at hand
  /// @throws IOException if the object store does not answer
  /// @throws io.streamhouse.metadata.MetadataUnavailable if the metadata store does not
  public Summary run(Optional<Wal> wal) throws IOException {
    var age = guard.problem();
    if (age != null) {
      old = true;
      tell(new Finding(Kind.OLD_DATABASE, "metadata", "the newest database", age), false);
    }
    rows();
    partitions(wal);
    references();
    orphans();
    if (wal.isPresent()) {
      var check = new WalCheck(audit, metadata.topics(), wal.get().walId());
      check.run(wal.get().files()).forEach(finding -> tell(finding, false));
      walEntries = check.entries();
    }
    return new Summary(partitions, segments, bytes, objects, walEntries, findings, repaired);
  }

  private void tell(Finding finding, boolean mended) {
    findings++;
    repaired += mended ? 1 : 0;
    told.accept(finding);
  }

  /// Rows that name what there is not.
  private void rows() {
    for (var finding : confirmed(dangling())) {
      tell(finding, false);
    }
  }

  private List<Finding> dangling() {
    var found = new ArrayList<Finding>();
    for (var topic : audit.topicsMissingPartitions(ROWS)) {
      found.add(
          new Finding(Kind.CATALOGUE, topic, "all its partitions and no others", "other rows"));
    }
    for (var stray : audit.strays(ROWS)) {
      found.add(
          new Finding(
              Kind.CATALOGUE,
              stray.toString(),
              "a row of the partition",
              "only its segments or epochs"));
    }
    for (var offset : audit.danglingOffsets(ROWS)) {
      found.add(
          new Finding(
              Kind.OFFSET,
              "group " + offset.group(),
              "committed offsets of partitions there are",
              offset.partition().toString()));
    }
    return found;
  }

  private List<Finding> confirmed(List<Finding> found) {
    if (found.isEmpty() || !options.running()) {
      return found;
    }
    var again = new HashSet<>(dangling());
    return found.stream().filter(again::contains).toList();
  }

  private void partitions(Optional<Wal> wal) throws IOException {
    var wals = new HashSet<>(audit.wals());
    wal.ifPresent(own -> wals.add(own.walId()));
    Optional<PartitionId> after = Optional.empty();
    List<AuditedPartition> page;
    do {
      page = audit.partitions(after, PARTITIONS);
      for (var row : page) {
        partition(row, wals);
        after = Optional.of(row.id());
      }
    } while (page.size() == PARTITIONS);
  }

  private void partition(AuditedPartition row, Set<UUID> wals) throws IOException {
    var check = check(row, wals, options.shallow());
    var found = check.run();
    partitions++;
    segments += check.segments();
    bytes += check.bytes();
    for (int look = 0; look < 2 && options.running() && !found.isEmpty(); look++) {
      var now = audit.partition(row.id());
      if (now.isEmpty()) {
        return;
      }
      var still = new HashSet<>(check(now.get(), wals, options.shallow()).run());
      found = found.stream().filter(still::contains).toList();
    }
    found.forEach(finding -> tell(finding, false));
  }

  private PartitionCheck check(AuditedPartition row, Set<UUID> wals, boolean shallow) {
    return new PartitionCheck(
        audit, store, shallow, row, metadata.manifest().epochs(row.id()), wals);
  }

  /// Each object's state and count against the segments that refer to it.
  private void references() {
    long after = 0;
    List<AuditedObject> page;
    do {
      page = audit.objects(after, OBJECTS);
      for (var object : page) {
        objects++;
        after = object.sequence();
        var expected =
            switch (object.state()) {
              case PENDING, ABANDONED -> object.referring() == 0 && object.segments() == 0;
              case COMMITTED -> object.referring() > 0 && object.segments() == object.referring();
            };
        if (!expected) {
          var finding =
              new Finding(
                  Kind.REFERENCES,
                  object.key(),
                  object.referring() + " segment(s), as refer to it",
                  "%s with %d"
                      .formatted(
                          object.state().name().toLowerCase(Locale.ROOT), object.segments()));
          tell(finding, options.repair() && audit.recount(object.objectId()));
        }
      }
    } while (page.size() == OBJECTS);
  }

  /// What is in the store and not in the metadata. Objects are registered before they are uploaded,
  /// and forgotten after they are deleted, so whatever is listed and not known afterwards is either
  /// gone by then or an orphan.
  private void orphans() throws IOException {
    var last = "";
    List<String> keys;
    do {
      keys = store.list("", last, KEYS);
      Map<UUID, String> ours = new HashMap<>();
      for (var key : keys) {
        last = key;
        if (key.startsWith(SweepGuard.PREFIX)) {
          continue;
        }
        var parsed = ObjectKey.parse(key);
        if (parsed.isPresent()) {
          ours.put(parsed.get().objectId(), key);
        } else {
          tell(new Finding(Kind.ORPHAN, key, "names of objects only", "another name"), false);
        }
      }
      for (var known : audit.objects(ours.keySet())) {
        ours.remove(known.objectId(), known.key());
      }
      for (var orphan : ours.entrySet()) {
        if (store.head(orphan.getValue()).isPresent()) {
          tell(
              new Finding(
                  Kind.ORPHAN,
                  orphan.getValue(),
                  "objects that the metadata knows",
                  "one that it does not"),
              abandon(orphan.getKey(), orphan.getValue()));
        }
      }
    } while (keys.size() == KEYS);
  }

  /// Leaves an orphan to the sweeper, which gives it its grace: registered by a session that never
  /// was, it is due. Not where the database may be the one that is wrong.
  private boolean abandon(UUID objectId, String key) {
    if (!options.repair() || old || !audit.objects(List.of(objectId)).isEmpty()) {
      return false;
    }
    metadata.manifest().registerObject(new UUID(0, 0), objectId, key);
    return true;
  }
}
