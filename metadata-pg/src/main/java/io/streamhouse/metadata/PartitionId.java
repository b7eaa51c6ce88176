package io.streamhouse.metadata;

import java.util.Comparator;
import java.util.UUID;

/// A partition by topic id: names can be reused after deletion, ids never.
public record PartitionId(UUID topicId, int partition) implements Comparable<PartitionId> {

  private static final Comparator<PartitionId> ORDER =
      Comparator.comparing(PartitionId::topicId, PartitionId::compareUnsigned)
          .thenComparingInt(PartitionId::partition);

  public PartitionId {
    if (partition < 0) {
      throw new IllegalArgumentException("partition " + partition);
    }
  }

  /// Row order in every transaction that touches several partitions, so that none deadlock.
  @Override
  public int compareTo(PartitionId other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return topicId + "-" + partition;
  }

  private static int compareUnsigned(UUID a, UUID b) {
    int high = Long.compareUnsigned(a.getMostSignificantBits(), b.getMostSignificantBits());
    return high != 0
        ? high
        : Long.compareUnsigned(a.getLeastSignificantBits(), b.getLeastSignificantBits());
  }
}
