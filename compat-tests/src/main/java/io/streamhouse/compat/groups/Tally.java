package io.streamhouse.compat.groups;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// What members saw. Confined to the loop, then to who joined it.
final class Tally {

  private static final int MOST_VIOLATIONS = 20;

  /// What a server that is not being restarted may answer.
  private static final Map<ApiKeys, Set<Errors>> ALWAYS =
      Map.of(
          ApiKeys.JOIN_GROUP,
          Set.of(Errors.MEMBER_ID_REQUIRED, Errors.REBALANCE_IN_PROGRESS),
          ApiKeys.SYNC_GROUP,
          Set.of(Errors.REBALANCE_IN_PROGRESS),
          ApiKeys.HEARTBEAT,
          Set.of(Errors.REBALANCE_IN_PROGRESS),
          ApiKeys.OFFSET_COMMIT,
          Set.of(Errors.REBALANCE_IN_PROGRESS));

  /// What it may answer besides while it begins, stops, or after an answer of it was lost: a member
  /// whose join was never answered does not exist, and one that missed an answer has an old epoch.
  private static final Set<Errors> AROUND_RESTARTS =
      Set.of(
          Errors.NOT_COORDINATOR,
          Errors.COORDINATOR_NOT_AVAILABLE,
          Errors.COORDINATOR_LOAD_IN_PROGRESS,
          Errors.UNKNOWN_MEMBER_ID,
          Errors.ILLEGAL_GENERATION,
          Errors.FENCED_MEMBER_EPOCH,
          Errors.STALE_MEMBER_EPOCH);

  final Latencies commits = new Latencies();
  final Latencies commitsAroundRestarts = new Latencies();
  final Latencies joinsToStable = new Latencies();
  final Latencies heartbeats = new Latencies();
  final Map<String, Long> codes = new TreeMap<>();
  final List<String> violations = new ArrayList<>();
  long committedOffsets;
  long lost;
  long leaves;
  long violated;

  /// Between the beginning of a restart and the moment all groups are stable again.
  boolean aroundRestart = true;

  /// @return whether it is no error
  boolean count(String who, ApiKeys api, Errors error) {
    if (error == Errors.NONE) {
      return true;
    }
    codes.merge(api.name + " " + error, 1L, Long::sum);
    boolean allowed =
        ALWAYS.getOrDefault(api, Set.of()).contains(error)
            || (aroundRestart && AROUND_RESTARTS.contains(error));
    if (!allowed) {
      violation(who + ": " + api.name + " was answered " + error);
    }
    return false;
  }

  /// How many commits were accepted.
  long commitRequests() {
    return 0L + commits.size() + commitsAroundRestarts.size();
  }

  void violation(String what) {
    violated++;
    if (violations.size() < MOST_VIOLATIONS) {
      violations.add(what);
    }
  }
}
