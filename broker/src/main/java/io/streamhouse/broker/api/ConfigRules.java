package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Image;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What the config APIs need to know of configs: which exist, which values they take, and what is
/// in force.
interface ConfigRules {

  /// Why a topic cannot have exactly these configs; null if it can.
  @Nullable Refusal refusesTopic(Map<String, String> configs);

  /// Why these configs of an agent cannot be set while it runs; null if they can.
  @Nullable Refusal refusesAgent(Map<String, String> configs);

  /// Where appending begins for a topic config that is a list and not set: its default. Null for a
  /// config that is no list.
  @Nullable String topicList(String name);

  /// The same for an agent's config.
  @Nullable String agentList(String name);

  /// Every config of a topic that has `set`, by name.
  List<Described> topic(Image image, Map<String, String> set);

  /// Every config of this agent, by name.
  List<Described> agent(Image image);

  /// One config as it is in force.
  ///
  /// @param value null when sensitive or unset
  /// @param source a code of DescribeConfigs
  /// @param synonyms where values come from: the one in force first
  /// @param type a code of DescribeConfigs
  record Described(
      String name,
      @Nullable String value,
      boolean readOnly,
      boolean sensitive,
      byte source,
      List<Synonym> synonyms,
      byte type,
      @Nullable String documentation) {}

  record Synonym(String name, @Nullable String value, byte source) {}
}
