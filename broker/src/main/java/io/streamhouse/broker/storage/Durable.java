package io.streamhouse.broker.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;

/// Writes to a file system that outlive a power cut.
final class Durable {

  /// What one gathering write takes on Linux.
  private static final int MAX_GATHERED = 1024;

  private Durable() {}

  /// Writes all of `content`, whose positions do not move, in as few calls as may be.
  static void write(FileChannel channel, List<ByteBuffer> content) throws IOException {
    var buffers = content.stream().map(ByteBuffer::duplicate).toArray(ByteBuffer[]::new);
    int first = 0;
    while (first < buffers.length) {
      if (!buffers[first].hasRemaining()) {
        first++;
      } else {
        channel.write(buffers, first, Math.min(MAX_GATHERED, buffers.length - first));
      }
    }
  }

  /// Replaces the file `name`, or makes it, by one with `text`: after a crash there is either the
  /// old one or the new one.
  static void replace(Path directory, String name, String text) throws IOException {
    var next = directory.resolve(name + ".next");
    try (var channel =
        FileChannel.open(
            next,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      write(channel, List.of(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
      channel.force(true);
    }
    Files.move(next, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    syncDirectory(directory);
  }

  /// Makes durable which files a directory has.
  static void syncDirectory(Path directory) throws IOException {
    try (var channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
