package io.streamhouse.broker.cli;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/// The options of `streamhouse start`, read by hand: a command-line library would take longer to
/// load than everything it would do here.
///
/// @param overrides in the order given; a later one replaces an earlier one
record StartOptions(
    @Nullable Path config,
    @Nullable String data,
    OptionalInt port,
    List<Map.Entry<String, String>> overrides) {

  StartOptions {
    overrides = List.copyOf(overrides);
  }

  /// A command line or a file that cannot be followed; the message says why.
  static final class Misuse extends Exception {
    Misuse(String message) {
      super(message, null, false, false);
    }
  }

  /// Reads options; both `--name value` and `--name=value`.
  static StartOptions parse(List<String> arguments) throws Misuse {
    Path config = null;
    String data = null;
    var port = OptionalInt.empty();
    var overrides = new ArrayList<Map.Entry<String, String>>();
    var rest = arguments.iterator();
    while (rest.hasNext()) {
      String argument = rest.next();
      int equals = argument.startsWith("--") ? argument.indexOf('=') : -1;
      String name = equals < 0 ? argument : argument.substring(0, equals);
      switch (name) {
        case "--config", "--data", "--port", "-o", "--override" -> {
          if (equals < 0 && !rest.hasNext()) {
            throw new Misuse(name + " needs a value");
          }
          String value = equals < 0 ? rest.next() : argument.substring(equals + 1);
          switch (name) {
            case "--config" -> config = Path.of(value);
            case "--data" -> data = value;
            case "--port" -> port = OptionalInt.of(port(value));
            default -> overrides.add(override(value));
          }
        }
        default -> throw new Misuse("unknown option " + argument);
      }
    }
    return new StartOptions(config, data, port, overrides);
  }

  private static int port(String value) throws Misuse {
    try {
      int port = Integer.parseInt(value);
      if (port >= 0 && port <= 65535) {
        return port;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new Misuse("--port " + value + ": not a port from 0 to 65535");
  }

  private static Map.Entry<String, String> override(String value) throws Misuse {
    int equals = value.indexOf('=');
    if (equals < 1) {
      throw new Misuse("-o " + value + ": not key=value");
    }
    return Map.entry(value.substring(0, equals).trim(), value.substring(equals + 1).trim());
  }

  /// All properties: the file's, over them the overrides, over them `--data` and `--port`.
  Map<String, String> properties() throws Misuse {
    var properties = new HashMap<String, String>();
    if (config != null) {
      properties.putAll(read(config));
    }
    for (var override : overrides) {
      properties.put(override.getKey(), override.getValue());
    }
    if (data != null) {
      properties.put("streamhouse.data.dir", data);
    }
    if (port.isPresent()) {
      String listeners = properties.getOrDefault("listeners", "PLAINTEXT://127.0.0.1:9092");
      properties.put("listeners", withPort(listeners, port.getAsInt()));
    }
    return properties;
  }

  private static Map<String, String> read(Path file) throws Misuse {
    var properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      properties.load(reader);
    } catch (NoSuchFileException e) {
      throw new Misuse("--config " + file + ": no such file");
    } catch (IOException | IllegalArgumentException e) {
      throw new Misuse("--config " + file + ": " + e);
    }
    var map = new HashMap<String, String>();
    for (String name : properties.stringPropertyNames()) {
      map.put(name, properties.getProperty(name, ""));
    }
    return map;
  }

  private static String withPort(String listeners, int port) throws Misuse {
    int colon = listeners.lastIndexOf(':');
    if (listeners.indexOf(',') >= 0) {
      throw new Misuse("--port cannot say which of several listeners it is for: " + listeners);
    }
    // Whatever is wrong with the listener is said when the properties are checked.
    return colon < 0 ? listeners : listeners.substring(0, colon + 1) + port;
  }
}
