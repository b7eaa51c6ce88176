package io.streamhouse.broker.partition;

import io.streamhouse.broker.lease.Ownership;
import io.streamhouse.broker.partition.ProducerEntry.WrittenBatch;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.wal.WalAppend;
import io.streamhouse.broker.wal.WalPlace;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Grant;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.EpochStart;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One partition led here: the order of its records, and how far they are safe.
///
/// ```
/// logStart ≤ committedEnd ≤ slicedEnd, highWatermark ≤ nextOffset
/// |---- segments ----|------------------ tail ------------------|
/// ```
///
/// Some batches before the committed end are in memory as well, see [RecentBatches].
///
/// The high watermark is the end of what is durable: of what is committed and, at the level
/// `local`, of what the write-ahead log has written. Slices are made of what is durable, at the
/// level `object` of everything.
///
/// Guarded by its own lock, held for check, assign and enqueue only. Starts no thread, blocks on
/// nothing, and completes futures and calls listeners after the lock is released. Batches take
/// effect in the order of [#append] calls even where one must wait (for its re-compression, or for
/// producer state to be read back): later ones wait behind it.
public final class Partition implements Appends, WalAppend.Owner {

  private static final Logger log = LoggerFactory.getLogger(Partition.class);

  /// After how long without appends the row of a flushed partition names no log any more.
  private static final Duration IDLE = Duration.ofSeconds(30);

  private static final Duration FORGET_INTERVAL = Duration.ofMinutes(1);

  /// A segment gets a full snapshot of producer state at least this often, so that reading the
  /// state back looks at a bounded part of the log.
  private static final long SNAPSHOT_BYTES = 64L << 20;

  private static final int SNAPSHOT_SEGMENTS = 32;

  /// So many producers go into every segment, a kilobyte at most: then whoever leads next has their
  /// state from one segment, and the first batch that it is sent does not wait for more.
  private static final int SMALL_SNAPSHOT = 8;

  private final Lease<PartitionId> lease;
  private final int tailSince;
  private final Ownership ownership;
  private final WriteAheadLog wal;
  private final TailReplay.@Nullable Source adopted;

  /// Batches of the tail below it that are not in memory are in the adopted log, others in this
  /// agent's own.
  private final long adoptedEnd;

  private final TailBudget budget;
  private final Background background;
  private final TimeSource time;
  private final ReentrantLock lock = new ReentrantLock();
  private volatile PartitionSettings settings;

  // Written under lock; volatile so that readers need none.
  private volatile long logStart;
  private volatile long storedLogStart;
  private volatile long committedEnd;
  private volatile long highWatermark;

  private final AtomicLong committedSegments = new AtomicLong();

  /// End of what is on its way into segments; the flusher alone moves it.
  private volatile long slicedEnd;

  private volatile long oldestUnflushedNanos;
  private volatile long oldestUnslicedNanos;

  /// How far slices may be made.
  private volatile long sliceableEnd;

  // Guarded by lock.
  private final Tail tail;
  private long durableEnd;
  private long nextOffset;
  private long lastAppendedNanos;
  private final Logging logging;

  /// Memory of batches below `committedEnd` that are still in the tail.
  private long recentBytes;

  /// Why this agent does not lead the partition any more.
  private volatile @Nullable Failure closed;

  /// Why nothing more can be appended although it still leads: the write-ahead log broke.
  private @Nullable Failure broken;

  /// As of `nextOffset`; null until read back, at the first idempotent append.
  private @Nullable ProducerStates producers;

  /// As of `slicedEnd`; null as long as `producers` is.
  private @Nullable ProducerStates slicedProducers;

  private final RefusedSequences refusedSequences = new RefusedSequences();
  private boolean loadingProducers;
  private final List<ProducerEntry> committedWhileLoading = new ArrayList<>();
  private long bytesSinceSnapshot;
  private int segmentsSinceSnapshot;

  private final Ingress ingress;

  /// Whether appends wait: until an adopted tail is committed, or the partition is handed over.
  private boolean held;

  /// Whether they do because of the tail, and go on by themselves.
  private boolean adopting;

  private final ArrayDeque<Unacknowledged> unacknowledged = new ArrayDeque<>();
  private final List<Advance> advances = new ArrayList<>();
  private final List<Truncation> truncations = new ArrayList<>();

  /// When expired ones were looked for last.
  private long forgotProducersNanos;

  /// Who asked for `producers` before they were read back.
  private final List<CompletableFuture<ProducersResult>> askedForProducers = new ArrayList<>();

  /// An append that is answered once the high watermark reaches `endOffset`.
  private record Unacknowledged(
      long endOffset, AppendResult result, CompletableFuture<AppendResult> future) {}

  /// A listener waiting for the high watermark; compared by identity.
  private static final class Advance {
    final long seen;
    final Runnable listener;

    Advance(long seen, Runnable listener) {
      this.seen = seen;
      this.listener = listener;
    }
  }

  /// A DeleteRecords that waits for the tail below `offset` to be committed.
  private record Truncation(long offset, CompletableFuture<TruncateResult> future) {}

  /// What is to be completed and called once the lock is released.
  private static final class Settled {
    private final List<Runnable> calls = new ArrayList<>(2);

