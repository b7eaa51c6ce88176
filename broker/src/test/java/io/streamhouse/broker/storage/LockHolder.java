package io.streamhouse.broker.storage;

import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Another process that wants a lock: locks share one table within a process.
final class LockHolder {

  private LockHolder() {}

  static void main(String[] args) throws Exception {
    try (var channel = FileChannel.open(Path.of(args[0]), StandardOpenOption.WRITE)) {
      var lock = channel.tryLock();
      System.out.println(lock == null ? "refused" : "locked");
      if (lock != null && args[1].equals("hold")) {
        // Until the test that started it ends it, or is gone itself.
        var _ = System.in.read();
      }
    }
  }
}
