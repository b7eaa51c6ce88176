package io.streamhouse.compat.scenario;

import io.streamhouse.compat.tools.ToolRun;
import io.streamhouse.compat.tools.ToolScript;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.common.protocol.ApiKeys;
import org.jspecify.annotations.Nullable;

/// `docs/COMPATIBILITY.md`: which client does what, what Kafka's tools say, which requests are
/// offered. Written from a run of everything against both servers; what a shorter run sees is held
/// against it.
final class CompatibilityDocument {

  static final String YES = "yes";

  /// Of a run of a part of it.
  static final String NOT_RUN = "not run";

  private static final String VERSIONS = "Versions: ";

  private CompatibilityDocument() {}

  static Path path(Path root) {
    return root.resolve("docs/COMPATIBILITY.md");
  }

  /// What the table says of an outcome.
  static String cell(Client client, Scenario scenario, Outcome outcome) {
    return switch (outcome) {
      case Outcome.Played(var _, var skipped, var _) ->
          skipped.isEmpty() ? YES : YES + ", without " + String.join(", ", new TreeSet<>(skipped));
      case Outcome.NotOffered(var missing) -> "– " + String.join(", ", missing);
      case Outcome.Failed _ -> {
        var limit = KnownLimits.of(client, scenario.name());
        yield limit.isEmpty() ? "no" : "note " + (KnownLimits.LIST.indexOf(limit.get()) + 1);
      }
    };
  }

  /// The cells that stand in the document, by scenario's and client's title.
  static Map<String, Map<String, String>> cells(List<String> document) {
    var cells = new LinkedHashMap<String, Map<String, String>>();
    List<String> titles = List.of();
    for (String line : document) {
      if (line.startsWith("| scenario |")) {
        titles = columns(line);
      } else if (!titles.isEmpty() && line.isBlank()) {
        break;
      } else if (!titles.isEmpty() && !line.startsWith("|---")) {
        var columns = columns(line);
        var row = new LinkedHashMap<String, String>();
        for (int i = 1; i < titles.size(); i++) {
          row.put(titles.get(i), columns.get(i));
        }
        cells.put(columns.getFirst(), row);
      }
    }
    return cells;
  }

  private static List<String> columns(String line) {
    return List.of(line.substring(1, line.length() - 1).split("\\|", -1)).stream()
        .map(String::strip)
        .toList();
  }

  /// @param standing the document so far, whose cells stay where this run played nothing
  /// @param outcomes by scenario and client, of StreamHouse; those of Apache Kafka are the same
  /// @param ours the versions that StreamHouse offers, by the request's number
  static String render(
      List<String> standing,
      Map<String, Map<Client, Outcome>> outcomes,
      SortedMap<Short, String> ours,
      SortedMap<Short, String> theirs) {
    var text = new ArrayList<String>();
    text.add(
        """
        # Compatibility

        Generated from runs of what is below against StreamHouse and against Apache Kafka 4.3.1
        (`compat-tests/README.md` has the command); each cell is of the last run that played it. What
        does not hold for both alike fails that run, so each `yes` stands for both servers.

        ## Clients

        Each row is a scenario of `compat-tests/src/test/resources/scenarios`, played by the client
        in processes of its own. `–` names what the client itself does not offer; a client that
        lacks one codec or one level of acks plays the rest.
        """
            .strip());
    text.add("");
    text.addAll(clients(standing, outcomes));
    text.add("");
    int note = 1;
    for (var limit : KnownLimits.LIST) {
      text.add(
          "Note "
              + note++
              + ": "
              + limit.client().title()
              + ": "
              + limit.reason()
              + ", against Apache Kafka as well.");
    }
    text.add("");
    text.addAll(tools());
    text.add("");
    text.addAll(requests(ours, theirs));
    return String.join("\n", text) + "\n";
  }

