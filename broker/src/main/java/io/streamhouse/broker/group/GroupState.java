package io.streamhouse.broker.group;

/// The states of a classic group. A group that nobody knows is Dead to clients and has no state
/// here.
public enum GroupState {
  EMPTY("Empty"),
  PREPARING_REBALANCE("PreparingRebalance"),
  COMPLETING_REBALANCE("CompletingRebalance"),
  STABLE("Stable");

  private final String text;

  GroupState(String text) {
    this.text = text;
  }

  /// As clients see it.
  public String text() {
    return text;
  }
}
