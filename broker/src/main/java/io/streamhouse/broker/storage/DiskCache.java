package io.streamhouse.broker.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Ranges of objects kept as files, so that they are read from the store once: the least lately
/// used go when there are more bytes than allowed. What was kept is found again after a restart,
/// then in the order it was written.
///
/// A file is named after the SHA-256 of its range's name, in one of 256 directories:
///
/// | field    | type  | notes                                                  |
/// |----------|-------|--------------------------------------------------------|
/// | magic    | u32   | `SHRC`                                                 |
/// | version  | u16   | 1                                                      |
/// | name     | u16   | its length; `OBJECT@POSITION+LENGTH` in UTF-8 follows  |
/// | length   | u32   | of the bytes; less than LENGTH where the object ends   |
/// | crc32c   | u32   | of name and bytes                                      |
/// | …        | bytes | the name, then the bytes                               |
///
/// All integers big-endian. Files are written beside and renamed, and not synced: what a power cut
/// leaves fails its checksum, and a file that fails anything is deleted and counts as not there. So
/// does a disk that fails; the cache is never the reason why a read fails.
///
/// Thread-safe; calls block for the disk, the lock is held for bookkeeping only.
public final class DiskCache {

  private static final Logger log = LoggerFactory.getLogger(DiskCache.class);

  private static final int MAGIC = 0x53485243;
  private static final short VERSION = 1;
  private static final int HEADER_BYTES = 16;
  private static final String TEMPORARY = ".new";

  private final Path root;
  private final long maxBytes;
  private final long keptFreeBytes;
  private final Object lock = new Object();
  private final AtomicLong nextTemporary = new AtomicLong();

  /// File name to size, the least lately used first. Guarded by `lock`.
  private final LinkedHashMap<String, Long> files = new LinkedHashMap<>(16, 0.75f, true);

  /// Guarded by `lock`.
  private long bytes;

  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final LongAdder failures = new LongAdder();
  private final LongAdder evicted = new LongAdder();

  private DiskCache(Path root, long maxBytes, long keptFreeBytes) {
    this.root = root;
    this.maxBytes = maxBytes;
    this.keptFreeBytes = keptFreeBytes;
  }

  /// Opens the cache in a directory of its own, which is made if there is none, and brings it down
  /// to `maxBytes`.
  ///
  /// @param keptFreeBytes where the disk has less free, it gives room back instead of taking any:
  ///   others need the disk for what cannot be read again
  public static DiskCache open(Path root, long maxBytes, long keptFreeBytes) throws IOException {
    if (maxBytes < 1) {
      throw new IllegalArgumentException(maxBytes + " bytes");
    }
    Files.createDirectories(root);
    var cache = new DiskCache(root, maxBytes, keptFreeBytes);
    cache.find();
    cache.evict(maxBytes);
    return cache;
  }

  private record Found(Path path, long size, long written) {}

  private void find() throws IOException {
    var found = new ArrayList<Found>();
    try (var all = Files.walk(root, 2)) {
      for (var path : (Iterable<Path>) all::iterator) {
        var attributes = Files.readAttributes(path, BasicFileAttributes.class);
        if (attributes.isDirectory()) {
          continue;
        }
        if (path.getFileName().toString().endsWith(TEMPORARY)) {
          Files.deleteIfExists(path);
        } else {
          found.add(new Found(path, attributes.size(), attributes.lastModifiedTime().toMillis()));
        }
      }
    }
    found.sort(Comparator.comparingLong(Found::written));
    synchronized (lock) {
      for (var file : found) {
        files.put(file.path.getFileName().toString(), file.size);
        bytes += file.size;
      }
    }
  }

  /// Whether a range is here, which counts as no use of it.
  public boolean has(String object, long position, int length) {
    var name = name(range(object, position, length));
    synchronized (lock) {
      return files.containsKey(name);
    }
  }

  /// A range of an object in memory of the caller's, null if it is not here; less than `length`
  /// where the object ended when it was kept.
  public @Nullable ByteBuffer get(String object, long position, int length) {
    var range = range(object, position, length);
    var name = name(range);
    Long size;
    synchronized (lock) {
      size = files.get(name);
    }
    if (size == null) {
      misses.increment();
      return null;
    }
    // What a damaged file says of its size allocates no more than what is wanted.
    long kept = Math.clamp(size - HEADER_BYTES - range.length, 0, length);
    var into = ByteBuffer.allocate((int) kept);
    return get(name, range, into) ? into : null;
  }

  /// Reads the range of an object that begins at `position` and is as long as `into` has room.
  ///
  /// @param into its position does not move; its content is undefined where there is no such range
  /// @return whether the range is here
  public boolean get(String object, long position, ByteBuffer into) {
    var range = range(object, position, into.remaining());
    var name = name(range);
    synchronized (lock) {
      if (files.get(name) == null) {
        misses.increment();
        return false;
      }
    }
    return get(name, range, into);
  }

