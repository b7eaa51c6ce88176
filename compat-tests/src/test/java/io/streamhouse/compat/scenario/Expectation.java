package io.streamhouse.compat.scenario;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Judges answers of drivers by what a [Scenario] expects of them.
final class Expectation {

  private static final long RECENT_MILLIS = 600_000;

  private final Map<String, String> known;

  /// @param known what `<name>` stood for up to now; is added to
  Expectation(Map<String, String> known) {
    this.known = known;
  }

  /// Whether the line begins with the word expected, and has all the pairs.
  boolean matches(String expected, String line) {
    String[] words = expected.split(" ", -1);
    var told = List.of(line.split(" ", -1));
    if (!words[0].equals(told.getFirst())) {
      return false;
    }
    if (words[0].equals("error")) {
      return told.size() > 1 && List.of(words[1].split("\\|", -1)).contains(told.get(1));
    }
    return hasPairs(List.of(words).subList(1, words.length), told);
  }

  /// Whether the records told are those expected, in any order.
  boolean matches(List<String> expected, List<String> records) {
    if (expected.size() == 1 && expected.getFirst().startsWith("... ")) {
      return records.size() == Integer.parseInt(expected.getFirst().substring(4));
    }
    var left = new ArrayList<>(records);
    for (String one : expected) {
      var found =
          left.stream()
              .filter(
                  record -> hasPairs(List.of(one.split(" ", -1)), List.of(record.split(" ", -1))))
              .findFirst();
      if (found.isEmpty()) {
        return false;
      }
      left.remove(found.get());
    }
    return left.isEmpty();
  }

  private boolean hasPairs(List<String> pairs, List<String> told) {
    for (int i = 0; i < pairs.size(); i++) {
      String pair = pairs.get(i);
      int equals = pair.indexOf('=');
      String key = pair.substring(0, equals + 1);
      var values =
          told.stream()
              .filter(word -> word.startsWith(key))
              .map(word -> word.substring(key.length()))
              .toList();
      // Of a key that comes more than once the values come in the order expected.
      int before = (int) pairs.subList(0, i).stream().filter(one -> one.startsWith(key)).count();
      int all = (int) pairs.stream().filter(one -> one.startsWith(key)).count();
      String wanted = pair.substring(equals + 1);
      if (wanted.equals("absent")) {
        if (!values.isEmpty()) {
          return false;
        }
      } else if (values.size() != all || !isValue(wanted, values.get(before))) {
        return false;
      }
    }
    return true;
  }

  private boolean isValue(String wanted, String value) {
    if (wanted.startsWith("<")) {
      String former = known.putIfAbsent(wanted, value);
      return former == null || former.equals(value);
    }
    return switch (wanted) {
      case "*" -> true;
      case "recent" -> Math.abs(System.currentTimeMillis() - Long.parseLong(value)) < RECENT_MILLIS;
      default -> wanted.equals(value);
    };
  }
}
