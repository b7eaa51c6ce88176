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

/// Writes to a file system that outlive a power cut, and reads from it, in bounded pieces.
final class Durable {

  /// What one gathering write takes on Linux.
  private static final int MAX_GATHERED = 1024;

  /// Of one call. Java copies heap buffers to direct memory of the same size for it, and each
  /// carrier thread keeps that memory: a whole object would pin as much outside the heap.
  static final int MAX_BYTES = 1 << 20;

  private Durable() {}

  /// Writes all of `content`, whose positions do not move, in few calls of at most [#MAX_BYTES].
  static void write(FileChannel channel, List<ByteBuffer> content) throws IOException {
    var buffers = content.stream().map(ByteBuffer::duplicate).toArray(ByteBuffer[]::new);
    int first = 0;
    while (first < buffers.length) {
      if (!buffers[first].hasRemaining()) {
        first++;
        continue;
      }
      int next = first;
      long bytes = 0;
      while (next < buffers.length && next - first < MAX_GATHERED && bytes < MAX_BYTES) {
        bytes += buffers[next++].remaining();
      }
      var last = buffers[next - 1];
      int limit = last.limit();
      last.limit(limit - (int) Math.max(0, bytes - MAX_BYTES));
      channel.write(buffers, first, next - first);
      last.limit(limit);
    }
  }

  /// Fills `bytes` from `position` of the file on, or to where it ends, in calls of at most
  /// [#MAX_BYTES].
  static void read(FileChannel channel, ByteBuffer bytes, long position) throws IOException {
    int limit = bytes.limit();
    int read = 0;
    while (bytes.position() < limit && read >= 0) {
      bytes.limit(Math.min(limit, bytes.position() + MAX_BYTES));
      read = channel.read(bytes, position);
      position += read;
    }
    bytes.limit(limit);
  }

  /// Fills buffers, one after the other, from `position` of the file on, or to where it ends. For
  /// direct memory: Java would copy all of what goes into heap buffers.
  static void read(FileChannel channel, List<ByteBuffer> into, long position) throws IOException {
    var buffers = into.toArray(ByteBuffer[]::new);
    var _ = channel.position(position);
    int first = 0;
    while (first < buffers.length) {
      if (!buffers[first].hasRemaining()) {
        first++;
      } else if (channel.read(buffers, first, buffers.length - first) < 0) {
        return;
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
