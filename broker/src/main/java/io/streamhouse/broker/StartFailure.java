package io.streamhouse.broker;

/// An agent that cannot start as it was told, through no fault of its own: its data directory is in
/// use, its port is taken, its database is another cluster's. The message is for the person who
/// started it and says what to do.
public final class StartFailure extends Exception {

  public StartFailure(String message) {
    super(message);
  }

  public StartFailure(String message, Throwable cause) {
    super(message, cause);
  }
}
