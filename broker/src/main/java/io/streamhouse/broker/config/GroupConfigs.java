package io.streamhouse.broker.config;

import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Definitions of every setting a group can have: all of Apache Kafka 4.3's (KIP-848, KIP-932,
/// KIP-1071). They belong to a name, whether or not there is such a group.
///
/// Those of share and streams groups are known, checked and described all the same, so that tools
/// which set them work.
public final class GroupConfigs {

  private static final long ANY = Long.MAX_VALUE;
  private static final String NO_SHARE_GROUPS = "there are no share groups.";
  private static final String NO_STREAMS_GROUPS = "there are no groups of the streams protocol.";

  /// Beginnings of the names of settings whose session must be longer than their heartbeat.
  private static final List<String> PROTOCOLS = List.of("consumer", "share", "streams");

  /// What an agent's settings bound a group's to, where agents have no such settings.
  private static final Map<String, Range> OTHER_RANGES =
      Map.ofEntries(
          Map.entry("share.session.timeout.ms", new Range(45_000, 60_000)),
          Map.entry("share.heartbeat.interval.ms", new Range(5_000, 15_000)),
          Map.entry("share.record.lock.duration.ms", new Range(15_000, 60_000)),
          Map.entry("share.delivery.count.limit", new Range(2, 10)),
          Map.entry("share.partition.max.record.locks", new Range(100, 4_000)),
          Map.entry("share.assignment.interval.ms", new Range(0, 15_000)),
          Map.entry("streams.session.timeout.ms", new Range(45_000, 60_000)),
          Map.entry("streams.heartbeat.interval.ms", new Range(5_000, 15_000)),
          Map.entry("streams.assignment.interval.ms", new Range(0, 15_000)),
          Map.entry("streams.num.standby.replicas", new Range(Integer.MIN_VALUE, 2)));

  static final Setting<Integer> CONSUMER_SESSION_TIMEOUT_MS =
      Setting.int32(
              "consumer.session.timeout.ms",
              "45000",
              1,
              ANY,
              "A member of a consumer group that is silent for so long is out.")
          .agentKey("group.consumer.session.timeout.ms");

  static final Setting<Integer> CONSUMER_HEARTBEAT_INTERVAL_MS =
      Setting.int32(
              "consumer.heartbeat.interval.ms",
              "5000",
              1,
              ANY,
              "How often members of a consumer group are to send heartbeats.")
          .agentKey("group.consumer.heartbeat.interval.ms");

  static final Setting<Integer> CONSUMER_ASSIGNMENT_INTERVAL_MS =
      Setting.int32(
              "consumer.assignment.interval.ms",
              "1000",
              0,
              ANY,
              "Least time between two distributions of a consumer group's partitions.")
          .agentKey("group.consumer.assignment.interval.ms");

  private static final List<Setting<?>> ALL =
      List.of(
          CONSUMER_SESSION_TIMEOUT_MS,
          CONSUMER_HEARTBEAT_INTERVAL_MS,
          CONSUMER_ASSIGNMENT_INTERVAL_MS,
          number(
              "share.session.timeout.ms",
              "45000",
              1,
              "A member of a share group that is silent for so long is out.",
              NO_SHARE_GROUPS),
          number(
              "share.heartbeat.interval.ms",
              "5000",
              1,
              "How often members of a share group are to send heartbeats.",
              NO_SHARE_GROUPS),
          number(
              "share.record.lock.duration.ms",
              "30000",
              1000,
              "How long a record is one member's of a share group.",
              NO_SHARE_GROUPS),
          number(
              "share.delivery.count.limit",
              "5",
              2,
              "How often a record is delivered to a share group at most.",
              NO_SHARE_GROUPS),
          number(
              "share.partition.max.record.locks",
              "2000",
              100,
              "Records of one partition that members of a share group have at once at most.",
              NO_SHARE_GROUPS),
          Setting.of(
                  "share.auto.offset.reset",
                  ConfigType.STRING,
                  "latest",
                  "Where a share group begins in a partition.",
                  "latest, earliest, by_duration:PnDTnHnMn.nS",
                  GroupConfigs::beginning)
              .noEffect(NO_SHARE_GROUPS),
          Setting.oneOf(
                  "share.isolation.level",
                  "read_uncommitted",
                  Map.of("read_uncommitted", false, "read_committed", true),
                  "Whether a share group reads records of transactions before they are committed.")
              .noEffect(NO_SHARE_GROUPS),
          Setting.bool(
                  "share.renew.acknowledge.enable",
                  "true",
                  "Whether members of a share group may keep a record for longer.")
              .noEffect(NO_SHARE_GROUPS),
          number(
              "share.assignment.interval.ms",
              "1000",
              0,
              "Least time between two distributions of a share group's partitions.",
              NO_SHARE_GROUPS),
          number(
              "streams.session.timeout.ms",
              "45000",
              1,
              "A member of a streams group that is silent for so long is out.",
              NO_STREAMS_GROUPS),
          number(
              "streams.heartbeat.interval.ms",
              "5000",
              1,
              "How often members of a streams group are to send heartbeats.",
              NO_STREAMS_GROUPS),
          number(
              "streams.num.standby.replicas",
              "0",
              0,
              "Standby replicas of each task of a streams group.",
              NO_STREAMS_GROUPS),
          number(
              "streams.initial.rebalance.delay.ms",
              "3000",
              0,
              "How long a new streams group waits for more members.",
              NO_STREAMS_GROUPS),
          number(
              "streams.assignment.interval.ms",
              "1000",
              0,
              "Least time between two distributions of a streams group's tasks.",
              NO_STREAMS_GROUPS));

