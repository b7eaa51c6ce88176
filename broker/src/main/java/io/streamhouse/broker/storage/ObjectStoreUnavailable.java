package io.streamhouse.broker.storage;

import java.io.IOException;

/// The store as a whole does not do its work now: it cannot be reached, does not answer in time, or
/// says that it is overloaded or broken. Says nothing against the call itself, which may be made
/// again later.
public final class ObjectStoreUnavailable extends IOException {

  public ObjectStoreUnavailable(String message) {
    super(message);
  }

  public ObjectStoreUnavailable(String message, Throwable cause) {
    super(message, cause);
  }
}
