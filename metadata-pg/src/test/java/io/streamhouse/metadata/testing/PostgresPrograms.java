package io.streamhouse.metadata.testing;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.xz.XZCompressorInputStream;

/// Where the programs of a PostgreSQL server are: those of the test dependency, unpacked once on a
/// machine, else those the system has.
final class PostgresPrograms {

  private static final String ARCHIVE = "/postgres-linux-x86_64.txz";
  private static final Path SYSTEM = Path.of("/usr/lib/postgresql");

  private PostgresPrograms() {}

  /// The directory of `initdb` and `postgres`, or why there is none.
  static Optional<Path> find(List<String> problems) {
    try {
      return Optional.of(unpacked().resolve("bin"));
    } catch (IOException | UnsupportedOperationException e) {
      problems.add("the embedded programs do not unpack: " + e);
    }
    try (var versions = Files.list(SYSTEM)) {
      var found =
          versions
              .map(version -> version.resolve("bin"))
              .filter(bin -> Files.isExecutable(bin.resolve("initdb")))
              .max(Comparator.naturalOrder());
      if (found.isEmpty()) {
        problems.add("no programs in " + SYSTEM);
      }
      return found;
    } catch (IOException e) {
      problems.add("no programs in " + SYSTEM);
      return Optional.empty();
    }
  }

  private static Path unpacked() throws IOException {
    try (InputStream archive = PostgresPrograms.class.getResourceAsStream(ARCHIVE)) {
      if (archive == null
          || !System.getProperty("os.name").equals("Linux")
          || !System.getProperty("os.arch").equals("amd64")) {
        throw new UnsupportedOperationException("not for this system");
      }
      var packed = archive.readAllBytes();
      var directory =
          Path.of(System.getProperty("java.io.tmpdir"))
              .resolve(
                  "streamhouse-postgres-" + packed.length + "-" + System.getProperty("user.name"));
      if (!Files.isDirectory(directory)) {
        unpack(packed, directory);
      }
      return directory;
    }
  }

  /// Beside it first, so that nobody sees half of it.
  private static void unpack(byte[] packed, Path directory) throws IOException {
    var fresh = Files.createTempDirectory(directory.getParent(), "streamhouse-postgres-unpack");
    try (var tar =
        new TarArchiveInputStream(
            new XZCompressorInputStream(
                new BufferedInputStream(new java.io.ByteArrayInputStream(packed))))) {
      for (var entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        var target = fresh.resolve(entry.getName()).normalize();
        if (!target.startsWith(fresh)) {
          throw new IOException("leaves its directory: " + entry.getName());
        }
        if (entry.isDirectory()) {
          Files.createDirectories(target);
          continue;
        }
        Files.createDirectories(target.getParent());
        if (entry.isSymbolicLink()) {
          Files.createSymbolicLink(target, Path.of(entry.getLinkName()));
        } else {
          Files.copy(tar, target, StandardCopyOption.REPLACE_EXISTING);
          if ((entry.getMode() & 0100) != 0) {
            Files.setPosixFilePermissions(target, PosixFilePermissions.fromString("rwxr-xr-x"));
          }
        }
      }
    }
    Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rwxr-xr-x"));
    try {
      Files.move(fresh, directory, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
      delete(fresh);
    }
  }

  static void delete(Path tree) {
    try {
      var paths = new ArrayList<Path>();
      try (var all = Files.walk(tree)) {
        all.forEach(paths::add);
      }
      for (var path : paths.reversed()) {
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
          Files.delete(path);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
