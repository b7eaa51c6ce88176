package io.streamhouse.broker.cli;

import io.streamhouse.broker.runtime.TimeSource;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where a group is to begin.
sealed interface OffsetTarget {

  /// The first offset there is.
  record Earliest() implements OffsetTarget {}

  /// After the last record.
  record Latest() implements OffsetTarget {}

  record At(long offset) implements OffsetTarget {}

  /// The first record of that time or later.
  record Since(Instant time) implements OffsetTarget {}

  /// That many records after what is committed, before it if negative.
  record Shifted(long by) implements OffsetTarget {}

  /// How it is said on the command line: in one of these ways.
  final class Asked {

    @Option(names = "--to-earliest", description = "To the first record there is.")
    private boolean earliest;

    @Option(names = "--to-latest", description = "After the last record.")
    private boolean latest;

    @Option(names = "--to-offset", paramLabel = "N", description = "To this offset.")
    private @Nullable Long offset;

    @Option(
        names = "--to-datetime",
        paramLabel = "TIME",
        description =
            "To the first record since then: 2026-01-31T12:00:00, in UTC unless it says otherwise.")
    private @Nullable String datetime;

    @Option(
        names = "--by-duration",
        paramLabel = "PnDTnHnMnS",
        description = "To the first record of so long ago, such as PT1H30M.")
    private @Nullable String duration;

    @Option(
        names = "--shift-by",
        paramLabel = "N",
        description = "So many records on from what is committed, back if negative.")
    private @Nullable Long shift;

    /// @param misused makes the failure of a command line that cannot be followed
    OffsetTarget target(Function<String, RuntimeException> misused) {
      long given =
          Stream.of(
                  earliest,
                  latest,
                  offset != null,
                  datetime != null,
                  duration != null,
                  shift != null)
              .filter(one -> one)
              .count();
      if (given != 1) {
        throw misused.apply(
            "one of --to-earliest, --to-latest, --to-offset, --to-datetime, --by-duration and"
                + " --shift-by");
      }
      if (earliest) {
        return new Earliest();
      } else if (latest) {
        return new Latest();
      } else if (offset != null) {
        return new At(offset);
      } else if (shift != null) {
        return new Shifted(shift);
      }
      try {
        return new Since(
            datetime == null
                ? Instant.ofEpochMilli(TimeSource.system().wallMillis())
                    .minus(Duration.parse("" + duration))
                : time(datetime));
      } catch (DateTimeException | ArithmeticException e) {
        throw misused.apply("not a time: " + (datetime == null ? duration : datetime));
      }
    }

    private static Instant time(String text) {
      try {
        return OffsetDateTime.parse(text).toInstant();
      } catch (DateTimeParseException withoutZone) {
        return LocalDateTime.parse(text).toInstant(ZoneOffset.UTC);
      }
    }
  }

  /// The offset for each partition, within what there is.
  ///
  /// @param committed before
  default Map<TopicPartition, Long> of(
      Admin admin, Set<TopicPartition> partitions, Map<TopicPartition, OffsetAndMetadata> committed)
      throws ExecutionException, InterruptedException {
    var first = offsets(admin, partitions, OffsetSpec.earliest());
    var end = offsets(admin, partitions, OffsetSpec.latest());
    var found =
        this instanceof Since(Instant time)
            ? offsets(admin, partitions, OffsetSpec.forTimestamp(time.toEpochMilli()))
            : Map.<TopicPartition, Long>of();
    var result = new HashMap<TopicPartition, Long>();
    for (var partition : partitions) {
      Long from = first.get(partition);
      Long to = end.get(partition);
      if (from == null || to == null) {
        throw new IllegalStateException("the offsets of " + partition + " are not known now");
      }
      var known = committed.get(partition);
      long wanted =
          switch (this) {
            case Earliest _ -> from;
            case Latest _ -> to;
            case At(long offset) -> offset;
            case Since _ -> {
              long since = found.getOrDefault(partition, -1L);
              // No record is as late.
              yield since < 0 ? to : since;
            }
            case Shifted(long by) -> {
              if (known == null) {
                throw new IllegalArgumentException(
                    "nothing is committed of " + partition + " to shift");
              }
              yield known.offset() + by;
            }
          };
      result.put(partition, Math.clamp(wanted, from, to));
    }
    return result;
  }

  static SortedSet<TopicPartition> sorted(Collection<TopicPartition> partitions) {
    var sorted =
        new TreeSet<TopicPartition>(
            Comparator.comparing(TopicPartition::topic)
                .thenComparingInt(TopicPartition::partition));
    sorted.addAll(partitions);
    return sorted;
  }

  /// @param topics as `TOPIC` or `TOPIC:N,N`
  static SortedSet<TopicPartition> partitions(
      Admin admin, List<String> topics, Function<String, RuntimeException> misused)
      throws ExecutionException, InterruptedException {
    var partitions = sorted(List.of());
    for (var text : topics) {
      int colon = text.indexOf(':');
      var name = colon < 0 ? text : text.substring(0, colon);
      var description = admin.describeTopics(List.of(name)).allTopicNames().get().get(name);
      if (description == null) {
        throw new IllegalStateException("topic " + name + " was not described");
      }
      int count = description.partitions().size();
      if (colon < 0) {
        for (int number = 0; number < count; number++) {
          partitions.add(new TopicPartition(name, number));
        }
        continue;
      }
      for (var part : text.substring(colon + 1).split(",", -1)) {
        int number;
        try {
          number = Integer.parseInt(part.strip());
        } catch (NumberFormatException e) {
          throw misused.apply("--topic takes TOPIC or TOPIC:N,N: " + text);
        }
        if (number < 0 || number >= count) {
          throw new IllegalArgumentException(
              "topic %s has %d partition(s), none is %d".formatted(name, count, number));
        }
        partitions.add(new TopicPartition(name, number));
      }
    }
    return partitions;
  }

  /// Those of topics that are there and have a leader; asking for others would wait for one.
  static Map<TopicPartition, Long> offsets(
      Admin admin, Collection<TopicPartition> partitions, OffsetSpec spec)
      throws ExecutionException, InterruptedException {
    var names = new TreeSet<String>();
    partitions.forEach(one -> names.add(one.topic()));
    var led = new HashMap<TopicPartition, OffsetSpec>();
    for (var described : admin.describeTopics(names).topicNameValues().entrySet()) {
      try {
        for (var one : described.getValue().get().partitions()) {
          var partition = new TopicPartition(described.getKey(), one.partition());
          if (one.leader() != null && !one.leader().isEmpty() && partitions.contains(partition)) {
            led.put(partition, spec);
          }
        }
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
          throw e;
        }
      }
    }
    var offsets = new HashMap<TopicPartition, Long>();
    admin
        .listOffsets(led)
        .all()
        .get()
        .forEach((partition, info) -> offsets.put(partition, info.offset()));
    return offsets;
  }
}
