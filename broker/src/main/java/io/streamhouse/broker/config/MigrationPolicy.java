package io.streamhouse.broker.config;

/// Which groups with members may go from one protocol to the other (KIP-848). Groups without
/// members always may.
public enum MigrationPolicy {
  /// None, and no member of the classic protocol joins a group that is of the consumer protocol.
  DISABLED(false, false),
  /// From the classic protocol to the consumer protocol.
  UPGRADE(true, false),
  /// From the consumer protocol to the classic protocol.
  DOWNGRADE(false, true),
  BIDIRECTIONAL(true, true);

  private final boolean upgrades;
  private final boolean downgrades;

  MigrationPolicy(boolean upgrades, boolean downgrades) {
    this.upgrades = upgrades;
    this.downgrades = downgrades;
  }

  public boolean upgrades() {
    return upgrades;
  }

  public boolean downgrades() {
    return downgrades;
  }
}
