package io.streamhouse.broker.api;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// The loggers of this process and their levels, under Kafka's names for both: the root is `root`,
/// and `FATAL` is understood as the highest level there is. Levels last until the process ends.
final class Loggers {

  static final String ROOT = "root";

  private static final List<String> LEVELS =
      List.of("DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN");

  private final LoggerContext context;

  Loggers(LoggerContext context) {
    this.context = context;
  }

  /// The level in force of every logger, by name.
  Map<String, String> levels() {
    var levels = new TreeMap<String, String>();
    for (var logger : context.getLoggerList()) {
      levels.put(
          logger.getName().equals(Logger.ROOT_LOGGER_NAME) ? ROOT : logger.getName(),
          logger.getEffectiveLevel().toString());
    }
    return levels;
  }

  @Nullable Refusal refusesLevel(String name, String level) {
    var missing = missing(name);
    if (missing != null) {
      return missing;
    }
    return LEVELS.contains(level.toUpperCase(Locale.ROOT))
        ? null
        : Refusal.of(
            Errors.INVALID_CONFIG,
            "Cannot set the log level of "
                + name
                + " to "
                + level
                + " as it is not a supported log level. Valid log levels are "
                + String.join(", ", LEVELS));
  }

  @Nullable Refusal refusesReset(String name) {
    return name.equals(ROOT)
        ? Refusal.invalid("Removing the log level of the " + ROOT + " logger is not allowed")
        : missing(name);
  }

  void setLevel(String name, String level) {
    String known = level.toUpperCase(Locale.ROOT);
    logger(name).setLevel(Level.valueOf(known.equals("FATAL") ? "ERROR" : known));
  }

  /// Back to what its parent has.
  void reset(String name) {
    logger(name).setLevel(null);
  }

  private @Nullable Refusal missing(String name) {
    return name.equals(ROOT) || context.exists(name) != null
        ? null
        : Refusal.of(Errors.INVALID_CONFIG, "Logger " + name + " does not exist!");
  }

  private Logger logger(String name) {
    return context.getLogger(name.equals(ROOT) ? Logger.ROOT_LOGGER_NAME : name);
  }
}