    <T> void complete(CompletableFuture<T> future, T value) {
      calls.add(() -> future.complete(value));
    }

    void call(Runnable call) {
      calls.add(call);
    }

    void run() {
      calls.forEach(Runnable::run);
    }
  }

  /// @param grant the lease, and where the committed log ends
  /// @param replayed acknowledged batches beyond it, all in the log, in order and without gap; the
  ///   partition takes references of its own
  /// @param adopted the log of another agent, or of an earlier session of this one, that has the
  ///   tail; null where it is in `wal` and was replayed when that was opened. Appends wait until
  ///   all of it is committed and the partition's row names it no more
  public Partition(
      Grant grant,
      List<TailBatch> replayed,
      TailReplay.@Nullable Source adopted,
      PartitionSettings settings,
      Ownership ownership,
      WriteAheadLog wal,
      TailBudget budget,
      Background background,
      TimeSource time) {
    this.lease = grant.lease();
    this.tailSince = grant.tail().map(where -> where.epoch()).orElse(lease.epoch());
    this.ownership = ownership;
    this.wal = wal;
    this.budget = budget;
    this.ingress = new Ingress(budget);
    this.background = background;
    this.time = time;
    this.settings = settings;
    this.logStart = grant.logStart();
    this.storedLogStart = logStart;
    this.committedEnd = grant.committedEnd();
    this.tail = new Tail(committedEnd);
    for (var batch : replayed) {
      tail.add(batch, time.nanos());
    }
    budget.reserve(tail.bytes());
    this.nextOffset = tail.end();
    this.durableEnd = nextOffset;
    this.highWatermark = nextOffset;
    this.forgotProducersNanos = time.nanos();
    this.adopted = adopted;
    this.adoptedEnd = adopted == null ? 0 : nextOffset;
    this.adopting = adopted != null;
    this.held = adopting;
    this.logging =
        adopting
            ? Logging.adopting(nextOffset, time.nanos())
            : new Logging(
                grant.tail().isPresent(), !settings.objectDurable(), nextOffset, time.nanos());
    this.slicedEnd = committedEnd;
    this.sliceableEnd = nextOffset;
    this.oldestUnflushedNanos = time.nanos();
    this.oldestUnslicedNanos = oldestUnflushedNanos;
    this.lastAppendedNanos = oldestUnflushedNanos;
    if (committedEnd == 0) {
      producers = new ProducerStates();
      slicedProducers = new ProducerStates();
      applyTail(producers, Long.MAX_VALUE);
    }
  }

  public PartitionId id() {
    return lease.key();
  }

  public Lease<PartitionId> lease() {
    return lease;
  }

  /// The first epoch under which anything may have been written that is beyond the committed end:
  /// whatever a log has of earlier ones is committed, or was given up.
  public int tailSince() {
    return tailSince;
  }

  /// The first offset that can be read.
  public long logStart() {
    return logStart;
  }

  /// The log start as the metadata store knows it: behind [#logStart] while that is being raised.
  public long storedLogStart() {
    return storedLogStart;
  }

  /// End of what is in committed segments.
  public long committedEnd() {
    return committedEnd;
  }

  /// How many segments were committed since it was opened.
  public long committedSegments() {
    return committedSegments.get();
  }

  /// One past the last offset consumers may see.
  public long highWatermark() {
    return highWatermark;
  }

  /// Why this agent may not answer for the partition's tail now, if so: checked before serving
  /// anything at or above `committedEnd`.
  public @Nullable Failure notLeading() {
    var why = closed;
    return why != null ? why : ownership.holds() ? null : notLeader();
  }

  public PartitionSettings settings() {
    return settings;
  }

  public void settings(PartitionSettings changed) {
    settings = changed;
    align();
  }

  @Override
  public CompletableFuture<AppendResult> append(RecordBatches batches, Acks acks) {
    var asked = settings;
    long now = time.wallMillis();
    var refused = asked.refuses(batches, now);
    if (refused != null) {
      return CompletableFuture.completedFuture(new AppendResult.Refused(refused));
    }
    var result = new CompletableFuture<AppendResult>();
    var batch = batches.single();
    if (asked.recompresses(batch) || asked.keysRequired()) {
      batches.retain();
      var rewritten =
          background.rewrite(batches, asked, now).whenComplete((_, _) -> batches.release());
      offer(new Ingress.Waiting(rewritten, Tail.cost(batches), acks, result), batch);
      return result;
    }
    if (asked.logAppendTime()) {
      batches.stampLogAppendTime(now);
    }
    var settled = new Settled();
    boolean taken = false;
    lock.lock();
    try {
      if (!held && ingress.isEmpty() && (!batch.hasProducerId() || producers != null)) {
        take(batches, acks, result, settled);
        taken = true;
      }
    } finally {
      lock.unlock();
    }
    settled.run();
    if (!taken) {
      batches.retain();
      offer(
          new Ingress.Waiting(
              CompletableFuture.completedFuture(batches), Tail.cost(batches), acks, result),
          batch);
    }
    return result;
  }

