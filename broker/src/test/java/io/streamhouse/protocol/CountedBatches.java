package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.util.AbstractReferenceCounted;
import io.netty.util.ReferenceCounted;
import java.nio.ByteBuffer;

/// Record batches in counted memory, as from a network frame, that say how many references are out.
public final class CountedBatches extends AbstractReferenceCounted {

  private final Runnable freed;

  private CountedBatches(Runnable freed) {
    this.freed = freed;
  }

  /// Batches whose caller owns one reference.
  ///
  /// @param freed called when the last reference is released; releasing it once more throws
  public static RecordBatches of(ByteBuffer bytes, Runnable freed) {
    return new RecordBatches(bytes, new CountedBatches(freed));
  }

  @Override
  protected void deallocate() {
    freed.run();
  }

  @Override
  public ReferenceCounted touch(Object hint) {
    return this;
  }

  /// Batches that came in a request with others.
  ///
  /// @param from of the first one's first byte
  public static RecordBatches inFrame(ByteBuf frame, int from, int length) {
    return new RecordBatches(frame.nioBuffer(from, length), frame);
  }
}
