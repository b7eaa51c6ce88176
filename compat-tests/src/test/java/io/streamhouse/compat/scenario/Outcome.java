package io.streamhouse.compat.scenario;

import java.util.List;
import java.util.Set;

/// How a client fared in a scenario.
sealed interface Outcome {

  /// As expected.
  ///
  /// @param version the client's own word
  /// @param skipped what it does not offer and was not asked
  /// @param answers what it said, step by step
  record Played(String version, Set<String> skipped, List<String> answers) implements Outcome {}

  /// The client does not have what the scenario is about.
  record NotOffered(Set<String> missing) implements Outcome {}

  record Failed(String why) implements Outcome {}
}
