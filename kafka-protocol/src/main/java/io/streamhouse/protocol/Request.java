package io.streamhouse.protocol;

import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.jspecify.annotations.Nullable;

/// One decoded request.
///
/// Record data inside `body` are views on the frame it came in. The connection keeps the frame
/// until the request is answered; who needs the records longer takes them with [#batches] and
/// retains them.
public interface Request<Q extends ApiMessage> {

  Q body();

  short version();

  int correlationId();

  @Nullable String clientId();

  /// The listener the connection came in on, by its configured name.
  String listener();

  /// The port the client connected to and the address it saw, as this process knows them.
  InetSocketAddress local();

  InetSocketAddress peer();

  /// The connection's event loop: work given to it runs after `handle` has returned, never
  /// concurrently with another handler call of this connection.
  Executor loop();

  /// Calls `task` once, on [#loop], when the connection goes away before this request is answered;
  /// at once if it is gone already (on the caller's thread if the loop is gone too). For requests
  /// that wait, such as a parked fetch, so that what they hold does not outlive the client. The
  /// last task given counts.
  void onClose(Runnable task);

  /// The records of a partition in this request as batches that can outlive it.
  ///
  /// @param records a field of `body`; null is the empty sequence
  /// @return batches that share the frame's memory; the caller owns no reference until it calls
  ///   [RecordBatches#retain]
  RecordBatches batches(@Nullable BaseRecords records);
}
