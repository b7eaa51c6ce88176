package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.config.AgentConfigs;
import io.streamhouse.broker.config.ConfigType;
import io.streamhouse.broker.config.DescribedConfig;
import io.streamhouse.broker.config.GroupConfigs;
import io.streamhouse.broker.config.Setting;
import io.streamhouse.broker.config.TopicConfigs;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// What the config APIs need to know of configs: which values they take, and what is in force with
/// what was altered at run time, which the image has.
final class ConfigRules {

  private final AgentConfig config;

  ConfigRules(AgentConfig config) {
    this.config = config;
  }

  /// Why a topic cannot have exactly these configs; null if it can.
  @Nullable Refusal refusesTopic(Map<String, String> configs) {
    return refusal(Errors.INVALID_CONFIG, TopicConfigs.validate(configs));
  }

  /// Why these configs of an agent cannot be set while it runs; null if they can.
  @Nullable Refusal refusesAgent(Map<String, String> configs) {
    return refusal(Errors.INVALID_REQUEST, AgentConfigs.validateDynamic(configs));
  }

  /// Why a group cannot have exactly these configs; null if it can.
  @Nullable Refusal refusesGroup(Map<String, String> configs) {
    return refusal(
        Errors.INVALID_CONFIG, GroupConfigs.validate(configs, config.groups().consumers()));
  }

  private static @Nullable Refusal refusal(Errors error, List<String> problems) {
    return problems.isEmpty() ? null : Refusal.of(error, String.join("; ", problems));
  }

  /// Where appending begins for a topic config that is a list and not set: its default. Null for a
  /// config that is no list.
  static @Nullable String topicList(String name) {
    return list(TopicConfigs.find(name));
  }

  /// The same for an agent's config.
  static @Nullable String agentList(String name) {
    return list(AgentConfigs.find(name));
  }

  private static @Nullable String list(@Nullable Setting<?> setting) {
    if (setting == null || setting.type() != ConfigType.LIST) {
      return null;
    }
    String value = setting.defaultValue();
    return value == null ? "" : value;
  }

  /// Every config of a topic that has `set`, by name.
  List<DescribedConfig> topic(Image image, Map<String, String> set) {
    return TopicConfigs.describe(
        set, config.topicDefaults().withDynamic(forAll(image), forThis(image)));
  }

  /// Every config of a group that has `set`, by name.
  List<DescribedConfig> group(Map<String, String> set) {
    return GroupConfigs.describe(set, config);
  }

  /// Every config of this agent, by name.
  List<DescribedConfig> agent(Image image) {
    return AgentConfigs.describe(config, forAll(image), forThis(image));
  }

  private static Map<String, String> forAll(Image image) {
    return image.agentConfigs(Optional.empty());
  }

  private Map<String, String> forThis(Image image) {
    return image.agentConfigs(Optional.of(config.nodeId()));
  }
}