  /// Queues an append behind those that wait already.
  private void offer(Ingress.Waiting waiting, RecordBatch batch) {
    boolean full;
    lock.lock();
    try {
      full = !ingress.offer(waiting);
      if (full) {
        remember(batch);
      }
    } finally {
      lock.unlock();
    }
    if (full) {
      var _ = waiting.batches().thenAccept(RecordBatches::release);
      waiting
          .result()
          .complete(new AppendResult.Refused(new Failure.Backpressure("too many appends wait")));
    } else {
      var _ = waiting.batches().whenComplete((_, _) -> drainIngress());
    }
  }

  /// Takes the appends at the head of the queue that need not wait any more.
  private void drainIngress() {
    var settled = new Settled();
    boolean load = false;
    lock.lock();
    try {
      while (!held) {
        var head = ingress.ready();
        if (head == null) {
          break;
        }
        RecordBatches batches;
        try {
          batches = head.batches().join();
        } catch (CompletionException failed) {
          ingress.remove();
          settled.complete(head.result(), new AppendResult.Refused(failureOf(failed.getCause())));
          continue;
        }
        if (batches.single().hasProducerId() && producers == null && closed == null) {
          load = !loadingProducers;
          loadingProducers = true;
          break;
        }
        ingress.remove();
        var refused = settings.refuses(batches, time.wallMillis());
        if (refused == null) {
          take(batches, head.acks(), head.result(), settled);
        } else {
          settled.complete(head.result(), new AppendResult.Refused(refused));
        }
        settled.call(batches::release);
      }
    } finally {
      lock.unlock();
    }
    settled.run();
    if (load) {
      loadProducers();
    }
  }

  private static Failure failureOf(@Nullable Throwable thrown) {
    return thrown instanceof Refused refused
        ? refused.failure()
        : new Failure.Storage(String.valueOf(thrown));
  }

  /// Checks, assigns, stamps and queues one batch. Under lock.
  private void take(
      RecordBatches batches, Acks acks, CompletableFuture<AppendResult> result, Settled settled) {
    var unable = closed != null ? closed : broken != null ? broken : null;
    if (unable == null && !ownership.holds()) {
      unable = notLeader();
    }
    if (unable == null && producers != null && !producers.knows(batches.single())) {
      unable = refusedSequences.refuses(batches.single());
    }
    if (unable != null) {
      refuse(batches.single(), unable, result, settled);
      return;
    }
    switch (producers == null
        ? new ProducerStates.Check.Accepted()
        : producers.check(batches.single())) {
      case ProducerStates.Check.Rejected(Failure failure) ->
          settled.complete(result, new AppendResult.Refused(failure));
      case ProducerStates.Check.Duplicate(WrittenBatch first) ->
          answer(
              first.endOffset(),
              new AppendResult.Appended(first.baseOffset(), -1, logStart),
              acks,
              result,
              settled);
      case ProducerStates.Check.Accepted _ -> {
        wakeFromIdle(settled);
        if (!logging.on() && wal.diskLow()) {
          refuse(batches.single(), new Failure.Backpressure("disk nearly full"), result, settled);
          return;
        }
        int cost = Tail.cost(batches);
        if (!(logging.on() ? budget.tryReserve(cost) : budget.tryReserveUnlogged(cost))) {
          background.requestFlush();
          refuse(
              batches.single(),
              new Failure.Backpressure("unflushed data is full"),
              result,
              settled);
          return;
        }
        var kept = batches.detached();
        var batch = kept.stamp(nextOffset, lease.epoch());
        var refusal = logging.on() ? log(kept) : null;
        if (refusal != null) {
          budget.release(cost);
          background.requestFlush();
          refuse(batches.single(), failureOf(refusal), result, settled);
          return;
        }
        if (producers != null) {
          producers.apply(batch, time.wallMillis());
          refusedSequences.accepted(batch);
        }
        long now = time.nanos();
        if (committedEnd == nextOffset) {
          oldestUnflushedNanos = now;
        }
        if (slicedEnd == nextOffset) {
          oldestUnslicedNanos = now;
        }
        tail.add(TailBatch.of(kept), now);
        long baseOffset = nextOffset;
        nextOffset = batch.endOffset();
        if (!logging.on() && !logging.waking()) {
          if (sliceableEnd == slicedEnd) {
            settled.call(background::wakeFlusher);
          }
          sliceableEnd = nextOffset;
        }
        answer(
            nextOffset,
            new AppendResult.Appended(
                baseOffset, batch.isLogAppendTime() ? batch.maxTimestamp() : -1, logStart),
            acks,
            result,
            settled);
      }
    }
  }

  /// Something was sent: if the row names no log because nothing was for long, it is set again,
  /// also if there is no room now for what goes without the log. Under lock.
  private void wakeFromIdle(Settled settled) {
    boolean slept = idle(time.nanos());
    lastAppendedNanos = time.nanos();
    if (slept && !logging.on() && !settings.objectDurable()) {
      logging.wake();
      settled.call(this::align);
    }
  }

  /// Queues a stamped batch in the write-ahead log. Under lock.
  private WriteAheadLog.@Nullable Refusal log(RecordBatches batches) {
    var batch = batches.single();
    var append =
        new WalAppend(id(), lease.epoch(), batch.baseOffset(), batch.endOffset(), batches, this);
    var refusal = wal.append(append);
    if (refusal == null) {
      logging.logged(batch.endOffset());
    }
    return refusal;
  }

