package io.streamhouse.broker.storage;

import java.io.IOException;

/// No object has that key.
public final class ObjectMissing extends IOException {

  public ObjectMissing(String key) {
    super("no object " + key);
  }
}
