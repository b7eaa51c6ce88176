package io.streamhouse.broker.api;

import java.util.UUID;
import org.apache.kafka.common.Uuid;

/// Topic ids: the same 128 bits on the wire and in the catalogue.
final class TopicIds {

  private TopicIds() {}

  static Uuid toWire(UUID id) {
    return new Uuid(id.getMostSignificantBits(), id.getLeastSignificantBits());
  }

  static UUID fromWire(Uuid id) {
    return new UUID(id.getMostSignificantBits(), id.getLeastSignificantBits());
  }
}
