package io.streamhouse.compat.scenario;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What an application does with its client, and what it is to see. Data, read from a text:
///
/// ```
/// title: What the table of results calls it
/// needs: WORD WORD                    what the client must offer, in its driver's words
/// server: KIND                        what kind of server; by default one that all share
///
/// for codec in none gzip              the lines to `done`, once for each, {codec} replaced
///   topic $t partitions=1             a line of its own kind: see [Step]
///   a: send p topic=$t value='x' => ok offset=0
///   a [zstd]: …                       only if the client offers it; [!zstd] only if not
/// done
/// a: poll c max=2 wait=1000
///   | offset=0 value='x'              the records that come, in any order
/// ```
///
/// A server is `proxied`, so that connections can be cut, `restarted`, `alone` for one client, or
/// has a setting `KEY=VALUE`.
///
/// `a:` is a driver, a process of its own, started when first named. `$word` becomes a name of this
/// scenario and client alone; `'text'` its bytes in hexadecimal. What is expected after `=>` (else
/// `ok`) must all be in the answer; alternatives are separated by `|`, `*` is anything, `<name>` is
/// anything the first time and the same later, `absent` means not there, `recent` a time of the
/// last minutes. `...` and a number is that many records, whatever they are.
///
/// @param name of its file, without ending
/// @param server what follows `server:`, empty for the shared one
record Scenario(String name, String title, Set<String> needs, String server, List<Step> steps) {

  private static final Pattern QUOTED = Pattern.compile("'([^']*)'");

  /// Those there are, by name.
  static List<Scenario> all() {
    try {
      var folder =
          Path.of(Objects.requireNonNull(Scenario.class.getResource("/scenarios")).toURI());
      try (var files = Files.list(folder)) {
        return files
            .sorted()
            .map(file -> {
              String name = file.getFileName().toString();
              try {
                return parse(name.substring(0, name.lastIndexOf('.')), Files.readAllLines(file));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            })
            .toList();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static Scenario parse(String name, List<String> text) {
    String title = name;
    var needs = new TreeSet<String>();
    String server = "";
    var body = new ArrayList<String>();
    for (String line : text) {
      if (line.startsWith("title: ")) {
        title = line.substring("title: ".length());
      } else if (line.startsWith("needs: ")) {
        needs.addAll(List.of(line.substring("needs: ".length()).split(" ", -1)));
      } else if (line.startsWith("server: ")) {
        server = line.substring("server: ".length());
      } else if (!line.isBlank() && !line.strip().startsWith("#")) {
        body.add(line.strip());
      }
    }
    var steps = new ArrayList<Step>();
    for (String line : expanded(body)) {
      String bytes = quoted(line);
      if (bytes.startsWith("| ")) {
        steps.add(((Step.Drive) steps.removeLast()).with(bytes.substring(2)));
      } else {
        try {
          steps.add(Step.parse(bytes));
        } catch (IllegalArgumentException e) {
          throw new IllegalArgumentException(name + ": " + line, e);
        }
      }
    }
    return new Scenario(name, title, Set.copyOf(needs), server, List.copyOf(steps));
  }

  /// Without `for`.
  private static List<String> expanded(List<String> lines) {
    var result = new ArrayList<String>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      if (!line.startsWith("for ")) {
        result.add(line);
        continue;
      }
      int end = lines.subList(i, lines.size()).indexOf("done") + i;
      String[] words = line.split(" ", -1);
      for (int word = 3; word < words.length; word++) {
        for (String one : lines.subList(i + 1, end)) {
          result.add(one.replace("{" + words[1] + "}", words[word]));
        }
      }
      i = end;
    }
    return result;
  }

  private static String quoted(String line) {
    return QUOTED
        .matcher(line)
        .replaceAll(found ->
            Matcher.quoteReplacement(
                HexFormat.of().formatHex(found.group(1).getBytes(StandardCharsets.UTF_8))));
  }
}
