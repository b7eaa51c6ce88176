package io.streamhouse.broker.wal;

import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.wal.WalFiles.WalFile;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.WalDamaged;
import io.streamhouse.segment.WalEntry;
import io.streamhouse.segment.WalFileReader;
import io.streamhouse.segment.WalFormat;
import io.streamhouse.segment.WalGroup;
import io.streamhouse.segment.WalPosition;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The write-ahead log of one agent: batches of all its partitions, in one sequence of files.
///
/// Survives a crash of the process always, a power cut as [WalOptions.Fsync] says; only this agent,
/// or one that opens its data directory, can read it afterwards.
///
/// Has no thread. [#append] queues, from any thread; a driver calls [#poll], which writes whatever
/// is queued as one group with one gathering write and, before an acknowledgement that waits for
/// it, one sync, then tells the owners. A second driver calls [#pollSync], so that syncs nobody
/// waits for do not hold up writes. After a failed write or sync the log is never used again: what
/// the file holds then is unknown.
public final class WriteAheadLog implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(WriteAheadLog.class);

  /// Bounds of one group: enough to amortise a sync, little enough to keep its latency.
  private static final int GROUP_ENTRIES = 1024;

  private static final long GROUP_BYTES = 8L << 20;

  /// With less room than this a producer's next batch may be refused.
  private static final long FULL_SLACK_BYTES = 1 << 20;

  /// Old files kept to be written again: overwriting beats growing by a factor of two.
  private static final int SPARE_FILES = 4;

  /// Of the first file after a start. Zeros for a whole one would keep the disk busy while the
  /// first clients wait for it.
  private static final long FIRST_FILE_BYTES = 4 << 20;

  private final WalFiles files;
  private final UUID walId;
  private final WalOptions options;
  private final TimeSource time;

  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by lock.
  private ArrayDeque<WalAppend> queue = new ArrayDeque<>();
  private long queuedBytes;
  private long storedBytes;
  private @Nullable String failure;
  private volatile boolean diskLow;
  private boolean closed;
  private boolean writerIdle;
  private @Nullable Thread writer;

  /// Held by [#trim], so that there is one at a time. Taken before any other.
  private final ReentrantLock trimming = new ReentrantLock();

  // Confined to the driver of poll(), except that trim and replay run while it is excluded.
  private final ReentrantLock driving = new ReentrantLock();

  /// Held while [#pollSync] syncs `current`, and to close it. Taken under `driving`, never before.
  private final ReentrantLock syncing = new ReentrantLock();

  private final List<StoredFile> stored = new ArrayList<>();
  private final ArrayDeque<Long> spares = new ArrayDeque<>();
  private @Nullable WalFile current;
  private ByteBuffer scratch = ByteBuffer.allocateDirect(WalGroup.scratchBytes(GROUP_ENTRIES));
  private long nextSequence;
  private long position;
  private WalPosition durable = WalPosition.START;
  private boolean unsynced;
  private long lastSyncNanos;

  private WriteAheadLog(WalFiles files, UUID walId, WalOptions options, TimeSource time) {
    this.files = files;
    this.walId = walId;
    this.options = options;
    this.time = time;
    this.lastSyncNanos = time.nanos();
  }

  /// What replay hands over; the entry's bytes are valid only during the call.
  public interface Replayed {
    void entry(WalPlace place, WalEntry entry);
  }

  /// Opens the log and replays what it holds, oldest first, then seals it: new entries go to a new
  /// file.
  ///
  /// @throws WalDamaged when bytes that were durable cannot be read back
  public static WriteAheadLog open(
      WalFiles files, UUID walId, WalOptions options, TimeSource time, Replayed replayed)
      throws IOException {
    var wal = new WriteAheadLog(files, walId, options, time);
    wal.replay(replayed);
    return wal;
  }

  private void replay(Replayed replayed) throws IOException {
    var sequences = files.sequences();
    for (int i = 0; i < sequences.size(); i++) {
      long sequence = sequences.get(i);
      boolean last = i == sequences.size() - 1;
      var file = new StoredFile(sequence);
      WalFileReader.End end;
      try (var content = files.read(sequence)) {
        file.bytes = content.bytes().limit();
        end =
            new WalFileReader(files.name(sequence), sequence, content.bytes())
                .scan(
                    walId,
                    last,
                    (position, entry) -> {
                      file.covers(
                          new PartitionId(entry.topicId(), entry.partition()),
                          entry.leaseEpoch(),
                          endOffset(entry));
                      replayed.entry(
                          new WalPlace(sequence, position, entry.batch().remaining()), entry);
                    });
      }
      nextSequence = sequence + 1;
      if (end.end() <= WalFormat.HEADER_BYTES || file.ends.isEmpty()) {
        files.delete(sequence);
        continue;
      }
      if (!end.sealed()) {
        try (var open = files.open(sequence)) {
          // A seal proves that all before it was durable, so it must be, whatever the policy that
          // it was written under.
          open.sync();
          open.write(end.end(), WalFormat.seal(sequence, end.end()));
          open.sync();
        }
      }
      storedBytes += file.bytes;
      stored.add(file);
    }
    nextSequence = Math.max(nextSequence, 1);
  }

  private static long storedSize(WalAppend append) {
    return (long) append.batches().sizeInBytes() + WalFormat.ENTRY_OVERHEAD_BYTES;
  }

  private static long endOffset(WalEntry entry) {
    // The batch header's lastOffsetDelta; replay checks the batch itself before it trusts it.
    return entry.batch().remaining() < 27
        ? entry.baseOffset()
        : entry.baseOffset() + entry.batch().getInt(23) + 1;
  }

  /// Why an append is refused; nothing was queued.
  public sealed interface Refusal {
    /// Too much unflushed, or the disk is nearly full: later it may work.
    record Full(String why) implements Refusal {}

    /// This log takes nothing any more.
    record Broken(String why) implements Refusal {}
  }

  /// Queues a batch, in the order of calls; its owner hears from the driver of [#poll].
  ///
  /// Takes a reference to the batch's memory until then. Cheap enough for event loops: never waits
  /// for the disk.
  ///
  /// @return null when queued
  public @Nullable Refusal append(WalAppend append) {
    Thread wake;
    lock.lock();
    try {
      if (failure != null || closed) {
        return new Refusal.Broken(failure != null ? failure : "the write-ahead log is closed");
      }
      if (diskLow) {
        return new Refusal.Full("disk nearly full");
      }
      long bytes = storedSize(append);
      if (storedBytes + queuedBytes + bytes > options.maxBytes()) {
        return new Refusal.Full("the write-ahead log holds " + storedBytes + " bytes");
      }
      append.batches().retain();
      queue.addLast(append);
      queuedBytes += bytes;
      wake = writerIdle ? writer : null;
      writerIdle = false;
    } finally {
      lock.unlock();
    }
    if (wake != null) {
      LockSupport.unpark(wake);
    }
    return null;
  }

  /// Writes what is queued as one group, makes it as safe as the policy says, and tells the owners.
  ///
  /// @return whether anything was written
  public boolean poll() {
    List<WalAppend> group;
    var places = new ArrayList<WalPlace>();
    String failed = null;
    driving.lock();
    try {
      group = drain();
      if (group.isEmpty()) {
        return false;
      }
      failed = write(group, places);
    } finally {
      driving.unlock();
    }
    for (int i = 0; i < group.size(); i++) {
      var append = group.get(i);
      if (failed == null) {
        append.owner().written(append, places.get(i));
      } else {
        append.owner().failed(append, failed);
      }
      append.batches().release();
    }
    return true;
  }

  private List<WalAppend> drain() {
    lock.lock();
    try {
      var group = new ArrayList<WalAppend>(Math.min(queue.size(), GROUP_ENTRIES));
      long bytes = 0;
      while (!queue.isEmpty() && group.size() < GROUP_ENTRIES && bytes < GROUP_BYTES) {
        var append = queue.removeFirst();
        bytes += storedSize(append);
        group.add(append);
      }
      queuedBytes -= bytes;
      return group;
    } finally {
      lock.unlock();
    }
  }

  /// @return why it failed, or null
  private @Nullable String write(List<WalAppend> group, List<WalPlace> places) {
    var failed = failure();
    if (failed != null) {
      return failed;
    }
    try {
      long bytes = WalFormat.MARK_BYTES;
      for (var append : group) {
        bytes += storedSize(append);
      }
      var file = fileFor(bytes);
      var newest = stored.getLast();
      var frames = new WalGroup(newest.sequence, position, durable, scratch.clear());
      for (var append : group) {
        places.add(new WalPlace(newest.sequence, frames.end(), append.batches().sizeInBytes()));
        frames.add(
            append.partition().topicId(),
            append.partition().partition(),
            append.leaseEpoch(),
            append.baseOffset(),
            append.batches().bytes());
        newest.covers(append.partition(), append.leaseEpoch(), append.endOffset());
      }
      file.write(position, frames.buffers());
      position = frames.end();
      unsynced = true;
      if (options.fsync() == Fsync.ALWAYS) {
        sync();
      }
      return null;
    } catch (IOException e) {
      return fail(e);
    }
  }

  /// Syncs what was written, if the policy is to do so in the background and it is time. Writes go
  /// on meanwhile.
  public void pollSync() {
    if (options.fsync() != Fsync.INTERVAL) {
      return;
    }
    WalFile file;
    WalPosition written;
    driving.lock();
    try {
      if (current == null
          || !unsynced
          || failure() != null
          || time.nanos() - lastSyncNanos < options.fsyncInterval().toNanos()) {
        return;
      }
      file = current;
      written = new WalPosition(stored.getLast().sequence, position);
      lastSyncNanos = time.nanos();
      syncing.lock();
    } finally {
      driving.unlock();
    }
    try {
      file.sync();
    } catch (IOException e) {
      fail(e);
      return;
    } finally {
      syncing.unlock();
    }
    driving.lock();
    try {
      // Another file meanwhile was begun by syncing this one.
      if (current != null && durable.sequence() == written.sequence()) {
        durable = written;
        unsynced = position > written.position();
      }
    } finally {
      driving.unlock();
    }
  }

  private void sync() throws IOException {
    if (current != null && unsynced) {
      current.sync();
      durable = new WalPosition(stored.getLast().sequence, position);
      unsynced = false;
    }
    lastSyncNanos = time.nanos();
  }

  /// Why the log takes nothing any more, if it failed.
  public @Nullable String failure() {
    lock.lock();
    try {
      return failure;
    } finally {
      lock.unlock();
    }
  }

  /// Whether less is free on the disk than must be.
  public boolean diskLow() {
    return diskLow;
  }

  /// Why appends are refused now, or would be if they were of some size; null while they are taken.
  public @Nullable String refuses() {
    lock.lock();
    try {
      if (failure != null) {
        return failure;
      }
      if (diskLow) {
        return "less is free on the disk than streamhouse.disk.reserve.bytes (%d)"
            .formatted(options.reserveBytes());
      }
      return storedBytes + queuedBytes + FULL_SLACK_BYTES > options.maxBytes()
          ? "the write-ahead log holds %d bytes of at most %d (streamhouse.wal.max.bytes)"
              .formatted(storedBytes, options.maxBytes())
          : null;
    } finally {
      lock.unlock();
    }
  }

  private String fail(IOException e) {
    String why = "the write-ahead log failed: " + e;
    log.error("write-ahead log failed; it is not used again", e);
    lock.lock();
    try {
      failure = why;
    } finally {
      lock.unlock();
    }
    return why;
  }

  /// The file the next `bytes` go to, rolled if they and a seal do not fit.
  private WalFile fileFor(long bytes) throws IOException {
    if (current != null && position + bytes + WalFormat.SEAL_BYTES <= current.sizeInBytes()) {
      return current;
    }
    if (current != null) {
      // A seal proves that all before it was durable: a power cut must not leave it without them.
      sync();
      current.write(position, WalFormat.seal(stored.getLast().sequence, position));
      unsynced = true;
      sync();
      closeCurrent(current);
    }
    long sequence = nextSequence++;
    long usual =
        position == 0 ? Math.min(options.fileBytes(), FIRST_FILE_BYTES) : options.fileBytes();
    long size = Math.max(usual, WalFormat.HEADER_BYTES + bytes + WalFormat.SEAL_BYTES);
    WalFile file;
    if (size == options.fileBytes() && !spares.isEmpty()) {
      file = files.recycle(spares.removeFirst(), sequence);
    } else {
      file = files.create(sequence, size);
    }
    // A fast producer fills several files between two looks of the housekeeping.
    lookAtDisk();
    account(size);
    file.write(0, WalFormat.header(walId, sequence));
    file.sync();
    var added = new StoredFile(sequence);
    added.bytes = file.sizeInBytes();
    stored.add(added);
    current = file;
    position = WalFormat.HEADER_BYTES;
    durable = new WalPosition(sequence, position);
    return file;
  }

  private void closeCurrent(WalFile file) throws IOException {
    syncing.lock();
    try {
      current = null;
      file.close();
    } finally {
      syncing.unlock();
    }
  }

  private void account(long bytes) {
    lock.lock();
    try {
      storedBytes += bytes;
    } finally {
      lock.unlock();
    }
  }

  /// Reads batches back, in the order asked; blocks. From any thread.
  ///
  /// @return null if one of them is not in the log any more
  /// @throws WalDamaged when one cannot be read although it should be there
  public @Nullable List<RecordBatches> read(List<WalPlace> places) throws IOException {
    var parts = new WalParts(files);
    try {
      return parts.read(places);
    } catch (NoSuchFileException | WalDamaged failed) {
      // Files are renamed and written again once nothing in them is needed.
      if (failed instanceof NoSuchFileException || !has(parts.sequence())) {
        return null;
      }
      throw failed;
    } finally {
      parts.close();
    }
  }

  private boolean has(long sequence) {
    driving.lock();
    try {
      return stored.stream().anyMatch(file -> file.sequence == sequence);
    } finally {
      driving.unlock();
    }
  }

  /// Decides which ranges the log need not keep.
  public interface Kept {
    /// Whether what was written of `partition` under `leaseEpoch` and before it, up to `endOffset`,
    /// may still be needed from this log.
    boolean needed(PartitionId partition, int leaseEpoch, long endOffset);
  }

  /// Drops every file whose entries are no longer needed; the newest file only when `all` is asked
  /// for and nothing is queued.
  public void trim(Kept kept, boolean all) throws IOException {
    trimming.lock();
    try {
      // Files are renamed, deleted and their directory synced while writes go on.
      var out = takeOut(kept, all);
      try {
        while (!out.isEmpty()) {
          discard(out.getFirst(), !all);
          out.removeFirst();
        }
      } finally {
        putBack(out);
      }
      if (all) {
        for (long spare : takeSpares()) {
          files.discard(spare);
        }
      }
      lookAtDisk();
      if (!all) {
        makeSpare();
      }
    } finally {
      trimming.unlock();
    }
  }

  /// Refuses appends when the disk has too little room, takes them again when it has.
  private void lookAtDisk() throws IOException {
    diskLow = files.usableBytes() < options.reserveBytes();
  }

  /// Makes the next file where nothing is there to recycle, so that no batch waits for its zeros.
  private void makeSpare() throws IOException {
    if (files.usableBytes() < options.reserveBytes() + options.fileBytes()) {
      return;
    }
    long sequence;
    driving.lock();
    try {
      if (current == null || !spares.isEmpty() || position < current.sizeInBytes() / 4) {
        return;
      }
      sequence = nextSequence++;
    } finally {
      driving.unlock();
    }
    try {
      files.spare(sequence, options.fileBytes());
    } catch (IOException e) {
      // The writer makes its file itself, then, and fails if that cannot be done either.
      log.warn("no file could be made ahead of the write-ahead log", e);
      return;
    }
    driving.lock();
    try {
      spares.addLast(sequence);
    } finally {
      driving.unlock();
    }
  }

  /// Takes the files out of the log that nothing needs.
  private List<StoredFile> takeOut(Kept kept, boolean all) throws IOException {
    var out = new ArrayList<StoredFile>();
    driving.lock();
    try {
      var newest = current == null ? null : stored.getLast();
      for (var file : stored) {
        if (file != newest && !file.needed(kept)) {
          out.add(file);
        }
      }
      if (all && current != null && newest != null && !queued() && !newest.needed(kept)) {
        closeCurrent(current);
        out.add(newest);
      }
      stored.removeAll(out);
    } finally {
      driving.unlock();
    }
    return out;
  }

  /// What could not be discarded is in the log as before.
  private void putBack(List<StoredFile> out) {
    driving.lock();
    try {
      stored.addAll(out);
      stored.sort(Comparator.comparingLong(file -> file.sequence));
    } finally {
      driving.unlock();
    }
  }

  private List<Long> takeSpares() {
    driving.lock();
    try {
      var taken = List.copyOf(spares);
      spares.clear();
      return taken;
    } finally {
      driving.unlock();
    }
  }

  private boolean queued() {
    lock.lock();
    try {
      return !queue.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  private void discard(StoredFile file, boolean recycle) throws IOException {
    if (recycle && file.bytes == options.fileBytes() && roomForSpare()) {
      files.retire(file.sequence);
      driving.lock();
      try {
        spares.addLast(file.sequence);
      } finally {
        driving.unlock();
      }
    } else {
      files.delete(file.sequence);
    }
    account(-file.bytes);
  }

  /// Only trimming adds spares, so that what is true here stays so.
  private boolean roomForSpare() {
    driving.lock();
    try {
      return spares.size() < SPARE_FILES;
    } finally {
      driving.unlock();
    }
  }

  /// Bytes of all files that are needed and of what is queued.
  public long sizeInBytes() {
    lock.lock();
    try {
      return storedBytes + queuedBytes;
    } finally {
      lock.unlock();
    }
  }

  /// Makes the first file before anyone waits for it. A failure shows at the first write.
  private void prepare() {
    driving.lock();
    try {
      var _ = fileFor(0);
    } catch (IOException e) {
      fail(e);
    } finally {
      driving.unlock();
    }
  }

  /// Calls [#poll] until the log is closed; what the one writer thread runs.
  public void drive() {
    prepare();
    lock.lock();
    try {
      writer = Thread.currentThread();
    } finally {
      lock.unlock();
    }
    while (true) {
      if (poll()) {
        continue;
      }
      lock.lock();
      try {
        if (closed && queue.isEmpty()) {
          return;
        }
        writerIdle = queue.isEmpty();
        if (!writerIdle) {
          continue;
        }
      } finally {
        lock.unlock();
      }
      LockSupport.park(this);
    }
  }

  /// Calls [#pollSync] until the log is closed; what the one syncing thread runs. Returns at once
  /// where the policy has nothing for it to do.
  public void driveSync() {
    if (options.fsync() != Fsync.INTERVAL) {
      return;
    }
    while (!isShut()) {
      pollSync();
      LockSupport.parkNanos(this, options.fsyncInterval().toNanos());
    }
  }

  private boolean isShut() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  /// Takes no more appends. What is queued is still written by the driver.
  public void shut() {
    Thread wake;
    lock.lock();
    try {
      closed = true;
      wake = writer;
    } finally {
      lock.unlock();
    }
    if (wake != null) {
      LockSupport.unpark(wake);
    }
  }

  /// Closes the file; call after the driver has ended.
  @Override
  public void close() throws IOException {
    shut();
    driving.lock();
    try {
      if (current != null) {
        sync();
        closeCurrent(current);
      }
    } finally {
      driving.unlock();
    }
  }

  /// A file and how far each partition reaches in it.
  private static final class StoredFile {

    final long sequence;
    final Map<PartitionId, Reach> ends = new HashMap<>();
    long bytes;

    /// Up to where entries go that were written under a partition's newest epoch here. They begin
    /// where those of older epochs end, or void what is beyond.
    private record Reach(int leaseEpoch, long endOffset) {

      Reach with(Reach next) {
        return next.leaseEpoch > leaseEpoch
                || (next.leaseEpoch == leaseEpoch && next.endOffset > endOffset)
            ? next
            : this;
      }
    }

    StoredFile(long sequence) {
      this.sequence = sequence;
    }

    void covers(PartitionId partition, int leaseEpoch, long endOffset) {
      ends.merge(partition, new Reach(leaseEpoch, endOffset), Reach::with);
    }

    boolean needed(Kept kept) {
      for (var end : ends.entrySet()) {
        var reach = end.getValue();
        if (kept.needed(end.getKey(), reach.leaseEpoch, reach.endOffset)) {
          return true;
        }
      }
      return false;
    }
  }
}
