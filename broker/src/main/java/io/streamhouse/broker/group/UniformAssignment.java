package io.streamhouse.broker.group;

import io.streamhouse.broker.group.Assignor.Subscriber;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// [Assignor#UNIFORM], computed once.
///
/// Members keep what they had, if they still read it. What nobody has goes to the reader with the
/// least. Then the member with the most gives to the reader with the least, while that is two or
/// more behind it: each such step brings the numbers nearer together, so there is an end. With
/// equal subscriptions the numbers then differ by one at most, and no fewer moves would do, since
/// only members above their share give and only members below it take. With other subscriptions no
/// single move makes it better.
final class UniformAssignment {

  private static final Comparator<Load> LEAST_FIRST =
      Comparator.comparingInt((Load load) -> load.count).thenComparing(load -> load.memberId);

  private final TreeSet<Load> byLoad = new TreeSet<>(LEAST_FIRST);
  private final Map<String, Load> loads = new TreeMap<>();
  private final SortedMap<String, Topics.Shape> topics;

  /// Those who read a topic; shared by topics with the same readers.
  private final Map<String, Readers> readersByTopic = new HashMap<>();

  /// A member and what it has so far.
  private static final class Load {
    final String memberId;
    final Map<String, TreeSet<Integer>> assigned = new TreeMap<>();
    final List<Readers> readers = new ArrayList<>();
    int count;

    Load(String memberId) {
      this.memberId = memberId;
    }
  }

  private static final class Readers {
    final TreeSet<Load> byLoad = new TreeSet<>(LEAST_FIRST);
  }

  UniformAssignment(List<Subscriber> members, SortedMap<String, Topics.Shape> topics) {
    this.topics = topics;
    for (var member : members) {
      loads.put(member.memberId(), new Load(member.memberId()));
    }
    findReaders(members);
    byLoad.addAll(loads.values());
    retain(members);
    fill();
    balance();
  }

  private void findReaders(List<Subscriber> members) {
    var interned = new HashMap<Set<String>, Readers>();
    for (var topic : topics.keySet()) {
      var ids = new HashSet<String>();
      for (var member : members) {
        if (member.topics().contains(topic)) {
          ids.add(member.memberId());
        }
      }
      var readers =
          interned.computeIfAbsent(
              ids,
              _ -> {
                var made = new Readers();
                for (var id : ids) {
                  var load = load(id);
                  load.readers.add(made);
                  made.byLoad.add(load);
                }
                return made;
              });
      readersByTopic.put(topic, readers);
    }
  }

  private void retain(List<Subscriber> members) {
    var names = new HashMap<UUID, String>();
    topics.forEach((name, shape) -> names.put(shape.id(), name));
    var taken = new HashSet<PartitionId>();
    for (var member : members) {
      for (var partition : member.before()) {
        var topic = names.get(partition.topicId());
        if (topic != null
            && member.topics().contains(topic)
            && partition.partition() < shape(topic).partitions()
            && taken.add(partition)) {
          give(load(member.memberId()), topic, partition.partition());
        }
      }
    }
  }

  /// Topics that few can read first, while those few are not yet loaded with others.
  private void fill() {
    var taken = new HashMap<String, Set<Integer>>();
    for (var load : loads.values()) {
      load.assigned.forEach((topic, partitions) ->
          taken.computeIfAbsent(topic, _ -> new HashSet<>()).addAll(partitions));
    }
    var order = new ArrayList<>(topics.keySet());
    order.sort(Comparator.comparingInt(topic -> readers(topic).byLoad.size()));
    for (var topic : order) {
      var readers = readers(topic);
      if (readers.byLoad.isEmpty()) {
        continue;
      }
      var kept = taken.getOrDefault(topic, Set.of());
      for (int partition = 0; partition < shape(topic).partitions(); partition++) {
        if (!kept.contains(partition)) {
          give(readers.byLoad.first(), topic, partition);
        }
      }
    }
  }

  private void balance() {
    while (moveOne()) {}
  }

  private boolean moveOne() {
    for (var giver : byLoad.descendingSet()) {
      String best = "";
      int most = 0;
      Load taker = null;
      for (var one : giver.assigned.entrySet()) {
        int count = one.getValue().size();
        if (count == 0) {
          continue;
        }
        var least = readers(one.getKey()).byLoad.first();
        // Of topics that do equally well the one it has most of: so topics spread, too.
        if (least.count <= giver.count - 2
            && (isLess(least, taker) || (least == taker && count > most))) {
          best = one.getKey();
          most = count;
          taker = least;
        }
      }
      if (taker != null) {
        int partition = take(giver, best);
        give(taker, best, partition);
        return true;
      }
    }
    return false;
  }

  private static boolean isLess(Load one, @Nullable Load other) {
    return other == null || one.count < other.count;
  }

  private int take(Load load, String topic) {
    var partitions = load.assigned.get(topic);
    if (partitions == null) {
      throw new IllegalStateException(load.memberId + " has nothing of " + topic);
    }
    int partition = partitions.removeLast();
    count(load, -1);
    return partition;
  }

  private void give(Load load, String topic, int partition) {
    load.assigned.computeIfAbsent(topic, _ -> new TreeSet<>()).add(partition);
    count(load, 1);
  }

  /// The count is a key of sorted sets: out, changed, and in again.
  private void count(Load load, int change) {
    byLoad.remove(load);
    load.readers.forEach(readers -> readers.byLoad.remove(load));
    load.count += change;
    byLoad.add(load);
    load.readers.forEach(readers -> readers.byLoad.add(load));
  }

  private Load load(String memberId) {
    var load = loads.get(memberId);
    if (load == null) {
      throw new IllegalStateException("no member " + memberId);
    }
    return load;
  }

  private Readers readers(String topic) {
    var readers = readersByTopic.get(topic);
    if (readers == null) {
      throw new IllegalStateException("no topic " + topic);
    }
    return readers;
  }

  private Topics.Shape shape(String topic) {
    var shape = topics.get(topic);
    if (shape == null) {
      throw new IllegalStateException("no topic " + topic);
    }
    return shape;
  }

  Map<String, SortedSet<PartitionId>> result() {
    var result = new HashMap<String, SortedSet<PartitionId>>();
    for (var load : loads.values()) {
      var assigned = new TreeSet<PartitionId>();
      load.assigned.forEach((topic, partitions) ->
          partitions.forEach(one -> assigned.add(new PartitionId(shape(topic).id(), one))));
      result.put(load.memberId, assigned);
    }
    return result;
  }
}
