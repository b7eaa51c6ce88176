package io.streamhouse.broker.storage.s3;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/// What is asked of S3, as metrics.
public final class S3Metrics {

  private S3Metrics() {}

  public static void register(MeterRegistry meters, S3Store store) {
    var counters = store.counters();
    for (var operation : S3Operation.values()) {
      FunctionTimer.builder(
              "streamhouse.s3.requests",
              counters,
              c -> c.attempts(operation),
              c -> c.nanos(operation),
              TimeUnit.NANOSECONDS)
          .tag("operation", operation.label())
          .description("Requests to S3, retries included, and the time they took.")
          .register(meters);
    }
    for (var failed : S3Counters.Failed.values()) {
      FunctionCounter.builder("streamhouse.s3.errors", counters, c -> c.failures(failed))
          .tag("kind", failed.name().toLowerCase(Locale.ROOT))
          .description("Requests to S3 that failed, by what went wrong.")
          .register(meters);
    }
    FunctionCounter.builder("streamhouse.s3.retries", counters, S3Counters::retries)
        .description("Requests to S3 that repeat one that failed.")
        .register(meters);
    FunctionCounter.builder("streamhouse.s3.sent", counters, S3Counters::sentBytes)
        .baseUnit("bytes")
        .description("Bytes of objects stored in S3.")
        .register(meters);
    FunctionCounter.builder("streamhouse.s3.received", counters, S3Counters::receivedBytes)
        .baseUnit("bytes")
        .description("Bytes of objects read from S3.")
        .register(meters);
    FunctionCounter.builder("streamhouse.s3.uploads.aborted", counters, S3Counters::abortedUploads)
        .description("Uploads in parts that were given up, their parts deleted.")
        .register(meters);
  }
}
