package io.streamhouse.compat.kill;

import io.streamhouse.compat.ChildProcess;
import io.streamhouse.compat.ChildProcess.Input;
import io.streamhouse.compat.Kits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/// A file system of few bytes, in memory, that only programs started by its [#launcher] see: it is
/// mounted in a namespace of its own, which a process keeps while this is open.
final class SmallDisk implements AutoCloseable {

  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final String MOUNTED = "mounted";

  private final Path work;
  private final ChildProcess holder;

  private SmallDisk(Path work, ChildProcess holder) {
    this.work = work;
    this.holder = holder;
  }

  /// Skips the test, and standard error says why, where that is not allowed.
  ///
  /// @param work a directory for it and what it needs
  static SmallDisk mount(Path work, int mebibytes) throws IOException {
    var point = Files.createDirectories(work.resolve("data"));
    var script =
        "mount -t tmpfs -o size=%dm tmpfs '%s' && echo %s && exec cat"
            .formatted(mebibytes, point, MOUNTED);
    var holder =
        ChildProcess.start(
            new ChildProcess.Spec(
                "disk",
                List.of("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script),
                work.resolve("disk.log"),
                new Input.Piped(),
                null));
    try {
      holder.awaitLine(holder.line(line -> line.equals(MOUNTED)), LIMIT);
    } catch (IllegalStateException refused) {
      holder.close();
      var reason = "no small disk to test with: " + refused.getMessage();
      System.err.println("SKIPPED: " + reason);
      return Assumptions.abort(reason);
    }
    return new SmallDisk(work, holder);
  }

  /// Where those see it who are started by [#launcher].
  Path point() {
    return work.resolve("data");
  }

  /// The same directory for everybody else.
  Path fromOutside() {
    return Path.of("/proc/" + holder.pid() + "/root" + point());
  }

  /// What starts an agent that sees it; streamctl is beside it.
  Path launcher() throws IOException {
    for (var program : List.of("streamhouse", "streamctl")) {
      var script =
          "#!/bin/sh\nexec nsenter --target %d --user --mount --preserve-credentials '%s' \"$@\"\n"
              .formatted(holder.pid(), Kits.find().root().resolve("bin").resolve(program));
      Files.writeString(work.resolve(program), script);
      Files.setPosixFilePermissions(
          work.resolve(program), PosixFilePermissions.fromString("rwx------"));
    }
    return work.resolve("streamhouse");
  }

  @Override
  public void close() {
    holder.close();
  }
}
