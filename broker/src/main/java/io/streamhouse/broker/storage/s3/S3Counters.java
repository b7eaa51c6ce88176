package io.streamhouse.broker.storage.s3;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/// What was asked of S3 since the store was opened, and what came of it. An attempt is one HTTP
/// request; a retry is an attempt after the first of a call.
public final class S3Counters {

  /// Why an attempt gave no answer that was of use.
  public enum Failed {
    /// 429 and 503: slow down.
    THROTTLED,
    /// No answer in time.
    TIMED_OUT,
    /// 500 and other faults of the store.
    SERVER,
    /// The connection could not be made or broke.
    CONNECTION,
    /// The store says no: permissions, a name, a state.
    REFUSED
  }

  private final Map<S3Operation, LongAdder> attempts = new EnumMap<>(S3Operation.class);
  private final Map<S3Operation, LongAdder> nanos = new EnumMap<>(S3Operation.class);
  private final Map<Failed, LongAdder> failures = new EnumMap<>(Failed.class);
  final LongAdder retries = new LongAdder();
  final LongAdder sentBytes = new LongAdder();
  final LongAdder receivedBytes = new LongAdder();
  final LongAdder abortedUploads = new LongAdder();

  S3Counters() {
    for (var operation : S3Operation.values()) {
      attempts.put(operation, new LongAdder());
      nanos.put(operation, new LongAdder());
    }
    for (var failed : Failed.values()) {
      failures.put(failed, new LongAdder());
    }
  }

  public long attempts(S3Operation operation) {
    return counter(attempts, operation).sum();
  }

  /// Time all its attempts took together.
  public long nanos(S3Operation operation) {
    return counter(nanos, operation).sum();
  }

  public long failures(Failed failed) {
    return counter(failures, failed).sum();
  }

  public long retries() {
    return retries.sum();
  }

  /// Bytes of objects that were stored.
  public long sentBytes() {
    return sentBytes.sum();
  }

  /// Bytes of objects that were read.
  public long receivedBytes() {
    return receivedBytes.sum();
  }

  /// Uploads in parts that were given up and cleaned away.
  public long abortedUploads() {
    return abortedUploads.sum();
  }

  void attempted(S3Operation operation, long tookNanos) {
    counter(attempts, operation).increment();
    counter(nanos, operation).add(tookNanos);
  }

  void failed(Failed failed) {
    counter(failures, failed).increment();
  }

  private static <K extends Enum<K>> LongAdder counter(Map<K, LongAdder> counters, K key) {
    var counter = counters.get(key);
    if (counter == null) {
      throw new IllegalStateException("no counter " + key);
    }
    return counter;
  }
}
