package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.concurrent.EventExecutor;
import io.streamhouse.protocol.ConnectionRequest.Outcome;
import io.streamhouse.protocol.ConnectionRequest.Peers;
import io.streamhouse.protocol.RequestOrder.Ticket;
import io.streamhouse.protocol.ServerCounters.Fault;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One client's connection: requests take effect in arrival order and are answered in arrival
/// order, as [RequestOrder] says.
///
/// It is not read while its requests in flight and unsent answers exceed its byte budget. Whatever
/// ends it, every frame is released once its handler is done, every answer and record batch that
/// was not sent at once. Confined to its event loop.
final class Connection extends ChannelInboundHandlerAdapter
    implements RequestOrder.Steps<ConnectionRequest<?>> {

  private static final Logger log = LoggerFactory.getLogger(Connection.class);

  /// Charged for every request on top of its bytes, so that the budget bounds tiny ones too.
  static final int REQUEST_OVERHEAD_BYTES = 1024;

  /// How long a frame may stand half received before the connection is closed: it holds memory
  /// claimed for all of it.
  private static final long STALL_NANOS = TimeUnit.SECONDS.toNanos(30);

  /// A frame that arrives slower than this is no better than one that stands. Far below what any
  /// client that is alive delivers.
  private static final long MIN_BYTES_PER_SECOND = 1024;

  /// How long answers may take to leave once the connection is to be closed behind them.
  private static final long LAST_ANSWERS_SECONDS = 30;

  private final String listener;
  private final RequestDecoder decoder;
  private final FrameReader frames;
  private final ByteBudget budget;
  private final ServerOptions options;
  private final ServerCounters counters;
  private final RequestOrder<ConnectionRequest<?>> order = new RequestOrder<>(this);

  private @Nullable ChannelHandlerContext context;
  private @Nullable Peers peers;

  /// Requests in flight, with their overhead, and unsent answers.
  private long heldBytes;

  private long unsentBytes;
  private long lastActivityNanos;

  /// What the idle check saw last: when, how much had come, and which frame was half-way.
  private long checkedNanos;

  private long checkedBytes;
  private long checkedFrame = -1;
  private boolean reading;
  private boolean unflushed;
  private boolean flushScheduled;
  private boolean draining;
  private boolean closed;

  Connection(
      String listener,
      RequestDecoder decoder,
      FrameReader frames,
      ByteBudget budget,
      ServerOptions options,
      ServerCounters counters) {
    this.listener = listener;
    this.decoder = decoder;
    this.frames = frames;
    this.budget = budget;
    this.options = options;
    this.counters = counters;
  }

  /// Takes no further requests, and closes once those in flight are answered.
  void drain() {
    draining = true;
    if (context != null) {
      frames.pause();
      closeIfDrained();
    }
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    context = ctx;
    peers =
        new Peers(
            listener,
            addressOf(ctx.channel().localAddress()),
            addressOf(ctx.channel().remoteAddress()),
            ctx.executor());
    counters.connectionOpened();
    lastActivityNanos = now();
    scheduleIdleCheck();
    ctx.fireChannelActive();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    var frame = (ByteBuf) message;
    int frameBytes = frame.capacity();
    reading = true;
    lastActivityNanos = now();
    if (closed || draining) {
      frame.release();
      budget.release(frameBytes);
      return;
    }
    ConnectionRequest<?> request = null;
    try {
      request = decoder.decode(frame, peers());
    } catch (BadRequest e) {
      close(e.fault(), e.reason());
      return;
    } finally {
      if (request == null) {
        frame.release();
        budget.release(frameBytes);
      }
    }
    counters.requestArrived(request.handler().api(), frameBytes);
    hold((long) frameBytes + REQUEST_OVERHEAD_BYTES);
    order.arrived(request, request.handler().overlaps());
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    reading = false;
    lastActivityNanos = now();
    flush();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (context != null) {
      counters.connectionClosed();
    }
    abandon();
    ctx.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    switch (cause) {
      case BadRequest bad -> close(bad.fault(), bad.reason());
      case IOException io -> {
        // Resets are a client's way to leave.
        if (!closed) {
          counters.fault(Fault.TRANSPORT);
          log.debug("connection from {} failed: {}", ctx.channel().remoteAddress(), io.toString());
        }
        shut();
      }
      default -> {
        log.error("connection from {} failed", ctx.channel().remoteAddress(), cause);
        counters.fault(Fault.TRANSPORT);
        shut();
      }
    }
  }

  @Override
  public void start(Ticket<ConnectionRequest<?>> ticket) {
    start(ticket, ticket.request());
  }

  private <Q extends ApiMessage> void start(
      Ticket<ConnectionRequest<?>> ticket, ConnectionRequest<Q> request) {
    request.started();
    CompletionStage<Reply> stage;
    try {
      stage = Objects.requireNonNull(request.handler().handle(request), "no stage");
    } catch (RuntimeException | StackOverflowError | AssertionError | LinkageError e) {
      // One request's fault; what befalls the whole process is left to `exceptionCaught`.
      stage = CompletableFuture.failedFuture(e);
    }
    EventExecutor loop = context().executor();
    var _ =
        stage.whenComplete((reply, failure) -> {
          if (loop.inEventLoop()) {
            complete(ticket, request, reply, failure);
            return;
          }
          try {
            loop.execute(() -> complete(ticket, request, reply, failure));
          } catch (RejectedExecutionException e) {
            // The loop is gone, and the connection with it.
            discard(request, reply);
          }
        });
  }

  private <Q extends ApiMessage> void complete(
      Ticket<ConnectionRequest<?>> ticket,
      ConnectionRequest<Q> request,
      @Nullable Reply reply,
      @Nullable Throwable failure) {
    if (closed) {
      discard(request, reply);
      return;
    }
    var outcome = outcome(request, reply, failure);
    request.finish(outcome);
    counters.requestFinished();
    int frameBytes = request.frameBytes();
    request.releaseFrame();
    budget.release(frameBytes);
    long freed = (long) frameBytes + REQUEST_OVERHEAD_BYTES;
    if (outcome instanceof Outcome.Answer(var answer)) {
      counters.answerQueued(answer.sizeInBytes());
      unsentBytes += answer.sizeInBytes();
      freed -= answer.sizeInBytes();
    }
    hold(-freed);
    order.finished(ticket);
    closeIfDrained();
  }

  /// Encodes; an answer that cannot be encoded becomes the API's own error, and if there is none or
  /// it cannot be encoded either the connection closes.
  private <Q extends ApiMessage> Outcome outcome(
      ConnectionRequest<Q> request, @Nullable Reply reply, @Nullable Throwable failure) {
    var cause =
        failure instanceof CompletionException e && e.getCause() != null ? e.getCause() : failure;
    if (cause instanceof CloseConnection) {
      return new Outcome.Close(
          Fault.CLOSED_BY_HANDLER, "%s: %s".formatted(request, cause.getMessage()));
    }
    ApiMessage body;
    if (cause != null || reply == null) {
      counters.fault(Fault.HANDLER_FAILED);
      log.error("{} from {} failed", request, request.peer(), cause);
      return failure(request);
    } else {
      switch (reply) {
        case Reply.None _ -> {
          return new Outcome.Silence();
        }
        case Reply.Message(var message) -> body = message;
      }
    }
    if (acceptsNoAnswer(request)) {
      // Its client would take this answer for the next request's.
      AnswerEncoder.release(body);
      return new Outcome.Close(
          Fault.CLOSED_BY_HANDLER, "%s: an answer to acks=0".formatted(request));
    }
    try {
      return new Outcome.Answer(encode(request, body));
    } catch (RuntimeException e) {
      AnswerEncoder.release(body);
      counters.fault(Fault.UNENCODABLE);
      log.error("answer to {} from {} cannot be encoded", request, request.peer(), e);
    } catch (OutOfMemoryError e) {
      AnswerEncoder.release(body);
      return noMemory(request, e);
    }
    return failure(request);
  }

  /// The API's own answer to a failed request.
  private <Q extends ApiMessage> Outcome failure(ConnectionRequest<Q> request) {
    if (acceptsNoAnswer(request)) {
      return new Outcome.Close(Fault.CLOSED_BY_HANDLER, "%s: failed".formatted(request));
    }
    try {
      var error = request.handler().failure(request, Errors.UNKNOWN_SERVER_ERROR);
      return new Outcome.Answer(encode(request, error));
    } catch (RuntimeException e) {
      return new Outcome.Close(
          Fault.UNENCODABLE, "%s: there is no error answer: %s".formatted(request, e));
    } catch (OutOfMemoryError e) {
      return noMemory(request, e);
    }
  }

  /// The memory outside the heap is used up, which the JVM's own remedies do not see. The client
  /// comes again.
  private static Outcome noMemory(ConnectionRequest<?> request, OutOfMemoryError e) {
    return new Outcome.Close(
        Fault.UNENCODABLE, "%s: no memory for its answer: %s".formatted(request, e));
  }

  private static boolean acceptsNoAnswer(ConnectionRequest<?> request) {
    return request.body() instanceof ProduceRequestData produce && produce.acks() == 0;
  }

  private EncodedAnswer encode(ConnectionRequest<?> request, ApiMessage body) {
    return AnswerEncoder.encode(
        context().alloc(),
        request.handler().api(),
        ApiVersionsHandler.answerVersion(request),
        request.correlationId(),
        body);
  }

  @Override
  public void send(ConnectionRequest<?> request) {
    switch (request.outcome()) {
      case null -> throw new IllegalStateException("not finished: " + request);
      case Outcome.Silence _ -> {}
      case Outcome.Close(var fault, var reason) -> close(fault, reason);
      case Outcome.Answer(var answer) -> write(answer);
    }
  }

  private void write(EncodedAnswer answer) {
    var ctx = context();
    var parts = answer.parts();
    int last = parts.size() - 1;
    for (int i = 0; i < last; i++) {
      var _ = ctx.write(parts.get(i), ctx.voidPromise());
    }
    var _ =
        ctx.write(parts.get(last))
            .addListener(written -> {
              answer.releaseRecords();
              unsentBytes -= answer.sizeInBytes();
              if (written.isSuccess()) {
                lastActivityNanos = now();
                counters.answerSent(answer.sizeInBytes());
              } else {
                counters.answerDropped(answer.sizeInBytes());
              }
              if (!closed) {
                hold(-answer.sizeInBytes());
                closeIfDrained();
              } else if (unsentBytes == 0) {
                shut();
              }
            });
    unflushed = true;
    if (!reading && !flushScheduled) {
      // Behind whatever else the loop has: other answers of the same WAL group go out with it.
      flushScheduled = true;
      ctx.executor()
          .execute(() -> {
            flushScheduled = false;
            flush();
          });
    }
  }

  private void flush() {
    if (unflushed) {
      unflushed = false;
      context().flush();
    }
  }

  /// Counts bytes held and stops or resumes reading.
  private void hold(long bytes) {
    heldBytes += bytes;
    if (heldBytes >= options.connectionBytes()) {
      frames.pause();
    } else if (!draining) {
      frames.resume();
    }
  }

  /// Closes behind the answers that are on their way out: their requests came before what went
  /// wrong.
  private void close(Fault fault, String reason) {
    if (closed) {
      return;
    }
    counters.fault(fault);
    log.warn("closing connection from {}: {}", peers().peer(), reason);
    abandon();
    if (unsentBytes == 0) {
      shut();
      return;
    }
    frames.pause();
    unflushed = true;
    flush();
    var ctx = context();
    var deadline = ctx.executor().schedule(this::shut, LAST_ANSWERS_SECONDS, TimeUnit.SECONDS);
    var _ = ctx.channel().closeFuture().addListener(_ -> deadline.cancel(false));
  }

  private void shut() {
    abandon();
    var _ = context().close();
  }

  private void closeIfDrained() {
    if (draining && !closed && order.isEmpty() && unsentBytes == 0) {
      shut();
    }
  }

  /// Gives back what nothing will finish any more. What handlers still work on is given back when
  /// they are done.
  private void abandon() {
    if (closed) {
      return;
    }
    closed = true;
    for (var request : order.close()) {
      if (request.outcome() instanceof Outcome.Answer(var answer)) {
        counters.answerDropped(answer.sizeInBytes());
        unsentBytes -= answer.sizeInBytes();
        answer.release();
      } else if (request.outcome() == null && !request.isStarted()) {
        discard(request, null);
      } else if (request.outcome() == null) {
        request.connectionGone();
      }
    }
  }

  /// On any thread once the connection is closed.
  private void discard(ConnectionRequest<?> request, @Nullable Reply reply) {
    counters.requestFinished();
    if (reply instanceof Reply.Message(var body)) {
      AnswerEncoder.release(body);
    }
    request.releaseFrame();
    budget.release(request.frameBytes());
  }

  private void scheduleIdleCheck() {
    long idle = options.idle().toNanos();
    var _ =
        context()
            .executor()
            .schedule(
                this::checkIdle,
                Math.max(1, Math.min(idle, STALL_NANOS) / 2),
                TimeUnit.NANOSECONDS);
  }

  private void checkIdle() {
    if (closed) {
      return;
    }
    long now = now();
    long quiet = now - lastActivityNanos;
    long idle = options.idle().toNanos();
    boolean midFrame = frames.midFrame();
    long received = frames.receivedBytes() - checkedBytes;
    long seconds = TimeUnit.NANOSECONDS.toSeconds(now - checkedNanos);
    boolean drips =
        midFrame && frames.begun() == checkedFrame && received < seconds * MIN_BYTES_PER_SECOND;
    checkedFrame = midFrame ? frames.begun() : -1;
    checkedBytes = frames.receivedBytes();
    checkedNanos = now;
    if (midFrame && quiet >= Math.min(idle, STALL_NANOS)) {
      close(Fault.IDLE, "a request stopped half-way for %d ms".formatted(quiet / 1_000_000));
    } else if (drips) {
      close(Fault.IDLE, "%d bytes of a request in %d s".formatted(received, seconds));
    } else if (quiet >= idle && order.running() == 0 && !frames.waitsForBudget()) {
      counters.fault(Fault.IDLE);
      log.debug("closing connection from {}: idle for {} ms", peers().peer(), quiet / 1_000_000);
      shut();
    } else {
      scheduleIdleCheck();
    }
  }

  private long now() {
    return context().executor().ticker().nanoTime();
  }

  private ChannelHandlerContext context() {
    if (context == null) {
      throw new IllegalStateException("not active");
    }
    return context;
  }

  private Peers peers() {
    if (peers == null) {
      throw new IllegalStateException("not active");
    }
    return peers;
  }

  private static InetSocketAddress addressOf(java.net.SocketAddress address) {
    return address instanceof InetSocketAddress inet
        ? inet
        : InetSocketAddress.createUnresolved(String.valueOf(address), 0);
  }
}
