package io.streamhouse.broker.group;

import io.streamhouse.broker.group.GroupRequest.Join;
import io.streamhouse.broker.group.GroupRequest.Protocol;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A member of a [ClassicGroup], confined to it.
final class Member {

  /// No request of this kind waits.
  static final long NONE = -1;

  final String id;
  final @Nullable String instanceId;
  String clientId;
  String clientHost;
  int sessionTimeoutMillis;
  int rebalanceTimeoutMillis;
  List<Protocol> protocols;
  Bytes assignment = Bytes.EMPTY;

  /// The JoinGroup that waits for the others, or [#NONE].
  long parkedJoin = NONE;

  /// The SyncGroup that waits for the leader's, or [#NONE].
  long parkedSync = NONE;

  /// It never was in a completed generation.
  boolean joining;

  /// When its session ends, unless a waiting request shows that it lives.
  long sessionEndNanos;

  Member(
      String id,
      @Nullable String instanceId,
      String clientId,
      String clientHost,
      int sessionTimeoutMillis,
      int rebalanceTimeoutMillis,
      List<Protocol> protocols) {
    this.id = id;
    this.instanceId = instanceId;
    this.clientId = clientId;
    this.clientHost = clientHost;
    this.sessionTimeoutMillis = sessionTimeoutMillis;
    this.rebalanceTimeoutMillis = rebalanceTimeoutMillis;
    this.protocols = protocols;
  }

  static Member of(String id, Join join) {
    return new Member(
        id,
        join.instanceId(),
        join.clientId(),
        join.clientHost(),
        join.sessionTimeoutMillis(),
        join.rebalanceTimeoutMillis(),
        join.protocols());
  }

  void update(Join join) {
    clientId = join.clientId();
    clientHost = join.clientHost();
    sessionTimeoutMillis = join.sessionTimeoutMillis();
    rebalanceTimeoutMillis = join.rebalanceTimeoutMillis();
    protocols = join.protocols();
  }

  boolean isStatic() {
    return instanceId != null;
  }

  boolean awaitsJoin() {
    return parkedJoin != NONE;
  }

  boolean awaitsSync() {
    return parkedSync != NONE;
  }

  Bytes metadata(@Nullable String protocol) {
    for (var one : protocols) {
      if (one.name().equals(protocol)) {
        return one.metadata();
      }
    }
    return Bytes.EMPTY;
  }
}
