package io.streamhouse.broker.read;

import io.streamhouse.broker.read.FetchResult.Bounds;
import io.streamhouse.broker.read.LogReader.ReadResult;
import io.streamhouse.broker.read.LogReader.Subscription;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.broker.runtime.SerialLoop.Cancellation;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One fetch over several logs: reads what there is, and where that is less than the client wants,
/// waits for more.
///
/// Partitions are read in the order given, all that the byte limit has room for at once. What was
/// read stays; when a log advances, only that log is read on from where it was. The answer is due
/// when `minBytes` are there, when any partition failed or diverged, or when the wait is over.
///
/// Reads that are still under way then may join within [#GRACE], which is what a disk takes and a
/// bucket mostly does not: a cold partition holds up nobody. Its read goes on without the fetch,
/// and the next one finds what it brought into memory. Only where nothing else is there the answer
/// waits for it, beyond the client's wait too, so that a slow store still moves readers on.
///
/// Limits are Kafka's (KIP-74): the first partition that has anything gives at least one batch,
/// whatever its size; all others keep within their own limit and what is left of the whole.
///
/// Confined to its loop. Owns every piece it has read until [#result] completes or it is cancelled.
public final class ParkedFetch {

  private static final Logger log = LoggerFactory.getLogger(ParkedFetch.class);

  /// How often a fetch that found no room for its answer looks again.
  private static final Duration ROOM_PAUSE = Duration.ofMillis(20);

  /// How long an answer that is due waits for reads under way.
  static final Duration GRACE = Duration.ofMillis(20);

  /// How long a fetch that has nothing else waits for reads after its own wait is over. Clients
  /// give up on a request after 30 s.
  static final Duration SLOW_READ_LIMIT = Duration.ofSeconds(5);

  /// How many reads of a fetch are under way at once: about what a store answers within [#GRACE],
  /// where a consumer that catches up on ten thousand partitions would take all places that readers
  /// have. Partitions in memory are read beyond it; those the fetch does not get to come first in
  /// the next one of its session.
  static final int MOST_READS = 128;

  private final List<Part> parts = new ArrayList<>();
  private final Limits limits;
  private final ResponseBudget budget;
  private final Executor loop;
  private final SerialLoop timers;
  private final CompletableFuture<List<FetchResult>> result = new CompletableFuture<>();

  /// Parts whose log advanced; filled by any thread. Holds each part at most once, since a
  /// subscription fires once and is renewed only after its part was taken from here.
  private final ConcurrentLinkedQueue<Part> advanced = new ConcurrentLinkedQueue<>();

  private final AtomicBoolean wakePending = new AtomicBoolean();

  /// What is neither read nor reserved for a read that runs; below 0 after a batch larger than
  /// everything allowed.
  private long room;

  private long bytes;
  private int reading;
  private boolean due;
  private boolean finished;
  private boolean expired;
  private boolean graceOver;
  private boolean limitOver;
  private @Nullable Cancellation timer;
  private @Nullable Cancellation graceTimer;
  private @Nullable Cancellation limitTimer;

  /// Nothing was read yet, for want of room for the answer.
  private boolean noRoom;

  private @Nullable Cancellation nextLook;

  /// @param lastFetchedEpoch epoch of the last record the client has, -1 where it does not say
  public record Want(LogReader reader, long offset, int maxBytes, int lastFetchedEpoch) {}

  /// @param minBytes what an answer should have before `maxWait` is over
  /// @param committedOnly read no further than the last stable offset
  public record Limits(int minBytes, int maxBytes, Duration maxWait, boolean committedOnly) {
    public Limits {
      maxBytes = Math.max(0, maxBytes);
      // An answer that may not hold the minimum would otherwise always take the whole wait.
      minBytes = Math.min(minBytes, maxBytes);
    }
  }

  /// Reads what is there; to be called on `loop`.
  ///
  /// @param budget room for the answer
  /// @param loop where everything of this fetch happens; tasks run one at a time
  public static ParkedFetch start(
      List<Want> wants, Limits limits, ResponseBudget budget, Executor loop, SerialLoop timers) {
    var fetch = new ParkedFetch(wants, limits, budget, loop, timers);
    fetch.begin();
    return fetch;
  }

