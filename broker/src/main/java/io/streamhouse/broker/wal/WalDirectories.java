package io.streamhouse.broker.wal;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.UUID;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/// Where write-ahead logs are: this agent's own, and on a volume that agents share those of others,
/// each in a directory named by its id.
///
/// @param own this agent's
/// @param shared the volume's directory, if there is one; `own` is in it then
public record WalDirectories(UUID walId, Path own, Optional<Path> shared) {

  /// A file beside the log's, with the log's id.
  private static final String MARK = "wal.id";

  /// @param local where the log is if no volume is shared
  public static WalDirectories of(UUID walId, Path local, Optional<Path> shared) {
    var absolute = shared.map(volume -> volume.toAbsolutePath().normalize());
    return new WalDirectories(
        walId, absolute.map(volume -> volume.resolve(walId.toString())).orElse(local), absolute);
  }

  /// Takes `own` as where this agent's log is from now on. It carries a mark then, so that an empty
  /// directory, where a volume is not mounted or was never, is not taken for an empty log.
  ///
  /// @param before where the log was last
  /// @param tails how many partitions are said to have their tails in this agent's log
  /// @throws IOException if records may be in a log that is elsewhere
  public void take(Path before, IntSupplier tails) throws IOException {
    if (!before.equals(own) && hasFiles(before)) {
      throw new IOException(
          "there is a write-ahead log in %s: start once with streamhouse.wal.shared.dir as it was (%s) and stop, so that it is flushed"
              .formatted(before, before.endsWith(walId.toString()) ? before.getParent() : "unset"));
    }
    var mark = own.resolve(MARK);
    if (!Files.exists(mark)) {
      boolean files = hasFiles(own);
      if (shared.isPresent() && before.equals(own) && !files) {
        // Also where all of it was flushed: what is written to the empty directory that is here now
        // would be looked for on the volume later.
        throw new IOException(
            "this agent's write-ahead log was in %s and is not there: is its volume mounted?"
                .formatted(own));
      }
      int named = files ? 0 : tails.getAsInt();
      if (named > 0) {
        throw new IOException(
            "records of %d partitions are in this agent's write-ahead log, which was in %s and is not in %s: is its volume mounted?"
                .formatted(named, before, own));
      }
      Files.createDirectories(own);
      try (var written =
          FileChannel.open(mark, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        written.write(ByteBuffer.wrap((walId + "\n").getBytes(StandardCharsets.UTF_8)));
        written.force(true);
      }
      DirectoryWalFiles.sync(own);
      DirectoryWalFiles.sync(requireNonNull(own.toAbsolutePath().getParent()));
    }
    if (!before.equals(own)) {
      Files.deleteIfExists(before.resolve(MARK));
    }
  }

  private static boolean hasFiles(Path directory) throws IOException {
    return Files.isDirectory(directory)
        && !DirectoryWalFiles.toRead(directory).sequences().isEmpty();
  }

  /// A log to read tails from; null where this agent has no access to it, an empty directory in its
  /// place included.
  public @Nullable AdoptedLog find(UUID other) {
    if (other.equals(walId)) {
      return new AdoptedLog(DirectoryWalFiles.toRead(own), other);
    }
    var directory = shared.map(volume -> volume.resolve(other.toString()));
    return directory.isPresent() && Files.exists(directory.get().resolve(MARK))
        ? new AdoptedLog(DirectoryWalFiles.toRead(directory.get()), other)
        : null;
  }
}
