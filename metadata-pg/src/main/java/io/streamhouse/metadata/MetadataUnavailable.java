package io.streamhouse.metadata;

import org.jspecify.annotations.Nullable;

/// The database did not answer, or not as it should: the outcome of the transaction is unknown.
public final class MetadataUnavailable extends RuntimeException {

  private final boolean unreachable;

  public MetadataUnavailable(String message, @Nullable Throwable cause) {
    this(message, cause, false);
  }

  public MetadataUnavailable(String message, @Nullable Throwable cause, boolean unreachable) {
    super(message, cause);
    this.unreachable = unreachable;
  }

  /// Whether it was being opened and nobody was there, or not yet: it may well be there later.
  public boolean unreachable() {
    return unreachable;
  }
}
