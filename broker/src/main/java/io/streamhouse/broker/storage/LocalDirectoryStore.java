package io.streamhouse.broker.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32C;

/// Objects as files below one directory, each key a path. Several processes may use it, on one
/// machine or on a volume with working file locks.
///
/// An object is written to `.incoming/`, under a name that begins with that of a lock file which
/// its process holds, synced, and then linked under its name: linking fails where there is a file
/// already, so nothing is ever replaced, and no name ever leads to half an object. The directories
/// that lead to it are synced before the call returns; so are those a deletion changed, since
/// whoever deletes forgets the key afterwards. The file system must have hard links. Metadata is
/// left out. Directories stay when they become empty.
public final class LocalDirectoryStore implements ObjectStore {

  private static final String INCOMING = ".incoming";
  private static final String LOCK = ".lock";
  private static final int MAX_SYNCED_DIRECTORIES = 10_000;
  private static final int CHECKSUM_BUFFER_BYTES = 1 << 16;

  /// Locks belong to the process: closing any second channel on a lock file would silently give the
  /// first one's lock up, so those of this process must be known without looking.
  private static final Set<Path> LOCKED_HERE = ConcurrentHashMap.newKeySet();

  private final Path root;
  private final Path incoming;

  /// What the files of this store in `incoming` begin with.
  private final String self;

  private final Path lockFile;
  private final FileChannel lock;
  private final AtomicLong nextIncoming = new AtomicLong();
  private final UncachedFiles files = new UncachedFiles();

  /// Directories whose own entry is known to be durable.
  private final Set<Path> syncedDirectories = ConcurrentHashMap.newKeySet();

  /// Opens the store, making the directory if there is none, and removes what uploads left that a
  /// crash ended.
  public LocalDirectoryStore(Path root) throws IOException {
    this.root = root.toAbsolutePath().normalize();
    this.incoming = this.root.resolve(INCOMING);
    Files.createDirectories(incoming);
    this.lockFile = Files.createTempFile(incoming, "", LOCK);
    var name = lockFile.getFileName().toString();
    this.self = name.substring(0, name.length() - LOCK.length());
    LOCKED_HERE.add(lockFile);
    this.lock = FileChannel.open(lockFile, StandardOpenOption.WRITE);
    if (lock.tryLock() == null) {
      throw new IOException("somebody else holds " + lockFile);
    }
    removeLeft();
    Durable.syncDirectory(this.root);
  }

  /// Removes what belongs to no process that still runs.
  private void removeLeft() throws IOException {
    var running = new HashSet<String>();
    try (var locks = Files.newDirectoryStream(incoming, "*" + LOCK)) {
      for (var file : locks) {
        var name = file.getFileName().toString();
        if (held(file)) {
          running.add(name.substring(0, name.length() - LOCK.length()));
        }
      }
    }
    try (var left = Files.newDirectoryStream(incoming)) {
      for (var file : left) {
        var name = file.getFileName().toString();
        int end = name.indexOf(name.endsWith(LOCK) ? LOCK : "-");
        if (end < 0 || !running.contains(name.substring(0, end))) {
          Files.deleteIfExists(file);
        }
      }
    }
  }

  private static boolean held(Path lockFile) throws IOException {
    if (LOCKED_HERE.contains(lockFile)) {
      return true;
    }
    try (var channel = FileChannel.open(lockFile, StandardOpenOption.WRITE);
        var free = channel.tryLock()) {
      return free == null;
    } catch (NoSuchFileException gone) {
      return false;
    }
  }

  @Override
  public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
      throws IOException {
    var target = path(key);
    if (Files.exists(target)) {
      return existing(target);
    }
    var info = ObjectInfo.of(content);
    var file = incoming.resolve(self + "-" + nextIncoming.getAndIncrement());
    try {
      files.write(file, content, info.length());
      makeDirectory(parent(target));
      try {
        Files.createLink(target, file);
      } catch (FileAlreadyExistsException lost) {
        return existing(target);
      }
      Durable.syncDirectory(parent(target));
      return new PutResult.Created(info);
    } finally {
      Files.deleteIfExists(file);
    }
  }

  /// What stands there may come from a call that failed between linking and syncing.
  private PutResult existing(Path target) throws IOException {
    makeDirectory(parent(target));
    Durable.syncDirectory(parent(target));
    return new PutResult.AlreadyExists(infoOf(target));
  }