  /// Refuses a batch that may come again, before any that follows it.
  private void refuse(
      RecordBatch batch, Failure failure, CompletableFuture<AppendResult> result, Settled settled) {
    remember(batch);
    settled.complete(result, new AppendResult.Refused(failure));
  }

  private void remember(RecordBatch batch) {
    if (batch.hasProducerId() && (producers == null || !producers.knows(batch))) {
      refusedSequences.remember(batch, time.nanos());
    }
  }

  private static Failure failureOf(WriteAheadLog.Refusal refusal) {
    return switch (refusal) {
      case WriteAheadLog.Refusal.Full(String why) -> new Failure.Backpressure(why);
      case WriteAheadLog.Refusal.Broken(String why) -> new Failure.Storage(why);
    };
  }

  private void answer(
      long endOffset,
      AppendResult answer,
      Acks acks,
      CompletableFuture<AppendResult> result,
      Settled settled) {
    if (acks == Acks.LEADER || endOffset <= highWatermark) {
      settled.complete(result, answer);
    } else {
      unacknowledged.addLast(new Unacknowledged(endOffset, answer, result));
    }
  }

  @Override
  public void written(WalAppend append, WalPlace place) {
    var settled = new Settled();
    lock.lock();
    try {
      durableEnd = append.endOffset();
      tail.placed(durableEnd, place);
      advance(settled);
      // What is in a slice stays in memory until its commit anyway.
      for (int freed = 1; freed > 0 && budget.pressed(); ) {
        freed = tail.evict(slicedEnd);
        budget.release(freed);
      }
    } finally {
      lock.unlock();
    }
    settled.run();
  }

  @Override
  public void failed(WalAppend append, String why) {
    var settled = new Settled();
    lock.lock();
    try {
      if (broken == null) {
        broken = new Failure.Storage(why);
      }
      refuseUnacknowledged(broken, settled);
    } finally {
      lock.unlock();
    }
    settled.run();
  }

  /// Moves the high watermark to what is durable. What only the write-ahead log has counts if the
  /// lease still holds: a paused owner has either written before its successor read, or does not
  /// acknowledge. What is committed counts always: the commit was under the lease. Under lock.
  private void advance(Settled settled) {
    long durable = durableEnd > committedEnd && ownership.holds() ? durableEnd : committedEnd;
    if (closed != null || durable <= highWatermark) {
      return;
    }
    highWatermark = durable;
    sliceableEnd = Math.max(sliceableEnd, highWatermark);
    while (!unacknowledged.isEmpty() && unacknowledged.getFirst().endOffset <= highWatermark) {
      var first = unacknowledged.removeFirst();
      settled.complete(first.future, first.result);
    }
    fireAdvances(settled);
  }

  private void fireAdvances(Settled settled) {
    advances.removeIf(advance -> {
      if (closed == null && advance.seen >= highWatermark) {
        return false;
      }
      settled.call(advance.listener);
      return true;
    });
  }

  /// Calls `listener` once: when the high watermark is above `seen`, or the partition closed.
  ///
  /// @return takes the listener back
  public Runnable onAdvance(long seen, Runnable listener) {
    var advance = new Advance(seen, listener);
    boolean now;
    lock.lock();
    try {
      now = closed != null || highWatermark > seen;
      if (!now) {
        advances.add(advance);
      }
    } finally {
      lock.unlock();
    }
    if (now) {
      listener.run();
    }
    return () -> {
      lock.lock();
      try {
        advances.remove(advance);
      } finally {
        lock.unlock();
      }
    };
  }

  /// From which offset on [#readTail] has batches.
  public long tailStart() {
    lock.lock();
    try {
      return tail.start();
    } finally {
      lock.unlock();
    }
  }

  /// Batches of the tail from the one that holds `offset` on, as far as they are in memory; null
  /// when that offset is in the committed log by now. The caller releases them.
  public @Nullable List<RecordBatches> readTail(long offset, long endLimit, long maxBytes) {
    lock.lock();
    try {
      return offset < tail.start()
          ? null
          : tail.read(offset, Math.min(endLimit, highWatermark), maxBytes);
    } finally {
      lock.unlock();
    }
  }

  /// Batches of the tail from the one that holds `offset` on, as far as they are not in memory: to
  /// be read with [#load].
  public List<TailBatch> tailInLog(long offset, long endLimit, long maxBytes) {
    lock.lock();
    try {
      return offset < tail.start()
          ? List.of()
          : tail.readEvicted(offset, Math.min(endLimit, highWatermark), maxBytes);
    } finally {
      lock.unlock();
    }
  }

