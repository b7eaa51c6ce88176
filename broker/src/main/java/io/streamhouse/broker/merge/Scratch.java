package io.streamhouse.broker.merge;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/// Where an object is put together before it is uploaded, since it may be larger than what memory
/// there is for it.
public interface Scratch {

  /// Begins an object of about so many bytes.
  ///
  /// @throws IOException where there is no room
  Draft begin(long bytes) throws IOException;

  /// An object that is not finished. What is in it need not survive anything.
  interface Draft extends AutoCloseable {

    /// Writes buffers behind one another, whose positions do not move.
    void write(long position, List<ByteBuffer> content) throws IOException;

    /// What was written, in memory of the caller's: `length` bytes, or fewer where it ends.
    ByteBuffer read(long position, int length) throws IOException;

    /// All of it, outside the heap; valid until it is closed.
    List<ByteBuffer> content() throws IOException;

    /// Throws it away.
    @Override
    void close();
  }
}
