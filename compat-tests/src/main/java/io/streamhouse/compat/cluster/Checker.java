package io.streamhouse.compat.cluster;

import io.streamhouse.compat.LongSequence;
import io.streamhouse.compat.cluster.Observations.Commit;
import io.streamhouse.compat.cluster.Observations.CommittedRead;
import io.streamhouse.compat.cluster.Observations.EndRead;
import io.streamhouse.compat.cluster.Observations.Run;
import io.streamhouse.compat.cluster.Observations.Sent;
import io.streamhouse.compat.cluster.Violation.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Judges [Observations] in the style of Jepsen's Kafka workload, against the log as it was read to
/// its end after all was over. Nothing but the headers of batches is looked up.
///
/// 1. Every acknowledged record is in the log, once, where it was acknowledged to be; one of
///    unknown outcome is there at most once, one that was never sent is not there. A client that
///    gave up a batch may write those after it once more, under a later epoch of its own, while an
///    earlier attempt is still on its way (KIP-360): no server can tell, and these are counted but
///    are no violation.
/// 2. Per partition the records of one producer are in the order they were sent in, and offsets
///    have no gap: nothing is compacted, and there are no transactions.
/// 3. Whatever any reader saw at an offset at any time is what is there at the end, and no reader's
///    position moves but from one record to the next.
/// 4. A committed offset is an atomic register for each group and partition: what is read of it (a
///    member that begins reads it, too) was written by a commit that no other is known to have
///    replaced before. A commit without an answer may take effect at any later time.
/// 5. The end of a partition never falls and is never behind an acknowledgement.
final class Checker {

  /// So many of a kind are told in full.
  private static final int TOLD = 5;

  /// Headers of so many doubled records are looked at; more of them are violations anyhow.
  private static final int LOOKED_AT = 1000;

  /// More records than the batches hold that a client has in flight for a partition, at the rates
  /// tried here: what it gives up has it number no others anew.
  private static final int IN_FLIGHT = 200;

  private static final long NONE = -1;

  private final Observations observed;
  private final LogBatch.Lookup batches;
  private final List<LongSequence> log = new ArrayList<>();
  private final Map<Kind, Integer> counts = new EnumMap<>(Kind.class);
  private final List<Violation> violations = new ArrayList<>();
  private int lookedAt;
  private int rewritten;

  /// What was found.
  ///
  /// @param examples at most a few of each kind
  /// @param rewritten records that their clients wrote once more under a later epoch
  record Verdict(Map<Kind, Integer> counts, List<Violation> examples, long records, int rewritten) {

    static final Verdict OF_NOTHING = new Verdict(Map.of(), List.of(), 0, 0);

    boolean clean() {
      return counts.isEmpty();
    }

    int total() {
      return counts.values().stream().mapToInt(Integer::intValue).sum();
    }
  }

  private Checker(Observations observed, LogBatch.Lookup batches) {
    this.observed = observed;
    this.batches = batches;
    for (int partition = 0; partition < observed.partitions(); partition++) {
      log.add(new LongSequence());
    }
  }

  /// @param last what one reader read from the beginning to the end after all producers stopped
  /// @param batches of the log as it is now
  static Verdict check(Observations observed, List<Run> last, LogBatch.Lookup batches) {
    var checker = new Checker(observed, batches);
    checker.takeLog(last);
    checker.checkSent();
    checker.checkRuns();
    checker.checkCommits();
    checker.checkEnds();
    observed.resets().forEach(reset -> checker.found(Kind.RESET, reset));
    long records = checker.log.stream().mapToLong(LongSequence::size).sum();
    return new Verdict(
        Map.copyOf(checker.counts), List.copyOf(checker.violations), records, checker.rewritten);
  }

  private void takeLog(List<Run> last) {
    for (var run : last) {
      var records = log.get(run.partition());
      while (records.size() < run.first()) {
        found(Kind.GAP, at(run.partition(), records.size()));
        records.add(NONE);
      }
      // A reader that was thrown back reads again what the log has already: the run is compared.
      for (long offset = Math.max(run.first(), records.size()); offset < run.next(); offset++) {
        records.add(run.at(offset).packed());
      }
    }
    last.forEach(this::checkRun);
  }

  /// Everything between the producers and the log.
  private void checkSent() {
    var answers = new HashMap<Long, long[]>();
    var seen = new HashMap<Long, BitSet>();
    for (Sent sent : observed.sents()) {
      answers.put(key(sent.producer(), sent.partition()), sent.answers());
      seen.put(key(sent.producer(), sent.partition()), new BitSet());
    }
    for (int partition = 0; partition < log.size(); partition++) {
      checkLog(partition, answers, seen);
    }
    for (Sent sent : observed.sents()) {
      long key = key(sent.producer(), sent.partition());
      checkAnswers(
          sent, answers.getOrDefault(key, new long[0]), seen.getOrDefault(key, new BitSet()));
    }
  }

