package io.streamhouse.compat.cluster;

import io.streamhouse.compat.cluster.Observations.Commit;
import io.streamhouse.compat.cluster.Observations.CommittedRead;
import io.streamhouse.compat.cluster.Observations.Reader;
import io.streamhouse.compat.cluster.Observations.Run;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.SplittableRandom;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;

/// A member of a group: reads what it is given, commits what it has read, leaves after a while and
/// comes back as another. Confined to its thread.
final class Member {

  private static final Duration COMMIT_INTERVAL = Duration.ofMillis(500);
  private static final Duration COMMIT_LIMIT = Duration.ofSeconds(10);
  private static final Duration FAREWELL_LIMIT = Duration.ofSeconds(3);
  private static final Duration BREATH = Duration.ofMillis(200);

  /// How members find each other.
  enum Protocol {
    CLASSIC,
    CONSUMER;

    String group() {
      return "group-" + name().toLowerCase(Locale.ROOT);
    }

    private Properties properties(String bootstrap) {
      var properties = Clients.reader(bootstrap);
      properties.put("group.id", group());
      properties.put("group.protocol", name().toLowerCase(Locale.ROOT));
      if (this == CLASSIC) {
        properties.put("session.timeout.ms", "10000");
        properties.put("heartbeat.interval.ms", "1000");
      }
      return properties;
    }
  }

  private final Workload workload;
  private final Protocol protocol;
  private final Reader reader;
  private final Duration life;
  private final SplittableRandom random;

  /// When a partition was given to it that it has read nothing of yet.
  private final Map<Integer, Long> given = new HashMap<>();

  private final Map<Integer, Run> runs = new HashMap<>();

  /// Read and not committed yet.
  private final Map<TopicPartition, OffsetAndMetadata> uncommitted = new HashMap<>();

  Member(
      Workload workload, Protocol protocol, String name, Duration life, SplittableRandom random) {
    this.workload = workload;
    this.protocol = protocol;
    this.reader = new Reader(name, protocol.group());
    this.life = life;
    this.random = random;
  }

  void run() {
    while (workload.reading()) {
      live();
    }
  }

  private void live() {
    // The last one to leave at the same time as all others would leave a group with nobody.
    long end = workload.clock().nanos() + life.toNanos() / 2 + random.nextLong(life.toNanos());
    given.clear();
    runs.clear();
    uncommitted.clear();
    var consumer = new KafkaConsumer<String, String>(protocol.properties(workload.bootstrap()));
    try {
      consumer.subscribe(
          workload.partitions().stream().map(TopicPartition::topic).distinct().toList(),
          new Assignments(consumer));
      read(consumer, end);
    } catch (OffsetOutOfRangeException | NoOffsetForPartitionException reset) {
      workload.observed().reset(reader.name() + ": " + reset);
      Workload.pass(BREATH);
    } catch (RuntimeException failed) {
      // It comes back as another.
      workload.trouble("member", failed);
      Workload.pass(BREATH);
    } finally {
      workload.trying(
          "member leaves",
          () ->
              consumer.close(
                  org.apache.kafka.clients.consumer.CloseOptions.timeout(FAREWELL_LIMIT)));
    }
  }

  private void read(KafkaConsumer<String, String> consumer, long end) {
    long commitDue = workload.clock().nanos() + COMMIT_INTERVAL.toNanos();
    // Who is there when the producers stop stays to the end: all else would only take longer.
    while (workload.reading() && (workload.clock().nanos() < end || !workload.sending())) {
      for (var record : consumer.poll(Duration.ofMillis(100))) {
        var partition = new TopicPartition(record.topic(), record.partition());
        see(workload.number(partition), record.offset(), Tag.parse(record.value()));
        uncommitted.put(partition, new OffsetAndMetadata(record.offset() + 1));
      }
      if (workload.clock().nanos() >= commitDue) {
        commit(consumer, COMMIT_LIMIT);
        commitDue = workload.clock().nanos() + COMMIT_INTERVAL.toNanos();
      }
    }
    commit(consumer, FAREWELL_LIMIT);
  }

  private void see(int partition, long offset, Tag record) {
    var run = runs.get(partition);
    if (run == null) {
      long since = given.getOrDefault(partition, 0L);
      workload
          .observed()
          .add(new CommittedRead(reader, partition, offset, since, workload.clock().nanos()));
      run = workload.observed().begin(reader, partition, offset);
      runs.put(partition, run);
    } else if (run.next() != offset) {
      run = workload.observed().jump(reader, partition, offset);
      runs.put(partition, run);
    }
    run.add(record);
  }

  private void commit(KafkaConsumer<String, String> consumer, Duration limit) {
    if (uncommitted.isEmpty()) {
      return;
    }
    var offsets = Map.copyOf(uncommitted);
    uncommitted.clear();
    long begun = workload.clock().nanos();
    long ended = Observations.NEVER;
    try {
      consumer.commitSync(offsets, limit);
      ended = workload.clock().nanos();
    } catch (RuntimeException failed) {
      // Also where it was refused at last: an earlier try may have been heard. What is still this
      // member's is committed with what it reads next; what it read last is not lost by that.
      workload.trouble("commit", failed);
      offsets.forEach((partition, offset) -> {
        if (runs.containsKey(workload.number(partition))) {
          uncommitted.putIfAbsent(partition, offset);
        }
      });
    } finally {
      for (var each : offsets.entrySet()) {
        int partition = workload.number(each.getKey());
        long offset = each.getValue().offset();
        workload.observed().add(new Commit(reader.group(), partition, offset, begun, ended));
        if (ended != Observations.NEVER) {
          workload.committed(reader.group(), partition, offset);
        }
      }
    }
  }

  private final class Assignments implements ConsumerRebalanceListener {
    private final KafkaConsumer<String, String> consumer;

    Assignments(KafkaConsumer<String, String> consumer) {
      this.consumer = consumer;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      for (var partition : partitions) {
        runs.remove(workload.number(partition));
        given.put(workload.number(partition), workload.clock().nanos());
      }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      commit(consumer, FAREWELL_LIMIT);
      onPartitionsLost(partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
      for (var partition : partitions) {
        runs.remove(workload.number(partition));
        uncommitted.remove(partition);
      }
    }
  }
}
