package io.streamhouse.metadata.memory;

import io.streamhouse.metadata.Sweeps;
import io.streamhouse.metadata.memory.State.OwnedRow;
import io.streamhouse.metadata.memory.State.PartitionRow;

final class MemorySweeps implements Sweeps {

  private final State state;

  MemorySweeps(State state) {
    this.state = state;
  }

  @Override
  public Sweep last() {
    return state.transaction("lastSweep", () -> state.sweep);
  }

  @Override
  public boolean begin(Sweep last, Sweep next) {
    return state.transaction(
        "beginSweep",
        () -> {
          if (!state.sweep.equals(last) || next.number() <= last.number()) {
            return false;
          }
          state.sweep = next;
          return true;
        });
  }

  @Override
  public void adopt(Sweep sweep) {
    state.run(
        "adopt",
        () -> {
          if (sweep.number() <= state.sweep.number()) {
            throw new IllegalArgumentException(
                "sweep " + sweep.number() + " after " + state.sweep.number());
          }
          int highest = state.nameEpochs.values().stream().mapToInt(epoch -> epoch).max().orElse(0);
          for (var topic : state.topicsById.values()) {
            for (PartitionRow row : topic.partitions) {
              highest = Math.max(highest, row.epoch);
            }
          }
          for (OwnedRow shard : state.shards) {
            highest = Math.max(highest, shard.epoch);
          }
          if (highest >= Integer.MAX_VALUE - EPOCH_STEP) {
            throw new IllegalStateException("lease epoch " + highest + " cannot be raised further");
          }
          state.sweep = sweep;
          state.nameEpochs.replaceAll((_, epoch) -> epoch + EPOCH_STEP);
          state.topicsById.values().stream()
              .flatMap(topic -> topic.partitions.stream())
              .forEach(row -> row.epoch += EPOCH_STEP);
          state.shards.forEach(shard -> shard.epoch += EPOCH_STEP);
          state.changes++;
        });
  }
}