  /// Reads batches back that are not in memory; blocks. The caller releases each.
  ///
  /// @param found batches of this tail, each of which the caller has a reference to
  /// @return null if the log has let go of one, since it was committed or is not led here any more
  public @Nullable List<RecordBatches> load(List<TailBatch> found) throws IOException {
    var inAdopted = new ArrayList<WalPlace>();
    var inOwn = new ArrayList<WalPlace>();
    for (var batch : found) {
      if (!batch.inMemory()) {
        (batch.header().baseOffset() < adoptedEnd ? inAdopted : inOwn)
            .add(Objects.requireNonNull(batch.place()));
      }
    }
    var read = new ArrayList<RecordBatches>(inAdopted.size() + inOwn.size());
    if (!inAdopted.isEmpty()) {
      read.addAll(Objects.requireNonNull(adopted).read(inAdopted));
    }
    if (!inOwn.isEmpty()) {
      var own = wal.read(inOwn);
      if (own == null) {
        read.forEach(RecordBatches::release);
        return null;
      }
      read.addAll(own);
    }
    var whole = new ArrayList<RecordBatches>(found.size());
    var next = read.iterator();
    for (var batch : found) {
      whole.add(batch.inMemory() ? batch.batches().retain() : same(batch, next.next()));
    }
    return whole;
  }

  private RecordBatches same(TailBatch batch, RecordBatches read) {
    var found = read.single();
    if (found.baseOffset() != batch.header().baseOffset()
        || found.leaderEpoch() != batch.header().leaderEpoch()
        || found.crc() != batch.header().crc()) {
      throw new IllegalStateException(
          "%s has a batch at %d in memory, of which the log has one at %d"
              .formatted(id(), batch.header().baseOffset(), found.baseOffset()));
    }
    return read;
  }

  /// Bytes of the tail that are only in the log.
  public long evictedBytes() {
    lock.lock();
    try {
      return tail.evictedBytes();
    } finally {
      lock.unlock();
    }
  }

  /// Index of the first batch beyond `offset` that no segment holds. Under lock.
  private int firstInTail(long offset) {
    return tail.indexOf(Math.max(offset, committedEnd));
  }

