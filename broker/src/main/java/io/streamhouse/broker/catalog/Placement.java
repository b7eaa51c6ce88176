package io.streamhouse.broker.catalog;

import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.PartitionId;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Which agent should lead a partition: rendezvous hashing over the live agents, so that everyone
/// computes the same answer and one agent's coming or going moves only its own share.
///
/// It says who should, never who does: that is the lease.
public final class Placement {

  private Placement() {}

  /// Of these agents those that take leases: all that neither start nor stop and are not drained;
  /// where there are none, those that are drained and serve; or else all.
  public static List<LiveAgent> willing(List<LiveAgent> agents) {
    var serving = agents.stream().filter(agent -> !agent.draining()).toList();
    var willing = serving.stream().filter(agent -> !agent.drained()).toList();
    if (!willing.isEmpty()) {
      return willing;
    }
    return serving.isEmpty() ? agents : serving;
  }

  /// By group those of these agents that lead what names it. What names a group that is not here,
  /// or none, is led by those of no group, which is empty; they are all where each has a group:
  /// better led by others than by nobody.
  public static Map<String, List<LiveAgent>> byGroup(List<LiveAgent> willing) {
    var groups = willing.stream().collect(Collectors.groupingBy(LiveAgent::group));
    groups.putIfAbsent("", willing);
    return groups;
  }

  /// The agent with the highest score for this partition, ties to the lower node id; null when
  /// there is none. Scores use node ids, so a restart moves nothing.
  ///
  /// @param willing to choose from
  public static @Nullable LiveAgent of(PartitionId partition, List<LiveAgent> willing) {
    long hash = mix(partition.topicId().getMostSignificantBits());
    hash = mix(hash ^ partition.topicId().getLeastSignificantBits());
    return best(mix(hash ^ partition.partition()), willing);
  }

  /// As [#of], for a shard of groups.
  public static @Nullable LiveAgent ofShard(int shard, List<LiveAgent> willing) {
    return best(mix(shard), willing);
  }

  private static @Nullable LiveAgent best(long key, List<LiveAgent> willing) {
    LiveAgent best = null;
    long bestScore = 0;
    for (var agent : willing) {
      long score = mix(key ^ agent.nodeId());
      int order = best == null ? 1 : Long.compareUnsigned(score, bestScore);
      if (best == null || order > 0 || (order == 0 && agent.nodeId() < best.nodeId())) {
        best = agent;
        bestScore = score;
      }
    }
    return best;
  }

  /// The finalizer of SplitMix64: every input bit reaches every output bit.
  private static long mix(long bits) {
    long mixed = bits + 0x9e3779b97f4a7c15L;
    mixed = (mixed ^ (mixed >>> 30)) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
    return mixed ^ (mixed >>> 31);
  }
}
