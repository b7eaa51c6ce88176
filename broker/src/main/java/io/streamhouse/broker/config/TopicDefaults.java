package io.streamhouse.broker.config;

import io.streamhouse.broker.config.DescribedConfig.Synonym;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// What topics get that set nothing themselves: the agent's settings, with those changed at run
/// time over them. Immutable.
public final class TopicDefaults {

  private final Map<String, String> derived;
  private final Map<String, String> fixed;
  private final Map<String, String> cluster;
  private final Map<String, String> node;

  private TopicDefaults(
      Map<String, String> derived,
      Map<String, String> fixed,
      Map<String, String> cluster,
      Map<String, String> node) {
    this.derived = Map.copyOf(derived);
    this.fixed = Map.copyOf(fixed);
    this.cluster = Map.copyOf(cluster);
    this.node = Map.copyOf(node);
  }

  /// @param derived defaults, by the agent's key, that follow from other settings
  /// @param fixed what the agent was started with, checked, by the agent's key
  static TopicDefaults of(Map<String, String> derived, Map<String, String> fixed) {
    return new TopicDefaults(derived, fixed, Map.of(), Map.of());
  }

  /// The defaults of an agent that was configured with nothing.
  public static TopicDefaults none() {
    return of(Map.of(TopicConfigs.DURABILITY.name(), Durability.LOCAL.text()), Map.of());
  }

  /// These with what was altered at run time, for all agents and for this one.
  public TopicDefaults withDynamic(Map<String, String> cluster, Map<String, String> node) {
    return new TopicDefaults(derived, fixed, cluster, node);
  }

  /// The default of a topic setting, in the topic's unit.
  String value(Setting<?> setting) {
    for (var layer : List.of(node, cluster, fixed, derived)) {
      for (var key : setting.agentKeys()) {
        String value = layer.get(key.name());
        if (value != null) {
          return inTopicUnit(value, key.unit());
        }
      }
    }
    String value = setting.defaultValue();
    if (value == null) {
      throw new IllegalStateException(setting + " has no default");
    }
    return value;
  }

  /// Minus one means "no limit" in every unit.
  private static String inTopicUnit(String value, long unit) {
    if (unit == 1) {
      return value;
    }
    long units = Long.parseLong(value.trim());
    return Long.toString(units < 0 ? -1 : units * unit);
  }

  /// Every place below the topic that has a value, in order of precedence; values in the unit of
  /// the key that has them.
  List<Synonym> synonyms(Setting<?> setting) {
    var synonyms = new ArrayList<Synonym>();
    for (var layer :
        List.of(
            Map.entry(ConfigSource.DYNAMIC_AGENT, node),
            Map.entry(ConfigSource.DYNAMIC_DEFAULT, cluster),
            Map.entry(ConfigSource.STATIC, fixed),
            Map.entry(ConfigSource.DEFAULT, derived))) {
      for (var key : setting.agentKeys()) {
        String value = layer.getValue().get(key.name());
        if (value != null) {
          synonyms.add(new Synonym(key.name(), value, layer.getKey()));
        }
      }
    }
    for (var key : setting.agentKeys()) {
      String value = key.defaultValue();
      if (value != null) {
        synonyms.add(new Synonym(key.name(), value, ConfigSource.DEFAULT));
      }
    }
    return synonyms;
  }
}
