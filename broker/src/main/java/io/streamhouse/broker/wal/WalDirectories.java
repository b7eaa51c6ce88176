package io.streamhouse.broker.wal;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// Where write-ahead logs are: this agent's own, and on a volume that agents share those of others,
/// each in a directory named by its id.
///
/// @param own this agent's
/// @param shared the volume's directory, if there is one; `own` is in it then
public record WalDirectories(UUID walId, Path own, Optional<Path> shared) {

  /// @param local where the log is if no volume is shared
  public static WalDirectories of(UUID walId, Path local, Optional<Path> shared) {
    var absolute = shared.map(volume -> volume.toAbsolutePath().normalize());
    return new WalDirectories(
        walId, absolute.map(volume -> volume.resolve(walId.toString())).orElse(local), absolute);
  }

  /// A log to read tails from; null where this agent has no access to it.
  public @Nullable AdoptedLog find(UUID other) {
    if (other.equals(walId)) {
      return new AdoptedLog(DirectoryWalFiles.toRead(own), other);
    }
    var directory = shared.map(volume -> volume.resolve(other.toString()));
    return directory.isPresent() && Files.isDirectory(directory.get())
        ? new AdoptedLog(DirectoryWalFiles.toRead(directory.get()), other)
        : null;
  }
}
