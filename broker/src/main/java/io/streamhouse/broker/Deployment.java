package io.streamhouse.broker;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.config.AgentConfig.ObjectPlace;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.DataDirectory;
import io.streamhouse.broker.storage.DataDirectoryUnusable;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.MetadataStore;
import java.io.IOException;
import java.nio.file.Files;
import java.security.SecureRandom;
import java.util.Optional;

/// The stores of a deployment, opened by a tool and not by an agent.
///
/// @param directory the agent's data directory if it has none running, which none can then start
///   in; empty while one runs, or if there is no such directory
public record Deployment(
    MetadataStore metadata, ObjectStore objects, Optional<DataDirectory> directory)
    implements AutoCloseable {

  /// Opens what an agent of this configuration would; makes nothing that is not there.
  ///
  /// @throws IOException if a part cannot be opened
  public static Deployment open(AgentConfig config) throws IOException {
    var random = new SecureRandom();
    var storage = config.storage();
    var file = Agent.databaseFile(config.metadata().url());
    if (file.isPresent() && !Files.exists(file.get())) {
      throw new IOException("there is no database " + file.get());
    }
    Optional<DataDirectory> directory;
    try {
      directory = DataDirectory.openIfFree(storage.dataDir());
    } catch (DataDirectoryUnusable unusable) {
      throw new IOException(String.valueOf(unusable.getMessage()), unusable);
    }
    try {
      var metadata = Agent.metadata(config.metadata(), random);
      return new Deployment(metadata, objects(storage.objects(), random), directory);
    } catch (IOException | RuntimeException failed) {
      directory.ifPresent(DataDirectory::close);
      throw failed;
    }
  }

  private static ObjectStore objects(ObjectPlace place, SecureRandom random) throws IOException {
    if (place instanceof ObjectPlace.Directory(var path) && !Files.isDirectory(path)) {
      throw new IOException("there is no directory of objects " + path);
    }
    return ObjectStores.unguarded(place, TimeSource.system(), random);
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