  /// The first batch of the tail, at or beyond `offset` and below the high watermark, that may hold
  /// a record with timestamp ≥ `timestamp`. The caller releases it.
  public @Nullable TailBatch tailBatchAt(long timestamp, long offset) {
    lock.lock();
    try {
      for (int i = firstInTail(offset); i < tail.batches(); i++) {
        var header = tail.header(i);
        if (header.endOffset() > highWatermark) {
          return null;
        }
        if (header.maxTimestamp() >= timestamp) {
          return tail.get(i).retain();
        }
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  /// The first batch of the tail below the high watermark with its largest timestamp. The caller
  /// releases it.
  public @Nullable TailBatch tailBatchWithMaxTimestamp() {
    lock.lock();
    try {
      int found = -1;
      for (int i = firstInTail(0); i < tail.batches(); i++) {
        var header = tail.header(i);
        if (header.endOffset() > highWatermark) {
          break;
        }
        if (found < 0 || header.maxTimestamp() > tail.header(found).maxTimestamp()) {
          found = i;
        }
      }
      return found < 0 ? null : tail.get(found).retain();
    } finally {
      lock.unlock();
    }
  }

  /// Where each leader epoch in the tail begins, ending with this lease's own.
  public List<EpochStart> tailEpochs() {
    lock.lock();
    try {
      var epochs = new ArrayList<EpochStart>();
      int epoch = -1;
      for (int i = firstInTail(0); i < tail.batches(); i++) {
        var header = tail.header(i);
        if (header.leaderEpoch() != epoch) {
          epoch = header.leaderEpoch();
          epochs.add(new EpochStart(epoch, header.baseOffset()));
        }
      }
      if (epoch != lease.epoch()) {
        epochs.add(new EpochStart(lease.epoch(), nextOffset));
      }
      return epochs;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public CompletableFuture<TruncateResult> deleteRecordsBefore(long offset) {
    var future = new CompletableFuture<TruncateResult>();
    boolean now;
    long target;
    lock.lock();
    try {
      target = offset == -1 ? highWatermark : offset;
      var unable = closed != null ? closed : ownership.holds() ? null : notLeader();
      if (unable == null && (target < 0 || target > highWatermark)) {
        unable = new Failure.OffsetOutOfRange(target, logStart, highWatermark);
      }
      if (unable != null) {
        return CompletableFuture.completedFuture(new TruncateResult.Refused(unable));
      }
      if (target <= storedLogStart) {
        return CompletableFuture.completedFuture(new TruncateResult.Truncated(logStart));
      }
      now = target <= committedEnd;
      if (!now) {
        truncations.add(new Truncation(target, future));
      }
    } finally {
      lock.unlock();
    }
    if (now) {
      truncate(new Truncation(target, future));
    } else {
      background.requestFlush();
    }
    return future;
  }

  /// Raises the log start in memory first, as Kafka does: if the answer of the metadata store gets
  /// lost, segments below it may be gone already.
  private void truncate(Truncation truncation) {
    long offset = truncation.offset;
    raise(offset);
    var _ =
        background
            .raiseLogStart(lease, offset, committedEnd)
            .handle((done, thrown) -> {
              if (thrown != null) {
                return new TruncateResult.Refused(new Failure.Storage(thrown.toString()));
              }
              if (!done) {
                return new TruncateResult.Refused(notLeader());
              }
              stored(offset);
              return new TruncateResult.Truncated(logStart);
            })
            .thenAccept(truncation.future::complete);
  }

  private void raise(long offset) {
    lock.lock();
    try {
      logStart = Math.max(logStart, offset);
    } finally {
      lock.unlock();
    }
  }

  private void stored(long offset) {
    lock.lock();
    try {
      storedLogStart = Math.max(storedLogStart, offset);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public CompletableFuture<ProducersResult> activeProducers() {
    var future = new CompletableFuture<ProducersResult>();
    boolean load;
    lock.lock();
    try {
      var unable = closed != null ? closed : ownership.holds() ? null : notLeader();
      if (unable != null) {
        return CompletableFuture.completedFuture(new ProducersResult.Refused(unable));
      }
      if (producers != null) {
        return CompletableFuture.completedFuture(new ProducersResult.Known(producers.all()));
      }
      askedForProducers.add(future);
      load = !loadingProducers;
      loadingProducers = true;
    } finally {
      lock.unlock();
    }
    if (load) {
      loadProducers();
    }
    return future;
  }

  /// How many producers are remembered.
  int rememberedProducers() {
    lock.lock();
    try {
      return producers == null ? 0 : producers.size();
    } finally {
      lock.unlock();
    }
  }

  private void tellProducers(ProducersResult result, Settled settled) {
    askedForProducers.forEach(asked -> settled.complete(asked, result));
    askedForProducers.clear();
  }

  /// Bytes of the batches that no committed segment holds yet.
  public long unflushedBytes() {
    lock.lock();
    try {
      return tail.sizeFrom(committedEnd);
    } finally {
      lock.unlock();
    }
  }

  /// Makes a slice of the oldest part of the tail that may be and is in none yet: up to `maxBytes`
  /// and what a segment may hold, of one leader epoch. Null when there is none. The caller releases
  /// it, and commits slices in the order they were made.
  @Nullable FlushSlice slice(long maxBytes) {
    List<TailBatch> batches;
    boolean due;
    boolean load;
    lock.lock();
    try {
      if (closed != null) {
        return null;
      }
      long limit = Math.min(maxBytes, settings.segmentBytes());
      batches = tail.readOneEpoch(slicedEnd, sliceableEnd, limit);
      if (batches.isEmpty()) {
        return null;
      }
      due = bytesSinceSnapshot >= SNAPSHOT_BYTES || segmentsSinceSnapshot >= SNAPSHOT_SEGMENTS;
      batches.forEach(batch -> bytesSinceSnapshot += batch.header().sizeInBytes());
      segmentsSinceSnapshot++;
      // Nobody has needed producer state yet, but without a snapshot now and then, whoever does
      // would have to look through the whole log.
      load = due && slicedProducers == null && !loadingProducers;
      loadingProducers |= load;
      slicedEnd = batches.getLast().header().endOffset();
      oldestUnslicedNanos = tail.addedNanos(slicedEnd, oldestUnslicedNanos);
    } finally {
      lock.unlock();
    }
    if (load) {
      loadProducers();
    }
    var changed = new ProducerStates();
    for (var batch : batches) {
      changed.apply(batch.header(), time.wallMillis());
    }
    var all = snapshotAfter(changed, due);
    return new FlushSlice(
        this,
        batches.getFirst().header().leaderEpoch(),
        batches.getFirst().header().baseOffset(),
        batches.getLast().header().endOffset(),
        batches,
        all == null ? changed.all() : all,
        all != null);
  }

  /// Takes in which producers wrote in a slice.
  ///
  /// @return all that are known as of its end, if they go into its segment
  private @Nullable List<ProducerEntry> snapshotAfter(ProducerStates changed, boolean due) {
    lock.lock();
    try {
      if (slicedProducers == null || closed != null) {
        return null;
      }
      slicedProducers.merge(changed.all());
      if (!due && slicedProducers.size() > Math.max(SMALL_SNAPSHOT, 2 * changed.size())) {
        return null;
      }
      bytesSinceSnapshot = 0;
      segmentsSinceSnapshot = 0;
      return slicedProducers.all();
    } finally {
      lock.unlock();
    }
  }

  /// Whether segments hold everything ever queued here; final once the partition is closed.
  boolean flushedToItsEnd() {
    lock.lock();
    try {
      return committedEnd == nextOffset;
    } finally {
      lock.unlock();
    }
  }

  /// How long the oldest batch has waited that is not committed; empty when there is none.
  public OptionalLong unflushedNanos() {
    return Math.max(sliceableEnd, highWatermark) > committedEnd
        ? OptionalLong.of(time.nanos() - oldestUnflushedNanos)
        : OptionalLong.empty();
  }

  /// How long the oldest batch has waited that is in no slice; empty when there is none.
  OptionalLong unslicedNanos() {
    return closed == null && sliceableEnd > slicedEnd
        ? OptionalLong.of(time.nanos() - oldestUnslicedNanos)
        : OptionalLong.empty();
  }

  /// Whether there are batches in no slice yet that only a commit will make durable.
  boolean awaitsCommit() {
    return closed == null && sliceableEnd > Math.max(slicedEnd, highWatermark);
  }

  boolean closed() {
    lock.lock();
    try {
      return closed != null;
    } finally {
      lock.unlock();
    }
  }

  /// Whether it closed because its lease is held elsewhere.
  boolean fenced() {
    lock.lock();
    try {
      return closed instanceof Failure.NotLeader;
    } finally {
      lock.unlock();
    }
  }

  /// Drops what `slice` covers from the tail: it is in a committed segment now.
  void committed(FlushSlice slice) {
    var ready = new ArrayList<Truncation>();
    var settled = new Settled();
    long kept;
    lock.lock();
    try {
      long before = committedEnd;
      committedEnd = slice.endOffset();
      committedSegments.incrementAndGet();
      kept = keepRecent(before);
      advance(settled);
      oldestUnflushedNanos = tail.addedNanos(committedEnd, oldestUnflushedNanos);
      if (loadingProducers) {
        committedWhileLoading.addAll(slice.producers());
      }
      truncations.removeIf(
          truncation -> truncation.offset <= committedEnd && ready.add(truncation));
    } finally {
      lock.unlock();
    }
    settled.run();
    if (kept > 0) {
      budget.recent().keep(this, slice.endOffset(), kept, time.nanos());
    }
    ready.forEach(this::truncate);
    align();
  }

  /// Lets go of what is committed. At the level `object` readers of the newest records hear of them
  /// only now, so they stay in the tail for a while. Under lock.
  ///
  /// @param before the committed end up to now
  /// @return memory of what stays
  private long keepRecent(long before) {
    long bytes = tail.bytesBetween(before, committedEnd);
    budget.release(bytes);
    if (settings.objectDurable() && closed == null && tail.separate(before, committedEnd)) {
      recentBytes += bytes;
      return bytes;
    }
    tail.dropBelow(committedEnd);
    budget.recent().dropped(recentBytes);
    recentBytes = 0;
    return 0;
  }

  /// Lets go of batches below `offset`, which are all committed.
  void dropRecent(long offset) {
    lock.lock();
    try {
      long dropped = tail.dropBelow(offset);
      recentBytes -= dropped;
      budget.recent().dropped(dropped);
    } finally {
      lock.unlock();
    }
  }

  /// Brings the use of the write-ahead log in line with the topic's level, as far as that can be
  /// done now.
  private void align() {
    Logging.Action action;
    boolean adoptedNow = false;
    boolean wakes = false;
    lock.lock();
    try {
      if (closed != null || broken != null) {
        return;
      }
      long now = time.nanos();
      action = logging.next(!settings.objectDurable() && !idle(now), committedEnd, now);
      if (action == Logging.Action.LOG_TAIL) {
        logTail();
      }
      if (adopting && logging.settled()) {
        adopting = false;
        held = false;
        adoptedNow = true;
      }
      if (!logging.on() && !logging.waking() && sliceableEnd != nextOffset) {
        sliceableEnd = nextOffset;
        wakes = true;
      }
    } finally {
      lock.unlock();
    }
    if (wakes) {
      background.wakeFlusher();
    }
    if (action == Logging.Action.SET_ROW || action == Logging.Action.CLEAR_ROW) {
      var _ =
          background
              .changeTail(lease, action == Logging.Action.SET_ROW)
              .whenComplete((done, thrown) -> rowChanged(action, thrown == null && done));
    }
    if (adoptedNow) {
      log.info(
          "tail adopted: writes go on partition={} leaseEpoch={} committedEnd={}",
          id(),
          lease.epoch(),
          committedEnd);
      drainIngress();
    }
  }

  /// Whether everything is in segments and nothing was appended for long: then nobody need wait for
  /// this agent's log if it goes. Under lock.
  private boolean idle(long nowNanos) {
    return committedEnd == nextOffset && nowNanos - lastAppendedNanos > IDLE.toNanos();
  }

  private void rowChanged(Logging.Action action, boolean done) {
    lock.lock();
    try {
      logging.changed(action, done, time.nanos());
    } finally {
      lock.unlock();
    }
    // What failed is tried again at the next tick.
    if (done) {
      align();
    } else {
      sliceWithoutLog();
    }
  }

  /// The row could not be set: what waited for it is acknowledged once it is committed.
  private void sliceWithoutLog() {
    lock.lock();
    try {
      if (closed != null || logging.on() || sliceableEnd == nextOffset) {
        return;
      }
      sliceableEnd = nextOffset;
    } finally {
      lock.unlock();
    }
    background.wakeFlusher();
  }

  /// Gives the log what the tail has already, until it takes no more.
  private void logTail() {
    for (int i = tail.indexOf(logging.from(committedEnd)); i < tail.batches(); i++) {
      if (log(tail.get(i).batches()) != null) {
        return;
      }
    }
    logging.caughtUp();
  }

  /// Re-examines what time decides: an acknowledgement that waited for the lease to be renewed, and
  /// producers not heard of for `producerExpiration`.
  public void tick(Duration producerExpiration) {
    var settled = new Settled();
    lock.lock();
    try {
      advance(settled);
      refusedSequences.expire(time.nanos());
      forgetProducers(producerExpiration);
    } finally {
      lock.unlock();
    }
    settled.run();
    align();
  }

  /// Under lock. Looks through all of them, so not at every tick.
  private void forgetProducers(Duration expiration) {
    if (producers == null || slicedProducers == null) {
      return;
    }
    long now = time.nanos();
    int most = Math.max(producers.size(), slicedProducers.size());
    if (most <= ProducerStates.MOST && now - forgotProducersNanos < FORGET_INTERVAL.toNanos()) {
      return;
    }
    forgotProducersNanos = now;
    long expired = time.wallMillis() - expiration.toMillis();
    boolean tooMany = producers.forget(expired, committedEnd);
    tooMany |= slicedProducers.forget(expired, committedEnd);
    if (tooMany) {
      log.warn(
          "producers wrote under too many ids: those not heard of for longest are forgotten, their"
              + " batches are not told from new ones any more partition={} producers={}",
          id(),
          most);
    }
  }

  /// Lets appends wait from now on, so that what is here can be flushed to its end.
  ///
  /// @return false if they wait already for a tail that is being adopted
  boolean hold() {
    lock.lock();
    try {
      if (adopting) {
        return false;
      }
      held = true;
      return true;
    } finally {
      lock.unlock();
    }
  }

  /// Takes the appends that wait, or refuses them if the partition closed meanwhile.
  void resume() {
    lock.lock();
    try {
      held = adopting;
    } finally {
      lock.unlock();
    }
    drainIngress();
  }

  /// Whether nothing is in segments only later: all that was ever queued is, and nothing more will
  /// be while appends wait.
  boolean heldAndFlushed() {
    lock.lock();
    try {
      return held && committedEnd == nextOffset && committedEnd <= highWatermark;
    } finally {
      lock.unlock();
    }
  }

  /// As [#close], but appends that wait go on waiting, until [#resume] refuses them: by then
  /// clients can be told who leads.
  void surrender(Failure why) {
    close(why, true);
  }

  /// Ends leadership: everything that waits is refused with `why`, the tail's memory is released.
  public void close(Failure why) {
    close(why, false);
  }

  private void close(Failure why, boolean stillHeld) {
    var settled = new Settled();
    lock.lock();
    try {
      if (closed != null) {
        return;
      }
      closed = why;
      held = stillHeld;
      adopting = false;
      refuseUnacknowledged(why, settled);
      for (var truncation : truncations) {
        settled.complete(truncation.future, new TruncateResult.Refused(why));
      }
      truncations.clear();
      tellProducers(new ProducersResult.Refused(why), settled);
      fireAdvances(settled);
      budget.release(tail.dropBelow(Long.MAX_VALUE) - recentBytes);
      budget.recent().dropped(recentBytes);
      recentBytes = 0;
    } finally {
      lock.unlock();
    }
    settled.run();
    drainIngress();
    log.debug("partition closed partition={} leaseEpoch={} why={}", id(), lease.epoch(), why);
  }

  private void refuseUnacknowledged(Failure why, Settled settled) {
    for (var waiting : unacknowledged) {
      settled.complete(waiting.future, new AppendResult.Refused(why));
    }
    unacknowledged.clear();
  }

  /// Reads producer state back; appends wait in `ingress` meanwhile.
  private void loadProducers() {
    var _ =
        background
            .loadProducers(id(), committedEnd)
            .whenComplete((entries, thrown) -> {
              var settled = new Settled();
              lock.lock();
              try {
                loadingProducers = false;
                if (thrown == null) {
                  var committed = new ProducerStates();
                  committed.merge(entries);
                  committed.merge(committedWhileLoading);
                  var current = new ProducerStates();
                  current.merge(committed.all());
                  applyTail(current, Long.MAX_VALUE);
                  applyTail(committed, slicedEnd);
                  slicedProducers = committed;
                  producers = current;
                  // What was stored may have expired since: the next tick looks.
                  forgotProducersNanos = time.nanos() - FORGET_INTERVAL.toNanos();
                  tellProducers(new ProducersResult.Known(current.all()), settled);
                } else {
                  refuseIngress(thrown, settled);
                  tellProducers(
                      new ProducersResult.Refused(
                          new Failure.Storage("producer state cannot be read: " + thrown)),
                      settled);
                }
                committedWhileLoading.clear();
              } finally {
                lock.unlock();
              }
              settled.run();
              drainIngress();
            });
  }

  /// Producer state cannot be read back now: whoever waits for it may retry.
  private void refuseIngress(Throwable thrown, Settled settled) {
    log.warn("cannot read producer state back partition={} why={}", id(), thrown.toString());
    for (var head = ingress.ready(); head != null; head = ingress.ready()) {
      ingress.remove();
      if (!head.batches().isCompletedExceptionally()) {
        var batches = head.batches().join();
        remember(batches.single());
        settled.call(batches::release);
      }
      settled.complete(
          head.result(),
          new AppendResult.Refused(
              new Failure.Backpressure("producer state cannot be read: " + thrown)));
    }
  }

  private void applyTail(ProducerStates states, long endLimit) {
    for (int i = 0; i < tail.batches(); i++) {
      RecordBatch header = tail.header(i);
      if (header.baseOffset() >= committedEnd && header.endOffset() <= endLimit) {
        states.apply(header, time.wallMillis());
      }
    }
  }

  private static Failure notLeader() {
    return new Failure.NotLeader(OptionalInt.empty());
  }
}
