package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.util.UncheckedBooleanSupplier;
import io.streamhouse.protocol.ServerCounters.Fault;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/// Cuts the stream of one connection into frames: a length (i32), then as many bytes.
///
/// It is the channel's receive allocator too, so that the socket is read straight into the frame: a
/// read of up to [#HEAD_BYTES] brings the length and, of a small request, everything; the rest of a
/// large one is read by the kernel into one direct buffer of exactly its size. The length is
/// checked and its bytes claimed from the server's budget before that buffer is allocated.
///
/// Each frame is passed on as a [ByteBuf] without its length field; the next handler owns it and
/// gives its bytes back to the budget. Confined to the channel's event loop.
final class FrameReader extends ChannelInboundHandlerAdapter
    implements RecvByteBufAllocator, ByteBudget.Claim {

  /// What is read when no frame is under way. Copying this much costs less than a second system
  /// call for the length alone.
  static final int HEAD_BYTES = 4096;

  /// Reads in a row before other connections of the loop get their turn.
  private static final int MAX_READS = 16;

  private final int maxFrameBytes;
  private final ByteBudget budget;
  private final ServerCounters counters;

  private @Nullable ChannelHandlerContext context;

  /// Bytes received that belong to no frame yet: part of a length, or what follows while paused.
  private @Nullable ByteBuf head;

  /// The frame under way.
  private @Nullable ByteBuf frame;

  /// Length of the frame that waits for the budget, else 0.
  private int claimed;

  private boolean paused;
  private boolean cutting;
  private boolean ended;

  /// The transport is reading and will say when it is done.
  private boolean receiving;

  private long receivedBytes;
  private long begun;

  FrameReader(int maxFrameBytes, ByteBudget budget, ServerCounters counters) {
    this.maxFrameBytes = maxFrameBytes;
    this.budget = budget;
    this.counters = counters;
  }

  /// Stops reading; what was received stays until [#resume].
  void pause() {
    if (!paused) {
      paused = true;
      counters.readPaused();
      applyReading();
    }
  }

  void resume() {
    if (paused) {
      paused = false;
      cutOutsideRead();
      applyReading();
    }
  }

  /// Frames whose length was read so far; tells one frame from the next.
  long begun() {
    return begun;
  }

  /// Bytes received since the connection began: how fast a frame makes progress.
  long receivedBytes() {
    return receivedBytes;
  }

  /// Whether the peer owes bytes of a frame it began.
  boolean midFrame() {
    return !paused && claimed == 0 && (frame != null || (head != null && head.isReadable()));
  }

  /// Whether this connection waits for others to give bytes back.
  boolean waitsForBudget() {
    return claimed > 0;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
    var _ = ctx.channel().config().setRecvByteBufAllocator(this);
  }

  @Override
  @SuppressWarnings("ReferenceEquality") // asks whose memory it is, not what is in it
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    var received = (ByteBuf) message;
    receiving = true;
    if (ended) {
      received.release();
      return;
    }
    if (received != frame && received != head) {
      // From a handler in front of this one, such as TLS.
      receivedBytes += received.readableBytes();
      headWithRoom(ctx.alloc(), received.readableBytes()).writeBytes(received);
    }
    // Ours was retained for the read in `allocate`.
    received.release();
    cut();
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    receiving = false;
    if (head != null && !head.isReadable()) {
      // An idle connection holds no buffer.
      head.release();
      head = null;
    }
    ctx.fireChannelReadComplete();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    end();
    ctx.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    end();
  }

  @Override
  public int bytes() {
    return claimed;
  }

  /// On the thread that released bytes.
  @Override
  public void granted() {
    int length = claimed;
    try {
      context().channel().eventLoop().execute(() -> granted(length));
    } catch (RejectedExecutionException e) {
      // The loop is gone, and the connection with it.
      budget.release(length);
    }
  }

  private void granted(int length) {
    claimed = 0;
    if (ended) {
      budget.release(length);
      return;
    }
    try {
      allocateFrame(length);
    } catch (OutOfMemoryError e) {
      context().fireExceptionCaught(e);
      return;
    }
    cutOutsideRead();
    applyReading();
  }

  /// @param length claimed from the budget; given back if there is no memory for it
  private void allocateFrame(int length) {
    boolean allocated = false;
    try {
      frame = context().alloc().directBuffer(length, length);
      allocated = true;
    } finally {
      if (!allocated) {
        budget.release(length);
      }
    }
  }

  private void end() {
    if (ended) {
      return;
    }
    ended = true;
    if (claimed > 0 && budget.withdraw(this)) {
      claimed = 0;
    }
    if (frame != null) {
      budget.release(frame.capacity());
      frame.release();
      frame = null;
    }
    if (head != null) {
      head.release();
      head = null;
    }
  }

  /// [#cut] where no read is under way: the next handler learns that nothing follows, since the
  /// transport will not say so before more bytes come.
  private void cutOutsideRead() {
    cut();
    if (!receiving && !cutting && !ended) {
      context().fireChannelReadComplete();
    }
  }

  /// Passes on every whole frame there is, as long as reading is allowed.
  private void cut() {
    if (cutting) {
      return;
    }
    cutting = true;
    try {
      while (!ended && !paused && claimed == 0) {
        if (frame == null) {
          if (head == null || head.readableBytes() < Integer.BYTES) {
            return;
          }
          begin(head.readInt());
        } else {
          if (head != null && head.isReadable()) {
            frame.writeBytes(head, Math.min(head.readableBytes(), frame.writableBytes()));
          }
          if (frame.isWritable()) {
            return;
          }
          var whole = frame;
          frame = null;
          context().fireChannelRead(whole);
        }
      }
    } finally {
      cutting = false;
    }
  }

  private void begin(int length) {
    if (length <= 0 || length > maxFrameBytes) {
      end();
      context()
          .fireExceptionCaught(
              new BadRequest(
                  Fault.FRAME_LENGTH,
                  "frame of %d bytes, allowed are 1 to %d".formatted(length, maxFrameBytes)));
      return;
    }
    begun++;
    claimed = length;
    if (budget.take(this)) {
      claimed = 0;
      allocateFrame(length);
    } else {
      counters.readPaused();
      applyReading();
    }
  }

  private void applyReading() {
    var config = context().channel().config();
    boolean read = !paused && claimed == 0 && !ended;
    if (config.isAutoRead() != read) {
      var _ = config.setAutoRead(read);
    }
  }

  private ChannelHandlerContext context() {
    if (context == null) {
      throw new IllegalStateException("not in a pipeline");
    }
    return context;
  }

  /// The buffer for bytes outside a frame, with room for at least `bytes` more.
  private ByteBuf headWithRoom(ByteBufAllocator alloc, int bytes) {
    var buffer = head;
    if (buffer == null) {
      buffer = alloc.directBuffer(Math.max(HEAD_BYTES, bytes));
      head = buffer;
    } else {
      if (!buffer.isReadable()) {
        buffer.clear();
      } else if (buffer.writableBytes() < bytes) {
        buffer.discardReadBytes();
      }
      buffer.ensureWritable(bytes);
    }
    return buffer;
  }

  // How the channel asks for memory. One handle per channel, so the reader's own state serves it.

  @Override
  @SuppressWarnings(
      "deprecation") // the interface returns Handle, transports ask for ExtendedHandle
  public RecvByteBufAllocator.Handle newHandle() {
    return new ReadInto();
  }

  private final class ReadInto implements RecvByteBufAllocator.ExtendedHandle {
    private @Nullable ChannelConfig config;
    private int reads;
    private int attempted;
    private int last;

    @Override
    public ByteBuf allocate(ByteBufAllocator alloc) {
      if (ended) {
        // A transport may read once more after the channel was closed; nothing is kept of it.
        return alloc.directBuffer(HEAD_BYTES);
      }
      if (frame != null && !paused) {
        return frame.retain();
      }
      // While paused a transport still reads once when the peer hangs up.
      return headWithRoom(alloc, 1).retain();
    }

    @Override
    public int guess() {
      return HEAD_BYTES;
    }

    @Override
    public void reset(ChannelConfig channelConfig) {
      config = channelConfig;
      reads = 0;
    }

    @Override
    public void incMessagesRead(int messages) {
      reads += messages;
    }

    @Override
    public void lastBytesRead(int bytes) {
      last = bytes;
      receivedBytes += Math.max(0, bytes);
    }

    @Override
    public int lastBytesRead() {
      return last;
    }

    @Override
    public void attemptedBytesRead(int bytes) {
      attempted = bytes;
    }

    @Override
    public int attemptedBytesRead() {
      return attempted;
    }

    @Override
    public boolean continueReading() {
      return continueReading(() -> attempted == last);
    }

    @Override
    public boolean continueReading(UncheckedBooleanSupplier maybeMoreData) {
      return !ended
          && config != null
          && config.isAutoRead()
          && reads < MAX_READS
          && last > 0
          && maybeMoreData.get();
    }

    @Override
    public void readComplete() {}
  }
}
