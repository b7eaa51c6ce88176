package io.streamhouse.broker.partition;

/// Settings of partitions that tests share.
public final class TestSettings {

  /// Of a topic whose records are acknowledged at the commit of their object.
  public static final PartitionSettings OBJECT_DURABLE =
      new PartitionSettings(
          1 << 20,
          false,
          1L << 60,
          1L << 60,
          PartitionSettings.AS_PRODUCED,
          0,
          false,
          1 << 30,
          RetentionLimits.NONE,
          true);

  private TestSettings() {}
}
