package io.streamhouse.broker.merge;

import io.streamhouse.broker.merge.MergeJob.NotTheSame;
import io.streamhouse.broker.merge.MergeJob.Step;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.ObjectMissing;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.ReplaceResult;
import io.streamhouse.segment.BlockCompressor;
import io.streamhouse.segment.SegmentDamaged;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Merges segments of the partitions led here, so that each has at most [#BOUND] and one more for
/// every [MergeOptions#targetBytes] of its bytes.
///
/// It goes round the partitions, in (topic, partition) order. Of those of which more was flushed it
/// looks at the rows, without any lock, and gathers what [MergePolicy] says is to be merged: large
/// runs make an object each, small ones of many partitions one together, so that the number of
/// objects goes with bytes and not with partitions. One object is made at a time ([MergeJob]).
///
/// What happens to a partition meanwhile is found out by the transaction that ends a job: it
/// replaces the rows it was given and no others, under the lease they were read under.
///
/// Has no thread. A driver calls [#step], which reads at most one block or makes one call, and says
/// when it wants to be called again: what is read is held to a rate. Confined to its driver, but
/// for the counters.
public final class Merger implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Merger.class);

  /// What is not large enough to be left alone, of one partition.
  public static final int BOUND = 64;

  /// Rows looked at in one step.
  private static final int LOOKS = 20;

  /// Of an object for small runs. The transaction holds the rows of their partitions for as long as
  /// it takes to replace them, and commits of flushes wait that long.
  private static final int MOST_ROWS = 2000;

  private static final long GATHERED_BYTES = 64 << 20;

  private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
  private static final Duration LAST_PAUSE = Duration.ofMinutes(1);

  /// After damage, which does not mend itself.
  private static final Duration BLOCKED = Duration.ofHours(1);

  private final Supplier<Collection<Partition>> partitions;
  private final MergeOptions options;
  private final SegmentManifest manifest;
  private final ObjectStore store;
  private final Scratch scratch;
  private final UUID incarnation;
  private final Supplier<UUID> ids;
  private final TimeSource time;
  private final @Nullable BlockCompressor compressor;

  private final Map<PartitionId, Backlog> backlogs = new HashMap<>();

  /// When objects of flushes were first seen, the oldest first; those seen in no round are dropped.
  private final Map<UUID, Long> seen = new LinkedHashMap<>();

  /// Those left in this round.
  private Iterator<Backlog> round = List.<Backlog>of().iterator();

  private final List<MergeRun> gathered = new ArrayList<>();
  private final ArrayDeque<List<MergeRun>> jobs = new ArrayDeque<>();
  private @Nullable MergeJob job;
  private boolean urgent;
  private long roundEndNanos;
  private boolean roundOver = true;
  private boolean began;

  /// Until when what was read has to last.
  private long throttledUntilNanos;

  private Duration pause = Duration.ZERO;
  private long notBeforeNanos;

  private final LongAdder objects = new LongAdder();
  private final LongAdder segments = new LongAdder();
  private final LongAdder bytes = new LongAdder();
  private final LongAdder refused = new LongAdder();
  private final LongAdder failures = new LongAdder();
  private volatile List<PartitionId> behind = List.of();
  private volatile @Nullable String problem;

  /// @param partitions those led here, as of each call
  /// @param ids new object ids
  public Merger(
      Supplier<Collection<Partition>> partitions,
      MergeOptions options,
      SegmentManifest manifest,
      ObjectStore store,
      Scratch scratch,
      UUID incarnation,
      Supplier<UUID> ids,
      TimeSource time) {
    this.partitions = partitions;
    this.options = options;
    this.manifest = manifest;
    this.store = store;
    this.scratch = scratch;
    this.incarnation = incarnation;
    this.ids = ids;
    this.time = time;
    this.compressor = options.compress() ? new BlockCompressor() : null;
    this.throttledUntilNanos = time.nanos();
    this.notBeforeNanos = time.nanos();
  }

  /// Does a little of what is to be done.
  ///
  /// @return how long the next step has to wait
  public Duration step() {
    long now = time.nanos();
    long wait = Math.max(notBeforeNanos - now, throttledUntilNanos - now);
    if (wait > 0) {
      return Duration.ofNanos(wait);
    }
    try {
      return advance(now);
    } catch (IOException | MetadataUnavailable failed) {
      failed(failed);
    } catch (NotTheSame wrong) {
      damaged(wrong);
    }
    return Duration.ofNanos(Math.max(0, notBeforeNanos - time.nanos()));
  }

  private Duration advance(long now) throws IOException, NotTheSame {
    var current = job;
    if (current != null) {
      long read = current.step();
      throttle(now, read);
      pause = Duration.ZERO;
      if (current.now() == Step.DONE) {
        finish(current);
      }
      return Duration.ofNanos(Math.max(0, throttledUntilNanos - time.nanos()));
    }
    if (!jobs.isEmpty()) {
      begin(jobs.removeFirst());
      return Duration.ZERO;
    }
    return look(now);
  }

  private void throttle(long now, long read) {
    long from = Math.max(now, throttledUntilNanos);
    throttledUntilNanos = from + (long) (read * 1e9 / options.bytesPerSecond());
  }

  private void begin(List<MergeRun> runs) throws IOException {
    var led = runs.stream().filter(one -> one.partition().notLeading() == null).toList();
    if (led.isEmpty()) {
      return;
    }
    try {
      var draft = scratch.begin(led.stream().mapToLong(MergeRun::bytes).sum());
      job = new MergeJob(ids.get(), led, draft, manifest, store, incarnation, compressor);
    } catch (IOException full) {
      forget(led);
      throw full;
    }
  }

  private void finish(MergeJob done) {
    close();
    int replaced = 0;
    for (int i = 0; i < done.runs().size(); i++) {
      var run = done.runs().get(i);
      switch (done.results().get(i)) {
        case ReplaceResult.Replaced _ -> {
          replaced++;
          segments.add(run.rows().size());
          bytes.add(run.bytes());
          backlog(run, one -> one.merged(run.rows().size() - 1));
        }
        case ReplaceResult.Fenced _ -> refused.increment();
        case ReplaceResult.Changed _ -> {
          refused.increment();
          backlog(run, Backlog::again);
        }
      }
    }
    if (replaced > 0) {
      objects.increment();
      problem = null;
    }
    log.debug(
        "segments merged partitions={} refused={} bytes={}",
        replaced,
        done.runs().size() - replaced,
        done.length());
  }

  private void backlog(MergeRun run, Consumer<Backlog> change) {
    var of = backlogs.get(run.partition().id());
    if (of != null && of.of(run.partition())) {
      change.accept(of);
    }
  }

  /// Goes on with the round, or begins the next one when it is time.
  private Duration look(long now) {
    if (roundOver) {
      long left = roundEndNanos + options.pause().toNanos() - now;
      if (began && !urgent && left > 0) {
        return Duration.ofNanos(left);
      }
      beginRound();
    }
    for (int looks = 0; looks < LOOKS && jobs.isEmpty(); ) {
      if (!round.hasNext()) {
        endRound(now);
        break;
      }
      var next = round.next();
      if (next.partition().notLeading() == null && next.due(now, options)) {
        looks++;
        gather(next);
      }
    }
    return jobs.isEmpty() && roundOver && !urgent ? options.pause() : Duration.ZERO;
  }

  private void beginRound() {
    began = true;
    roundOver = false;
    urgent = false;
    var led = new HashSet<PartitionId>();
    var ordered = new ArrayList<Backlog>();
    for (var partition : partitions.get()) {
      led.add(partition.id());
      var known = backlogs.get(partition.id());
      if (known == null || !known.of(partition)) {
        known = new Backlog(partition);
        backlogs.put(partition.id(), known);
      }
      ordered.add(known);
    }
    backlogs.keySet().retainAll(led);
    ordered.sort(Comparator.comparing(one -> one.partition().id()));
    round = ordered.iterator();
  }

  private void endRound(long now) {
    roundOver = true;
    roundEndNanos = now;
    if (!gathered.isEmpty()) {
      jobs.add(List.copyOf(gathered));
      gathered.clear();
    }
    // An object that is left, or deleted, will not be asked for again.
    long kept = options.age().toNanos() * 3;
    seen.values().removeIf(first -> now - first > kept);
    behind =
        backlogs.values().stream()
            .filter(one -> one.behindNanos(now) > options.age().toNanos())
            .map(one -> one.partition().id())
            .sorted()
            .toList();
  }

  private void gather(Backlog of) {
    var found = of.look(manifest, options, seen, time);
    urgent |= !found.isEmpty() && of.rows() > MergePolicy.MOST_SEGMENTS;
    for (var run : found) {
      if (run.own()) {
        jobs.add(List.of(run));
        continue;
      }
      gathered.add(run);
      long rows = gathered.stream().mapToLong(one -> one.rows().size()).sum();
      if (rows >= MOST_ROWS
          || gathered.stream().mapToLong(MergeRun::bytes).sum() >= GATHERED_BYTES) {
        jobs.add(List.copyOf(gathered));
        gathered.clear();
      }
    }
  }

  /// A store does not answer, or a source is gone. What is registered is tried again as it is; what
  /// is not is given up, and looked for anew.
  private void failed(Exception why) {
    failures.increment();
    var doubled = pause.isZero() ? FIRST_PAUSE : pause.multipliedBy(2);
    pause = doubled.compareTo(LAST_PAUSE) < 0 ? doubled : LAST_PAUSE;
    notBeforeNanos = time.nanos() + pause.toNanos();
    if (why instanceof SegmentDamaged) {
      damaged(why);
      return;
    }
    var current = job;
    if (current == null) {
      log.warn("merging waits why={}", why.toString());
      return;
    }
    if (why instanceof ObjectMissing) {
      log.debug("segments that were to be merged are gone", why);
    } else {
      log.warn("merging waits at step={} why={}", current.now(), why.toString());
    }
    if (current.now() == Step.COPY || current.now() == Step.VERIFY) {
      giveUp(current);
    }
  }

  /// Nothing is replaced by what is not the same, or could not be read.
  private void damaged(Exception why) {
    var current = job;
    if (current == null) {
      throw new IllegalStateException("damage without a job", why);
    }
    failures.increment();
    var partition = current.current().partition().id();
    problem = "segments of %s cannot be merged: %s".formatted(partition, why.getMessage());
    log.error("segments cannot be merged partition={}", partition, why);
    giveUp(current);
    backlog(current.current(), one -> one.block(time.nanos() + BLOCKED.toNanos()));
  }

  private void giveUp(MergeJob current) {
    close();
    forget(current.runs());
  }

  private void forget(List<MergeRun> runs) {
    runs.forEach(run -> backlog(run, Backlog::again));
  }

  /// Throws away what was begun.
  @Override
  public void close() {
    var current = job;
    if (current != null) {
      job = null;
      current.close();
    }
  }

  /// Objects made of segments so far.
  public long objects() {
    return objects.sum();
  }

  /// Segments that were replaced so far.
  public long segments() {
    return segments.sum();
  }

  /// Their bytes.
  public long bytes() {
    return bytes.sum();
  }

  /// Replacements that were refused, because the lease was lost or the log start moved.
  public long refused() {
    return refused.sum();
  }

  /// Steps that failed so far; what they were for is tried again.
  public long failures() {
    return failures.sum();
  }

  /// Partitions that have had more segments than they should for longer than [MergeOptions#age].
  public List<PartitionId> behind() {
    return behind;
  }

  /// What keeps segments from being merged until somebody looks after it; null if nothing does.
  public @Nullable String problem() {
    return problem;
  }
}