  private static final Map<String, Setting<?>> BY_NAME = byName();

  private GroupConfigs() {}

  private static Setting<Integer> number(
      String name, String defaultValue, int least, String documentation, String noEffect) {
    return Setting.int32(name, defaultValue, least, ANY, documentation)
        .agentKey("group." + name)
        .noEffect(noEffect);
  }

  private static String beginning(String text) throws BadValue {
    if (text.equals("latest") || text.equals("earliest")) {
      return text;
    }
    if (text.startsWith("by_duration:")) {
      try {
        if (!Duration.parse(text.substring("by_duration:".length())).isNegative()) {
          return text;
        }
      } catch (DateTimeParseException malformed) {
        // Said below.
      }
    }
    throw new BadValue("must be latest, earliest or by_duration: with an ISO 8601 duration");
  }

  private static Map<String, Setting<?>> byName() {
    var settings = new TreeMap<String, Setting<?>>();
    for (var setting : ALL) {
      settings.put(setting.name(), setting);
    }
    return settings;
  }

  /// Every group setting, by name.
  public static List<Setting<?>> all() {
    return List.copyOf(BY_NAME.values());
  }

  public static @Nullable Setting<?> find(String name) {
    return BY_NAME.get(name);
  }

  /// What a number must be within, in the unit of its setting.
  ///
  /// @param least not above `most`
  public record Range(int least, int most) {

    /// @throws IllegalArgumentException if there is nothing between the two
    public Range {
      if (least > most) {
        throw new IllegalArgumentException(least + " is above " + most);
      }
    }

    int nearest(int value) {
      return Math.clamp(value, least, most);
    }
  }

  /// What is wrong with these settings of one group, each with its name; empty when nothing is.
  public static List<String> validate(Map<String, String> configs, AgentConfig.Consumers agent) {
    var errors = new ArrayList<String>();
    for (var entry : new TreeMap<>(configs).entrySet()) {
      var setting = BY_NAME.get(entry.getKey());
      if (setting == null) {
        errors.add("Unknown group config name: " + entry.getKey());
        continue;
      }
      try {
        var value = setting.parse(entry.getValue());
        var range = range(setting, agent);
        if (range != null && value instanceof Integer number) {
          within(setting, number, range, errors);
        }
      } catch (BadValue e) {
        errors.add(setting.problem(entry.getValue(), e));
      }
    }
    for (String protocol : errors.isEmpty() ? PROTOCOLS : List.<String>of()) {
      String session = protocol + ".session.timeout.ms";
      String heartbeat = protocol + ".heartbeat.interval.ms";
      if (number(session, configs, agent) <= number(heartbeat, configs, agent)) {
        errors.add(session + " must be greater than " + heartbeat);
      }
    }
    return errors;
  }

