package io.streamhouse.protocol;

import java.time.Duration;

/// Limits of a [KafkaServer]. Sizes in bytes.
///
/// @param maxRequestBytes largest frame accepted (`socket.request.max.bytes`)
/// @param connectionBytes requests in flight plus unsent answers of one connection, above which it
///   is not read; one request may exceed it
/// @param queuedRequestBytes requests in flight of all connections (`queued.max.request.bytes`),
///   above which no socket is read; the request that crosses the limit is still taken, so it is
///   exceeded by at most one frame. Frames live in direct memory, which must hold that much
/// @param maxConnections connections at a time (`max.connections`); further ones are closed at once
/// @param idle a connection with nothing in flight is closed after this (`connections.max.idle.ms`)
/// @param drain how long [KafkaServer#close] waits for requests in flight
/// @param eventLoops threads; 0 means one per processor
public record ServerOptions(
    int maxRequestBytes,
    long connectionBytes,
    long queuedRequestBytes,
    int maxConnections,
    Duration idle,
    Duration drain,
    int eventLoops) {

  public ServerOptions {
    if (maxRequestBytes <= 0
        || connectionBytes <= 0
        || queuedRequestBytes <= 0
        || maxConnections <= 0
        || eventLoops < 0) {
      throw new IllegalArgumentException(
          "limits must be positive: maxRequestBytes %d, connectionBytes %d, queuedRequestBytes %d, maxConnections %d, eventLoops %d"
              .formatted(
                  maxRequestBytes,
                  connectionBytes,
                  queuedRequestBytes,
                  maxConnections,
                  eventLoops));
    }
    if (!idle.isPositive() || drain.isNegative()) {
      throw new IllegalArgumentException("idle " + idle + ", drain " + drain);
    }
  }

  /// Kafka's defaults where Kafka has the setting. 8 MiB per connection holds the five requests of
  /// up to 1 MiB a Java producer keeps in flight.
  public static ServerOptions defaults() {
    return new ServerOptions(
        100 << 20,
        8 << 20,
        128 << 20,
        Integer.MAX_VALUE,
        Duration.ofMinutes(10),
        Duration.ofSeconds(10),
        0);
  }

  public ServerOptions withMaxRequestBytes(int bytes) {
    return new ServerOptions(
        bytes, connectionBytes, queuedRequestBytes, maxConnections, idle, drain, eventLoops);
  }

  public ServerOptions withConnectionBytes(long bytes) {
    return new ServerOptions(
        maxRequestBytes, bytes, queuedRequestBytes, maxConnections, idle, drain, eventLoops);
  }

  public ServerOptions withQueuedRequestBytes(long bytes) {
    return new ServerOptions(
        maxRequestBytes, connectionBytes, bytes, maxConnections, idle, drain, eventLoops);
  }

  public ServerOptions withMaxConnections(int connections) {
    return new ServerOptions(
        maxRequestBytes, connectionBytes, queuedRequestBytes, connections, idle, drain, eventLoops);
  }

  public ServerOptions withIdle(Duration duration) {
    return new ServerOptions(
        maxRequestBytes,
        connectionBytes,
        queuedRequestBytes,
        maxConnections,
        duration,
        drain,
        eventLoops);
  }

  public ServerOptions withDrain(Duration duration) {
    return new ServerOptions(
        maxRequestBytes,
        connectionBytes,
        queuedRequestBytes,
        maxConnections,
        idle,
        duration,
        eventLoops);
  }

  public ServerOptions withEventLoops(int threads) {
    return new ServerOptions(
        maxRequestBytes, connectionBytes, queuedRequestBytes, maxConnections, idle, drain, threads);
  }
}
