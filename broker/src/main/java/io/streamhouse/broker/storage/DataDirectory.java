package io.streamhouse.broker.storage;

import io.streamhouse.metadata.RandomIds;
import java.io.IOException;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Everything an agent keeps on this machine, owned exclusively for as long as it is open.
///
/// ```
/// streamhouse.properties   who this is: below
/// streamhouse.lock         locked by the owner; names it
/// wal/                     the write-ahead log
/// objects/                 the object store, where it is a local directory
/// cache/                   ranges of objects read from elsewhere; may be deleted
/// merging/                 the object that is being put together from others; emptied at start
/// metadata.db              the metadata, where they are SQLite and not elsewhere
/// ```
///
/// | property         | notes                                                        |
/// |------------------|--------------------------------------------------------------|
/// | `format.version` | 1; a newer one is refused                                    |
/// | `wal.id`         | names the log in `wal/` to the cluster; never changes        |
/// | `node.id`        | of the agent; absent until the cluster has assigned one      |
/// | `cluster.id`     | of the first cluster it joined; no other is ever joined      |
/// | `wal.directory`  | where the log is, if it is not in `wal/`                     |
///
/// The properties file is replaced atomically and synced. Safe for use by several threads.
public final class DataDirectory implements AutoCloseable {

  private static final String PROPERTIES = "streamhouse.properties";
  private static final String LOCK = "streamhouse.lock";
  private static final int FORMAT_VERSION = 1;
  private static final int MAX_OWNER_BYTES = 256;

  /// Locks belong to the process: closing any second channel on the lock file would silently give
  /// the first one's lock up, so a directory open in this process must be known without looking.
  private static final Set<Path> OPEN_HERE = ConcurrentHashMap.newKeySet();

  private final Path root;
  private final FileChannel lockFile;
  private OptionalInt nodeId;
  private final UUID walId;
  private @Nullable String clusterId;
  private @Nullable Path logElsewhere;

  private DataDirectory(
      Path root,
      FileChannel lockFile,
      OptionalInt nodeId,
      UUID walId,
      @Nullable String clusterId,
      @Nullable Path logElsewhere) {
    this.root = root;
    this.lockFile = lockFile;
    this.nodeId = nodeId;
    this.walId = walId;
    this.clusterId = clusterId;
    this.logElsewhere = logElsewhere;
  }

  /// Takes the directory, making it if there is none.
  ///
  /// @param nodeId must be the one it was made with; empty for whichever that is
  /// @param random for the log's id, if it is made now
  public static DataDirectory open(Path directory, OptionalInt nodeId, RandomGenerator random)
      throws DataDirectoryUnusable {
    Path root;
    try {
      root = Files.createDirectories(directory).toRealPath();
    } catch (IOException failure) {
      throw new DataDirectoryUnusable("cannot make data directory " + directory, failure);
    }
    if (!OPEN_HERE.add(root)) {
      throw new DataDirectoryUnusable(
          "data directory " + root + " is in use by an agent in this process");
    }
    FileChannel lockFile = null;
    DataDirectory opened = null;
    try {
      lockFile = lock(root);
      opened = load(root, lockFile, nodeId, random);
      return opened;
    } catch (IOException failure) {
      throw new DataDirectoryUnusable(
          "cannot use data directory " + root + ": " + failure, failure);
    } finally {
      if (opened == null) {
        unlock(root, lockFile);
      }
    }
  }

