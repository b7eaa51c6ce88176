package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.metadata.Topic;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// Checks edits to configs and carries them out: what IncrementalAlterConfigs and AlterConfigs have
/// in common.
///
/// Values are checked against the image. Two appends to one list at the same moment on two agents
/// can therefore lose one of them; setting and deleting cannot.
final class ConfigEdits {

  private final Catalog catalog;
  private final ConfigRules rules;
  private final Loggers loggers;
  private final int nodeId;

  ConfigEdits(Catalog catalog, ConfigRules rules, Loggers loggers, int nodeId) {
    this.catalog = catalog;
    this.rules = rules;
    this.loggers = loggers;
    this.nodeId = nodeId;
  }

  /// One edit of one config.
  sealed interface Edit {
    String name();

    record Put(String name, String value) implements Edit {}

    record Delete(String name) implements Edit {}

    record Append(String name, String value) implements Edit {}

    record Subtract(String name, String value) implements Edit {}
  }

  /// What becomes of the edits of one resource.
  sealed interface Plan {

    record Refused(Refusal why) implements Plan {}

    /// @param step carries it out; empty when done
    record Change(Supplier<CompletableFuture<Optional<Refusal>>> step) implements Plan {}
  }

  private static Plan refused(Refusal why) {
    return new Plan.Refused(why);
  }

  /// Checks the edits of one resource. Loggers have none of their own in a legacy request, which
  /// `legacy` says.
  Plan plan(Image image, byte type, String name, List<Edit> edits, boolean legacy) {
    return switch (ConfigResource.Type.forId(type)) {
      case TOPIC -> topic(image, name, edits);
      case BROKER -> agent(image, name, edits);
      case BROKER_LOGGER -> legacy ? unknown(type) : logger(name, edits);
      case GROUP -> group(image, name, edits);
      case CLIENT_METRICS, UNKNOWN -> unknown(type);
    };
  }

  /// The edits that leave a resource with exactly `given`.
  List<Edit> replacing(Image image, byte type, String name, Map<String, String> given) {
    var edits = new ArrayList<Edit>();
    given.forEach((key, value) -> edits.add(new Edit.Put(key, value)));
    var current =
        switch (ConfigResource.Type.forId(type)) {
          case TOPIC -> configs(image.topic(name));
          case BROKER -> agentConfigs(image, name);
          case GROUP -> image.groupConfigs(name);
          default -> Map.<String, String>of();
        };
    for (String key : current.keySet()) {
      if (!given.containsKey(key)) {
        edits.add(new Edit.Delete(key));
      }
    }
    return edits;
  }

  private static Plan unknown(byte type) {
    return refused(Refusal.invalid("Unknown resource type " + type));
  }

  private Plan topic(Image image, String name, List<Edit> edits) {
    if (name.isEmpty()) {
      return refused(Refusal.invalid("Default topic resources are not allowed."));
    }
    var malformed = TopicNames.malformed(name);
    if (malformed != null) {
      return refused(malformed);
    }
    var topic = image.topic(name);
    var edited = new Edited(configs(topic));
    for (var edit : edits) {
      var refusal = edited.apply(edit, ConfigRules.topicList(edit.name()));
      if (refusal != null) {
        return refused(refusal);
      }
    }
    var invalid = rules.refusesTopic(edited.values);
    if (invalid != null) {
      return refused(invalid);
    }
    if (topic == null) {
      return refused(gone(name));
    }
    return change(
        edited,
        () ->
            catalog
                .alterConfigs(topic.id(), edited.set, edited.removed())
                .thenApply(now -> now.isPresent() ? Optional.empty() : Optional.of(gone(name))));
  }

  private static Refusal gone(String topic) {
    return Refusal.of(
        Errors.UNKNOWN_TOPIC_OR_PARTITION, "The topic '" + topic + "' does not exist.");
  }

  private static Map<String, String> configs(@Nullable Topic topic) {
    return topic == null ? Map.of() : topic.configs();
  }

  private Plan agent(Image image, String name, List<Edit> edits) {
    if (!name.isEmpty()) {
      var wrong = notThisNode(name);
      if (wrong != null) {
        return refused(wrong);
      }
    }
    var edited = new Edited(agentConfigs(image, name));
    for (var edit : edits) {
      String list = ConfigRules.agentList(edit.name());
      if (list == null && (edit instanceof Edit.Append || edit instanceof Edit.Subtract)) {
        return refused(
            Refusal.of(
                Errors.INVALID_CONFIG,
                "Config value append is not allowed for config key: " + edit.name()));
      }
      var refusal = edited.apply(edit, list);
      if (refusal != null) {
        return refused(refusal);
      }
    }
    var invalid = rules.refusesAgent(edited.set);
    if (invalid != null) {
      return refused(invalid);
    }
    var node = name.isEmpty() ? Optional.<Integer>empty() : Optional.of(nodeId);
    return change(
        edited,
        () ->
            catalog
                .alterAgentConfigs(node, edited.set, edited.removed())
                .thenApply(_ -> Optional.empty()));
  }

