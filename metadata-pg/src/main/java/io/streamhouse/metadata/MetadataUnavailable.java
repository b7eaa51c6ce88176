package io.streamhouse.metadata;

import org.jspecify.annotations.Nullable;

/// The database did not answer, or not as it should: the outcome of the transaction is unknown.
public final class MetadataUnavailable extends RuntimeException {

  public MetadataUnavailable(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
