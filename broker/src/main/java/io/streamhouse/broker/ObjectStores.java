package io.streamhouse.broker;

import io.micrometer.core.instrument.MeterRegistry;
import io.streamhouse.broker.config.AgentConfig.ObjectPlace;
import io.streamhouse.broker.runtime.Health;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.CircuitBreaker;
import io.streamhouse.broker.storage.CircuitBreakerMetrics;
import io.streamhouse.broker.storage.LocalDirectoryStore;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.broker.storage.StorageMetrics;
import io.streamhouse.broker.storage.s3.S3Metrics;
import io.streamhouse.broker.storage.s3.S3Settings;
import io.streamhouse.broker.storage.s3.S3Store;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The object store an agent was told to use, behind a circuit breaker. What S3 needs is loaded
/// only when objects go there.
record ObjectStores(CircuitBreaker store, Housekeeping housekeeping) {

  private static final Logger log = LoggerFactory.getLogger(ObjectStores.class);

  /// How often what uploads left behind is looked for.
  static final Duration HOUSEKEEPING_PAUSE = Duration.ofHours(1);

  /// What is to be done now and then, on a thread that may block.
  interface Housekeeping {
    void run() throws IOException;
  }

  /// Cleans up, on a thread of `blocking`.
  void tidy(Executor blocking) {
    blocking.execute(() -> {
      try {
        housekeeping.run();
      } catch (IOException failed) {
        log.warn("object store not tidied, tried again later why={}", failed.getMessage());
      }
    });
  }

  static ObjectStores open(
      ObjectPlace place,
      MeterRegistry meters,
      Health health,
      TimeSource time,
      RandomGenerator random)
      throws IOException {
    return switch (place) {
      case ObjectPlace.Directory(var path) ->
          of(new LocalDirectoryStore(path), () -> {}, meters, health, time);
      case ObjectPlace.Bucket bucket -> s3(bucket, meters, health, time, random);
    };
  }

  /// The store alone, for tools.
  static ObjectStore unguarded(ObjectPlace place, TimeSource time, RandomGenerator random)
      throws IOException {
    return switch (place) {
      case ObjectPlace.Directory(var path) -> new LocalDirectoryStore(path);
      case ObjectPlace.Bucket bucket -> S3Store.open(settings(bucket), time, random);
    };
  }

  private static ObjectStores s3(
      ObjectPlace.Bucket bucket,
      MeterRegistry meters,
      Health health,
      TimeSource time,
      RandomGenerator random)
      throws IOException {
    var store = S3Store.open(settings(bucket), time, random);
    S3Metrics.register(meters, store);
    return of(store, store::abortAbandonedUploads, meters, health, time);
  }

  private static S3Settings settings(ObjectPlace.Bucket bucket) {
    return new S3Settings(
        bucket.bucket(),
        bucket.prefix(),
        bucket.endpoint(),
        bucket.region(),
        bucket.pathStyle(),
        S3Settings.Patience.DEFAULT,
        S3Settings.Parts.DEFAULT);
  }

  private static ObjectStores of(
      ObjectStore store,
      Housekeeping housekeeping,
      MeterRegistry meters,
      Health health,
      TimeSource time) {
    var measured = StorageMetrics.measure(store, meters, time);
    var breaker = new CircuitBreaker(measured, CircuitBreaker.Limits.DEFAULT, time);
    CircuitBreakerMetrics.register(meters, breaker);
    health.add("object store", () -> breaker.outage().stream().toList());
    return new ObjectStores(breaker, housekeeping);
  }
}
