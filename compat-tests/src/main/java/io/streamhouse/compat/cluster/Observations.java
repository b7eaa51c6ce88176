package io.streamhouse.compat.cluster;

import io.streamhouse.compat.LongSequence;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/// What the clients of a cluster were told and saw, in the order and at the time it happened, for
/// the [Checker]. Times are nanoseconds of one clock, from any moment on.
///
/// Its size is bounded by that of the log: whoever sends asks [#full] first. Safe for several
/// threads; a [Run] is its reader's until the reader is joined.
final class Observations {

  /// The end of what has not ended, or nobody knows when.
  static final long NEVER = Long.MAX_VALUE;

  /// No answer yet, or one that leaves open whether the record is in the log.
  static final long UNKNOWN = -1;

  /// Acknowledged without an offset, as the client reports a batch so old that only its being a
  /// duplicate is known.
  static final long SOMEWHERE = -2;

  /// Never sent: the client gave it back.
  static final long REFUSED = -3;

  /// What one producer was told of one partition, by sequence: an offset, or why there is none.
  static final class Sent {
    private final int producer;
    private final int partition;

    /// Guarded by this.
    private final LongSequence answers = new LongSequence();

    private Sent(int producer, int partition) {
      this.producer = producer;
      this.partition = partition;
    }

    /// The next record is about to be sent.
    synchronized Tag next() {
      answers.add(UNKNOWN);
      return new Tag(producer, partition, answers.size() - 1);
    }

    synchronized void acknowledged(int sequence, long offset) {
      answers.set(sequence, offset < 0 ? SOMEWHERE : offset);
    }

    synchronized void refused(int sequence) {
      answers.set(sequence, REFUSED);
    }

    int producer() {
      return producer;
    }

    int partition() {
      return partition;
    }

    synchronized long[] answers() {
      var copy = new long[answers.size()];
      for (int sequence = 0; sequence < copy.length; sequence++) {
        copy[sequence] = answers.get(sequence);
      }
      return copy;
    }
  }

  /// Who reads.
  ///
  /// @param group it is a member of this one; empty: it belongs to none
  record Reader(String name, String group) {

    static Reader of(String name) {
      return new Reader(name, "");
    }
  }

  /// Records of one partition that one reader got without a gap, from where it began, or was given
  /// the partition, to where it ended, lost the partition or missed a record.
  static final class Run {
    private final Reader reader;
    private final int partition;
    private final long first;
    private final boolean jumped;
    private final LongSequence records = new LongSequence();

    private Run(Reader reader, int partition, long first, boolean jumped) {
      this.reader = reader;
      this.partition = partition;
      this.first = first;
      this.jumped = jumped;
    }

    void add(Tag record) {
      records.add(record.packed());
    }

    Reader reader() {
      return reader;
    }

    int partition() {
      return partition;
    }

    long first() {
      return first;
    }

    /// The offset after the last one.
    long next() {
      return first + records.size();
    }

    /// Whether it began where the reader had not asked for: it went on from elsewhere.
    boolean jumped() {
      return jumped;
    }

    Tag at(long offset) {
      return Tag.of(records.get((int) (offset - first)));
    }
  }

  /// @param ended when it was acknowledged, [#NEVER] where it was not: it may take effect whenever
  record Commit(String group, int partition, long offset, long begun, long ended) {}

  /// What a group's committed offset was said to be, or where a member began, which is the same.
  ///
  /// @param offset -1: none
  record CommittedRead(Reader reader, int partition, long offset, long begun, long ended) {}

  /// What was said to be the end of a partition.
  ///
  /// @param atLeast the end of what had been acknowledged before it was asked for
  record EndRead(int partition, long end, long atLeast, long begun, long ended) {}

  private final int partitions;
  private final long limit;
  private final AtomicLong sent = new AtomicLong();

  // Guarded by this.
  private final List<Sent> sents = new ArrayList<>();
  private final List<Run> runs = new ArrayList<>();
  private final List<Commit> commits = new ArrayList<>();
  private final List<CommittedRead> committedReads = new ArrayList<>();
  private final List<EndRead> endReads = new ArrayList<>();
  private final List<String> resets = new ArrayList<>();
  private int producers;

  /// @param partitions how many there are
  /// @param limit records sent at most
  Observations(int partitions, long limit) {
    this.partitions = partitions;
    this.limit = limit;
  }

  int partitions() {
    return partitions;
  }

  /// Whether no more may be sent.
  boolean full() {
    return sent.get() >= limit;
  }

  /// A producer with a number of its own.
  ///
  /// @return what it is told, by partition
  synchronized List<Sent> newProducer() {
    var own = new ArrayList<Sent>();
    for (int partition = 0; partition < partitions; partition++) {
      own.add(new Sent(producers, partition));
    }
    producers++;
    sents.addAll(own);
    return own;
  }

  void countSent() {
    sent.incrementAndGet();
  }

  /// A reader begins where it means to.
  Run begin(Reader reader, int partition, long first) {
    return add(new Run(reader, partition, first, false));
  }

  /// A reader finds itself elsewhere than after what it read last.
  Run jump(Reader reader, int partition, long first) {
    return add(new Run(reader, partition, first, true));
  }

  private synchronized Run add(Run run) {
    runs.add(run);
    return run;
  }

  synchronized void add(Commit commit) {
    commits.add(commit);
  }

  synchronized void add(CommittedRead read) {
    committedReads.add(read);
  }

  synchronized void add(EndRead read) {
    endReads.add(read);
  }

  /// A consumer was told that its offset does not exist.
  synchronized void reset(String what) {
    resets.add(what);
  }

  synchronized List<Sent> sents() {
    return List.copyOf(sents);
  }

  synchronized List<Run> runs() {
    return List.copyOf(runs);
  }

  synchronized List<Commit> commits() {
    return List.copyOf(commits);
  }

  synchronized List<CommittedRead> committedReads() {
    return List.copyOf(committedReads);
  }

  synchronized List<EndRead> endReads() {
    return List.copyOf(endReads);
  }

  synchronized List<String> resets() {
    return List.copyOf(resets);
  }

  /// How many records were acknowledged, how many may or may not be there, how many never left.
  record Counts(long acknowledged, long unknown, long refused) {}

  Counts counts() {
    long acknowledged = 0;
    long unknown = 0;
    long refused = 0;
    for (var each : sents()) {
      for (long answer : each.answers()) {
        if (answer == UNKNOWN) {
          unknown++;
        } else if (answer == REFUSED) {
          refused++;
        } else {
          acknowledged++;
        }
      }
    }
    return new Counts(acknowledged, unknown, refused);
  }
}
