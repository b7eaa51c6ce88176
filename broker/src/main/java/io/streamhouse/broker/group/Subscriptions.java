package io.streamhouse.broker.group;

import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.ByteBufferAccessor;

/// What members of consumers' groups say they read: the one kind of member metadata that the
/// coordinator looks into.
final class Subscriptions {

  static final String PROTOCOL_TYPE = "consumer";

  private Subscriptions() {}

  /// The topics read by any of the members; empty if one's metadata cannot be read.
  static Optional<Set<String>> topics(Collection<Bytes> subscriptions) {
    var topics = new HashSet<String>();
    for (var bytes : subscriptions) {
      try {
        var buffer = ByteBuffer.wrap(bytes.array());
        short version = buffer.getShort();
        if (version < ConsumerProtocolSubscription.LOWEST_SUPPORTED_VERSION) {
          return Optional.empty();
        }
        // A newer version only has more behind what this one knows.
        short known =
            (short) Math.min(version, ConsumerProtocolSubscription.HIGHEST_SUPPORTED_VERSION);
        topics.addAll(
            new ConsumerProtocolSubscription(new ByteBufferAccessor(buffer), known).topics());
      } catch (RuntimeException unreadable) {
        return Optional.empty();
      }
    }
    return subscriptions.isEmpty() ? Optional.empty() : Optional.of(topics);
  }
}
