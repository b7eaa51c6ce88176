package io.streamhouse.broker.group;

import io.streamhouse.broker.group.Assignor.Subscriber;
import io.streamhouse.metadata.PartitionId;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeSet;

/// [Assignor#RANGE]: the first members of a topic get one partition more where numbers do not
/// divide.
final class RangeAssignment {

  /// Static members first, by the names that outlive a restart, so that one that returns with
  /// another id finds its range.
  private static final Comparator<Subscriber> ORDER =
      Comparator.comparing((Subscriber one) -> one.instanceId() == null)
          .thenComparing(one -> one.instanceId() == null ? one.memberId() : one.instanceId());

  private RangeAssignment() {}

  static Map<String, SortedSet<PartitionId>> of(
      List<Subscriber> members, SortedMap<String, Topics.Shape> topics) {
    var result = new HashMap<String, SortedSet<PartitionId>>();
    members.forEach(member -> result.put(member.memberId(), new TreeSet<>()));
    var ordered = members.stream().sorted(ORDER).toList();
    for (var topic : topics.entrySet()) {
      var readers = ordered.stream().filter(one -> one.topics().contains(topic.getKey())).toList();
      if (readers.isEmpty()) {
        continue;
      }
      int each = topic.getValue().partitions() / readers.size();
      int more = topic.getValue().partitions() % readers.size();
      int next = 0;
      for (int i = 0; i < readers.size(); i++) {
        var assigned = result.computeIfAbsent(readers.get(i).memberId(), _ -> new TreeSet<>());
        for (int end = next + each + (i < more ? 1 : 0); next < end; next++) {
          assigned.add(new PartitionId(topic.getValue().id(), next));
        }
      }
    }
    return result;
  }
}
