package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A request on its connection, from its frame to what is sent for it.
///
/// Owns one reference to the frame until [#releaseFrame]. Confined to the event loop, except for
/// what [Request] shows.
final class ConnectionRequest<Q extends ApiMessage> implements Request<Q> {

  /// What leaves when this request's turn has come.
  sealed interface Outcome {
    record Answer(EncodedAnswer answer) implements Outcome {}

    record Silence() implements Outcome {}

    record Close(ServerCounters.Fault fault, String reason) implements Outcome {}
  }

  private static final Logger log = LoggerFactory.getLogger(ConnectionRequest.class);

  private final Peers peers;
  private final ApiHandler<Q> handler;
  private final Q body;
  private final short version;
  private final int correlationId;
  private final @Nullable String clientId;
  private final int frameBytes;
  private ByteBuf frame;
  private @Nullable Outcome outcome;
  private @Nullable Runnable closeTask;
  private boolean started;
  private boolean gone;

  /// Both ends of the connection, and its loop.
  record Peers(String listener, InetSocketAddress local, InetSocketAddress peer, Executor loop) {}

  ConnectionRequest(
      Peers peers,
      ApiHandler<Q> handler,
      Q body,
      short version,
      int correlationId,
      @Nullable String clientId,
      ByteBuf frame) {
    this.peers = peers;
    this.handler = handler;
    this.body = body;
    this.version = version;
    this.correlationId = correlationId;
    this.clientId = clientId;
    this.frame = frame;
    this.frameBytes = frame.capacity();
  }

  ApiHandler<Q> handler() {
    return handler;
  }

  int frameBytes() {
    return frameBytes;
  }

  /// Null until the request is finished.
  @Nullable Outcome outcome() {
    return outcome;
  }

  void finish(Outcome outcome) {
    this.outcome = outcome;
    this.closeTask = null;
  }

  boolean isStarted() {
    return started;
  }

  void started() {
    started = true;
  }

  /// On the loop, when the connection is gone and the handler still works on this.
  void connectionGone() {
    gone = true;
    var task = closeTask;
    closeTask = null;
    if (task != null) {
      try {
        task.run();
      } catch (RuntimeException e) {
        // Others of this connection are still to be told.
        log.error("close task of {} failed", this, e);
      }
    }
  }

  void releaseFrame() {
    frame.release();
    frame = Unpooled.EMPTY_BUFFER;
  }

  @Override
  public Q body() {
    return body;
  }

  @Override
  public short version() {
    return version;
  }

  @Override
  public int correlationId() {
    return correlationId;
  }

  @Override
  public @Nullable String clientId() {
    return clientId;
  }

  @Override
  public String listener() {
    return peers.listener();
  }

  @Override
  public InetSocketAddress local() {
    return peers.local();
  }

  @Override
  public InetSocketAddress peer() {
    return peers.peer();
  }

  @Override
  public Executor loop() {
    return peers.loop();
  }

  @Override
  public void onClose(Runnable task) {
    try {
      peers
          .loop()
          .execute(() -> {
            if (gone) {
              task.run();
            } else if (outcome == null) {
              closeTask = task;
            }
          });
    } catch (RejectedExecutionException e) {
      // The loop is gone, and the connection with it.
      task.run();
    }
  }

  @Override
  public RecordBatches batches(@Nullable BaseRecords records) {
    return switch (records) {
      case null -> RecordBatches.EMPTY;
      case MemoryRecords memory -> new RecordBatches(memory.buffer(), frame);
      default -> throw new IllegalArgumentException("not records of a request: " + records);
    };
  }

  @Override
  public String toString() {
    return "%s v%d, correlation id %d, client %s"
        .formatted(handler.api(), version, correlationId, clientId);
  }
}
