package io.streamhouse.broker.group;

import io.streamhouse.metadata.PartitionId;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import org.jspecify.annotations.Nullable;

/// How the coordinator distributes the partitions of topics among the members that read them
/// (KIP-848). Every partition goes to one member, if any reads its topic, and only to one that
/// does. The same input gives the same result.
enum Assignor {
  /// Equal numbers as far as subscriptions allow, moving as little as that needs.
  UNIFORM("uniform") {
    @Override
    Map<String, SortedSet<PartitionId>> assign(
        List<Subscriber> members, SortedMap<String, Topics.Shape> topics) {
      return new UniformAssignment(members, topics).result();
    }
  },
  /// Each topic in consecutive ranges, in the order of the members, so that partitions of the same
  /// number of topics that the same members read meet at one member.
  RANGE("range") {
    @Override
    Map<String, SortedSet<PartitionId>> assign(
        List<Subscriber> members, SortedMap<String, Topics.Shape> topics) {
      return RangeAssignment.of(members, topics);
    }
  };

  private final String text;

  Assignor(String text) {
    this.text = text;
  }

  /// As clients name it.
  String text() {
    return text;
  }

  static Optional<Assignor> named(String name) {
    for (var one : values()) {
      if (one.text.equals(name)) {
        return Optional.of(one);
      }
    }
    return Optional.empty();
  }

  /// @param members by distinct ids
  /// @param topics by name; what members read that is not here does not exist
  /// @return an entry for every member
  abstract Map<String, SortedSet<PartitionId>> assign(
      List<Subscriber> members, SortedMap<String, Topics.Shape> topics);

  /// @param topics names of the topics it reads
  /// @param before what it was to have until now
  record Subscriber(
      String memberId, @Nullable String instanceId, Set<String> topics, Set<PartitionId> before) {}
}
