package io.streamhouse.broker.group;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// Topics that tests make, grow and delete.
final class FakeTopics implements Topics {

  private final Map<String, Shape> shapes = new HashMap<>();
  private long version;

  /// A topic of this name has so many partitions now; one that was gone is another one.
  FakeTopics with(String name, int partitions) {
    version++;
    var known = shapes.get(name);
    shapes.put(name, new Shape(known == null ? new UUID(7, version) : known.id(), partitions));
    return this;
  }

  void delete(String name) {
    version++;
    shapes.remove(name);
  }

  @Override
  public long version() {
    return version;
  }

  /// One that is there with this id.
  FakeTopics with(String name, UUID id, int partitions) {
    version++;
    shapes.put(name, new Shape(id, partitions));
    return this;
  }

  @Override
  public @Nullable String name(UUID id) {
    return shapes.entrySet().stream()
        .filter(one -> one.getValue().id().equals(id))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElse(null);
  }

  @Override
  public Collection<String> names() {
    return List.copyOf(shapes.keySet());
  }

  @Override
  public @Nullable Shape shape(String topic) {
    return shapes.get(topic);
  }
}
