package io.streamhouse.compat.scenario;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One line of a [Scenario].
///
/// @see #condition
sealed interface Step {

  /// What the client must offer for it, `!` before it for what it must not; empty if nothing.
  String condition();

  /// `NAME: COMMAND`: a driver does it, and answers as expected.
  ///
  /// @param expected the last line of the answer
  /// @param records one for each record that is to come
  /// @param repeat whether it is asked until the answer is as expected
  record Drive(
      String condition,
      String driver,
      String command,
      String expected,
      List<String> records,
      boolean repeat)
      implements Step {

    Drive with(String record) {
      var all = new ArrayList<>(records);
      all.add(record);
      return new Drive(condition, driver, command, expected, List.copyOf(all), repeat);
    }
  }

  /// `topic NAME partitions=N KEY=VALUE`: creates it, not through the client.
  record CreateTopic(String condition, String topic, int partitions, Map<String, String> config)
      implements Step {}

  /// `delete-topic NAME`
  record DeleteTopic(String condition, String topic) implements Step {}

  /// `delete-records TOPIC:PARTITION before=OFFSET`
  record DeleteRecords(String condition, String topic, int partition, long before)
      implements Step {}

  /// `balance DRIVER.CONSUMER… topic=T partitions=N`: polls them until each has some of the
  /// partitions, and together they have all, none twice.
  record Balance(String condition, List<Consumer> consumers, String topic, int partitions)
      implements Step {}

  /// `read DRIVER.CONSUMER… from=A count=N [commit] [again]`: polls them until the numbers from A
  /// have come, each once, those of a partition in order.
  ///
  /// @param commit whether to commit after each poll
  /// @param again whether records may come more than once, as to a group that lost its place
  record Read(
      String condition,
      List<Consumer> consumers,
      int from,
      int count,
      boolean commit,
      boolean again)
      implements Step {}

  /// `kill DRIVER`: SIGKILL.
  record Kill(String condition, String driver) implements Step {}

  /// `cutting N`: from now on each connection breaks after some N requests; `whole` ends it.
  record Cutting(String condition, int requests) implements Step {}

  /// `restart` of the server in order, or `crash`: kill and start.
  record Restart(String condition, boolean crash) implements Step {}

  /// `idle MS`: nothing is asked of the client for that long.
  record Idle(String condition, int millis) implements Step {}

  /// @param driver the process
  /// @param name in it
  record Consumer(String driver, String name) {}

  static Step parse(String line) {
    int open = line.indexOf('[');
    int close = line.indexOf(']');
    String condition = "";
    String text = line;
    if (open > 0 && close > open && !line.substring(0, open).contains("=")) {
      condition = line.substring(open + 1, close);
      text = line.substring(0, open).stripTrailing() + line.substring(close + 1);
    }
    // Every client can do without a codec, and wait for an acknowledgement.
    if (List.of("none", "acks1", "acksall").contains(condition)) {
      condition = "";
    }
    boolean repeat = text.startsWith("until ");
    if (repeat) {
      text = text.substring("until ".length());
    }
    int colon = text.indexOf(": ");
    if (colon > 0 && text.indexOf(' ') == colon + 1) {
      String command = text.substring(colon + 2);
      int arrow = command.indexOf(" => ");
      return new Drive(
          condition,
          text.substring(0, colon),
          arrow < 0 ? command : command.substring(0, arrow),
          arrow < 0 ? "ok" : command.substring(arrow + 4),
          List.of(),
          repeat);
    }
    var words = List.of(text.split(" ", -1));
    var plain = words.stream().skip(1).filter(word -> !word.contains("=")).toList();
    var pairs = new LinkedHashMap<String, String>();
    words.stream()
        .filter(word -> word.contains("="))
        .map(word -> word.split("=", 2))
        .forEach(pair -> pairs.put(pair[0], pair[1]));
    return switch (words.getFirst()) {
      case "topic" -> {
        int partitions = Integer.parseInt(take(pairs, "partitions"));
        yield new CreateTopic(condition, plain.getFirst(), partitions, Map.copyOf(pairs));
      }
      case "delete-topic" -> new DeleteTopic(condition, plain.getFirst());
      case "delete-records" -> {
        String[] partition = plain.getFirst().split(":", -1);
        yield new DeleteRecords(
            condition,
            partition[0],
            Integer.parseInt(partition[1]),
            Long.parseLong(take(pairs, "before")));
      }
      case "balance" ->
          new Balance(
              condition,
              consumers(plain),
              take(pairs, "topic"),
              Integer.parseInt(take(pairs, "partitions")));
      case "read" ->
          new Read(
              condition,
              consumers(plain),
              Integer.parseInt(take(pairs, "from")),
              Integer.parseInt(take(pairs, "count")),
              plain.contains("commit"),
              plain.contains("again"));
      case "kill" -> new Kill(condition, plain.getFirst());
      case "cutting" -> new Cutting(condition, Integer.parseInt(plain.getFirst()));
      case "whole" -> new Cutting(condition, Integer.MAX_VALUE);
      case "restart" -> new Restart(condition, false);
      case "crash" -> new Restart(condition, true);
      case "idle" -> new Idle(condition, Integer.parseInt(plain.getFirst()));
      default -> throw new IllegalArgumentException("unknown step");
    };
  }

  private static String take(Map<String, String> pairs, String key) {
    String value = pairs.remove(key);
    if (value == null) {
      throw new IllegalArgumentException(key + " is missing");
    }
    return value;
  }

  private static List<Consumer> consumers(List<String> words) {
    return words.stream()
        .filter(word -> word.contains("."))
        .map(word -> word.split("\\.", -1))
        .peek(parts -> {
          if (parts.length != 2) {
            throw new IllegalArgumentException(Arrays.toString(parts));
          }
        })
        .map(parts -> new Consumer(parts[0], parts[1]))
        .toList();
  }
}
