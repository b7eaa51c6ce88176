package io.streamhouse.broker.partition;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// What one agent should do about the leases of partitions, given what it sees of the cluster.
/// Every agent computes its own, and where they see the same, no two want the same partition.
///
/// | partition is held by | its tail is in        | taken by                                      |
/// |----------------------|-----------------------|-----------------------------------------------|
/// | a live session       |                       | nobody; its holder hands it over if it is not |
/// |                      |                       | the one it is placed with                     |
/// | nobody               | no log                | the agent it is placed with                   |
/// | nobody               | the log of an agent   | that agent, wherever it is placed             |
/// |                      | that lives            |                                               |
/// | nobody               | another log           | the agent it is placed with, if it can read   |
/// |                      |                       | that log, or may let its tail be lost         |
///
/// @param claims to be taken as they are
/// @param adoptions to be taken with the log that has their tail, by log
/// @param moves led here, placed elsewhere
/// @param waiting that nobody can take before the log of their tail is back, by log
public record LeasePlan(
    List<Claim> claims,
    Map<UUID, List<Claim>> adoptions,
    List<PartitionId> moves,
    Map<UUID, List<PartitionId>> waiting) {

  /// What is this agent's own in a plan.
  ///
  /// @param incarnation its session
  /// @param walId its log
  /// @param led whether it leads a partition
  /// @param readable whether it can read another log, that of an agent which lives no more
  /// @param local whether acknowledgements of a topic mean that its batches are in the log
  /// @param unclean whether a tail of a topic may be lost rather than waited for
  public record Self(
      UUID incarnation,
      UUID walId,
      Predicate<PartitionId> led,
      Predicate<UUID> readable,
      Predicate<Topic> local,
      Predicate<Topic> unclean) {}

  public static LeasePlan of(Image image, Self self) {
    var claims = new ArrayList<Claim>();
    var adoptions = new TreeMap<UUID, List<Claim>>();
    var moves = new ArrayList<PartitionId>();
    var waiting = new TreeMap<UUID, List<PartitionId>>();
    var liveLogs = new HashSet<UUID>();
    for (var agent : image.agents()) {
      liveLogs.add(agent.walId());
    }
    for (var topic : image.topics()) {
      boolean local = self.local.test(topic);
      boolean unclean = self.unclean.test(topic);
      for (int i = 0; i < topic.partitions(); i++) {
        var id = new PartitionId(topic.id(), i);
        boolean mine = mine(image.preferred(id), self);
        if (self.led.test(id)) {
          if (!mine) {
            moves.add(id);
          }
          continue;
        }
        var holder = image.leader(id);
        if (holder != null) {
          // What this session holds and does not lead was taken without anybody hearing of it.
          if (holder.agent().incarnation().equals(self.incarnation)) {
            claims.add(new Claim(id, local, false));
          }
          continue;
        }
        var tail = image.orphanTail(id);
        if (tail == null) {
          if (mine) {
            claims.add(new Claim(id, local, false));
          }
        } else if (tail.equals(self.walId)) {
          adoptions.computeIfAbsent(tail, _ -> new ArrayList<>()).add(new Claim(id, local, false));
        } else if (mine && !liveLogs.contains(tail)) {
          if (self.readable.test(tail)) {
            adoptions
                .computeIfAbsent(tail, _ -> new ArrayList<>())
                .add(new Claim(id, local, false));
          } else if (unclean) {
            claims.add(new Claim(id, local, true));
          } else {
            waiting.computeIfAbsent(tail, _ -> new ArrayList<>()).add(id);
          }
        }
      }
    }
    return new LeasePlan(claims, adoptions, moves, waiting);
  }

  /// What is to be taken when an agent begins, before it reads its log: it recovers its own tails
  /// wherever they are placed.
  public List<Claim> claimsWithTailsIn(UUID walId) {
    // Nothing is given up before it was tried to read it.
    var all = new ArrayList<>(claims.stream().filter(claim -> !claim.unclean()).toList());
    all.addAll(adoptions.getOrDefault(walId, List.of()));
    return all;
  }

  private static boolean mine(@Nullable LiveAgent preferred, Self self) {
    return preferred != null && preferred.incarnation().equals(self.incarnation);
  }
}