  private Plan group(Image image, String name, List<Edit> edits) {
    if (name.isEmpty()) {
      return refused(Refusal.invalid("Default group resources are not allowed."));
    }
    if (GroupCoordinator.tooLong(name)) {
      return refused(Refusal.invalid("No group can have so long a name."));
    }
    var edited = new Edited(image.groupConfigs(name));
    for (var edit : edits) {
      // No config of a group is a list.
      var refusal = edited.apply(edit, null);
      if (refusal != null) {
        return refused(refusal);
      }
    }
    var invalid = rules.refusesGroup(edited.values);
    if (invalid != null) {
      return refused(invalid);
    }
    return change(
        edited,
        () ->
            catalog
                .alterGroupConfigs(name, edited.set, edited.removed())
                .thenApply(_ -> Optional.empty()));
  }

  private Map<String, String> agentConfigs(Image image, String name) {
    return image.agentConfigs(name.isEmpty() ? Optional.empty() : Optional.of(nodeId));
  }

  private @Nullable Refusal notThisNode(String name) {
    try {
      return Integer.parseInt(name) == nodeId
          ? null
          : Refusal.invalid("Unexpected broker id, expected " + nodeId + ", but received " + name);
    } catch (NumberFormatException e) {
      return Refusal.invalid("Node id must be an integer, but it is: " + name);
    }
  }

  private Plan logger(String name, List<Edit> edits) {
    var wrong = notThisNode(name);
    if (wrong != null) {
      return refused(wrong);
    }
    for (var edit : edits) {
      var refusal =
          switch (edit) {
            case Edit.Put(String logger, String level) -> loggers.refusesLevel(logger, level);
            case Edit.Delete(String logger) -> loggers.refusesReset(logger);
            case Edit.Append _ ->
                Refusal.invalid("APPEND operation is not allowed for the BROKER_LOGGER resource");
            case Edit.Subtract _ ->
                Refusal.invalid("SUBTRACT operation is not allowed for the BROKER_LOGGER resource");
          };
      if (refusal != null) {
        return refused(refusal);
      }
    }
    return new Plan.Change(() -> {
      for (var edit : edits) {
        if (edit instanceof Edit.Put(String logger, String level)) {
          loggers.setLevel(logger, level);
        } else {
          loggers.reset(edit.name());
        }
      }
      return CompletableFuture.completedFuture(Optional.empty());
    });
  }

  private static Plan change(Edited edited, Supplier<CompletableFuture<Optional<Refusal>>> step) {
    return edited.set.isEmpty() && edited.removed.isEmpty()
        ? new Plan.Change(() -> CompletableFuture.completedFuture(Optional.empty()))
        : new Plan.Change(step);
  }

  /// Configs in the middle of being edited.
  private static final class Edited {

    /// All configs as they would be.
    final Map<String, String> values;

    final Map<String, String> set = new HashMap<>();
    final HashSet<String> removed = new HashSet<>();

    Edited(Map<String, String> current) {
      this.values = new HashMap<>(current);
    }

    /// @param list the default if the config is a list, else null
    @Nullable Refusal apply(Edit edit, @Nullable String list) {
      switch (edit) {
        case Edit.Put(String name, String value) -> put(name, value);
        case Edit.Delete(String name) -> {
          if (values.remove(name) != null) {
            removed.add(name);
          }
        }
        case Edit.Append(String name, String value) -> {
          if (list == null) {
            return noList("APPEND", name);
          }
          var parts = parts(values.getOrDefault(name, list));
          for (String part : parts(value)) {
            if (!parts.contains(part)) {
              parts.add(part);
            }
          }
          put(name, String.join(",", parts));
        }
        case Edit.Subtract(String name, String value) -> {
          if (list == null) {
            return noList("SUBTRACT", name);
          }
          var parts = parts(values.getOrDefault(name, list));
          parts.removeAll(parts(value));
          put(name, String.join(",", parts));
        }
      }
      return null;
    }

    List<String> removed() {
      return List.copyOf(removed);
    }

    private void put(String name, String value) {
      values.put(name, value);
      set.put(name, value);
    }

    private static List<String> parts(String list) {
      var parts = new ArrayList<String>();
      for (String part : Arrays.asList(list.split(",", -1))) {
        if (!part.isBlank()) {
          parts.add(part.trim());
        }
      }
      return parts;
    }

    private static Refusal noList(String operation, String name) {
      return Refusal.of(
          Errors.INVALID_CONFIG,
          "Can't " + operation + " to key " + name + " because its type is not LIST.");
    }
  }
}
