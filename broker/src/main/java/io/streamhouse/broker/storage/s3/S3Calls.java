package io.streamhouse.broker.storage.s3;

import io.netty.handler.timeout.ReadTimeoutException;
import io.netty.handler.timeout.WriteTimeoutException;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.ObjectStoreUnavailable;
import io.streamhouse.broker.storage.s3.S3Counters.Failed;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.ApiCallAttemptTimeoutException;
import software.amazon.awssdk.core.exception.ApiCallTimeoutException;

/// Makes calls of S3: waits for answers, and repeats what may go better the next time. The only
/// place that does either; the SDK itself is told to try once. Thread-safe; calls block.
final class S3Calls implements AutoCloseable {

  /// Beyond the time-out that the SDK itself is given, in case it loses sight of a call.
  private static final Duration GRACE = Duration.ofSeconds(5);

  private static final Set<String> THROTTLING =
      Set.of(
          "SlowDown",
          "SlowDownRead",
          "SlowDownWrite",
          "Throttling",
          "ThrottlingException",
          "RequestLimitExceeded",
          "TooManyRequests",
          "BandwidthLimitExceeded",
          "ServiceUnavailable");

  /// Faults of the store that come with a status that does not say so, 200 among them.
  private static final Set<String> FAULTS =
      Set.of("InternalError", "RequestTimeout", "RequestTimeoutException");

  /// Somebody else is at the same key at this moment.
  private static final Set<String> CONFLICTS =
      Set.of("ConditionalRequestConflict", "OperationAborted");

  private final S3Settings settings;
  private final TimeSource time;
  private final RandomGenerator random;
  private final S3Counters counters;
  private final CountDownLatch closed = new CountDownLatch(1);

  S3Calls(S3Settings settings, TimeSource time, RandomGenerator random, S3Counters counters) {
    this.settings = settings;
    this.time = time;
    this.random = random;
    this.counters = counters;
  }

  /// A call that S3 refused.
  static final class RefusedCall extends Exception {

    final S3Refused refusal;

    /// An earlier attempt of the same call may have been done although it had no answer.
    final boolean mayHaveRepeated;

    RefusedCall(S3Refused refusal, boolean mayHaveRepeated) {
      super(refusal);
      this.refusal = refusal;
      this.mayHaveRepeated = mayHaveRepeated;
    }
  }

  /// Makes a call, up to as many times as the settings allow.
  ///
  /// @param name of the object, or whatever the call is about
  /// @param timeout of one attempt, which the request should have been given too
  /// @throws RefusedCall if trying again is of no use
  /// @throws ObjectStoreUnavailable if all attempts failed
  <T> T make(
      S3Operation operation, String name, Duration timeout, Supplier<CompletableFuture<T>> attempt)
      throws IOException, RefusedCall {
    boolean mayHaveRepeated = false;
    for (int made = 1; ; made++) {
      try {
        return once(operation, timeout, attempt);
      } catch (ExecutionException | TimeoutException failure) {
        var cause = Objects.requireNonNullElse(failure.getCause(), failure);
        var service = cause instanceof AwsServiceException found ? found : null;
        var code = service == null ? "" : code(service);
        boolean conflict = service != null && CONFLICTS.contains(code);
        var kind = kind(cause, service, code);
        counters.failed(kind);
        if (kind == Failed.REFUSED && !conflict) {
          int status = service == null ? 0 : service.statusCode();
          throw new RefusedCall(
              new S3Refused(describe(operation, name, cause, made), status, code, cause),
              mayHaveRepeated);
        }
        if (made >= settings.patience().attempts()) {
          throw new ObjectStoreUnavailable(describe(operation, name, cause, made), cause);
        }
        mayHaveRepeated |= kind != Failed.THROTTLED && !conflict;
        counters.retries.increment();
        pause(made);
      }
    }
  }

  /// As [#make], where a refusal is an error like any other.
  <T> T demand(
      S3Operation operation, String name, Duration timeout, Supplier<CompletableFuture<T>> attempt)
      throws IOException {
    try {
      return make(operation, name, timeout, attempt);
    } catch (RefusedCall refused) {
      throw refused.refusal;
    }
  }