  private ParkedFetch(
      List<Want> wants, Limits limits, ResponseBudget budget, Executor loop, SerialLoop timers) {
    this.limits = limits;
    this.budget = budget;
    this.loop = loop;
    this.timers = timers;
    this.room = limits.maxBytes();
    for (var want : wants) {
      parts.add(new Part(want));
    }
  }

  /// One result per want, in their order. Completes on the loop, once; never after [#cancel].
  public CompletableFuture<List<FetchResult>> result() {
    return result;
  }

  /// Gives everything back; to be called on the loop, any number of times.
  public void cancel() {
    if (finished) {
      return;
    }
    stop();
    for (var part : parts) {
      part.dropPieces();
    }
  }

  /// State of one partition.
  private final class Part {
    final Want want;
    private final List<RecordBatches> pieces = new ArrayList<>();
    long bytes;
    long nextOffset;
    Bounds bounds;
    boolean checked;
    boolean reading;

    /// Nothing more will be read for it: its limit is reached, or it failed or diverged.
    boolean full;

    /// The log gave nothing although its end lies further on: not asked again before it moves.
    boolean stalled;

    /// Its log gave nothing because too much is being read: asked again after a pause.
    boolean busy;

    /// It was not asked because enough reads are under way.
    boolean postponed;

    /// It was not asked for want of room, or because enough reads are under way, so what its log
    /// says about its end is no news to it.
    boolean starved;

    @Nullable FetchResult outcome;
    @Nullable Subscription subscription;

    Part(Want want) {
      this.want = want;
      this.nextOffset = want.offset();
      this.bounds = Bounds.of(want.reader());
    }

    long endLimit() {
      return limits.committedOnly() ? bounds.lastStable() : bounds.end();
    }

    boolean canGoOn() {
      return checked && !reading && !full && !stalled && nextOffset < endLimit();
    }

    void dropPieces() {
      pieces.forEach(RecordBatches::release);
      pieces.clear();
      bytes = 0;
    }

    void unsubscribe() {
      if (subscription != null) {
        subscription.cancel();
        subscription = null;
      }
    }
  }

  /// Reads once there is room for what may be read.
  private void begin() {
    nextLook = null;
    if (finished) {
      return;
    }
    noRoom = budget.full();
    if (!noRoom) {
      readAll();
    } else if (limits.maxWait().isPositive()) {
      armTimer();
      nextLook = timers.after(ROOM_PAUSE, () -> onLoop(this::begin));
    } else {
      finish();
    }
  }

  private void readAll() {
    for (var part : parts) {
      if (part.want.lastFetchedEpoch() >= 0) {
        checkEpoch(part);
      } else {
        part.checked = true;
        read(part);
      }
    }
    goOn();
  }

  /// Compares the client's last epoch with the log's own history before anything is read.
  private void checkEpoch(Part part) {
    await(
        part,
        part.want.reader().epochEnd(part.want.lastFetchedEpoch()),
        (result, thrown) -> {
          if (finished) {
            return;
          }
          switch (result) {
            case LogReader.EpochResult.Found(var end) -> compare(part, end);
            case LogReader.EpochResult.Failed(var failure) -> fail(part, failure);
            case null -> fail(part, unexpected(part, thrown));
          }
        });
  }

  private void compare(Part part, LogReader.EpochEnd end) {
    if (end.epoch() < 0) {
      fail(
          part,
          new Failure.OffsetOutOfRange(part.want.offset(), part.bounds.start(), part.bounds.end()));
    } else if (end.epoch() < part.want.lastFetchedEpoch() || end.endOffset() < part.want.offset()) {
      settle(part, new FetchResult.Diverged(end, part.bounds));
    } else {
      part.checked = true;
      read(part);
    }
  }