  private void checkLog(int partition, Map<Long, long[]> answers, Map<Long, BitSet> seen) {
    var records = log.get(partition);
    var greatest = new HashMap<Integer, Integer>();
    for (int offset = 0; offset < records.size(); offset++) {
      if (records.get(offset) == NONE) {
        continue;
      }
      var tag = Tag.of(records.get(offset));
      long[] told = answers.get(key(tag.producer(), tag.partition()));
      if (tag.partition() != partition || told == null || tag.sequence() >= told.length) {
        found(Kind.ALIEN, tag + at(partition, offset));
        continue;
      }
      var before = seen.getOrDefault(key(tag.producer(), partition), new BitSet());
      if (before.get(tag.sequence())) {
        doubled(tag, partition, offset, told);
      } else if (tag.sequence() < greatest.getOrDefault(tag.producer(), -1)) {
        found(Kind.OUT_OF_ORDER, tag + at(partition, offset));
      }
      before.set(tag.sequence());
      greatest.merge(tag.producer(), tag.sequence(), Math::max);
      if (told[tag.sequence()] == Observations.REFUSED) {
        found(Kind.REFUSED_YET_THERE, tag + at(partition, offset));
      }
    }
  }

  private void doubled(Tag tag, int partition, int offset, long[] told) {
    if (++lookedAt > LOOKED_AT) {
      found(Kind.DOUBLED, tag + at(partition, offset));
      return;
    }
    // Each copy is compared with the one before it.
    int last = offset - 1;
    while (log.get(partition).get(last) != tag.packed()) {
      last--;
    }
    var earlier = batches.at(partition, last);
    var later = batches.at(partition, offset);
    // Once it was acknowledged a client does not write it again.
    long answer = told[tag.sequence()];
    boolean answeredBefore = answer >= 0 && answer < offset;
    if (later.rewrites(earlier) && !answeredBefore && gaveUp(told, tag.sequence())) {
      rewritten++;
    } else {
      found(
          Kind.DOUBLED,
          "%s%s, before at %d: %s, then %s"
              .formatted(tag, at(partition, offset), last, earlier, later));
    }
  }

  /// Whether the client got no answer to this record or one not long before it.
  private static boolean gaveUp(long[] told, int sequence) {
    return Arrays.stream(told, Math.max(0, sequence - IN_FLIGHT), sequence + 1)
        .anyMatch(answer -> answer == Observations.UNKNOWN);
  }

  private void checkAnswers(Sent sent, long[] answers, BitSet seen) {
    var records = log.get(sent.partition());
    for (int sequence = 0; sequence < answers.length; sequence++) {
      long answer = answers[sequence];
      if (answer == Observations.UNKNOWN || answer == Observations.REFUSED) {
        continue;
      }
      var tag = new Tag(sent.producer(), sent.partition(), sequence);
      if (!seen.get(sequence)) {
        found(Kind.LOST, tag + (answer < 0 ? "" : ", acknowledged" + at(sent.partition(), answer)));
      } else if (answer >= 0
          && (answer >= records.size() || records.get((int) answer) != tag.packed())) {
        found(Kind.MISPLACED, tag + ", acknowledged" + at(sent.partition(), answer));
      }
    }
  }

  private void checkRuns() {
    observed.runs().forEach(this::checkRun);
  }

  private void checkRun(Run run) {
    if (run.jumped()) {
      found(Kind.JUMPED, run.reader().name() + " went on" + at(run.partition(), run.first()));
    }
    var records = log.get(run.partition());
    for (long offset = run.first(); offset < run.next(); offset++) {
      if (offset >= records.size()) {
        found(Kind.UNSEEN_LATER, saw(run, offset));
      } else if (records.get((int) offset) != run.at(offset).packed()) {
        found(Kind.CHANGED, saw(run, offset));
      }
    }
  }

  private static String saw(Run run, long offset) {
    return run.reader().name() + " saw " + run.at(offset) + at(run.partition(), offset);
  }

  private record Register(String group, int partition) {}

  private void checkCommits() {
    var commits = new HashMap<Register, List<Commit>>();
    observed
        .commits()
        .forEach(commit ->
            commits
                .computeIfAbsent(
                    new Register(commit.group(), commit.partition()), _ -> new ArrayList<>())
                .add(commit));
    for (CommittedRead read : observed.committedReads()) {
      checkRead(
          read,
          commits.getOrDefault(new Register(read.reader().group(), read.partition()), List.of()));
    }
    commits.values().forEach(this::checkOrder);
    checkCoverage(commits);
  }

