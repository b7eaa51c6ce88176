package io.streamhouse.broker.api;

import org.apache.kafka.common.acl.AclOperation;

/// The "authorized operations" bit fields. Without an authorizer everyone may do everything the
/// resource knows, and Kafka says so in these fields when asked.
final class Permissions {

  /// What the field says when the client did not ask.
  static final int NOT_ASKED = Integer.MIN_VALUE;

  static final int ON_TOPIC =
      bits(
          AclOperation.READ,
          AclOperation.WRITE,
          AclOperation.CREATE,
          AclOperation.DESCRIBE,
          AclOperation.DELETE,
          AclOperation.ALTER,
          AclOperation.DESCRIBE_CONFIGS,
          AclOperation.ALTER_CONFIGS);

  static final int ON_CLUSTER =
      bits(
          AclOperation.CREATE,
          AclOperation.CLUSTER_ACTION,
          AclOperation.DESCRIBE_CONFIGS,
          AclOperation.ALTER_CONFIGS,
          AclOperation.IDEMPOTENT_WRITE,
          AclOperation.ALTER,
          AclOperation.DESCRIBE);

  static final int ON_GROUP =
      bits(
          AclOperation.READ,
          AclOperation.DESCRIBE,
          AclOperation.DELETE,
          AclOperation.DESCRIBE_CONFIGS,
          AclOperation.ALTER_CONFIGS);

  private Permissions() {}

  private static int bits(AclOperation... operations) {
    int field = 0;
    for (var operation : operations) {
      field |= 1 << operation.code();
    }
    return field;
  }
}
