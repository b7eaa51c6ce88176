package io.streamhouse.broker.group;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Which topics the regular expressions stand for that members of consumer groups subscribe to
/// (KIP-848): RE2's, which take time linear in what they are matched against, matched against whole
/// names. Confined to the loop of the groups.
///
/// What was found is kept, for the patterns used last. A pattern is matched against all topics
/// once, and then against those that were created since, so heartbeats and changes of other things
/// than topics cost nothing, and a new topic costs one match per pattern.
public final class TopicPatterns {

  /// Longest pattern. Kafka has no limit; without one a pattern could take any amount of memory.
  private static final int MAX_LENGTH = 1_000;

  /// Most that counted repetitions may stretch a pattern to while it is compiled, in characters:
  /// those inside others multiply.
  private static final long MAX_STRETCHED = 500_000;

  /// Most instructions of a compiled pattern: what one character of a name costs at worst.
  private static final int MAX_INSTRUCTIONS = 1_000;

  private static final Pattern REPETITION = Pattern.compile("\\{([0-9]+)(?:,([0-9]*))?\\}");

  /// Patterns kept, and topics kept for all of them; those used longest ago go.
  private static final int MAX_KEPT = 1_000;

  private static final int MAX_TOPICS_KEPT = 1_000_000;

  private final Map<String, Found> found = new LinkedHashMap<>(16, 0.75F, true);
  private int topicsKept;
  private List<String> names = List.of();

  /// The generation of the names since which each of them is there.
  private Map<String, Integer> since = Map.of();

  /// How often the names have changed.
  private int generation;

  private long version;
  private boolean looked;

  /// @param generation of the names that `topics` is the outcome of. Not the names themselves:
  ///   those of many generations, for patterns that nobody asks for any more, could take any memory
  private record Found(Pattern pattern, int generation, SortedSet<String> topics) {}

  /// What is wrong with a pattern, for people; null if nothing is.
  public static @Nullable String invalid(String pattern) {
    if (pattern.length() > MAX_LENGTH) {
      return "it is longer than %d characters".formatted(MAX_LENGTH);
    }
    if (stretched(pattern) > MAX_STRETCHED) {
      return "its repetitions are too many";
    }
    try {
      int instructions = Pattern.compile(pattern).programSize();
      return instructions > MAX_INSTRUCTIONS
          ? "it makes %d instructions, more than %d".formatted(instructions, MAX_INSTRUCTIONS)
          : null;
    } catch (PatternSyntaxException e) {
      return e.getDescription();
    }
  }

  /// Never less than what it is compiled from, wherever its repetitions stand.
  private static long stretched(String pattern) {
    long stretched = pattern.length();
    var repetitions = REPETITION.matcher(pattern);
    while (repetitions.find() && stretched <= MAX_STRETCHED) {
      long most = number(repetitions.group(1));
      if (repetitions.group(2) != null && !repetitions.group(2).isEmpty()) {
        most = Math.max(most, number(repetitions.group(2)));
      }
      stretched *= Math.max(1, most);
    }
    return stretched;
  }

  private static long number(String digits) {
    return digits.length() > 6 ? MAX_STRETCHED : Long.parseLong(digits);
  }

  /// The topics of now that a pattern stands for; none for a pattern that is invalid. The set is
  /// never changed afterwards, and the same one as long as it is the same topics.
  SortedSet<String> matching(String pattern, Topics topics) {
    look(topics);
    var known = found.get(pattern);
    if (known != null && known.generation == generation) {
      return known.topics;
    }
    Found next;
    if (known != null) {
      next = new Found(known.pattern, generation, updated(known));
      topicsKept -= known.topics.size();
    } else if (invalid(pattern) == null) {
      var compiled = Pattern.compile(pattern);
      next = new Found(compiled, generation, all(compiled));
    } else {
      return Collections.emptySortedSet();
    }
    found.put(pattern, next);
    topicsKept += next.topics.size();
    forgetEldest(pattern);
    return next.topics;
  }

  private void look(Topics topics) {
    if (looked && version == topics.version()) {
      return;
    }
    looked = true;
    version = topics.version();
    var now = topics.names().stream().sorted().toList();
    if (!now.equals(names)) {
      generation++;
      var next = HashMap.<String, Integer>newHashMap(now.size());
      now.forEach(name -> next.put(name, since.getOrDefault(name, generation)));
      names = now;
      since = next;
    }
  }

  private SortedSet<String> all(Pattern pattern) {
    var topics = new TreeSet<String>();
    for (String name : names) {
      if (pattern.matches(name)) {
        topics.add(name);
      }
    }
    return Collections.unmodifiableSortedSet(topics);
  }

  private SortedSet<String> updated(Found known) {
    var topics = new TreeSet<String>();
    for (String name : names) {
      boolean seen = since.getOrDefault(name, generation) <= known.generation;
      if (seen ? known.topics.contains(name) : known.pattern.matches(name)) {
        topics.add(name);
      }
    }
    return topics.equals(known.topics) ? known.topics : Collections.unmodifiableSortedSet(topics);
  }

  private void forgetEldest(String justUsed) {
    var eldest = found.entrySet().iterator();
    while ((found.size() > MAX_KEPT || topicsKept > MAX_TOPICS_KEPT) && eldest.hasNext()) {
      var one = eldest.next();
      if (one.getKey().equals(justUsed)) {
        return;
      }
      topicsKept -= one.getValue().topics.size();
      eldest.remove();
    }
  }
}
