package io.streamhouse.broker.api;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.metadata.MetadataUnavailable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// The one place where failures become Kafka's error codes.
final class KafkaErrors {

  private KafkaErrors() {}

  /// The code a client of Kafka expects for `failure`.
  static Errors of(Failure failure) {
    return switch (failure) {
      case Failure.CorruptBatch _ -> Errors.CORRUPT_MESSAGE;
      case Failure.UnsupportedBatchFormat _ -> Errors.UNSUPPORTED_FOR_MESSAGE_FORMAT;
      case Failure.UnsupportedCompression _ -> Errors.UNSUPPORTED_COMPRESSION_TYPE;
      case Failure.InvalidRecord _ -> Errors.INVALID_RECORD;
      case Failure.InvalidTimestamp _ -> Errors.INVALID_TIMESTAMP;
      case Failure.MessageTooLarge _ -> Errors.MESSAGE_TOO_LARGE;
      case Failure.OutOfOrderSequence _ -> Errors.OUT_OF_ORDER_SEQUENCE_NUMBER;
      case Failure.InvalidProducerEpoch _ -> Errors.INVALID_PRODUCER_EPOCH;
      case Failure.OffsetOutOfRange _ -> Errors.OFFSET_OUT_OF_RANGE;
      case Failure.OffsetNotAvailable _ -> Errors.OFFSET_NOT_AVAILABLE;
      case Failure.NotLeader _ -> Errors.NOT_LEADER_OR_FOLLOWER;
      case Failure.FencedLeaderEpoch _ -> Errors.FENCED_LEADER_EPOCH;
      case Failure.UnknownLeaderEpoch _ -> Errors.UNKNOWN_LEADER_EPOCH;
      case Failure.UnknownTopic _ -> Errors.UNKNOWN_TOPIC_OR_PARTITION;
      case Failure.UnknownTopicId _ -> Errors.UNKNOWN_TOPIC_ID;
      case Failure.Backpressure _ -> Errors.NOT_ENOUGH_REPLICAS;
      case Failure.TimedOut _ -> Errors.REQUEST_TIMED_OUT;
      case Failure.Storage _ -> Errors.KAFKA_STORAGE_ERROR;
      case Failure.Unsupported _ -> Errors.UNSUPPORTED_VERSION;
    };
  }

  /// What a client may be told beside the code; null where the code says it all.
  static @Nullable String explanation(Failure failure) {
    return switch (failure) {
      case Failure.InvalidRecord(var why) -> why;
      case Failure.InvalidTimestamp(var why) -> why;
      case Failure.MessageTooLarge tooLarge -> tooLarge.message();
      case Failure.Backpressure(var why) -> why;
      case Failure.Storage(var why) -> why;
      case Failure.Unsupported(var what) -> what;
      case Failure.CorruptBatch _,
          Failure.UnsupportedBatchFormat _,
          Failure.UnsupportedCompression _,
          Failure.OutOfOrderSequence _,
          Failure.InvalidProducerEpoch _,
          Failure.OffsetOutOfRange _,
          Failure.OffsetNotAvailable _,
          Failure.NotLeader _,
          Failure.FencedLeaderEpoch _,
          Failure.UnknownLeaderEpoch _,
          Failure.UnknownTopic _,
          Failure.UnknownTopicId _,
          Failure.TimedOut _ ->
          null;
    };
  }

  /// The code for a stage that failed although its failures are values: a bug, unless the metadata
  /// store was away or a time-out passed.
  static Errors of(Throwable thrown) {
    var cause = thrown;
    while ((cause instanceof CompletionException || cause instanceof ExecutionException)
        && cause.getCause() != null) {
      cause = cause.getCause();
    }
    if (cause instanceof MetadataUnavailable || cause instanceof TimeoutException) {
      return Errors.REQUEST_TIMED_OUT;
    }
    return Errors.forException(cause);
  }
}
