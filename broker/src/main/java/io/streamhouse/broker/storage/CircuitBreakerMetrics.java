package io.streamhouse.broker.storage;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;

/// Whether the object store works, as metrics.
public final class CircuitBreakerMetrics {

  private CircuitBreakerMetrics() {}

  public static void register(MeterRegistry meters, CircuitBreaker breaker) {
    Gauge.builder("streamhouse.object.store.circuit", breaker, CircuitBreakerMetrics::state)
        .description("0: the object store is called; 1: it is tried again; 2: it is out of order.")
        .register(meters);
    FunctionCounter.builder("streamhouse.object.store.outages", breaker, CircuitBreaker::opened)
        .description("How often the object store was found out of order.")
        .register(meters);
    FunctionCounter.builder("streamhouse.object.store.refused", breaker, CircuitBreaker::refused)
        .description("Calls of the object store not made because it is out of order.")
        .register(meters);
  }

  private static int state(CircuitBreaker breaker) {
    return switch (breaker.state()) {
      case CLOSED -> 0;
      case HALF_OPEN -> 1;
      case OPEN -> 2;
    };
  }
}