  private static List<String> clients(
      List<String> standing, Map<String, Map<Client, Outcome>> outcomes) {
    var before = cells(standing);
    var lines = new ArrayList<String>();
    var head = new StringBuilder("| scenario |");
    var rule = new StringBuilder("|---|");
    for (var client : Client.values()) {
      head.append(' ').append(client.title()).append(" |");
      rule.append("---|");
    }
    lines.add(head.toString());
    lines.add(rule.toString());
    for (var scenario : Scenario.all()) {
      var row = new StringBuilder("| ").append(scenario.title()).append(" |");
      for (var client : Client.values()) {
        var outcome = outcomes.getOrDefault(scenario.name(), Map.of()).get(client);
        row.append(' ')
            .append(
                outcome != null
                    ? cell(client, scenario, outcome)
                    : before
                        .getOrDefault(scenario.title(), Map.of())
                        .getOrDefault(client.title(), NOT_RUN))
            .append(" |");
      }
      lines.add(row.toString());
    }
    lines.add("");
    lines.add(VERSIONS + String.join(", ", versions(standing, outcomes)) + ".");
    return lines;
  }

  /// Of every client its version, as last played.
  private static List<String> versions(
      List<String> standing, Map<String, Map<Client, Outcome>> outcomes) {
    var versions = new TreeMap<Client, String>();
    for (String line : standing) {
      if (line.startsWith(VERSIONS)) {
        for (var client : Client.values()) {
          var version =
              Pattern.compile("(?:: |, )(" + Pattern.quote(client.title()) + " is [^,]+)")
                  .matcher(line.substring(0, line.length() - 1));
          if (version.find()) {
            versions.put(client, version.group(1));
          }
        }
      }
    }
    outcomes
        .values()
        .forEach(row ->
            row.forEach((client, outcome) -> {
              if (outcome instanceof Outcome.Played(var version, var _, var _)) {
                versions.put(client, client.title() + " is " + version);
              }
            }));
    return List.copyOf(versions.values());
  }

  private static List<String> tools() {
    var byTool = new LinkedHashMap<String, List<ToolRun>>();
    for (var run : ToolScript.RUNS) {
      byTool
          .computeIfAbsent(
              run.main().substring(run.main().lastIndexOf('.') + 1), _ -> new ArrayList<>())
          .add(run);
    }
    var lines = new ArrayList<String>();
    lines.add("## Kafka's own tools");
    lines.add("");
    lines.add("Each run is compared with the same against Apache Kafka: exit code and output.");
    lines.add("");
    lines.add("| tool | runs | differs |");
    lines.add("|---|---|---|");
    byTool.forEach((tool, runs) -> {
      var reasons =
          runs.stream()
              .map(CompatibilityDocument::difference)
              .flatMap(Optional::stream)
              .distinct()
              .toList();
      lines.add("| `" + tool + "` | " + runs.size() + " | " + String.join("; ", reasons) + " |");
    });
    return lines;
  }

  private static Optional<String> difference(ToolRun run) {
    return run.check() instanceof ToolRun.Check.Differs(var reason, var _, var _)
        ? Optional.of(run.name() + ": " + reason)
        : Optional.empty();
  }

  private static List<String> requests(
      SortedMap<Short, String> ours, SortedMap<Short, String> theirs) {
    var lines = new ArrayList<String>();
    lines.add("## Requests");
    lines.add("");
    lines.add("The versions that each server names in its answer to ApiVersions.");
    lines.add("");
    lines.add("| request | number | StreamHouse | Apache Kafka 4.3.1 |");
    lines.add("|---|---|---|---|");
    var keys = new TreeSet<>(theirs.keySet());
    keys.addAll(ours.keySet());
    for (short key : keys) {
      lines.add(
          "| "
              + ApiKeys.forId(key).name
              + " | "
              + key
              + " | "
              + or(ours.get(key))
              + " | "
              + or(theirs.get(key))
              + " |");
    }
    return lines;
  }

  private static String or(@Nullable String versions) {
    return versions == null ? "–" : versions;
  }
}