  /// Takes a directory that an agent has made, whatever its node id.
  ///
  /// @return empty if an agent has it open, or if there is none
  public static Optional<DataDirectory> openIfFree(Path directory) throws DataDirectoryUnusable {
    var file = directory.resolve(PROPERTIES);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try (var channel =
        FileChannel.open(
            directory.resolve(LOCK),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      if (OPEN_HERE.contains(directory.toRealPath()) || channel.tryLock() == null) {
        return Optional.empty();
      }
    } catch (IOException failure) {
      throw new DataDirectoryUnusable("cannot use data directory " + directory, failure);
    }
    return Optional.of(open(directory, OptionalInt.empty(), RandomGenerator.getDefault()));
  }

  public Path root() {
    return root;
  }

  public Path wal() {
    return root.resolve("wal");
  }

  public Path objects() {
    return root.resolve("objects");
  }

  /// Of what can be read again; not made before it is used.
  public Path cache() {
    return root.resolve("cache");
  }

  /// Of an object that is put together from others; not made before it is used.
  public Path merging() {
    return root.resolve("merging");
  }

  /// Of the agent whose directory it is; empty while none was given or assigned.
  public synchronized OptionalInt nodeId() {
    return nodeId;
  }

  /// Keeps the node id that the cluster has assigned, for good.
  public synchronized void assign(int assigned) throws DataDirectoryUnusable {
    if (nodeId.isPresent()) {
      if (nodeId.getAsInt() != assigned) {
        throw new DataDirectoryUnusable(
            "data directory %s belongs to node.id %d, not %d"
                .formatted(root, nodeId.getAsInt(), assigned));
      }
      return;
    }
    var now = OptionalInt.of(assigned);
    write(text(walId, now, clusterId, logElsewhere));
    nodeId = now;
  }

  private void write(String text) throws DataDirectoryUnusable {
    try {
      Durable.replace(root, PROPERTIES, text);
    } catch (IOException failure) {
      throw new DataDirectoryUnusable("cannot write to data directory " + root, failure);
    }
  }

  /// Where the log was when an agent had it last; at first in [#wal].
  public synchronized Path log() {
    return logElsewhere == null ? wal() : logElsewhere;
  }

  /// Keeps where the log is from now on.
  public synchronized void logIsIn(Path directory) throws DataDirectoryUnusable {
    var elsewhere = directory.equals(wal()) ? null : directory;
    if (!Objects.equals(elsewhere, logElsewhere)) {
      write(text(walId, nodeId, clusterId, elsewhere));
      logElsewhere = elsewhere;
    }
  }

  /// What the log is called in the cluster.
  public UUID walId() {
    return walId;
  }

  /// The cluster it belongs to, if it has joined one.
  public synchronized Optional<String> clusterId() {
    return Optional.ofNullable(clusterId);
  }

  /// Ties the directory to a cluster, for good.
  ///
  /// @throws DataDirectoryUnusable if it is tied to another
  public synchronized void join(String cluster) throws DataDirectoryUnusable {
    if (clusterId == null) {
      write(text(walId, nodeId, cluster, logElsewhere));
      clusterId = cluster;
    }
    if (!clusterId.equals(cluster)) {
      throw new DataDirectoryUnusable(
          "data directory %s belongs to cluster %s, the metadata store to cluster %s"
              .formatted(root, clusterId, cluster));
    }
  }

  /// Lets another agent have it.
  @Override
  public void close() {
    unlock(root, lockFile);
  }

  private static FileChannel lock(Path root) throws IOException, DataDirectoryUnusable {
    var path = root.resolve(LOCK);
    var channel =
        FileChannel.open(
            path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    boolean taken = false;
    try {
      if (channel.tryLock() == null) {
        var owner = ByteBuffer.allocate(MAX_OWNER_BYTES);
        channel.read(owner, 0);
        throw new DataDirectoryUnusable(
            "data directory %s is in use by another agent: %s"
                .formatted(root, StandardCharsets.UTF_8.decode(owner.flip()).toString().strip()));
      }
      var owner = "pid %d on %s%n".formatted(ProcessHandle.current().pid(), host());
      channel.truncate(0);
      Durable.write(channel, List.of(ByteBuffer.wrap(owner.getBytes(StandardCharsets.UTF_8))));
      taken = true;
      return channel;
    } finally {
      if (!taken) {
        channel.close();
      }
    }
  }

  private static void unlock(Path root, @Nullable FileChannel lockFile) {
    try {
      if (lockFile != null) {
        lockFile.close();
      }
    } catch (IOException unlikely) {
      // The lock goes with the process at the latest; there is nobody who could do more.
    } finally {
      OPEN_HERE.remove(root);
    }
  }

  private static DataDirectory load(
      Path root, FileChannel lockFile, OptionalInt nodeId, RandomGenerator random)
      throws IOException, DataDirectoryUnusable {
    for (var name : List.of("wal", "objects")) {
      Files.createDirectories(root.resolve(name));
    }
    Durable.syncDirectory(root);
    var file = root.resolve(PROPERTIES);
    if (!Files.exists(file)) {
      return create(root, lockFile, nodeId, random);
    }
    var properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file)) {
      properties.load(reader);
    } catch (IllegalArgumentException malformed) {
      throw new DataDirectoryUnusable("cannot read " + file, malformed);
    }
    var fields = new Fields(file, properties);
    int version = fields.number("format.version");
    if (version != FORMAT_VERSION) {
      throw new DataDirectoryUnusable(
          "data directory %s has format version %d; this program knows %d"
              .formatted(root, version, FORMAT_VERSION));
    }
    var known =
        properties.containsKey("node.id")
            ? OptionalInt.of(fields.number("node.id"))
            : OptionalInt.empty();
    if (known.isPresent() && nodeId.isPresent() && known.getAsInt() != nodeId.getAsInt()) {
      throw new DataDirectoryUnusable(
          "data directory %s belongs to node.id %d, not %d"
              .formatted(root, known.getAsInt(), nodeId.getAsInt()));
    }
    return new DataDirectory(
        root,
        lockFile,
        known.isPresent() ? known : nodeId,
        fields.uuid("wal.id"),
        properties.getProperty("cluster.id"),
        properties.containsKey("wal.directory") ? Path.of(fields.text("wal.directory")) : null);
  }

