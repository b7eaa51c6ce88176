package io.streamhouse.metadata;

/// The database did not answer, or not as it should: the outcome of the transaction is unknown.
public final class MetadataUnavailable extends RuntimeException {

  public MetadataUnavailable(String message, Throwable cause) {
    super(message, cause);
  }
}
