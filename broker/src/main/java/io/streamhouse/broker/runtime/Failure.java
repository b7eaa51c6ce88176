package io.streamhouse.broker.runtime;

import java.util.OptionalInt;

/// Everything a request can fail with for a partition, a topic or a group. Expected, hence values;
/// `broker.api` turns each into Kafka's error code with one exhaustive switch.
public sealed interface Failure {

  /// Why, for a person.
  default String message() {
    return toString();
  }

  /// The bytes are not what their checksum or length says.
  record CorruptBatch() implements Failure {}

  record UnsupportedBatchFormat() implements Failure {}

  record UnsupportedCompression() implements Failure {}

  record InvalidRecord(String why) implements Failure {
    @Override
    public String message() {
      return why;
    }
  }

  record InvalidTimestamp(String why) implements Failure {
    @Override
    public String message() {
      return why;
    }
  }

  record MessageTooLarge(int bytes, int limit) implements Failure {
    @Override
    public String message() {
      return "batch of " + bytes + " bytes; max.message.bytes is " + limit;
    }
  }

  /// A sequence number that neither continues nor repeats what this producer wrote.
  record OutOfOrderSequence(long producerId, int expected, int found) implements Failure {}

  /// An epoch below the producer's current one.
  record InvalidProducerEpoch(long producerId, int current, int found) implements Failure {}

  record OffsetOutOfRange(long offset, long logStart, long end) implements Failure {}

  /// The owner does not know its end yet (replay is running): retriable, and never "out of range",
  /// which would reset consumers.
  record OffsetNotAvailable() implements Failure {}

  /// Someone else leads, or nobody does yet.
  ///
  /// @param leaderNode the leader as far as known
  record NotLeader(OptionalInt leaderNode) implements Failure {}

  record FencedLeaderEpoch(int current) implements Failure {}

  record UnknownLeaderEpoch(int current) implements Failure {}

  record UnknownTopic() implements Failure {}

  record UnknownTopicId() implements Failure {}

  /// Refused before anything was appended; the client may retry at once or later.
  record Backpressure(String why) implements Failure {
    @Override
    public String message() {
      return why;
    }
  }

  /// Appended, but not known durable in time.
  record TimedOut() implements Failure {}

  /// Stored bytes are damaged or unreadable; other partitions are served.
  record Storage(String why) implements Failure {
    @Override
    public String message() {
      return why;
    }
  }

  /// A feature this version does not have; the request is well-formed.
  record Unsupported(String what) implements Failure {
    @Override
    public String message() {
      return what;
    }
  }
}
