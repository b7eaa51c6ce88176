package io.streamhouse.metadata;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/// A topic as the catalogue has it.
///
/// @param configs only what was set for this topic, by key; defaults are the agent's
public record Topic(UUID id, String name, int partitions, Map<String, String> configs) {

  public Topic {
    configs = Collections.unmodifiableMap(new TreeMap<>(configs));
    if (name.isEmpty() || partitions < 1) {
      throw new IllegalArgumentException(name + " with " + partitions + " partitions");
    }
  }
}
