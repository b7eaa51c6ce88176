package io.streamhouse.broker.group;

import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.PartitionId;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;

/// Which committed offsets were kept long enough: Kafka's rules (KIP-211). Pure.
///
/// | group                              | an offset is kept for the retention since     |
/// |------------------------------------|-----------------------------------------------|
/// | classic, nobody in it              | the last member went                          |
/// | classic, stable, topics are known  | its commit, unless its topic is subscribed to |
/// | classic, other                     | for ever                                      |
/// | that only ever committed           | its commit                                    |
/// | consumer                           | its commit, unless its topic is subscribed to |
///
/// Where the client named a time when it committed, that time counts instead.
record OffsetExpiry(long retentionMillis) {

  OffsetExpiry {
    if (retentionMillis <= 0) {
      throw new IllegalArgumentException("retention of " + retentionMillis + " ms");
    }
  }

  /// @return of the group's offsets those that are over
  Set<PartitionId> expired(
      Group group, Map<PartitionId, CommittedOffset> offsets, Topics topics, long nowMillis) {
    var since = group.offsetsAgeSince();
    if (since.isEmpty() || offsets.isEmpty()) {
      return Set.of();
    }
    var read = new HashSet<UUID>();
    for (var name : group.readTopics().orElse(Set.of())) {
      var shape = topics.shape(name);
      if (shape != null) {
        read.add(shape.id());
      }
    }
    var expired = new TreeSet<PartitionId>();
    offsets.forEach((partition, offset) -> {
      boolean over =
          offset
              .expireMillis()
              .map(end -> nowMillis >= end)
              .orElseGet(() -> nowMillis - since.get().applyAsLong(offset) >= retentionMillis);
      if (over && !read.contains(partition.topicId())) {
        expired.add(partition);
      }
    });
    return expired;
  }
}
