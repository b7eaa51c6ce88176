package io.streamhouse.broker.group;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.MessageUtil;
import org.jspecify.annotations.Nullable;

/// What members of consumers' groups tell each other in the classic protocol: what they read, and
/// what they are assigned. The one kind of member metadata that the coordinator looks into.
final class Subscriptions {

  static final String PROTOCOL_TYPE = "consumer";

  private Subscriptions() {}

  /// What a member says that it reads and has.
  ///
  /// @param version of the format it was said in, which its assignment is to have as well
  /// @param owned partitions by topic; of a member that gives all up before it joins again, none
  record Subscription(
      short version,
      Set<String> topics,
      Map<String, List<Integer>> owned,
      @Nullable String rackId) {}

  /// @param owned partitions by topic
  /// @param forItself what only the assignor of the member understands; rarely anything
  record Assignment(Map<String, List<Integer>> owned, boolean forItself) {}

  /// The topics read by any of the members; empty if one's metadata cannot be read.
  static Optional<Set<String>> topics(Collection<Bytes> subscriptions) {
    var topics = new HashSet<String>();
    for (var bytes : subscriptions) {
      var subscription = subscription(bytes);
      if (subscription.isEmpty()) {
        return Optional.empty();
      }
      topics.addAll(subscription.get().topics);
    }
    return subscriptions.isEmpty() ? Optional.empty() : Optional.of(topics);
  }

  /// Empty if the metadata cannot be read.
  static Optional<Subscription> subscription(Bytes metadata) {
    try {
      var buffer = ByteBuffer.wrap(metadata.array());
      short version = buffer.getShort();
      if (version < ConsumerProtocolSubscription.LOWEST_SUPPORTED_VERSION) {
        return Optional.empty();
      }
      // A newer version only has more behind what this one knows.
      short known =
          (short) Math.min(version, ConsumerProtocolSubscription.HIGHEST_SUPPORTED_VERSION);
      var read = new ConsumerProtocolSubscription(new ByteBufferAccessor(buffer), known);
      var owned = new TreeMap<String, List<Integer>>();
      read.ownedPartitions().forEach(one -> add(owned, one.topic(), one.partitions()));
      return Optional.of(
          new Subscription(known, new TreeSet<>(read.topics()), owned, read.rackId()));
    } catch (RuntimeException unreadable) {
      return Optional.empty();
    }
  }

  /// Empty if the assignment cannot be read.
  static Optional<Assignment> assignment(Bytes assignment) {
    if (assignment.array().length == 0) {
      return Optional.of(new Assignment(Map.of(), false));
    }
    try {
      var buffer = ByteBuffer.wrap(assignment.array());
      short version = buffer.getShort();
      if (version < ConsumerProtocolAssignment.LOWEST_SUPPORTED_VERSION) {
        return Optional.empty();
      }
      short known = (short) Math.min(version, ConsumerProtocolAssignment.HIGHEST_SUPPORTED_VERSION);
      var read = new ConsumerProtocolAssignment(new ByteBufferAccessor(buffer), known);
      var owned = new TreeMap<String, List<Integer>>();
      read.assignedPartitions().forEach(one -> add(owned, one.topic(), one.partitions()));
      return Optional.of(
          new Assignment(owned, read.userData() != null && read.userData().hasRemaining()));
    } catch (RuntimeException unreadable) {
      return Optional.empty();
    }
  }

  private static void add(
      SortedMap<String, List<Integer>> owned, String topic, List<Integer> partitions) {
    owned.computeIfAbsent(topic, _ -> new ArrayList<>()).addAll(partitions);
  }

  /// The bytes of an assignment.
  static Bytes assign(short version, SortedMap<String, List<Integer>> partitions) {
    var assignment = new ConsumerProtocolAssignment();
    partitions.forEach((topic, numbers) ->
        assignment
            .assignedPartitions()
            .add(
                new ConsumerProtocolAssignment.TopicPartition()
                    .setTopic(topic)
                    .setPartitions(numbers)));
    short known = (short) Math.min(version, ConsumerProtocolAssignment.HIGHEST_SUPPORTED_VERSION);
    var bytes = MessageUtil.toVersionPrefixedByteBuffer(known, assignment);
    var array = new byte[bytes.remaining()];
    bytes.get(array);
    return Bytes.of(array);
  }
}
