package io.streamhouse.metadata.memory;

import io.streamhouse.metadata.GroupStore;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.memory.State.GroupRow;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

final class MemoryGroups implements GroupStore {

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0).asReadOnlyBuffer();

  private final State state;

  MemoryGroups(State state) {
    this.state = state;
  }

  @Override
  public Set<Integer> inhabited(List<Lease<Integer>> shards) {
    return state.transaction(
        "inhabited",
        () -> {
          var asked = shards.stream().map(Lease::key).collect(Collectors.toSet());
          return state.groups.values().stream()
              .map(row -> row.shard)
              .filter(asked::contains)
              .collect(Collectors.toSet());
        });
  }

  @Override
  public List<StoredGroup> load(Lease<Integer> shard) {
    return state.transaction(
        "load",
        () -> {
          var found = new ArrayList<StoredGroup>();
          state.groups.forEach((name, row) -> {
            if (row.shard == shard.key()) {
              var bytes = row.state == null ? NOTHING : row.state;
              found.add(
                  new StoredGroup(name, bytes.asReadOnlyBuffer(), new TreeMap<>(row.offsets)));
            }
          });
          return found;
        });
  }

  @Override
  public boolean save(Lease<Integer> shard, String group, ByteBuffer bytes) {
    return state.transaction(
        "save",
        () -> {
          if (!state.holds(shard)) {
            return false;
          }
          var copy = ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
          row(shard, group).state = copy;
          return true;
        });
  }

  private GroupRow row(Lease<Integer> shard, String group) {
    return state.groups.computeIfAbsent(group, _ -> new GroupRow(shard.key()));
  }

  @Override
  public boolean commitOffsets(
      Lease<Integer> shard, String group, Map<PartitionId, CommittedOffset> offsets) {
    return state.transaction(
        "commitOffsets",
        () -> {
          if (!state.holds(shard)) {
            return false;
          }
          offsets.forEach((partition, offset) -> {
            if (state.partition(partition) != null) {
              row(shard, group).offsets.put(partition, offset);
            }
          });
          return true;
        });
  }

  @Override
  public boolean deleteOffsets(Lease<Integer> shard, String group, List<PartitionId> partitions) {
    return state.transaction(
        "deleteOffsets",
        () -> {
          if (!state.holds(shard)) {
            return false;
          }
          var row = state.groups.get(group);
          if (row != null) {
            partitions.forEach(row.offsets::remove);
            if (row.state == null && row.offsets.isEmpty()) {
              state.groups.remove(group);
            }
          }
          return true;
        });
  }

  @Override
  public boolean deleteGroup(Lease<Integer> shard, String group) {
    return state.transaction(
        "deleteGroup",
        () -> {
          if (!state.holds(shard)) {
            return false;
          }
          state.groups.remove(group);
          return true;
        });
  }
}
