package io.streamhouse.broker.group;

import io.streamhouse.broker.group.ConsumerMember.Progress;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What becomes of a classic group with members that a member of the consumer protocol joins
/// (KIP-848): a consumer group with the same members, who go on in the classic protocol with what
/// they have, at an epoch that is their generation.
sealed interface Upgrade {

  record Done(StoredConsumerGroup group) implements Upgrade {}

  /// @param why for people
  record Refused(String why) implements Upgrade {}

  /// Members have partitions of topics that are not known here, be they new or gone. Kafka forgets
  /// such partitions; they could have two owners then, once a new topic is known.
  ///
  /// @param topics their names
  record Unknown(Set<String> topics) implements Upgrade {}

  /// @param group with the assignments that members have
  /// @param gone topics that are not only new to this agent if they are not known to it
  static Upgrade of(
      StoredClassicGroup group, GroupLimits.Consumers limits, Topics topics, Set<String> gone) {
    if (!limits.classic().policy().upgrades()) {
      return new Refused("the online upgrade is disabled");
    }
    if (!group.protocolType().equals(Subscriptions.PROTOCOL_TYPE)) {
      return new Refused("its members are no consumers");
    }
    if (group.members().size() > limits.maxSize()) {
      return new Refused("it has more members than a consumer group may have");
    }
    var subscriptions = new ArrayList<Subscriptions.Subscription>();
    var assigned = new ArrayList<SortedMap<PartitionId, Integer>>();
    var owned = new HashSet<PartitionId>();
    var subscribed = new TreeMap<String, Topics.Shape>();
    var unknown = new TreeSet<String>();
    for (var member : group.members()) {
      var subscription = Subscriptions.subscription(metadata(member, group.protocol()));
      var assignment = Subscriptions.assignment(member.assignment());
      if (subscription.isEmpty() || assignment.isEmpty()) {
        return new Refused("what its members say or have cannot be read");
      }
      if (assignment.get().forItself()) {
        return new Refused("its members have an assignor of their own");
      }
      var partitions = partitions(assignment.get().owned(), group.generation(), topics);
      for (var one : partitions.keySet()) {
        if (!owned.add(one)) {
          return new Refused("two of its members have the same partition");
        }
      }
      for (String topic : subscription.get().topics()) {
        var shape = topics.shape(topic);
        if (shape != null) {
          subscribed.put(topic, shape);
        }
      }
      for (var had : List.of(assignment.get().owned(), subscription.get().owned())) {
        had.keySet().stream()
            .filter(topic -> topics.shape(topic) == null && !gone.contains(topic))
            .forEach(unknown::add);
      }
      subscriptions.add(subscription.get());
      assigned.add(partitions);
    }
    if (!unknown.isEmpty()) {
      return new Unknown(unknown);
    }
    var members = new ArrayList<StoredConsumerGroup.StoredMember>();
    for (int i = 0; i < group.members().size(); i++) {
      var member = group.members().get(i);
      var subscription = subscriptions.get(i);
      // One that has not yet asked for its assignment still has what it had when it joined.
      var held = new TreeMap<>(assigned.get(i));
      partitions(subscription.owned(), group.generation(), topics)
          .forEach((partition, since) -> {
            if (owned.add(partition)) {
              held.put(partition, since);
            }
          });
      members.add(
          new StoredConsumerGroup.StoredMember(
              member.id(),
              member.instanceId(),
              subscription.rackId(),
              member.clientId(),
              member.clientHost(),
              member.rebalanceTimeoutMillis(),
              new TreeSet<>(subscription.topics()),
              "",
              null,
              group.generation(),
              group.generation(),
              Progress.STABLE,
              held,
              new TreeMap<>(),
              assigned.get(i).keySet(),
              new ConsumerMember.Classic(member.sessionTimeoutMillis(), member.protocols())));
    }
    return new Done(
        new StoredConsumerGroup(
            group.generation(), group.generation(), false, subscribed, members));
  }

  private static Bytes metadata(StoredClassicGroup.StoredMember member, @Nullable String protocol) {
    for (var one : member.protocols()) {
      if (one.name().equals(protocol)) {
        return one.metadata();
      }
    }
    // It joined again with others, in a rebalance that has not ended.
    return member.protocols().isEmpty() ? Bytes.EMPTY : member.protocols().getFirst().metadata();
  }

  private static SortedMap<PartitionId, Integer> partitions(
      Map<String, List<Integer>> owned, int generation, Topics topics) {
    var partitions = new TreeMap<PartitionId, Integer>();
    owned.forEach((topic, numbers) -> {
      var shape = topics.shape(topic);
      if (shape != null) {
        for (int number : numbers) {
          if (number >= 0) {
            partitions.put(new PartitionId(shape.id(), number), generation);
          }
        }
      }
    });
    return partitions;
  }
}
