package io.streamhouse.broker.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// All health checks of an agent: who owns what can break registers a check. Thread-safe.
public final class Health {

  /// Problems told of one check; what thousands of partitions have in common needs no list of all.
  private static final int TOLD = 20;

  private static final Logger log = LoggerFactory.getLogger(Health.class);

  private final List<Named> checks = new CopyOnWriteArrayList<>();

  private record Named(String name, HealthCheck check) {}

  /// What one check found.
  ///
  /// @param problems empty when it is well
  public record Finding(String name, List<String> problems) {
    public Finding {
      problems = List.copyOf(problems);
    }

    public boolean healthy() {
      return problems.isEmpty();
    }
  }

  /// @param name what is looked at, in a word or two
  public void add(String name, HealthCheck check) {
    checks.add(new Named(name, check));
  }

  /// What all checks find now, in the order they were added.
  public List<Finding> findings() {
    return checks.stream().map(Health::find).toList();
  }

  private static Finding find(Named named) {
    List<String> problems;
    try {
      problems = named.check().problems();
    } catch (RuntimeException broken) {
      log.error("health check failed check={}", named.name(), broken);
      problems = List.of("the check itself failed: " + broken);
    }
    if (problems.size() > TOLD) {
      var told = new ArrayList<>(problems.subList(0, TOLD));
      told.add("and " + (problems.size() - TOLD) + " more");
      problems = told;
    }
    return new Finding(named.name(), problems);
  }
}
