package io.streamhouse.broker.config;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The definition of one setting: its name, what values it takes, its default and why, and what it
/// does. Immutable.
public final class Setting<T> {

  private final String name;
  private final ConfigType type;
  private final @Nullable String defaultValue;
  private final String documentation;
  private final String valid;
  private final Parser<T> parser;
  private final String why;
  private final Importance importance;
  private final List<AgentKey> agentKeys;
  private final @Nullable String noEffect;

  private Setting(
      String name,
      ConfigType type,
      @Nullable String defaultValue,
      String documentation,
      String valid,
      Parser<T> parser,
      String why,
      Importance importance,
      List<AgentKey> agentKeys,
      @Nullable String noEffect) {
    this.name = name;
    this.type = type;
    this.defaultValue = defaultValue;
    this.documentation = documentation;
    this.valid = valid;
    this.parser = parser;
    this.why = why;
    this.importance = importance;
    this.agentKeys = List.copyOf(agentKeys);
    this.noEffect = noEffect;
  }

  interface Parser<T> {
    T parse(String text) throws BadValue;
  }

  /// An agent setting that is the default of a topic's.
  ///
  /// @param unit what one of its units is in units of the topic's setting: 3,600,000 for hours
  ///   where the topic has milliseconds
  public record AgentKey(String name, long unit, @Nullable String defaultValue) {}

  static <T> Setting<T> of(
      String name,
      ConfigType type,
      @Nullable String defaultValue,
      String documentation,
      String valid,
      Parser<T> parser) {
    return new Setting<>(
        name,
        type,
        defaultValue,
        documentation,
        valid,
        parser,
        "",
        Importance.MEDIUM,
        List.of(),
        null);
  }

  static Setting<Boolean> bool(String name, String defaultValue, String documentation) {
    return of(
        name,
        ConfigType.BOOLEAN,
        defaultValue,
        documentation,
        "true, false",
        text -> {
          if (text.equalsIgnoreCase("true")) {
            return true;
          }
          if (text.equalsIgnoreCase("false")) {
            return false;
          }
          throw new BadValue("must be true or false");
        });
  }

  static Setting<String> string(String name, @Nullable String defaultValue, String documentation) {
    return of(name, ConfigType.STRING, defaultValue, documentation, "", text -> text);
  }

  /// @param defaultValue null where it follows from other settings
  static Setting<Integer> int32(
      String name, @Nullable String defaultValue, long least, long most, String documentation) {
    return of(
        name,
        ConfigType.INT,
        defaultValue,
        documentation,
        range(least, Math.min(most, Integer.MAX_VALUE)),
        text -> (int) number(text, least, Math.min(most, Integer.MAX_VALUE)));
  }

  static Setting<Long> int64(
      String name, @Nullable String defaultValue, long least, long most, String documentation) {
    return of(
        name,
        ConfigType.LONG,
        defaultValue,
        documentation,
        range(least, most),
        text -> number(text, least, most));
  }

  static Setting<Double> fraction(String name, String defaultValue, String documentation) {
    return of(
        name,
        ConfigType.DOUBLE,
        defaultValue,
        documentation,
        "0 to 1",
        text -> {
          double value;
          try {
            value = Double.parseDouble(text);
          } catch (NumberFormatException e) {
            throw new BadValue("must be a number");
          }
          if (!(value >= 0 && value <= 1)) {
            throw new BadValue("must be from 0 to 1");
          }
          return value;
        });
  }

  /// One of a few words, written exactly so.
  static <T> Setting<T> oneOf(
      String name, @Nullable String defaultValue, Map<String, T> words, String documentation) {
    String list = words.keySet().stream().sorted().collect(Collectors.joining(", "));
    return of(
        name,
        ConfigType.STRING,
        defaultValue,
        documentation,
        list,
        text -> {
          T value = words.get(text);
          if (value == null) {
            throw new BadValue("must be one of " + list);
          }
          return value;
        });
  }

