package io.streamhouse.broker.merge;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Drafts as files of one directory, one at a time. Nothing is synced; what a crash leaves is
/// removed at the next start.
public final class ScratchDirectory implements Scratch {

  /// Of one piece that is mapped; a mapping cannot be larger than two gibibytes.
  private static final long MAPPED_BYTES = 1L << 30;

  private final Path directory;
  private final long reserveBytes;
  private long next;

  private ScratchDirectory(Path directory, long reserveBytes) {
    this.directory = directory;
    this.reserveBytes = reserveBytes;
  }

  /// @param directory made if there is none, emptied if there is
  /// @param reserveBytes what the file system must keep free
  public static ScratchDirectory open(Path directory, long reserveBytes) throws IOException {
    Files.createDirectories(directory);
    try (var left = Files.newDirectoryStream(directory)) {
      for (var file : left) {
        Files.delete(file);
      }
    }
    return new ScratchDirectory(directory, reserveBytes);
  }

  @Override
  public Draft begin(long bytes) throws IOException {
    long usable = Files.getFileStore(directory).getUsableSpace();
    if (usable - bytes < reserveBytes) {
      throw new IOException(
          "%d bytes are free on the disk, an object of %d would leave less than %d"
              .formatted(usable, bytes, reserveBytes));
    }
    var file = directory.resolve(Long.toString(next++));
    return new FileDraft(
        file,
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE));
  }

  private static final class FileDraft implements Draft {

    private final Path file;
    private final FileChannel channel;
    private @Nullable Arena mapped;

    FileDraft(Path file, FileChannel channel) {
      this.file = file;
      this.channel = channel;
    }

    @Override
    public void write(long position, List<ByteBuffer> content) throws IOException {
      long at = position;
      for (var buffer : content) {
        var rest = buffer.duplicate();
        while (rest.hasRemaining()) {
          at += channel.write(rest, at);
        }
      }
    }

    @Override
    public ByteBuffer read(long position, int length) throws IOException {
      long available = Math.max(0, channel.size() - position);
      var bytes = ByteBuffer.allocate((int) Math.min(length, available));
      long at = position;
      while (bytes.hasRemaining()) {
        int read = channel.read(bytes, at);
        if (read < 0) {
          break;
        }
        at += read;
      }
      return bytes.flip();
    }

    @Override
    public List<ByteBuffer> content() throws IOException {
      var arena = mapped == null ? Arena.ofShared() : mapped;
      mapped = arena;
      var pieces = new ArrayList<ByteBuffer>();
      long size = channel.size();
      for (long from = 0; from < size; from += MAPPED_BYTES) {
        long length = Math.min(MAPPED_BYTES, size - from);
        pieces.add(channel.map(FileChannel.MapMode.READ_ONLY, from, length, arena).asByteBuffer());
      }
      return pieces;
    }

    @Override
    public void close() {
      if (mapped != null) {
        mapped.close();
      }
      try {
        channel.close();
        Files.deleteIfExists(file);
      } catch (IOException left) {
        // The next start removes it.
      }
    }
  }
}
