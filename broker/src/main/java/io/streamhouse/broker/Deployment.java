package io.streamhouse.broker;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.config.AgentConfig.ObjectPlace;
import io.streamhouse.broker.fsck.Finding;
import io.streamhouse.broker.fsck.Fsck;
import io.streamhouse.broker.fsck.FsckOptions;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.DataDirectory;
import io.streamhouse.broker.storage.DataDirectoryUnusable;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.broker.sweep.SweepGuard;
import io.streamhouse.broker.wal.DirectoryWalFiles;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.SchemaMismatch;
import java.io.IOException;
import java.nio.file.Files;
import java.security.SecureRandom;
import java.util.Optional;
import java.util.function.Consumer;

/// The stores of a deployment, opened by a tool and not by an agent.
///
/// @param directory the agent's data directory if it has none running, which none can then start
///   in; empty while one runs, or if there is no such directory
/// @param shared several agents may use the database
public record Deployment(
    MetadataStore metadata, ObjectStore objects, Optional<DataDirectory> directory, boolean shared)
    implements AutoCloseable {

  /// Opens what an agent of this configuration would; makes nothing that is not there.
  ///
  /// @throws IOException if a part cannot be opened
  public static Deployment open(AgentConfig config) throws IOException {
    return open(config, false);
  }

  /// As [#open], of a database that was restored and may be older than this program: its schema is
  /// brought up to date.
  ///
  /// @throws IOException if a part cannot be opened
  public static Deployment openRestored(AgentConfig config) throws IOException {
    return open(config, true);
  }

  private static Deployment open(AgentConfig config, boolean upgrade) throws IOException {
    var random = new SecureRandom();
    var storage = config.storage();
    Optional<DataDirectory> directory;
    try {
      directory = DataDirectory.openIfFree(storage.dataDir());
    } catch (DataDirectoryUnusable unusable) {
      throw new IOException(String.valueOf(unusable.getMessage()), unusable);
    }
    try {
      var metadata = metadata(config, upgrade);
      return new Deployment(
          metadata, objects(storage.objects(), random), directory, config.metadata().shared());
    } catch (IOException | RuntimeException failed) {
      directory.ifPresent(DataDirectory::close);
      throw failed;
    }
  }

  /// Opens the metadata alone; an agent may run.
  ///
  /// @throws IOException if there are none, or they cannot be opened
  public static MetadataStore metadata(AgentConfig config) throws IOException {
    return metadata(config, false);
  }

  private static MetadataStore metadata(AgentConfig config, boolean upgrade) throws IOException {
    var file = Agent.databaseFile(config.metadata().url());
    if (file.isPresent() && !Files.exists(file.get())) {
      throw new IOException(
          "there is no database %s; where agents share one, name it or their settings"
              .formatted(file.get()));
    }
    try {
      return Agent.metadata(config.metadata(), new SecureRandom(), upgrade);
    } catch (SchemaMismatch mismatch) {
      throw new IOException(mismatch.getMessage(), mismatch);
    }
  }

  private static ObjectStore objects(ObjectPlace place, SecureRandom random) throws IOException {
    if (place instanceof ObjectPlace.Directory(var path) && !Files.isDirectory(path)) {
      throw new IOException("there is no directory of objects " + path);
    }
    return ObjectStores.unguarded(place, TimeSource.system(), random);
  }

  /// Whether an agent may be at work on these stores. One that was killed counts, on a shared
  /// database, until another agent has declared its session dead.
  public boolean mayRun() {
    return directory.isEmpty()
        || (shared
            && metadata.leases().sessions().stream()
                .anyMatch(one -> !one.walId().equals(directory.get().walId())));
  }

  /// The log of the data directory, wherever it was last, unless its agent runs or belongs to
  /// another cluster.
  public Optional<Fsck.Wal> wal() {
    return directory
        .filter(free -> !isOfAnotherCluster(free))
        .map(free -> new Fsck.Wal(DirectoryWalFiles.toRead(free.log()), free.walId()));
  }

  /// Whether the data directory is that of an agent which has other metadata than these.
  public boolean isOfAnotherCluster() {
    return directory.filter(this::isOfAnotherCluster).isPresent();
  }

  private boolean isOfAnotherCluster(DataDirectory free) {
    return free.clusterId().filter(cluster -> !cluster.equals(metadata.clusterId())).isPresent();
  }

  /// A check of these stores.
  ///
  /// @param told each finding, as it is made
  public Fsck fsck(FsckOptions options, Consumer<Finding> told) {
    return new Fsck(
        metadata,
        objects,
        new SweepGuard(metadata.sweeps(), objects, new SecureRandom()),
        options,
        told);
  }

  /// Whether an agent has the data directory open.
  public static boolean runs(AgentConfig config, Deployment opened) {
    return opened.directory.isEmpty() && Files.exists(config.storage().dataDir());
  }

  @Override
  public void close() {
    objects.close();
    metadata.close();
    directory.ifPresent(DataDirectory::close);
  }
}
