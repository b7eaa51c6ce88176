package io.streamhouse.metadata;

/// Told of every transaction how long it took, on the thread that ran it; must neither block nor
/// throw.
public interface TransactionObserver {

  /// @param name one of a few dozen
  /// @param nanos from its first try to its end, waiting for a connection included
  /// @param failed whether it was rolled back, or its outcome is unknown
  void ended(String name, long nanos, boolean failed);
}
