package io.streamhouse.metadata.memory;

import io.streamhouse.metadata.GroupStore;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.memory.State.GroupRow;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
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
  public Set<Lease<Integer>> write(List<ShardChanges> changes) {
    return state.transaction(
        "writeGroups",
        () -> {
          var refused = new HashSet<Lease<Integer>>();
          for (var one : changes) {
            if (state.holds(one.shard())) {
              one.groups().forEach((group, change) -> write(one.shard(), group, change));
            } else {
              refused.add(one.shard());
            }
          }
          return refused;
        });
  }

  private void write(Lease<Integer> shard, String group, GroupChange change) {
    if (change.forget()) {
      state.groups.remove(group);
    }
    var row = state.groups.computeIfAbsent(group, _ -> new GroupRow(shard.key()));
    var bytes = change.state();
    if (bytes != null) {
      row.state = ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
    }
    change
        .commits()
        .forEach((partition, offset) -> {
          if (state.partition(partition) != null) {
            row.offsets.put(partition, offset);
          }
        });
    change.deletions().forEach(row.offsets::remove);
    if (row.state == null && row.offsets.isEmpty()) {
      state.groups.remove(group);
    }
  }
}
