package io.streamhouse.protocol;

import java.util.Objects;
import org.apache.kafka.common.protocol.ApiMessage;

/// What a handler answers.
public sealed interface Reply {

  /// Sent to the client, in the order its request arrived in. Record batches inside it are released
  /// once they are written or the connection is gone.
  record Message(ApiMessage body) implements Reply {
    public Message {
      Objects.requireNonNull(body);
    }
  }

  /// Nothing is sent: Produce with acks=0.
  record None() implements Reply {}

  static Reply of(ApiMessage body) {
    return new Message(body);
  }

  static Reply none() {
    return new None();
  }
}