  /// Starts reading on where `part` ended, if there is room.
  private void read(Part part) {
    part.bounds = Bounds.of(part.want.reader());
    part.starved = false;
    part.postponed = false;
    long endLimit = part.endLimit();
    long reserve = 0;
    if (reading >= MOST_READS
        && part.nextOffset < endLimit
        && !part.want.reader().inTail(part.nextOffset)) {
      part.starved = true;
      part.postponed = true;
      return;
    }
    // At the end of the log nothing will be read; the log is asked all the same, since it alone
    // knows whether the offset exists and whether it still leads.
    if (part.nextOffset < endLimit) {
      // While nothing is there yet, reads under way take no room from others: they may be slow, and
      // what is too much in the end is left for the next fetch.
      long left = bytes > 0 ? room : limits.maxBytes();
      reserve = Math.min(part.want.maxBytes() - part.bytes, left);
      if (reserve <= 0 && (bytes > 0 || reading > 0)) {
        part.full = part.bytes >= part.want.maxBytes();
        part.starved = true;
        return;
      }
      reserve = Math.max(0, reserve);
    }
    room -= reserve;
    long reserved = reserve;
    await(
        part,
        part.want.reader().read(part.nextOffset, (int) reserved, endLimit),
        (read, thrown) -> accept(part, reserved, endLimit, read, thrown));
  }

  private void accept(
      Part part,
      long reserved,
      long endLimit,
      @Nullable ReadResult read,
      @Nullable Throwable thrown) {
    if (finished) {
      release(read);
      return;
    }
    room += reserved;
    switch (read) {
      case ReadResult.Read(var pieces) -> {
        long size = 0;
        for (var piece : pieces) {
          size += piece.sizeInBytes();
        }
        if (size == 0) {
          pieces.forEach(RecordBatches::release);
          part.stalled = part.nextOffset < endLimit;
          return;
        }
        if (part.bytes > 0 && size > reserved) {
          // It was read for a place that is too small for it; the next fetch begins with it.
          pieces.forEach(RecordBatches::release);
          part.full = true;
          return;
        }
        part.pieces.addAll(pieces);
        part.bytes += size;
        part.full = part.bytes >= part.want.maxBytes();
        part.nextOffset = Math.max(part.nextOffset, endOf(pieces));
        bytes += size;
        room -= size;
      }
      case ReadResult.Busy _ -> {
        part.stalled = true;
        part.busy = true;
        if (nextLook == null) {
          nextLook = timers.after(ROOM_PAUSE, () -> onLoop(this::lookAgain));
        }
      }
      case ReadResult.Failed(var failure) -> fail(part, failure);
      case null -> fail(part, unexpected(part, thrown));
    }
  }

  /// Asks those again whose logs were busy.
  private void lookAgain() {
    nextLook = null;
    for (var part : parts) {
      if (part.busy) {
        part.busy = false;
        part.stalled = false;
      }
    }
    goOn();
  }

  private static long endOf(List<RecordBatches> pieces) {
    RecordBatch last = null;
    for (var batch : pieces.getLast()) {
      last = batch;
    }
    return last == null ? 0 : last.endOffset();
  }

  private static Failure unexpected(Part part, @Nullable Throwable thrown) {
    log.error("reading {} failed unexpectedly", part.want, thrown);
    return new Failure.Storage("the log could not be read");
  }

  private void fail(Part part, Failure failure) {
    settle(part, new FetchResult.Failed(failure));
  }

  private void settle(Part part, FetchResult outcome) {
    bytes -= part.bytes;
    room += part.bytes;
    part.dropPieces();
    part.outcome = outcome;
    part.full = true;
    due = true;
  }

  /// After anything changed: fills what room there is, then answers or waits.
  private void goOn() {
    if (finished) {
      return;
    }
    // A log may give less than asked for although it has more, and what one partition did not need
    // another can have. Ends: each round but the last adds bytes.
    for (long before = -1; wanting() && bytes > before; ) {
      before = bytes;
      for (var part : parts) {
        if (wanting() && part.canGoOn() && !isPostponed(part)) {
          read(part);
        }
      }
    }
    if (reading > 0) {
      answerOrWaitForReads();
    } else if (!wanting() || parts.isEmpty() || !limits.maxWait().isPositive()) {
      finish();
    } else {
      armTimer();
      park();
    }
  }

