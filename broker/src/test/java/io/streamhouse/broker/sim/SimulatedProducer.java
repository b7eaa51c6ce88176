package io.streamhouse.broker.sim;

import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.protocol.RecordBatches;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.random.RandomGenerator;

/// An idempotent producer as Kafka's client is: up to five batches in flight, sent again in order
/// after any failure; nothing new is sent before.
final class SimulatedProducer {

  private final Target target;
  private final RandomGenerator random;
  final long id;
  final int partition;
  private long producerId;

  /// Whether it begins anew again and again, so that its partition knows many.
  private final boolean restless;

  final List<Sent> inFlight = new ArrayList<>();
  private int nextSequence;
  int nextValue;

  /// Where its batches go.
  interface Target {

    /// Sends a batch to the leader of the producer's partition, or who is taken for it.
    CompletableFuture<AppendResult> send(Sent batch, RecordBatches bytes);

    /// A batch is acknowledged, as its producer sees it.
    void acknowledged(Sent batch, long offset);

    /// Everything in flight is about to be sent again, or the first batch after a pause: time to
    /// ask who leads.
    void lookUp(SimulatedProducer producer);

    long wallMillis();
  }

  SimulatedProducer(long id, int partition, Target target, RandomGenerator random) {
    this.id = id;
    this.producerId = id;
    this.partition = partition;
    this.target = target;
    this.random = random;
    this.restless = random.nextInt(3) == 0;
  }

  /// A batch, and what became of its newest attempt.
  static final class Sent {
    final SimulatedProducer producer;
    final int sequence;
    final String[] values;
    CompletableFuture<AppendResult> result = new CompletableFuture<>();

    /// Where it was first said to be; -1 if nobody said.
    long firstOffset = -1;

    private Sent(SimulatedProducer producer, int sequence, String[] values) {
      this.producer = producer;
      this.sequence = sequence;
      this.values = values;
    }

    private void attempt() {
      result = new CompletableFuture<>();
      var attempt = result;
      var _ =
          producer
              .target
              .send(
                  this,
                  Batches.idempotent(
                      producer.producerId, 0, sequence, producer.target.wallMillis(), values))
              .thenAccept(attempt::complete);
    }

    private boolean acknowledged() {
      return result.isDone() && result.join() instanceof AppendResult.Appended;
    }

    private boolean refused() {
      return result.isDone() && result.join() instanceof AppendResult.Refused;
    }
  }

  void send() {
    if (inFlight.size() >= 5 || inFlight.stream().anyMatch(Sent::refused)) {
      return;
    }
    if (inFlight.isEmpty()) {
      target.lookUp(this);
      if (restless && random.nextBoolean()) {
        producerId += 1000;
        nextSequence = 0;
      }
    }
    var values = new String[1 + random.nextInt(3)];
    for (int i = 0; i < values.length; i++) {
      values[i] = "p%d-%d".formatted(id, nextValue++) + "x".repeat(random.nextInt(60));
    }
    var sent = new Sent(this, nextSequence, values);
    nextSequence += values.length;
    inFlight.add(sent);
    sent.attempt();
  }

  /// Takes in what was answered; anything refused means sending again from there on.
  void settle() {
    while (!inFlight.isEmpty() && inFlight.getFirst().acknowledged()) {
      var done = inFlight.removeFirst();
      target.acknowledged(done, ((AppendResult.Appended) done.result.join()).baseOffset());
    }
    boolean resend = inFlight.stream().anyMatch(Sent::refused);
    if (resend && inFlight.stream().allMatch(sent -> sent.result.isDone())) {
      target.lookUp(this);
      List.copyOf(inFlight).forEach(Sent::attempt);
    }
  }

  /// Nothing that is under way will be heard of any more.
  void connectionLost() {
    inFlight.forEach(
        sent -> sent.result.complete(new AppendResult.Refused(new Failure.TimedOut())));
  }
}