  private static DataDirectory create(
      Path root, FileChannel lockFile, OptionalInt nodeId, RandomGenerator random)
      throws IOException, DataDirectoryUnusable {
    try (var log = Files.newDirectoryStream(root.resolve("wal"))) {
      if (log.iterator().hasNext()) {
        throw new DataDirectoryUnusable(
            "data directory %s has a write-ahead log but no %s: put that file back, or nobody can tell whose log it is"
                .formatted(root, PROPERTIES));
      }
    }
    var walId = RandomIds.next(random);
    Durable.replace(root, PROPERTIES, text(walId, nodeId, null, null));
    return new DataDirectory(root, lockFile, nodeId, walId, null, null);
  }

  private static String text(
      UUID walId, OptionalInt nodeId, @Nullable String clusterId, @Nullable Path logElsewhere) {
    return """
    # Who this data directory belongs to. Written by StreamHouse; not for editing.
    format.version=%d
    wal.id=%s
    """
            .formatted(FORMAT_VERSION, walId)
        + (nodeId.isPresent() ? "node.id=" + nodeId.getAsInt() + "\n" : "")
        + (clusterId == null ? "" : "cluster.id=" + clusterId + "\n")
        + (logElsewhere == null
            ? ""
            : "wal.directory=" + logElsewhere.toString().replace("\\", "\\\\") + "\n");
  }

  /// A name for the machine that no name server is asked for.
  private static String host() {
    try {
      return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
    } catch (IOException notLinux) {
      var name = System.getenv("HOSTNAME");
      return name == null ? "this machine" : name;
    }
  }

  private record Fields(Path file, Properties properties) {

    int number(String name) throws DataDirectoryUnusable {
      try {
        return Integer.parseInt(text(name));
      } catch (NumberFormatException bad) {
        throw bad(name, bad);
      }
    }

    UUID uuid(String name) throws DataDirectoryUnusable {
      try {
        return UUID.fromString(text(name));
      } catch (IllegalArgumentException bad) {
        throw bad(name, bad);
      }
    }

    private String text(String name) {
      return properties.getProperty(name, "").strip();
    }

    private DataDirectoryUnusable bad(String name, Throwable cause) {
      return new DataDirectoryUnusable(
          "%s has %s=%s".formatted(file, name, properties.getProperty(name)), cause);
    }
  }
}