  /// Whether it is not its turn: enough reads are under way, or the client does not wait for more.
  private boolean isPostponed(Part part) {
    return part.postponed && (reading >= MOST_READS || !limits.maxWait().isPositive());
  }

  private void answerOrWaitForReads() {
    boolean something = bytes > 0 || due;
    if (limitOver || (something && (expired || graceOver))) {
      finish();
      return;
    }
    armTimer();
    if (something && !wanting() && graceTimer == null) {
      graceTimer = after(GRACE, () -> graceOver = true);
    }
    if ((expired || !limits.maxWait().isPositive()) && limitTimer == null) {
      limitTimer = after(SLOW_READ_LIMIT, () -> limitOver = true);
    }
    park();
  }

  private boolean wanting() {
    return !due && !expired && bytes < limits.minBytes();
  }

  private void park() {
    for (var part : parts) {
      boolean waits = !part.full && !part.reading && !(part.starved && reading > 0);
      if (part.subscription == null && waits) {
        part.subscription = part.want.reader().onAdvance(part.bounds.end(), () -> onAdvance(part));
      }
    }
  }

  /// On any thread.
  private void onAdvance(Part part) {
    advanced.add(part);
    if (wakePending.compareAndSet(false, true)) {
      onLoop(this::wake);
    }
  }

  private void wake() {
    wakePending.set(false);
    if (finished) {
      advanced.clear();
      return;
    }
    for (var part = advanced.poll(); part != null; part = advanced.poll()) {
      part.subscription = null;
      part.stalled = false;
      if (!part.reading && !part.full) {
        read(part);
      }
    }
    goOn();
  }

  private void armTimer() {
    if (timer == null && limits.maxWait().isPositive()) {
      timer = after(limits.maxWait(), () -> expired = true);
    }
  }

  private Cancellation after(Duration delay, Runnable change) {
    return timers.after(
        delay,
        () ->
            onLoop(() -> {
              change.run();
              goOn();
            }));
  }

  private void finish() {
    stop();
    long left = limits.maxBytes();
    boolean first = true;
    var results = new ArrayList<FetchResult>(parts.size());
    for (var part : parts) {
      if (part.outcome != null) {
        results.add(part.outcome);
        continue;
      }
      if (part.bytes > 0) {
        if (first || part.bytes <= Math.min(part.want.maxBytes(), left)) {
          first = false;
          left -= part.bytes;
        } else {
          part.dropPieces();
        }
      }
      results.add(new FetchResult.Records(part.pieces, part.bounds));
    }
    result.complete(results);
  }

  private void stop() {
    finished = true;
    for (var one : new Cancellation[] {timer, graceTimer, limitTimer}) {
      if (one != null) {
        one.cancel();
      }
    }
    if (nextLook != null) {
      nextLook.cancel();
    }
    parts.forEach(Part::unsubscribe);
  }

  private interface Arrival<T> {
    void arrived(@Nullable T value, @Nullable Throwable thrown);
  }

  /// Calls `then` on the loop: at once if the value is there, else when it comes.
  private <T> void await(Part part, CompletableFuture<T> value, Arrival<T> then) {
    if (value.isDone()) {
      var _ = value.whenComplete(then::arrived);
      return;
    }
    part.reading = true;
    reading++;
    var _ =
        value.whenComplete((arrived, thrown) -> {
          boolean taken =
              onLoop(() -> {
                part.reading = false;
                reading--;
                then.arrived(arrived, thrown);
                goOn();
              });
          if (!taken && arrived instanceof ReadResult read) {
            release(read);
          }
        });
  }

  /// @return false if the loop is gone, and with it the connection
  private boolean onLoop(Runnable task) {
    try {
      loop.execute(task);
      return true;
    } catch (RejectedExecutionException gone) {
      log.debug("a fetch outlived its connection's loop", gone);
      return false;
    }
  }

  private static void release(@Nullable ReadResult read) {
    if (read instanceof ReadResult.Read(var pieces)) {
      pieces.forEach(RecordBatches::release);
    }
  }
}
