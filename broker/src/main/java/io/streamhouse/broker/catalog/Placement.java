package io.streamhouse.broker.catalog;

import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.PartitionId;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Which agent should lead a partition: rendezvous hashing over the live agents, so that everyone
/// computes the same answer and one agent's coming or going moves only its own share.
///
/// It says who should, never who does: that is the lease.
public final class Placement {

  private Placement() {}

  /// The agent with the highest score for this partition, ties to the lower node id; null when no
  /// agent is live. Scores use node ids, so a restart moves nothing.
  public static @Nullable LiveAgent of(PartitionId partition, List<LiveAgent> agents) {
    LiveAgent best = null;
    long bestScore = 0;
    for (var agent : agents) {
      long score = score(partition, agent.nodeId());
      int order = best == null ? 1 : Long.compareUnsigned(score, bestScore);
      if (best == null || order > 0 || (order == 0 && agent.nodeId() < best.nodeId())) {
        best = agent;
        bestScore = score;
      }
    }
    return best;
  }

  private static long score(PartitionId partition, int nodeId) {
    long hash = mix(partition.topicId().getMostSignificantBits());
    hash = mix(hash ^ partition.topicId().getLeastSignificantBits());
    hash = mix(hash ^ partition.partition());
    return mix(hash ^ nodeId);
  }

  /// The finalizer of SplitMix64: every input bit reaches every output bit.
  private static long mix(long bits) {
    long mixed = bits + 0x9e3779b97f4a7c15L;
    mixed = (mixed ^ (mixed >>> 30)) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
    return mixed ^ (mixed >>> 31);
  }
}
