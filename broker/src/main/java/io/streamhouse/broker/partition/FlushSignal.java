package io.streamhouse.broker.partition;

/// How partitions and housekeeping reach the flusher, from any thread and without waiting. Exists
/// before either.
public final class FlushSignal {

  private volatile boolean requested;
  private volatile Runnable listener = () -> {};

  /// Has a flush begin as soon as one may, whatever is unflushed.
  public void request() {
    requested = true;
    listener.run();
  }

  /// There may be something to do.
  public void wake() {
    listener.run();
  }

  /// Who is called, on the thread that signals.
  void onSignal(Runnable listens) {
    listener = listens;
  }

  boolean requested() {
    return requested;
  }

  void requested(boolean still) {
    requested = still;
  }
}
