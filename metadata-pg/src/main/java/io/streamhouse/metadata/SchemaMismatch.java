package io.streamhouse.metadata;

/// The database has a schema that this program cannot use, and waiting does not change that.
public final class SchemaMismatch extends RuntimeException {

  public SchemaMismatch(String message) {
    super(message);
  }
}
