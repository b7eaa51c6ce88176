package io.streamhouse.broker.partition;

import io.streamhouse.broker.runtime.Failure;

/// Carries a [Failure] through a stage that can only fail with an exception.
public final class Refused extends RuntimeException {

  private final transient Failure failure;

  public Refused(Failure failure) {
    super(failure.message(), null, false, false);
    this.failure = failure;
  }

  public Failure failure() {
    return failure;
  }
}
