package io.streamhouse.broker.api;

import io.streamhouse.metadata.MetadataUnavailable;
import java.util.concurrent.CompletionException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Why one item of an admin request was not done, as its answer says it.
///
/// @param message for a person; null where Kafka sends none
record Refusal(Errors error, @Nullable String message) {

  private static final Logger log = LoggerFactory.getLogger(Refusal.class);

  /// Refused, in Kafka's own words for that error.
  static Refusal of(Errors error) {
    return new Refusal(error, error.message());
  }

  static Refusal of(Errors error, String message) {
    return new Refusal(error, message);
  }

  static Refusal invalid(String message) {
    return new Refusal(Errors.INVALID_REQUEST, message);
  }

  /// The request's own time is over; what was begun may still happen.
  static Refusal timedOut() {
    return new Refusal(Errors.REQUEST_TIMED_OUT, null);
  }

  /// A change whose stage failed. An unknown outcome is a time-out to the client: it is what Kafka
  /// answers when it cannot tell.
  static Refusal ofThrown(Throwable thrown) {
    Throwable cause =
        thrown instanceof CompletionException && thrown.getCause() != null
            ? thrown.getCause()
            : thrown;
    if (cause instanceof MetadataUnavailable) {
      return of(Errors.REQUEST_TIMED_OUT, "The metadata store did not answer in time.");
    }
    log.error("a change to the catalogue failed", cause);
    return of(Errors.UNKNOWN_SERVER_ERROR);
  }
}
