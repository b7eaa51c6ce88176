package io.streamhouse.protocol;

/// Completes a handler's stage where Kafka's only answer is to close the connection, such as a
/// failed Produce with acks=0. The reason is logged once and counted.
public final class CloseConnection extends RuntimeException {

  public CloseConnection(String reason) {
    super(reason, null, false, false);
  }
}
