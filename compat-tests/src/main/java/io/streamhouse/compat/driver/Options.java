package io.streamhouse.compat.driver;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/// A command line of `--name value` pairs, client settings as `-X key=value`, and what is left.
public record Options(Map<String, String> named, Map<String, String> client, List<String> rest) {

  public static Options parse(String... arguments) {
    var named = new LinkedHashMap<String, String>();
    var client = new LinkedHashMap<String, String>();
    var rest = new ArrayList<String>();
    var remaining = List.of(arguments).iterator();
    while (remaining.hasNext()) {
      String argument = remaining.next();
      if (!argument.equals("-X") && !argument.startsWith("--")) {
        rest.add(argument);
        continue;
      }
      if (!remaining.hasNext()) {
        throw new IllegalArgumentException(argument + " needs a value");
      }
      String value = remaining.next();
      if (argument.equals("-X")) {
        String[] pair = value.split("=", 2);
        if (pair.length != 2) {
          throw new IllegalArgumentException("-X takes key=value: " + value);
        }
        client.put(pair[0], pair[1]);
      } else {
        named.put(argument.substring(2), value);
      }
    }
    return new Options(named, client, rest);
  }

  public String text(String name) {
    String value = named.get(name);
    if (value == null) {
      throw new IllegalArgumentException("--" + name + " is missing");
    }
    return value;
  }

  public String text(String name, String otherwise) {
    return named.getOrDefault(name, otherwise);
  }

  public long number(String name, long otherwise) {
    @Nullable String value = named.get(name);
    return value == null ? otherwise : Long.parseLong(value);
  }

  /// Client settings: `defaults` overridden by what stands on the command line.
  Properties clientProperties(Map<String, String> defaults) {
    var properties = new Properties();
    properties.putAll(defaults);
    properties.putAll(client);
    return properties;
  }
}
