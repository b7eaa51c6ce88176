package io.streamhouse.broker.storage;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.streamhouse.metadata.SegmentManifest.Segment;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/// Reads small segments of one object together. An object that a flush made has one of each
/// partition that was written to, often of some hundred bytes, and who reads many partitions from
/// far back would need a read of the store for each.
///
/// Objects are divided into windows. The first segment that is wanted of a window is read alone, so
/// that a reader of one partition reads nothing else. When a second one is wanted, the whole window
/// is read, once, and that one and the others are taken from it: from memory, where the last few
/// windows are, or from the disk cache. Nothing here is checked: what is taken proves right or
/// wrong when it is opened, and where it proves wrong the window is [forgotten][#forget].
///
/// Thread-safe; calls block for the store.
final class SegmentWindows {

  static final int WINDOW_BYTES = 1 << 18;

  /// Segments up to this size are read with others: of larger ones a window has too few, and too
  /// many of them lie across two windows.
  static final int LARGEST_SEGMENT_BYTES = WINDOW_BYTES / 8;

  private static final long KEPT_BYTES = 4L << 20;

  /// Windows of which one segment was read alone; some 200 bytes each. If a consumer needs more
  /// than these until it comes back to an object, that object's next segment is read alone too.
  private static final int REMEMBERED_WINDOWS = 8192;

  private final ObjectStore store;
  private final @Nullable DiskCache disk;
  private final CacheCounters counters;

  /// Position of the segment that was read alone.
  private final Cache<Key, Long> begun =
      Caffeine.newBuilder().executor(Runnable::run).maximumSize(REMEMBERED_WINDOWS).build();

  private final LoadOnce<Key, ByteBuffer> windows =
      new LoadOnce<>(
          Caffeine.newBuilder()
              .executor(Runnable::run)
              .maximumWeight(KEPT_BYTES)
              .weigher((Key _, ByteBuffer window) -> window.remaining())
              .build());

  private record Key(String object, long index) {

    static Key of(Segment row) {
      return new Key(row.object(), row.position() / WINDOW_BYTES);
    }

    long start() {
      return index * WINDOW_BYTES;
    }
  }

  SegmentWindows(ObjectStore store, @Nullable DiskCache disk, CacheCounters counters) {
    this.store = store;
    this.disk = disk;
    this.counters = counters;
  }

  /// The bytes of a segment, which nobody may change, as its window has them: fewer than the row
  /// says where the object is too short. Null if the segment is to be read alone.
  @Nullable ByteBuffer read(Segment row) throws IOException {
    var key = Key.of(row);
    long position = row.position() - key.start();
    if (row.length() > LARGEST_SEGMENT_BYTES || position + row.length() > WINDOW_BYTES) {
      return null;
    }
    var window = windows.loaded().getIfPresent(key);
    if (window == null) {
      boolean first = isFirst(key, row);
      if (isOnDisk(row) || (first && !isOnDisk(key))) {
        return null;
      }
      window = await(windows.get(key, claim -> loadInto(key, claim)));
    }
    counters.grouped.increment();
    int from = (int) Math.min(position, window.remaining());
    return window.slice(from, (int) Math.min(row.length(), window.remaining() - from));
  }

  /// Has a segment read alone that proved wrong: the window's bytes may have been damaged on their
  /// way, or on disk.
  void forget(Segment row) {
    var key = Key.of(row);
    windows.loaded().invalidate(key);
    begun.put(key, row.position());
    if (disk != null) {
      disk.forget(key.object, key.start(), WINDOW_BYTES);
    }
  }

  private boolean isFirst(Key key, Segment row) {
    var first = begun.asMap().putIfAbsent(key, row.position());
    return first == null || first == row.position();
  }

  private boolean isOnDisk(Key key) {
    return disk != null && disk.has(key.object, key.start(), WINDOW_BYTES);
  }

  private boolean isOnDisk(Segment row) {
    return disk != null && disk.has(row.object(), row.position(), (int) row.length());
  }

  private void loadInto(Key key, CompletableFuture<ByteBuffer> claim) {
    try {
      var arrived = windows.arrived(key);
      if (arrived != null) {
        windows.answer(key, claim, arrived);
      } else {
        windows.keep(key, claim, load(key));
      }
    } catch (Throwable failure) {
      // Whoever waits learns of it, whatever it is; nothing may stay pending.
      windows.fail(key, claim, failure);
    }
  }

  private ByteBuffer load(Key key) throws IOException {
    var kept = disk == null ? null : disk.get(key.object, key.start(), WINDOW_BYTES);
    counters.loads.increment();
    if (kept != null) {
      return kept;
    }
    var window = store.get(key.object, key.start(), WINDOW_BYTES).slice();
    if (disk != null) {
      disk.put(key.object, key.start(), WINDOW_BYTES, window);
    }
    return window;
  }

  private static ByteBuffer await(CompletableFuture<ByteBuffer> window) throws IOException {
    try {
      return window.join();
    } catch (CompletionException failed) {
      if (failed.getCause() instanceof IOException io) {
        throw io;
      }
      throw failed;
    }
  }
}
