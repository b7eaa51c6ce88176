package io.streamhouse.compat.cluster;

import io.streamhouse.compat.cluster.Observations.Sent;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TimeoutException;

/// A producer that sends to all partitions at a steady rate, whatever a single one does: one that
/// does not answer is left out until it does.
final class Sender {

  /// Unanswered records of a partition at most.
  private static final int MAX_UNANSWERED = 100;

  /// Records in a row to one partition, so that batches are more than one.
  private static final int IN_A_ROW = 4;

  /// Refusals in a row by which a client is taken to be of no more use.
  private static final int HOPELESS = 5;

  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(150);

  private final Workload workload;
  private final String name;
  private final Duration interval;
  private final Duration patience;

  Sender(Workload workload, String name, Duration interval, Duration patience) {
    this.workload = workload;
    this.name = name;
    this.interval = interval;
    this.patience = patience;
  }

  void run() {
    while (workload.sending()) {
      // Another client is another producer to the server, so it gets a number of its own.
      send(workload.observed().newProducer());
    }
  }

  private void send(List<Sent> sents) {
    var unanswered = new AtomicIntegerArray(sents.size());
    var own = Thread.currentThread();
    int refused = 0;
    var producer =
        new KafkaProducer<String, String>(Clients.producer(workload.bootstrap(), patience));
    try {
      long due = System.nanoTime();
      for (long number = 0; workload.sending() && refused < HOPELESS; number++) {
        due = Math.max(due + interval.toNanos(), System.nanoTime() - interval.toNanos() * 10);
        LockSupport.parkNanos(due - System.nanoTime());
        int partition = (int) (number / IN_A_ROW % sents.size());
        if (unanswered.get(partition) >= MAX_UNANSWERED) {
          continue;
        }
        var given = new boolean[1];
        send(producer, sents.get(partition), unanswered, own, given);
        refused = given[0] ? refused + 1 : 0;
      }
    } finally {
      producer.close(CLOSE_LIMIT);
    }
  }

  private void send(
      KafkaProducer<String, String> producer,
      Sent sent,
      AtomicIntegerArray unanswered,
      Thread own,
      boolean[] givenBack) {
    var tag = sent.next();
    workload.observed().countSent();
    var partition = workload.partitions().get(sent.partition());
    var record =
        new ProducerRecord<String, String>(
            partition.topic(), partition.partition(), null, tag.toString());
    unanswered.incrementAndGet(sent.partition());
    try {
      var _ =
          producer.send(
              record,
              (metadata, failed) -> {
                unanswered.decrementAndGet(sent.partition());
                if (failed == null) {
                  sent.acknowledged(tag.sequence(), metadata.offset());
                  workload.acknowledged(sent.partition(), metadata.offset());
                  return;
                }
                workload.trouble(name.replaceAll("-.*", ""), failed);
                if (Thread.currentThread().equals(own)) {
                  // Told by `send` itself: the record was never in a batch.
                  sent.refused(tag.sequence());
                  givenBack[0] = !(failed instanceof TimeoutException);
                }
              });
    } catch (KafkaException unusable) {
      // Thrown before anything is put into a batch.
      workload.trouble(name.replaceAll("-.*", ""), unusable);
      unanswered.decrementAndGet(sent.partition());
      sent.refused(tag.sequence());
      givenBack[0] = true;
    }
  }
}
