package io.streamhouse.broker.group;

import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.protocol.types.SchemaException;

/// What members of consumers' groups say they read: the one kind of member metadata that the
/// coordinator looks into.
final class Subscriptions {

  static final String PROTOCOL_TYPE = ConsumerProtocol.PROTOCOL_TYPE;

  private Subscriptions() {}

  /// The topics read by any of the members; empty if one's metadata cannot be read.
  static Optional<Set<String>> topics(Collection<Bytes> subscriptions) {
    var topics = new HashSet<String>();
    for (var bytes : subscriptions) {
      try {
        topics.addAll(
            ConsumerProtocol.deserializeSubscription(ByteBuffer.wrap(bytes.array())).topics());
      } catch (SchemaException | java.nio.BufferUnderflowException e) {
        return Optional.empty();
      }
    }
    return subscriptions.isEmpty() ? Optional.empty() : Optional.of(topics);
  }
}
