package io.streamhouse.broker.wal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/// The files under a write-ahead log: a directory, or in simulations memory that forgets what was
/// not synced. Confined to the log's writer after opening.
public interface WalFiles {

  /// Sequences of the files there are, ascending.
  List<Long> sequences() throws IOException;

  /// A file's whole content, for replay.
  FileContent read(long sequence) throws IOException;

  /// Bytes that are valid until closed.
  interface FileContent extends AutoCloseable {
    ByteBuffer bytes();

    @Override
    void close();
  }

  /// Opens a file to read parts of it while others may be written or the file retired: then what is
  /// read may be of another life.
  ///
  /// @throws java.nio.file.NoSuchFileException if it is not there any more
  PartReader parts(long sequence) throws IOException;

  /// Reads parts of one file.
  interface PartReader extends AutoCloseable {
    /// So many bytes from `position` on, or fewer where the file ends, in memory of their own.
    ByteBuffer read(long position, int length) throws IOException;

    @Override
    void close() throws IOException;
  }

  /// Name of a file, for messages.
  String name(long sequence);

  /// Makes a preallocated file; its directory entry and size are durable when this returns.
  WalFile create(long sequence, long bytes) throws IOException;

  /// Makes a preallocated file that is not in the log, to be recycled.
  void spare(long sequence, long bytes) throws IOException;

  /// Takes a file out of the log, durably, but keeps it to be recycled.
  void retire(long sequence) throws IOException;

  /// As [#create], out of a spare or a retired file.
  WalFile recycle(long from, long to) throws IOException;

  /// Deletes a spare or a retired file.
  void discard(long sequence) throws IOException;

  /// Opens an existing file to seal it.
  WalFile open(long sequence) throws IOException;

  /// Deletes a file, durably.
  void delete(long sequence) throws IOException;

  /// Bytes the file system can still take.
  long usableBytes() throws IOException;

  /// One open file.
  interface WalFile extends AutoCloseable {

    long sizeInBytes();

    /// Writes all of `buffers` from `position` on; they are consumed.
    void write(long position, ByteBuffer... buffers) throws IOException;

    /// Makes everything written so far durable.
    void sync() throws IOException;

    @Override
    void close() throws IOException;
  }
}
