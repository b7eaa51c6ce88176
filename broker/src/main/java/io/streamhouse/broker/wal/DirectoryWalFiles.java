package io.streamhouse.broker.wal;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/// Files named `{sequence:020}.wal` in one directory; spare and retired ones end in `.spare`.
///
/// Files are written with zeros when they are made: writing into allocated blocks keeps the sync of
/// each group free of file-system metadata, the largest single effect measured on the produce path.
public final class DirectoryWalFiles implements WalFiles {

  private static final Pattern NAME = Pattern.compile("(\\d{20})\\.wal");
  private static final int ZEROS_BYTES = 4 << 20;

  private final Path directory;

  private DirectoryWalFiles(Path directory) {
    this.directory = directory;
  }

  /// Of a log that others may have open, to be read only.
  public static WalFiles toRead(Path directory) {
    return new DirectoryWalFiles(directory);
  }

  /// Of one's own log; makes the directory if there is none.
  public static DirectoryWalFiles open(Path path) throws IOException {
    var directory = Files.createDirectories(path);
    try (var spares = Files.newDirectoryStream(directory, "*.spare")) {
      for (var spare : spares) {
        Files.delete(spare);
      }
    }
    return new DirectoryWalFiles(directory);
  }

  @Override
  public List<Long> sequences() throws IOException {
    try (var files = Files.list(directory)) {
      return files
          .map(file -> NAME.matcher(file.getFileName().toString()))
          .filter(matcher -> matcher.matches())
          .map(matcher -> Long.parseLong(matcher.group(1)))
          .sorted()
          .toList();
    }
  }

  @Override
  public FileContent read(long sequence) throws IOException {
    // A mapping that waits for the collector would count as this process's memory until then.
    var arena = Arena.ofShared();
    try (var channel = FileChannel.open(path(sequence), StandardOpenOption.READ)) {
      var bytes =
          channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena).asByteBuffer();
      return new FileContent() {
        @Override
        public ByteBuffer bytes() {
          return bytes;
        }

        @Override
        public void close() {
          arena.close();
        }
      };
    } catch (IOException failure) {
      arena.close();
      throw failure;
    }
  }

  @Override
  public PartReader parts(long sequence) throws IOException {
    var channel = FileChannel.open(path(sequence), StandardOpenOption.READ);
    return new PartReader() {
      @Override
      public ByteBuffer read(long position, int length) throws IOException {
        var bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining() && channel.read(bytes, position + bytes.position()) >= 0) {}
        return bytes.flip();
      }

      @Override
      public void close() throws IOException {
        channel.close();
      }
    };
  }

  @Override
  public String name(long sequence) {
    return path(sequence).toString();
  }

  @Override
  public WalFile create(long sequence, long bytes) throws IOException {
    return new ChannelFile(allocate(path(sequence), bytes), bytes);
  }

  @Override
  public void spare(long sequence, long bytes) throws IOException {
    try {
      allocate(spare(sequence), bytes).close();
    } catch (IOException failure) {
      Files.deleteIfExists(spare(sequence));
      throw failure;
    }
  }

  private FileChannel allocate(Path path, long bytes) throws IOException {
    var channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    // Freed at once, which a direct buffer is not before the collector comes along.
    try (var arena = Arena.ofConfined()) {
      var zeros = arena.allocate(Math.min(ZEROS_BYTES, bytes)).asByteBuffer();
      long position = 0;
      while (position < bytes) {
        zeros.clear().limit((int) Math.min(zeros.capacity(), bytes - position));
        position += channel.write(zeros, position);
        // In pieces: whoever syncs another file meanwhile waits for one of them, not for all.
        channel.force(true);
      }
      syncDirectory();
      return channel;
    } catch (IOException failure) {
      channel.close();
      throw failure;
    }
  }

  @Override
  public void retire(long sequence) throws IOException {
    Files.move(path(sequence), spare(sequence), StandardCopyOption.ATOMIC_MOVE);
    syncDirectory();
  }

  @Override
  public void discard(long sequence) throws IOException {
    Files.deleteIfExists(spare(sequence));
  }

  @Override
  public WalFile recycle(long from, long to) throws IOException {
    Files.move(spare(from), path(to), StandardCopyOption.ATOMIC_MOVE);
    syncDirectory();
    return open(to);
  }

  @Override
  public WalFile open(long sequence) throws IOException {
    var channel = FileChannel.open(path(sequence), StandardOpenOption.WRITE);
    return new ChannelFile(channel, channel.size());
  }

  @Override
  public void delete(long sequence) throws IOException {
    Files.deleteIfExists(path(sequence));
    syncDirectory();
  }

  @Override
  public long usableBytes() throws IOException {
    return Files.getFileStore(directory).getUsableSpace();
  }

  private Path path(long sequence) {
    return directory.resolve(String.format(Locale.ROOT, "%020d.wal", sequence));
  }

  private Path spare(long sequence) {
    return directory.resolve(String.format(Locale.ROOT, "%020d.spare", sequence));
  }

  private void syncDirectory() throws IOException {
    sync(directory);
  }

  /// Makes durable which files a directory has.
  static void sync(Path directory) throws IOException {
    try (var channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static final class ChannelFile implements WalFile {

    private final FileChannel channel;
    private final long bytes;

    ChannelFile(FileChannel channel, long bytes) {
      this.channel = channel;
      this.bytes = bytes;
    }

    @Override
    public long sizeInBytes() {
      return bytes;
    }

    @Override
    public void write(long position, ByteBuffer... buffers) throws IOException {
      long remaining = 0;
      for (var buffer : buffers) {
        remaining += buffer.remaining();
      }
      channel.position(position);
      int first = 0;
      while (remaining > 0) {
        remaining -= channel.write(buffers, first, buffers.length - first);
        while (first < buffers.length && !buffers[first].hasRemaining()) {
          first++;
        }
      }
    }

    @Override
    public void sync() throws IOException {
      channel.force(false);
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
