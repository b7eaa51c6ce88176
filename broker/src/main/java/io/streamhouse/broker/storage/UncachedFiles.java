package io.streamhouse.broker.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Writes large new files past the page cache (`O_DIRECT`), where the file system can.
///
/// Whoever reads what was just written finds it in memory; the pages of a file written the usual
/// way would only push out pages that readers and the write-ahead log come back to, and filling
/// them is what costs the most CPU in writing a file.
///
/// Thread-safe. A file is durable when [#write] returns; its directory is the caller's to sync.
final class UncachedFiles {

  private static final Logger log = LoggerFactory.getLogger(UncachedFiles.class);

  /// Below it a file goes through the page cache: its last block costs an extra step otherwise.
  static final int SMALL_BYTES = 256 << 10;

  /// Of one write, and of each buffer kept.
  private static final int CHUNK_BYTES = 1 << 20;

  /// The largest block writes are aligned to. Network file systems name larger ones.
  private static final int MAX_BLOCK_BYTES = 64 << 10;

  private static final int MAX_KEPT_BUFFERS = 4;

  private final ArrayBlockingQueue<ByteBuffer> kept = new ArrayBlockingQueue<>(MAX_KEPT_BUFFERS);

  /// Whether it was tried here and did not work, so that it is not tried again.
  private volatile boolean unsupported = directOption().isEmpty();

  /// Whether it worked here once: a write that fails then is a failure, not a missing ability.
  private volatile boolean proven;

  /// Writes `content` to a file that is not there yet, and makes it durable. Positions of `content`
  /// do not move.
  ///
  /// @param length of all of it
  void write(Path file, List<ByteBuffer> content, long length) throws IOException {
    if (length >= SMALL_BYTES && !unsupported && writeDirect(file, content, length)) {
      return;
    }
    try (var channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      Durable.write(channel, content);
      channel.force(true);
    }
  }

  /// @return false, and no file, where the file system cannot
  private boolean writeDirect(Path file, List<ByteBuffer> content, long length) throws IOException {
    int block;
    FileChannel opened;
    try {
      block = Math.toIntExact(Files.getFileStore(parent(file)).getBlockSize());
      opened =
          FileChannel.open(
              file,
              StandardOpenOption.CREATE_NEW,
              StandardOpenOption.WRITE,
              directOption().orElseThrow());
    } catch (FileAlreadyExistsException there) {
      throw there;
    } catch (IOException | UnsupportedOperationException refused) {
      // What has another reason refuses the other way to write, too, and says it there.
      return proven ? false : giveUp(refused);
    }
    if (block > MAX_BLOCK_BYTES || CHUNK_BYTES % block != 0) {
      opened.close();
      Files.deleteIfExists(file);
      return giveUp(new IOException("block size " + block));
    }
    try (var channel = opened) {
      copy(content, channel, block);
      // The last block was written whole.
      channel.truncate(length);
      channel.force(true);
      proven = true;
      return true;
    } catch (IOException failed) {
      // Some file systems open such a file and then refuse to write it.
      if (proven) {
        throw failed;
      }
      Files.deleteIfExists(file);
      return giveUp(failed);
    }
  }

  private boolean giveUp(Exception why) {
    unsupported = true;
    log.info("objects are written through the page cache why={}", why.toString());
    return false;
  }

  /// Writes `content` in whole blocks, the last one filled up with zeros.
  private void copy(List<ByteBuffer> content, FileChannel channel, int block) throws IOException {
    var pooled = kept.poll();
    var buffer = pooled == null ? ByteBuffer.allocateDirect(CHUNK_BYTES + MAX_BLOCK_BYTES) : pooled;
    var chunk = buffer.clear().alignedSlice(block).limit(CHUNK_BYTES);
    long position = 0;
    for (var piece : content) {
      var rest = piece.duplicate();
      while (rest.hasRemaining()) {
        int some = Math.min(rest.remaining(), chunk.remaining());
        chunk.put(chunk.position(), rest, rest.position(), some);
        chunk.position(chunk.position() + some);
        rest.position(rest.position() + some);
        if (!chunk.hasRemaining()) {
          position = write(channel, chunk.flip(), position);
          chunk.clear().limit(CHUNK_BYTES);
        }
      }
    }
    while (chunk.position() % block != 0) {
      chunk.put((byte) 0);
    }
    write(channel, chunk.flip(), position);
    var _ = kept.offer(buffer);
  }

  private static long write(FileChannel channel, ByteBuffer chunk, long position)
      throws IOException {
    while (chunk.hasRemaining()) {
      position += channel.write(chunk, position);
    }
    return position;
  }

  private static Path parent(Path file) {
    var parent = file.getParent();
    return parent == null ? file.getFileSystem().getPath(".") : parent;
  }

  /// The option is in a module of the JDK that a JVM may lack, so it is looked up by name.
  private static Optional<OpenOption> directOption() {
    try {
      for (var option : Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants()) {
        if (option instanceof OpenOption open && option.toString().equals("DIRECT")) {
          return Optional.of(open);
        }
      }
    } catch (ClassNotFoundException absent) {
      log.debug("no direct I/O in this JVM", absent);
    }
    return Optional.empty();
  }
}
