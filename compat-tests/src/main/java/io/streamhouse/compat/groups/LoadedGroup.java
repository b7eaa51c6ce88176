package io.streamhouse.compat.groups;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A group as its members know it together: what they have, and what was promised to them. Confined
/// to the loop.
final class LoadedGroup {

  final String name;
  final List<LoadMember> members = new ArrayList<>();

  /// By partition: the last offset a member asked to commit, and the last that was acknowledged.
  final long[] sent;

  final long[] acknowledged;

  private final Tally tally;

  /// The generation or epoch that some member was told.
  private int generation;

  private int rebalances;
  private boolean settled;

  /// What members heard before this says nothing of the server of now.
  private long heardSince;

  LoadedGroup(String name, int partitions, Tally tally) {
    this.name = name;
    this.sent = new long[partitions];
    this.acknowledged = new long[partitions];
    this.tally = tally;
    Arrays.fill(acknowledged, -1);
  }

  int partitions() {
    return sent.length;
  }

  boolean settled() {
    return settled;
  }

  int rebalances() {
    return rebalances;
  }

  /// Until every member heard from the server after this time, the group is not known to be well.
  void heardSince(long nanos) {
    heardSince = nanos;
    settled = false;
  }

  /// A member was told this generation.
  void told(LoadMember member, int told) {
    if (told < generation) {
      tally.violation(
          "%s: %s was told generation %d after %d"
              .formatted(name, member.clientId, told, generation));
    } else if (told > generation) {
      generation = told;
      rebalances++;
    }
  }

  /// A member was told this epoch: each learns of it at its own heartbeat.
  void toldEpoch(int told) {
    if (told > generation) {
      generation = told;
      rebalances++;
    }
  }

  /// The highest that any member was told.
  int generation() {
    return generation;
  }

  /// A member was given partitions that nobody else may have.
  void given(LoadMember member, boolean ofSameGenerationOnly) {
    for (var other : members) {
      if (other.clientId.equals(member.clientId)
          || (ofSameGenerationOnly && other.generation() != member.generation())) {
        continue;
      }
      for (int partition : member.owned()) {
        if (other.owned().contains(partition)) {
          tally.violation(
              "%s: partition %d is given to %s in %d, and %s has it since %d"
                  .formatted(
                      name,
                      partition,
                      member.clientId,
                      member.generation(),
                      other.clientId,
                      other.generation()));
        }
      }
    }
  }

  void unsettled() {
    settled = false;
  }

  /// Something changed: perhaps all members have what they should have.
  void look() {
    if (settled || !isSettled()) {
      return;
    }
    settled = true;
    for (var member : members) {
      member.groupSettled();
    }
  }

  /// Every member that is not away has its part, all of the same generation, each partition once.
  private boolean isSettled() {
    int total = 0;
    boolean anybody = false;
    for (var member : members) {
      if (member.isAway()) {
        continue;
      }
      if (!member.isSteady()
          || member.generation() != generation
          || member.heardNanos() - heardSince < 0) {
        return false;
      }
      anybody = true;
      total += member.owned().size();
    }
    return anybody && total == partitions();
  }

  /// What keeps it from being stable, for messages.
  @Override
  public String toString() {
    var text = new StringBuilder(name + " at " + generation + ":");
    for (var member : members) {
      text.append(' ').append(member);
    }
    return text.toString();
  }
}
