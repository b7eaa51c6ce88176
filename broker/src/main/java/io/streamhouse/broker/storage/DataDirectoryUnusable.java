package io.streamhouse.broker.storage;

/// An agent cannot run on this data directory; the message says why and what to do.
public final class DataDirectoryUnusable extends Exception {

  DataDirectoryUnusable(String message) {
    super(message);
  }

  DataDirectoryUnusable(String message, Throwable cause) {
    super(message, cause);
  }
}
