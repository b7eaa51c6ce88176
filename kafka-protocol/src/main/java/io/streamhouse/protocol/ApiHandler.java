package io.streamhouse.protocol;

import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// One Kafka API: which it is, which versions it speaks, and what it does.
///
/// What ApiVersions advertises is derived from the handlers that exist, so a handler is the only
/// way to support an API, and a version in its range must work. Handlers are shared by all
/// connections and called on event loops: they never block.
///
/// @param <Q> the API's request message
public interface ApiHandler<Q extends ApiMessage> {

  ApiKeys api();

  /// The oldest version served; Apache Kafka's own unless overridden.
  default short oldestVersion() {
    return api().oldestVersion();
  }

  /// The newest version served; Apache Kafka's newest stable one unless overridden.
  default short latestVersion() {
    return api().latestVersion(false);
  }

  /// Whether later requests on the same connection may start before this one is answered. Only
  /// Produce and Fetch do; their effects still happen in arrival order because `handle` fixes them
  /// before it returns.
  default boolean overlaps() {
    return false;
  }

  /// Starts the request, on the connection's event loop, and returns its answer to come.
  ///
  /// The stage may complete on any thread. [Reply.None] answers nothing (Produce with acks=0). A
  /// stage that fails with [CloseConnection] closes the connection; any other failure is logged and
  /// answered with [#failure].
  CompletionStage<Reply> handle(Request<Q> request);

  /// The answer that reports `error` for the whole of `request`: every topic and partition named in
  /// it where the API has no error of its own.
  ApiMessage failure(Request<Q> request, Errors error);
}
