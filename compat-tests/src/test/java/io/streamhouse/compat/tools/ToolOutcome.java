package io.streamhouse.compat.tools;

import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/// What a tool left behind: its exit code and its lines, without what differs from run to run.
///
/// @param lines standard output, then standard error
record ToolOutcome(int exit, List<String> lines) {

  private static final Pattern UUID =
      Pattern.compile("\\p{XDigit}{8}(-\\p{XDigit}{4}){3}-\\p{XDigit}{12}");
  private static final Pattern ID = Pattern.compile("(TopicId: |Cluster ID: |ClusterId: +)\\S+");
  private static final Pattern TIME =
      Pattern.compile("\\d{4}-\\d\\d-\\d\\d[ T]\\d\\d:\\d\\d:\\d\\d[.,:]?\\d*Z?");
  private static final Pattern MILLIS = Pattern.compile("\\b1[789]\\d{11}\\b");
  private static final Pattern BLANKS = Pattern.compile("[ \t]+");

  /// @param port of the server
  /// @param data where it keeps its data: Apache Kafka's logs are in `log` below
  static ToolOutcome of(int exit, List<String> output, int port, Path data) {
    return new ToolOutcome(
        exit,
        output.stream()
            // Frames of stack traces.
            .filter(line -> !line.startsWith("\tat ") && !line.startsWith("\t..."))
            .map(line -> normal(line, port, data))
            .filter(line -> !line.startsWith("min.insync.replicas=1 "))
            .filter(line -> !line.isEmpty())
            .toList());
  }

  private static String normal(String line, int port, Path data) {
    line = line.replace(data.resolve("log").toString(), "DATA").replace(data.toString(), "DATA");
    line = line.replace(Integer.toString(port), "PORT");
    // Kafka sets it for its replicas, at cluster level; here there are none.
    line = line.replaceAll("Configs: min\\.insync\\.replicas=1,?", "Configs: ");
    line = UUID.matcher(line).replaceAll("UUID");
    line = ID.matcher(line).replaceAll("$1ID");
    line = TIME.matcher(line).replaceAll("TIME");
    line = MILLIS.matcher(line).replaceAll("MILLIS");
    return BLANKS.matcher(line).replaceAll(" ").strip();
  }

  List<String> sorted() {
    return lines.stream().sorted().toList();
  }

  boolean has(Pattern pattern) {
    return lines.stream().anyMatch(line -> pattern.matcher(line).find());
  }

  @Override
  public String toString() {
    return "exit " + exit + "\n" + String.join("\n", lines);
  }
}