  private static @Nullable Range range(Setting<?> setting, AgentConfig.Consumers agent) {
    if (setting == CONSUMER_SESSION_TIMEOUT_MS) {
      return agent.sessionRange();
    }
    if (setting == CONSUMER_HEARTBEAT_INTERVAL_MS) {
      return agent.heartbeatRange();
    }
    return setting == CONSUMER_ASSIGNMENT_INTERVAL_MS
        ? agent.assignmentRange()
        : OTHER_RANGES.get(setting.name());
  }

  private static void within(Setting<?> setting, int value, Range range, List<String> errors) {
    String name = setting.name();
    int end = name.indexOf('.') + 1;
    String bounded = name.substring(end).replace("num.", "");
    if (value < range.least) {
      errors.add(
          "%s must be greater than or equal to group.%smin.%s"
              .formatted(name, name.substring(0, end), bounded));
    } else if (value > range.most) {
      errors.add(
          "%s must be less than or equal to group.%smax.%s"
              .formatted(name, name.substring(0, end), bounded));
    }
  }

  private static long number(
      String name, Map<String, String> configs, AgentConfig.Consumers agent) {
    String value = configs.get(name);
    if (value != null) {
      return Long.parseLong(value.trim());
    }
    if (name.equals(CONSUMER_SESSION_TIMEOUT_MS.name())) {
      return agent.sessionTimeout().toMillis();
    }
    if (name.equals(CONSUMER_HEARTBEAT_INTERVAL_MS.name())) {
      return agent.heartbeatInterval().toMillis();
    }
    var setting = BY_NAME.get(name);
    String fallback = setting == null ? null : setting.defaultValue();
    if (fallback == null) {
      throw new IllegalArgumentException(name);
    }
    return Long.parseLong(fallback);
  }

  /// What one group is held to: its own settings over the agent's, as far as the agent's bounds let
  /// them. These may have become narrower since the group's were set.
  static AgentConfig.Consumers inForce(AgentConfig.Consumers agent, Map<String, String> own) {
    if (own.isEmpty()) {
      return agent;
    }
    return new AgentConfig.Consumers(
        millis(CONSUMER_SESSION_TIMEOUT_MS, own, agent.sessionRange(), agent.sessionTimeout()),
        agent.sessionRange(),
        millis(
            CONSUMER_HEARTBEAT_INTERVAL_MS, own, agent.heartbeatRange(), agent.heartbeatInterval()),
        agent.heartbeatRange(),
        millis(
            CONSUMER_ASSIGNMENT_INTERVAL_MS,
            own,
            agent.assignmentRange(),
            agent.assignmentInterval()),
        agent.assignmentRange(),
        agent.maxSize(),
        agent.assignors(),
        agent.migration());
  }

  private static Duration millis(
      Setting<Integer> setting, Map<String, String> own, Range range, Duration otherwise) {
    String value = own.get(setting.name());
    return value == null ? otherwise : Duration.ofMillis(range.nearest(setting.valueOf(value)));
  }

  /// Every group setting with the value set for one group, else the agent's.
  ///
  /// @param own what was set for the group
  public static List<DescribedConfig> describe(Map<String, String> own, AgentConfig agent) {
    var described = new ArrayList<DescribedConfig>();
    for (var setting : BY_NAME.values()) {
      var synonyms = new ArrayList<DescribedConfig.Synonym>();
      add(synonyms, setting.name(), own.get(setting.name()), ConfigSource.GROUP);
      for (var key : setting.agentKeys()) {
        add(synonyms, key.name(), agent.given().get(key.name()), ConfigSource.STATIC);
        add(synonyms, key.name(), key.defaultValue(), ConfigSource.DEFAULT);
      }
      if (setting.agentKeys().isEmpty()) {
        add(synonyms, setting.name(), setting.defaultValue(), ConfigSource.DEFAULT);
      }
      described.add(
          new DescribedConfig(
              setting.name(),
              synonyms.getFirst().value(),
              synonyms.getFirst().source(),
              setting.type(),
              false,
              false,
              synonyms,
              setting.documentation()));
    }
    return described;
  }

  private static void add(
      List<DescribedConfig.Synonym> synonyms,
      String name,
      @Nullable String value,
      ConfigSource source) {
    if (value != null) {
      synonyms.add(new DescribedConfig.Synonym(name, value.trim(), source));
    }
  }
}
