package io.streamhouse.broker.group;

/// The states of a consumer group. A group that nobody knows is Dead to clients and has no state
/// here.
public enum ConsumerGroupState {
  EMPTY("Empty"),
  /// Something changed since partitions were last distributed.
  ASSIGNING("Assigning"),
  /// Some members do not yet have what they are to have.
  RECONCILING("Reconciling"),
  STABLE("Stable");

  private final String text;

  ConsumerGroupState(String text) {
    this.text = text;
  }

  /// As clients see it.
  public String text() {
    return text;
  }
}