  private boolean get(String name, byte[] range, ByteBuffer into) {
    try {
      if (read(path(name), range, into)) {
        hits.increment();
        return true;
      }
      log.warn("file of the disk cache is damaged and deleted file={}", path(name));
    } catch (NoSuchFileException evictedMeanwhile) {
      misses.increment();
      forget(name);
      return false;
    } catch (IOException failure) {
      log.warn(
          "file of the disk cache cannot be read file={} why={}", path(name), failure.toString());
    }
    failures.increment();
    misses.increment();
    forget(name);
    return false;
  }

  /// Keeps a range, whose position does not move; one that is there already stays.
  public void put(String object, long position, ByteBuffer content) {
    put(object, position, content.remaining(), content);
  }

  /// Keeps what an object has of a range of `length` bytes. The position of `content` does not
  /// move; what is there already stays.
  public void put(String object, long position, int length, ByteBuffer content) {
    var range = range(object, position, length);
    var name = name(range);
    long size = HEADER_BYTES + (long) range.length + content.remaining();
    synchronized (lock) {
      if (size > maxBytes || files.containsKey(name)) {
        return;
      }
    }
    var temporary = root.resolve(nextTemporary.getAndIncrement() + TEMPORARY);
    try {
      if (Files.getFileStore(root).getUsableSpace() - size < keptFreeBytes) {
        evict(Math.max(0, bytes() - 2 * size));
        return;
      }
      try (var channel =
          FileChannel.open(
              temporary,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        Durable.write(channel, List.of(header(range, content), ByteBuffer.wrap(range), content));
      }
      var path = path(name);
      Files.createDirectories(root.resolve(name.substring(0, 2)));
      Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException failure) {
      failures.increment();
      log.warn("range not kept on disk object={} why={}", object, failure.toString());
      delete(temporary);
      return;
    }
    synchronized (lock) {
      var before = files.put(name, size);
      bytes += size - (before == null ? 0 : before);
    }
    evict(maxBytes);
  }

  /// Deletes a range whose content proved to be wrong.
  public void forget(String object, long position, int length) {
    forget(name(range(object, position, length)));
  }

  /// Bytes of the files there are.
  public long bytes() {
    synchronized (lock) {
      return bytes;
    }
  }

  /// Ranges found.
  public long hits() {
    return hits.sum();
  }

  /// Ranges not found.
  public long misses() {
    return misses.sum();
  }

  /// Files that could not be written or read, or were damaged.
  public long failures() {
    return failures.sum();
  }

  /// Ranges deleted to make room.
  public long evicted() {
    return evicted.sum();
  }

  private void evict(long limit) {
    while (true) {
      String oldest;
      synchronized (lock) {
        if (bytes <= limit) {
          return;
        }
        var entry = files.pollFirstEntry();
        if (entry == null) {
          return;
        }
        bytes -= entry.getValue();
        oldest = entry.getKey();
      }
      evicted.increment();
      delete(path(oldest));
    }
  }

  private void forget(String name) {
    synchronized (lock) {
      var size = files.remove(name);
      bytes -= size == null ? 0 : size;
    }
    delete(path(name));
  }

  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException failure) {
      log.warn("file of the disk cache cannot be deleted file={} why={}", path, failure.toString());
    }
  }

  /// @return whether the file of a range has what was written to it
  private static boolean read(Path path, byte[] range, ByteBuffer into) throws IOException {
    var front = ByteBuffer.allocate(HEADER_BYTES + range.length);
    var content = into.slice();
    try (var channel = FileChannel.open(path, StandardOpenOption.READ)) {
      if (channel.size() != front.remaining() + content.remaining()) {
        return false;
      }
      Durable.read(channel, List.of(front, content), 0);
    }
    return !content.hasRemaining()
        && front.slice(HEADER_BYTES, range.length).equals(ByteBuffer.wrap(range))
        && front.slice(0, HEADER_BYTES).equals(header(range, content.rewind()));
  }

  private static ByteBuffer header(byte[] range, ByteBuffer content) {
    var crc = new CRC32C();
    crc.update(range);
    crc.update(content.duplicate());
    return ByteBuffer.allocate(HEADER_BYTES)
        .putInt(MAGIC)
        .putShort(VERSION)
        .putShort((short) range.length)
        .putInt(content.remaining())
        .putInt((int) crc.getValue())
        .flip();
  }

  private static byte[] range(String object, long position, int length) {
    return "%s@%d+%d".formatted(object, position, length).getBytes(StandardCharsets.UTF_8);
  }

  private static String name(byte[] range) {
    try {
      var digest = MessageDigest.getInstance("SHA-256").digest(range);
      return HexFormat.of().formatHex(digest, 0, 16);
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
    }
  }

  private Path path(String name) {
    return root.resolve(name.substring(0, 2)).resolve(name);
  }
}
