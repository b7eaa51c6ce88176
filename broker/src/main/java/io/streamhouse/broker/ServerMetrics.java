package io.streamhouse.broker;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.streamhouse.protocol.KafkaServer;
import io.streamhouse.protocol.ServerCounters;
import java.util.Locale;

/// What clients' connections do, as metrics. Stands here and not beside [KafkaServer], since the
/// module of the protocol knows no metrics.
final class ServerMetrics {

  private ServerMetrics() {}

  static void register(MeterRegistry meters, KafkaServer server) {
    var counters = server.counters();
    Gauge.builder("streamhouse.connections", counters, ServerCounters::connectionsNow)
        .description("Connections of Kafka clients that are open.")
        .register(meters);
    FunctionCounter.builder(
            "streamhouse.connections.opened", counters, ServerCounters::connectionsOpened)
        .description("Connections of Kafka clients accepted.")
        .register(meters);
    FunctionCounter.builder("streamhouse.request", counters, ServerCounters::bytesIn)
        .baseUnit("bytes")
        .description("Bytes of requests read from clients.")
        .register(meters);
    FunctionCounter.builder("streamhouse.response", counters, ServerCounters::bytesOut)
        .baseUnit("bytes")
        .description("Bytes of responses the sockets of clients took.")
        .register(meters);
    Gauge.builder("streamhouse.requests.in.flight", counters, ServerCounters::requestsInFlightNow)
        .description("Requests decoded and not answered yet.")
        .register(meters);
    Gauge.builder("streamhouse.requests.held", server, KafkaServer::queuedRequestBytesNow)
        .baseUnit("bytes")
        .description("Bytes of requests in memory; bounded by queued.max.request.bytes.")
        .register(meters);
    Gauge.builder("streamhouse.responses.unsent", counters, ServerCounters::unsentBytesNow)
        .baseUnit("bytes")
        .description("Bytes of responses the sockets of clients did not take yet.")
        .register(meters);
    FunctionCounter.builder("streamhouse.read.pauses", counters, ServerCounters::readPauses)
        .description("How often a connection was not read further because of a byte budget.")
        .register(meters);
    for (var fault : ServerCounters.Fault.values()) {
      FunctionCounter.builder("streamhouse.connection.faults", counters, c -> c.faults(fault))
          .tag("fault", fault.name().toLowerCase(Locale.ROOT))
          .description("Connections closed by this side, and requests that failed unexpectedly.")
          .register(meters);
    }
  }
}
