package io.streamhouse.broker.api;

import io.streamhouse.broker.group.GroupAnswer;
import io.streamhouse.broker.group.GroupFailure;
import org.apache.kafka.common.protocol.Errors;

/// The one place where group failures become Kafka's error codes.
final class GroupErrors {

  private GroupErrors() {}

  static Errors of(GroupFailure failure) {
    return switch (failure) {
      case NOT_COORDINATOR -> Errors.NOT_COORDINATOR;
      case LOADING -> Errors.COORDINATOR_LOAD_IN_PROGRESS;
      case NOT_AVAILABLE -> Errors.COORDINATOR_NOT_AVAILABLE;
      case INVALID_GROUP_ID -> Errors.INVALID_GROUP_ID;
      case GROUP_NOT_FOUND, WRONG_PROTOCOL -> Errors.GROUP_ID_NOT_FOUND;
      case GROUP_NOT_EMPTY -> Errors.NON_EMPTY_GROUP;
      case GROUP_FULL -> Errors.GROUP_MAX_SIZE_REACHED;
      case UNKNOWN_MEMBER -> Errors.UNKNOWN_MEMBER_ID;
      case MEMBER_ID_REQUIRED -> Errors.MEMBER_ID_REQUIRED;
      case FENCED_INSTANCE -> Errors.FENCED_INSTANCE_ID;
      case ILLEGAL_GENERATION -> Errors.ILLEGAL_GENERATION;
      case FENCED_EPOCH -> Errors.FENCED_MEMBER_EPOCH;
      case STALE_EPOCH -> Errors.STALE_MEMBER_EPOCH;
      case UNRELEASED_INSTANCE -> Errors.UNRELEASED_INSTANCE_ID;
      case UNSUPPORTED_VERSION -> Errors.UNSUPPORTED_VERSION;
      case REBALANCING -> Errors.REBALANCE_IN_PROGRESS;
      case INCONSISTENT_PROTOCOL -> Errors.INCONSISTENT_GROUP_PROTOCOL;
      case INVALID_SESSION_TIMEOUT -> Errors.INVALID_SESSION_TIMEOUT;
      case SUBSCRIBED -> Errors.GROUP_SUBSCRIBED_TO_TOPIC;
    };
  }

  /// The code for an answer as a whole.
  static Errors of(GroupAnswer answer) {
    return answer instanceof GroupAnswer.Failed failed ? of(failed.failure()) : Errors.NONE;
  }

  /// An answer that does not belong to its request: a bug.
  static IllegalStateException unexpected(GroupAnswer answer) {
    return new IllegalStateException("not an answer to this request: " + answer);
  }
}
