package io.streamhouse.broker.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// A setting with the value in force, as DescribeConfigs tells it.
///
/// @param value null when it is sensitive or unset
/// @param readOnly cannot be altered while the agent runs
/// @param synonyms every place that has a value for it, the one in force first
public record DescribedConfig(
    String name,
    @Nullable String value,
    ConfigSource source,
    ConfigType type,
    boolean readOnly,
    boolean sensitive,
    List<Synonym> synonyms,
    String documentation) {

  public DescribedConfig {
    synonyms = List.copyOf(synonyms);
  }

  public record Synonym(String name, @Nullable String value, ConfigSource source) {}
}