  @Override
  public ByteBuffer get(String key, long position, int length) throws IOException {
    if (position < 0 || length < 0) {
      throw new IllegalArgumentException(length + " bytes at " + position);
    }
    var file = path(key);
    try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long available = Math.max(0, channel.size() - position);
      var bytes = ByteBuffer.allocate((int) Math.min(length, available));
      Durable.read(channel, bytes, position);
      return bytes.flip();
    } catch (IOException failure) {
      throw Files.isRegularFile(file) ? failure : new ObjectMissing(key);
    }
  }

  @Override
  public void read(String key, long position, List<ByteBuffer> into) throws IOException {
    if (position < 0) {
      throw new IllegalArgumentException("position " + position);
    }
    var file = path(key);
    try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
      Durable.read(channel, into, position);
    } catch (IOException failure) {
      throw Files.isRegularFile(file) ? failure : new ObjectMissing(key);
    }
  }

  @Override
  public Optional<ObjectInfo> head(String key) throws IOException {
    var file = path(key);
    try {
      return Files.isRegularFile(file) ? Optional.of(infoOf(file)) : Optional.empty();
    } catch (NoSuchFileException deletedMeanwhile) {
      return Optional.empty();
    }
  }

  @Override
  public List<String> list(String prefix, String startAfter, int limit) throws IOException {
    var keys = new ArrayList<String>();
    list(root, "", prefix, startAfter, limit, keys);
    return keys;
  }

  private static void list(
      Path directory, String at, String prefix, String startAfter, int limit, List<String> keys)
      throws IOException {
    // In the order of whole keys: a directory sorts by its name and the slash.
    var children = new TreeMap<String, Path>();
    try (var stream = Files.newDirectoryStream(directory)) {
      for (var child : stream) {
        var name = child.getFileName().toString();
        if (!name.startsWith(".")) {
          children.put(at + name + (Files.isDirectory(child) ? "/" : ""), child);
        }
      }
    } catch (NoSuchFileException | NotDirectoryException gone) {
      return;
    }
    for (var child : children.entrySet()) {
      if (keys.size() >= limit) {
        return;
      }
      var key = child.getKey();
      if (!key.endsWith("/")) {
        if (key.startsWith(prefix) && key.compareTo(startAfter) > 0) {
          keys.add(key);
        }
      } else if ((key.startsWith(prefix) || prefix.startsWith(key))
          && (key.compareTo(startAfter) > 0 || startAfter.startsWith(key))) {
        list(child.getValue(), key, prefix, startAfter, limit, keys);
      }
    }
  }

  @Override
  public Map<String, DeleteResult> delete(Collection<String> keys) {
    var results = new LinkedHashMap<String, DeleteResult>();
    var changed = new LinkedHashMap<Path, List<String>>();
    for (var key : keys) {
      var file = path(key);
      results.put(key, new DeleteResult.Gone());
      try {
        // Also when it was gone before: perhaps by a call that failed before it synced.
        if (Files.isRegularFile(file)) {
          Files.deleteIfExists(file);
        }
        if (Files.isDirectory(parent(file))) {
          changed.computeIfAbsent(parent(file), _ -> new ArrayList<>()).add(key);
        }
      } catch (IOException failure) {
        results.put(key, new DeleteResult.Failed(failure));
      }
    }
    changed.forEach((directory, deleted) -> {
      try {
        Durable.syncDirectory(directory);
      } catch (IOException failure) {
        deleted.forEach(key -> results.put(key, new DeleteResult.Failed(failure)));
      }
    });
    return results;
  }

  @Override
  public void close() {
    try {
      Files.deleteIfExists(lockFile);
      lock.close();
    } catch (IOException unlikely) {
      // The lock goes with the process, and the next one to open the store removes the file.
    } finally {
      LOCKED_HERE.remove(lockFile);
    }
  }

  private Path path(String key) {
    return root.resolve(ObjectNames.check(key));
  }

  private Path parent(Path file) {
    var parent = file.getParent();
    return parent == null ? root : parent;
  }

  /// Makes `directory` and those above it, down from the root, and their entries durable.
  private void makeDirectory(Path directory) throws IOException {
    if (directory.equals(root) || syncedDirectories.contains(directory)) {
      return;
    }
    makeDirectory(parent(directory));
    try {
      Files.createDirectory(directory);
    } catch (FileAlreadyExistsException there) {
      if (!Files.isDirectory(directory)) {
        throw there;
      }
    }
    Durable.syncDirectory(parent(directory));
    if (syncedDirectories.size() >= MAX_SYNCED_DIRECTORIES) {
      syncedDirectories.clear();
    }
    syncedDirectories.add(directory);
  }

  private static ObjectInfo infoOf(Path file) throws IOException {
    try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
      var crc = new CRC32C();
      var buffer = ByteBuffer.allocate(CHECKSUM_BUFFER_BYTES);
      long length = 0;
      while (channel.read(buffer.clear()) >= 0) {
        length += buffer.position();
        crc.update(buffer.flip());
      }
      return new ObjectInfo(length, (int) crc.getValue());
    }
  }
}
