package io.streamhouse.broker.lease;

/// Whether this agent may act as an owner right now. A plain read, cheap on hot paths.
public interface Ownership {

  /// True only while no other agent can have taken this one's leases.
  boolean holds();
}