  private <T> T once(
      S3Operation operation, Duration timeout, Supplier<CompletableFuture<T>> attempt)
      throws ExecutionException, TimeoutException, IOException {
    if (closed.getCount() == 0) {
      throw new IOException("the object store is closed");
    }
    long began = time.nanos();
    CompletableFuture<T> answer;
    try {
      answer = attempt.get();
    } catch (RuntimeException failure) {
      answer = CompletableFuture.failedFuture(failure);
    }
    try {
      return answer.get(timeout.plus(GRACE).toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + settings.url());
    } finally {
      answer.cancel(true);
      counters.attempted(operation, time.nanos() - began);
    }
  }

  /// Waits before attempt `made` + 1: any time up to twice the last limit, so that many who failed
  /// together do not come back together.
  private void pause(int made) throws IOException {
    var patience = settings.patience();
    long limit =
        Math.min(
            patience.longestPause().toNanos(),
            patience.firstPause().toNanos() << Math.min(made - 1, 20));
    try {
      if (closed.await(random.nextLong(limit / 2, limit + 1), TimeUnit.NANOSECONDS)) {
        throw new IOException("the object store is closed");
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + settings.url());
    }
  }

  private static Failed kind(Throwable cause, @Nullable AwsServiceException service, String code) {
    if (service == null) {
      return timeout(cause) ? Failed.TIMED_OUT : Failed.CONNECTION;
    }
    int status = service.statusCode();
    if (status == 429 || status == 503 || THROTTLING.contains(code)) {
      return Failed.THROTTLED;
    }
    if (FAULTS.contains(code) || (status >= 500 && status != 501)) {
      return Failed.SERVER;
    }
    return Failed.REFUSED;
  }

  /// The SDK's own clock and that of its connection run beside each other, and where they are set
  /// to the same time either may end the attempt.
  private static boolean timeout(Throwable cause) {
    for (@Nullable Throwable at = cause; at != null; at = at.getCause()) {
      if (at instanceof ApiCallTimeoutException
          || at instanceof ApiCallAttemptTimeoutException
          || at instanceof TimeoutException
          || at instanceof ReadTimeoutException
          || at instanceof WriteTimeoutException) {
        return true;
      }
    }
    return false;
  }

  private static String code(AwsServiceException failure) {
    var details = failure.awsErrorDetails();
    return details == null || details.errorCode() == null ? "" : details.errorCode();
  }

  private String describe(S3Operation operation, String name, Throwable cause, int made) {
    var text = new StringBuilder(operation.label()).append(" of s3://").append(settings.bucket());
    if (!name.isEmpty()) {
      text.append('/').append(name);
    }
    settings.endpoint().ifPresent(endpoint -> text.append(" at ").append(endpoint));
    text.append(": ");
    if (cause instanceof AwsServiceException failure) {
      var details = failure.awsErrorDetails();
      text.append(failure.statusCode());
      if (details != null && details.errorCode() != null) {
        text.append(' ').append(details.errorCode());
      }
      if (details != null && details.errorMessage() != null) {
        text.append(" (").append(details.errorMessage()).append(')');
      }
      text.append(", request id ").append(failure.requestId());
    } else {
      text.append(cause);
      for (var why = cause.getCause(); why != null; why = why.getCause()) {
        text.append(", because of ").append(why);
      }
    }
    if (made > 1) {
      text.append(", after ").append(made).append(" attempts");
    }
    return text.toString();
  }

  /// What gives the SDK one attempt's time-out.
  static AwsRequestOverrideConfiguration within(Duration timeout) {
    return AwsRequestOverrideConfiguration.builder()
        .apiCallTimeout(timeout)
        .apiCallAttemptTimeout(timeout)
        .build();
  }

  /// Ends pauses; calls fail from now on.
  @Override
  public void close() {
    closed.countDown();
  }
}
