package io.streamhouse.compat.driver;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/// One generated record. Keys, values and header values are text without tab, comma, colon or line
/// break where a text tool would take those for its own.
///
/// @param index its number in the generated sequence; part of every non-empty value
/// @param headers in order; names are unique
public record Line(
    long index, @Nullable String key, @Nullable String value, Map<String, String> headers) {

  /// What Kafka's console producer is told to read as null.
  public static final String NULL_MARKER = "\\N";

  public Line {
    // Map.copyOf would lose the order, and order of headers is part of what is tested.
    headers = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(headers));
  }

  public byte @Nullable [] keyBytes() {
    return utf8(key);
  }

  public byte @Nullable [] valueBytes() {
    return utf8(value);
  }

  /// As `kafka-console-producer` reads it with `parse.headers`, `parse.key` and `null.marker`:
  /// headers, key and value, separated by tabs.
  public String toConsole() {
    return (headers.isEmpty() ? NULL_MARKER : headerText())
        + '\t'
        + orMarker(key)
        + '\t'
        + orMarker(value);
  }

  /// As `kafka-console-consumer` prints it after partition and offset.
  public String toConsoleOutput() {
    return (headers.isEmpty() ? "NO_HEADERS" : headerText())
        + '\t'
        + orMarker(key)
        + '\t'
        + orMarker(value);
  }

  /// As `kcat -P -K '\t'` reads it: no headers, a null value as an empty one, a null key as no key
  /// at all.
  public String toKcat() {
    String text = value == null ? "" : value;
    return key == null ? text : key + '\t' + text;
  }

  private String headerText() {
    var joined = new StringJoiner(",");
    headers.forEach((name, text) -> joined.add(name + ':' + text));
    return joined.toString();
  }

  private static String orMarker(@Nullable String text) {
    return text == null ? NULL_MARKER : text;
  }

  private static byte @Nullable [] utf8(@Nullable String text) {
    return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
  }
}
