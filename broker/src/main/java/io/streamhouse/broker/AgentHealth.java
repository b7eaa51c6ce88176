package io.streamhouse.broker;

import io.streamhouse.broker.catalog.StoredCatalog;
import io.streamhouse.broker.lease.Session;
import io.streamhouse.broker.merge.Merger;
import io.streamhouse.broker.partition.Leadership;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.runtime.Health;
import io.streamhouse.broker.runtime.HealthCheck;
import io.streamhouse.broker.sweep.Sweeper;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.PartitionId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The health checks of what every agent has. What has a package of its own registers its own.
final class AgentHealth {

  /// A partition that could not be flushed for so long is named.
  private static final Duration FLUSH_OVERDUE = Duration.ofMinutes(10);

  private AgentHealth() {}

  static void session(Health health, Session session) {
    health.add(
        "session",
        () ->
            session.holds()
                ? List.of()
                : List.of("the session does not hold: partitions led here take no records"));
    health.add("metadata", unless(session::unreachable));
  }

  static void log(Health health, WriteAheadLog wal) {
    health.add("write-ahead log", unless(wal::refuses));
  }

  static void flushing(Health health, Leadership leadership, StoredCatalog catalog) {
    health.add(
        "flush",
        () ->
            leadership.all().stream()
                .filter(one -> unflushed(one).compareTo(FLUSH_OVERDUE) > 0)
                .sorted(Comparator.comparing(AgentHealth::unflushed).reversed())
                .map(one -> overdue(one, catalog))
                .toList());
  }

  static void waiting(Health health, Leadership leadership) {
    health.add(
        "tails",
        () ->
            leadership.waiting().entrySet().stream()
                .map(one ->
                    "%d partition(s) wait for the write-ahead log %s of an agent that is away"
                        .formatted(one.getValue().size(), one.getKey()))
                .toList());
  }

  static void sweeping(Health health, Sweeper sweeper) {
    health.add("sweeper", unless(sweeper::whyStopped));
  }

  static void merging(Health health, Merger merger, StoredCatalog catalog) {
    health.add(
        "merging",
        () -> {
          var problems = new ArrayList<String>();
          var problem = merger.problem();
          if (problem != null) {
            problems.add(problem);
          }
          var behind = merger.behind();
          if (!behind.isEmpty()) {
            problems.add(
                "%d partition(s) have too many segments, the first is %s"
                    .formatted(behind.size(), name(behind.getFirst(), catalog)));
          }
          return problems;
        });
  }

  private static String name(PartitionId id, StoredCatalog catalog) {
    var topic = catalog.image().topic(id.topicId());
    return (topic == null ? id.topicId() : topic.name()) + "-" + id.partition();
  }

  private static String overdue(Partition partition, StoredCatalog catalog) {
    return "%s has records in no object for %d s"
        .formatted(name(partition.id(), catalog), unflushed(partition).toSeconds());
  }

  private static Duration unflushed(Partition partition) {
    return Duration.ofNanos(partition.unflushedNanos().orElse(0));
  }

  private interface Why {
    @Nullable String get();
  }

  private static HealthCheck unless(Why why) {
    return () -> {
      var problem = why.get();
      return problem == null ? List.of() : List.of(problem);
    };
  }
}