  private void checkRead(CommittedRead read, List<Commit> commits) {
    long replacedBefore =
        commits.stream()
            .filter(commit -> commit.ended() < read.begun())
            .mapToLong(Commit::begun)
            .max()
            .orElse(Long.MIN_VALUE);
    if (read.offset() == NONE && replacedBefore == Long.MIN_VALUE) {
      return;
    }
    long least = Long.MAX_VALUE;
    for (var commit : commits) {
      if (commit.begun() <= read.ended() && commit.ended() >= replacedBefore) {
        if (commit.offset() == read.offset()) {
          return;
        }
        least = Math.min(least, commit.offset());
      }
    }
    found(
        read.offset() < least ? Kind.COMMIT_BEHIND : Kind.COMMIT_AHEAD,
        "%s of group %s found %d in partition %d, where the least that could be is %s"
            .formatted(
                read.reader().name(),
                read.reader().group(),
                read.offset(),
                read.partition(),
                least == Long.MAX_VALUE ? "nothing" : least));
  }

  /// Whoever may commit began where the last one had got to. Only a commit that nobody heard of any
  /// more can have sent a member back.
  private void checkOrder(List<Commit> commits) {
    var acknowledged =
        commits.stream()
            .filter(commit -> commit.ended() != Observations.NEVER)
            .sorted(Comparator.comparingLong(Commit::ended))
            .toList();
    var begun = acknowledged.stream().sorted(Comparator.comparingLong(Commit::begun)).toList();
    int next = 0;
    long greatest = NONE;
    for (var commit : begun) {
      while (next < acknowledged.size() && acknowledged.get(next).ended() < commit.begun()) {
        greatest = Math.max(greatest, acknowledged.get(next++).offset());
      }
      if (commit.offset() < greatest && !sentBack(commit, commits)) {
        found(
            Kind.COMMIT_WENT_BACK,
            "group %s committed %d in partition %d after %d"
                .formatted(commit.group(), commit.offset(), commit.partition(), greatest));
      }
    }
  }

  private static boolean sentBack(Commit commit, List<Commit> commits) {
    return commits.stream()
        .anyMatch(other ->
            other.ended() == Observations.NEVER
                && other.offset() <= commit.offset()
                && other.begun() < commit.begun());
  }

  /// Between them the members of a group have read all that the group says it has.
  private void checkCoverage(Map<Register, List<Commit>> commits) {
    var read = new TreeMap<String, List<BitSet>>();
    for (var run : observed.runs()) {
      read.computeIfAbsent(run.reader().group(), _ -> bits())
          .get(run.partition())
          .set((int) run.first(), (int) run.next());
    }
    commits.forEach((register, all) -> {
      long committed =
          all.stream()
              .filter(commit -> commit.ended() != Observations.NEVER)
              .mapToLong(Commit::offset)
              .max()
              .orElse(0);
      var seen = read.getOrDefault(register.group(), bits()).get(register.partition());
      for (int offset = seen.nextClearBit(0);
          offset < committed;
          offset = seen.nextClearBit(offset + 1)) {
        found(Kind.SKIPPED, "group " + register.group() + at(register.partition(), offset));
      }
    });
  }

  private List<BitSet> bits() {
    return log.stream().map(_ -> new BitSet()).toList();
  }

  private void checkEnds() {
    var byPartition = new HashMap<Integer, List<EndRead>>();
    observed
        .endReads()
        .forEach(read ->
            byPartition.computeIfAbsent(read.partition(), _ -> new ArrayList<>()).add(read));
    byPartition.forEach((partition, reads) -> {
      long last = log.get(partition).size();
      for (var read : reads) {
        if (read.end() < read.atLeast()) {
          found(Kind.END_BEHIND, read.end() + " where " + read.atLeast() + partition(partition));
        }
        if (read.end() > last) {
          found(Kind.END_BEYOND, read.end() + " where " + last + partition(partition));
        }
      }
      var ended = reads.stream().sorted(Comparator.comparingLong(EndRead::ended)).toList();
      int next = 0;
      long greatest = 0;
      for (var read : reads.stream().sorted(Comparator.comparingLong(EndRead::begun)).toList()) {
        while (next < ended.size() && ended.get(next).ended() < read.begun()) {
          greatest = Math.max(greatest, ended.get(next++).end());
        }
        if (read.end() < greatest) {
          found(Kind.END_WENT_BACK, read.end() + " after " + greatest + partition(partition));
        }
      }
    });
  }

  private void found(Kind kind, String what) {
    if (counts.merge(kind, 1, Integer::sum) <= TOLD) {
      violations.add(new Violation(kind, what));
    }
  }

  private static long key(int producer, int partition) {
    return (long) producer << 32 | partition;
  }

  private static String at(int partition, long offset) {
    return " at offset " + offset + partition(partition);
  }

  private static String partition(int partition) {
    return " of partition " + partition;
  }
}
