package io.streamhouse.protocol;

import io.streamhouse.protocol.ServerCounters.Fault;

/// A frame that ends its connection.
final class BadRequest extends RuntimeException {

  private final transient Fault fault;
  private final String reason;

  BadRequest(Fault fault, String reason) {
    super(reason, null, false, false);
    this.fault = fault;
    this.reason = reason;
  }

  Fault fault() {
    return fault;
  }

  String reason() {
    return reason;
  }
}
