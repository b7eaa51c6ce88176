package io.streamhouse.compat.scale;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/// Producers that write tiny batches to partitions in turn, so many in a second in all: each batch
/// is a record of ten bytes, and waits for nothing. What a server falls behind by, it is sent
/// later, and counts as latency.
final class TinyLoad implements AutoCloseable {

  private static final int VALUE_BYTES = 10;
  private static final long LIMIT_MILLIS = 120_000;

  private final List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();
  private final AtomicLong acknowledged = new AtomicLong();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  // Guarded by this.
  private long[] latencies = new long[1 << 16];
  private int measured;

  /// Sends `batches` in all, to `partitions` in turn.
  TinyLoad(
      String bootstrap, List<TopicPartition> partitions, long batches, int rate, int producers) {
    for (int i = 0; i < producers; i++) {
      var producer =
          new KafkaProducer<>(
              Map.<String, Object>of(
                  "bootstrap.servers",
                  bootstrap,
                  "acks",
                  "all",
                  "linger.ms",
                  0,
                  "batch.size",
                  0,
                  "metadata.max.age.ms",
                  (int) LIMIT_MILLIS,
                  "max.block.ms",
                  (int) LIMIT_MILLIS,
                  "delivery.timeout.ms",
                  (int) LIMIT_MILLIS),
              new ByteArraySerializer(),
              new ByteArraySerializer());
      this.producers.add(producer);
      var mine = new ArrayList<TopicPartition>();
      for (int p = i; p < partitions.size(); p += producers) {
        mine.add(partitions.get(p));
      }
      long share = batches / producers;
      double perSecond = (double) rate / producers;
      threads.add(
          Thread.ofPlatform()
              .name("tiny-load-" + i)
              .start(() -> {
                try {
                  send(producer, mine, share, perSecond);
                } catch (Throwable thrown) {
                  failure.compareAndSet(null, thrown);
                }
              }));
    }
  }

  private void send(
      KafkaProducer<byte[], byte[]> producer,
      List<TopicPartition> partitions,
      long batches,
      double perSecond) {
    // What it is sent for the first time tells a producer where partitions are.
    long began = System.nanoTime();
    for (long i = 0; i < batches && failure.get() == null; i++) {
      long due = began + (long) (i * 1e9 / perSecond);
      for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
        LockSupport.parkNanos(left);
      }
      var to = partitions.get((int) (i % partitions.size()));
      var _ =
          producer.send(
              new ProducerRecord<>(to.topic(), to.partition(), null, new byte[VALUE_BYTES]),
              (_, failed) -> {
                if (failed == null) {
                  acknowledged.incrementAndGet();
                  measure(System.nanoTime() - due);
                } else {
                  failure.compareAndSet(null, failed);
                }
              });
    }
    producer.flush();
  }

  private synchronized void measure(long nanos) {
    if (measured == latencies.length) {
      latencies = Arrays.copyOf(latencies, measured * 2);
    }
    latencies[measured++] = nanos;
  }

  /// Forgets the latencies so far.
  synchronized void begin() {
    measured = 0;
  }

  long acknowledged() {
    return acknowledged.get();
  }

  /// In milliseconds, since [#begin]: the quantile of the times from when a batch was due to its
  /// acknowledgement.
  synchronized double quantile(double quantile) {
    if (measured == 0) {
      return Double.NaN;
    }
    var sorted = Arrays.copyOf(latencies, measured);
    Arrays.sort(sorted);
    return sorted[Math.max(0, (int) Math.ceil(quantile * measured) - 1)] / 1e6;
  }

  /// Waits until all is acknowledged; throws where something was not.
  void await() throws InterruptedException {
    for (var thread : threads) {
      thread.join();
    }
    check();
  }

  /// Whether it still sends; throws where something failed.
  boolean sending() {
    check();
    return threads.stream().anyMatch(Thread::isAlive);
  }

  private void check() {
    var thrown = failure.get();
    if (thrown != null) {
      throw new IllegalStateException("a batch was not acknowledged", thrown);
    }
  }

  @Override
  public void close() {
    producers.forEach(one -> one.close(Duration.ZERO));
  }
}
