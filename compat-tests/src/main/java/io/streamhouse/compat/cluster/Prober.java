package io.streamhouse.compat.cluster;

import io.streamhouse.compat.LongSequence;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/// A producer that sends a record to each partition again and again and notes when each was
/// acknowledged. Started and closed by one thread, which asks meanwhile.
final class Prober implements AutoCloseable {

  private static final Duration INTERVAL = Duration.ofMillis(25);
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  /// Per partition; more are not sent until some are answered.
  private static final int MAX_UNANSWERED = 1_000;

  /// What one partition answered, in the order of the answers.
  static final class Answers {
    // Guarded by this.
    private final LongSequence sent = new LongSequence();
    private final LongSequence acknowledged = new LongSequence();

    private final AtomicInteger unanswered = new AtomicInteger();

    synchronized void add(long sentAt, long acknowledgedAt) {
      sent.add(sentAt);
      acknowledged.add(acknowledgedAt);
    }

    /// When the first record was acknowledged that was sent at `since` or later; -1: none yet.
    synchronized long firstAfter(long since) {
      // From the end: what is asked about is not long ago.
      long first = -1;
      for (int index = sent.size() - 1; index >= 0 && acknowledged.get(index) >= since; index--) {
        if (sent.get(index) >= since) {
          first = acknowledged.get(index);
        }
      }
      return first;
    }

    /// The longest time between two answers in a row, of those that were waited for at some time
    /// from `from` to `to`.
    synchronized Duration longestGap(long from, long to) {
      long longest = 0;
      for (int index = acknowledged.size() - 1; index > 0; index--) {
        long later = acknowledged.get(index);
        long earlier = acknowledged.get(index - 1);
        if (later < from) {
          break;
        }
        if (earlier <= to) {
          longest = Math.max(longest, later - earlier);
        }
      }
      return Duration.ofNanos(longest);
    }
  }

  private final List<TopicPartition> partitions;
  private final Stopwatch clock;
  private final KafkaProducer<String, String> producer;
  private final List<Answers> answers = new ArrayList<>();
  private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();
  private final Thread thread;
  private volatile boolean stopped;

  Prober(String bootstrap, List<TopicPartition> partitions, Stopwatch clock) {
    this.partitions = partitions;
    this.clock = clock;
    this.producer = new KafkaProducer<>(Clients.producer(bootstrap, PATIENCE));
    partitions.forEach(_ -> answers.add(new Answers()));
    this.thread = new Thread(this::send, "prober");
  }

  void start() {
    thread.start();
  }

  Answers answers(int partition) {
    return answers.get(partition);
  }

  /// Waits until each of these partitions has acknowledged a record sent from now on.
  void await(List<Integer> numbers, Duration limit) {
    long since = clock.nanos();
    for (int number : numbers) {
      awaitAfter(number, since, limit);
    }
  }

  /// Waits until a partition has acknowledged a record sent at `since` or later.
  ///
  /// @return when it did
  long awaitAfter(int number, long since, Duration limit) {
    long deadline = clock.nanos() + limit.toNanos();
    while (true) {
      @Nullable Exception failed = failure.get();
      if (failed != null) {
        throw new AssertionError("a producer failed", failed);
      }
      long at = answers.get(number).firstAfter(since);
      if (at >= 0) {
        return at;
      }
      if (clock.nanos() > deadline) {
        throw new AssertionError(partitions.get(number) + " acknowledges nothing for " + limit);
      }
      Workload.pass(Duration.ofMillis(10));
    }
  }

  private void send() {
    long due = System.nanoTime();
    while (!stopped) {
      for (int number = 0; number < partitions.size(); number++) {
        if (answers.get(number).unanswered.get() < MAX_UNANSWERED) {
          send(number);
        }
      }
      due = Math.max(due + INTERVAL.toNanos(), System.nanoTime() - INTERVAL.toNanos());
      LockSupport.parkNanos(due - System.nanoTime());
    }
  }

  private void send(int number) {
    var partition = partitions.get(number);
    var own = answers.get(number);
    own.unanswered.incrementAndGet();
    long sentAt = clock.nanos();
    var _ =
        producer.send(
            new ProducerRecord<String, String>(
                partition.topic(), partition.partition(), null, "probe"),
            (_, failed) -> {
              own.unanswered.decrementAndGet();
              if (failed == null) {
                own.add(sentAt, clock.nanos());
              } else if (!stopped) {
                failure.compareAndSet(null, failed);
              }
            });
  }

  @Override
  public void close() {
    stopped = true;
    try {
      thread.join();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    producer.close(Duration.ofSeconds(10));
  }
}