  /// Comma-separated words, each from the list given; any where the list is empty.
  static Setting<List<String>> list(
      String name, @Nullable String defaultValue, List<String> words, String documentation) {
    return of(
        name,
        ConfigType.LIST,
        defaultValue,
        documentation,
        words.isEmpty() ? "" : "list of " + String.join(", ", words),
        text -> {
          var values = split(text);
          if (!words.isEmpty() && !words.containsAll(values)) {
            var unknown = new HashSet<>(values);
            words.forEach(unknown::remove);
            throw new BadValue(
                "%s: each must be one of %s"
                    .formatted(
                        unknown.stream().sorted().collect(Collectors.joining(", ")),
                        String.join(", ", words)));
          }
          return values;
        });
  }

  static List<String> split(String text) {
    var values = new ArrayList<String>();
    for (String word : Arrays.asList(text.split(",", -1))) {
      if (!word.isBlank()) {
        values.add(word.trim());
      }
    }
    return List.copyOf(values);
  }

  private static String range(long least, long most) {
    boolean open = most == Long.MAX_VALUE || most == Integer.MAX_VALUE;
    if (open) {
      return least == Long.MIN_VALUE ? "" : "at least " + least;
    }
    return least + " to " + most;
  }

  private static long number(String text, long least, long most) throws BadValue {
    long value;
    try {
      value = Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new BadValue("must be a whole number");
    }
    if (value < least || value > most) {
      throw new BadValue(
          most == Long.MAX_VALUE
              ? "must be at least " + least
              : "must be from " + least + " to " + most);
    }
    return value;
  }

  /// Why the default is what it is.
  Setting<T> why(String reason) {
    return new Setting<>(
        name,
        type,
        defaultValue,
        documentation,
        valid,
        parser,
        reason,
        importance,
        agentKeys,
        noEffect);
  }

  Setting<T> withDefault(@Nullable String value) {
    return new Setting<>(
        name, type, value, documentation, valid, parser, why, importance, agentKeys, noEffect);
  }

  Setting<T> importance(Importance value) {
    return new Setting<>(
        name, type, defaultValue, documentation, valid, parser, why, value, agentKeys, noEffect);
  }

  /// The agent's setting of this name, in the same unit and with the same default, is the default
  /// of this topic setting.
  Setting<T> agentKey(String key) {
    return agentKeys(new AgentKey(key, 1, defaultValue));
  }

  /// As [#agentKey], where several agent settings say the same; the first one set counts.
  Setting<T> agentKeys(AgentKey... keys) {
    return new Setting<>(
        name,
        type,
        defaultValue,
        documentation,
        valid,
        parser,
        why,
        importance,
        List.of(keys),
        noEffect);
  }

  /// Accepted and checked, and then nothing comes of it.
  Setting<T> noEffect(String reason) {
    return new Setting<>(
        name, type, defaultValue, documentation, valid, parser, why, importance, agentKeys, reason);
  }

  public String name() {
    return name;
  }

  public ConfigType type() {
    return type;
  }

  /// As it would be written; null where there is none, or it follows from other settings.
  public @Nullable String defaultValue() {
    return defaultValue;
  }

  /// What values it takes, for people; empty where there is nothing to say.
  public String valid() {
    return valid;
  }

  /// Why the default is what it is; empty where it is simply Kafka's.
  public String why() {
    return why;
  }

  public Importance importance() {
    return importance;
  }

  /// For a topic's setting: the agent's settings that are its default, most specific first.
  public List<AgentKey> agentKeys() {
    return agentKeys;
  }

  /// Why it does nothing here; null when it does something.
  public @Nullable String noEffect() {
    return noEffect;
  }

  /// What it does, for people.
  public String documentation() {
    return noEffect == null ? documentation : documentation + " No effect here: " + noEffect;
  }

  /// Reads a value; blanks around it do not count.
  T parse(String text) throws BadValue {
    return parser.parse(text.trim());
  }

  /// Reads a value that was checked before.
  T valueOf(String text) {
    try {
      return parse(text);
    } catch (BadValue e) {
      throw new IllegalArgumentException(problem(text, e));
    }
  }

  String problem(String text, BadValue e) {
    return "invalid value '%s' for %s: %s".formatted(text, name, e.getMessage());
  }

  @Override
  public String toString() {
    return name;
  }
}
