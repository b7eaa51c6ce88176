package io.streamhouse.compat.groups;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.OffsetCommitRequestData;
import org.apache.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestPartition;
import org.apache.kafka.common.message.OffsetCommitRequestData.OffsetCommitRequestTopic;
import org.apache.kafka.common.message.OffsetCommitResponseData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestTopics;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// A member of a group, as a client library would be one: what both protocols have in common. It
/// has one request under way at a time, and decides what to ask next when that is answered, or when
/// something is due. Confined to the loop.
abstract class LoadMember {

  private static final int REQUEST_TIMEOUT_MILLIS = 30_000;
  private static final int RETRY_MILLIS = 100;

  /// How often, and where from.
  ///
  /// @param heartbeatMillis of classic members; others are told
  record Manner(
      String topic,
      int heartbeatMillis,
      int commitMillis,
      int sessionMillis,
      int rebalanceMillis) {}

  final String clientId;
  final LoadedGroup group;
  final Manner manner;
  final Tally tally;
  final EventLoop loop;
  private final Link link;

  private boolean asking;
  private boolean coordinatorKnown;
  private long notBeforeNanos;
  private EventLoop.@Nullable Timer timer;

  private boolean wanted;
  private long joinBeganNanos;
  private boolean joining;
  private long heardNanos;
  private long commitDueNanos;
  private Set<Integer> owned = Set.of();

  LoadMember(
      EventLoop loop, int port, LoadedGroup group, String clientId, Manner manner, Tally tally) {
    this.loop = loop;
    this.group = group;
    this.clientId = clientId;
    this.manner = manner;
    this.tally = tally;
    this.link = new Link(loop, clientId, port);
  }

  /// Wants to be in the group from now on.
  final void join() {
    if (!wanted && isMember()) {
      // It could not yet say that it leaves.
      loop.after(RETRY_MILLIS, this::join);
      return;
    }
    wanted = true;
    joining = true;
    joinBeganNanos = System.nanoTime();
    commitDueNanos = joinBeganNanos + manner.commitMillis * 1_000_000L;
    group.unsettled();
    step();
  }

  /// Leaves the group as soon as it may.
  final void leave() {
    wanted = false;
    tally.leaves++;
    step();
  }

  final boolean isWanted() {
    return wanted;
  }

  /// It is no member and does not want to be one.
  final boolean isAway() {
    return !wanted && !isMember();
  }

  abstract boolean isMember();

  /// It has what it should have, as far as it knows.
  abstract boolean isSteady();

  /// As it was last told; also the epoch of a consumer group.
  abstract int generation();

  final Set<Integer> owned() {
    return owned;
  }

  final void owns(Set<Integer> partitions) {
    owned = Set.copyOf(partitions);
  }

  final long heardNanos() {
    return heardNanos;
  }

  /// The server answered as to a member that is well.
  final void heard() {
    heardNanos = System.nanoTime();
    group.look();
  }

  final void groupSettled() {
    if (joining && wanted) {
      joining = false;
      tally.joinsToStable.add(System.nanoTime() - joinBeganNanos);
    }
  }

  /// Asks what is to be asked next; the coordinator is known and nothing is under way.
  abstract void next();

  /// A connection went with an unanswered request.
  abstract void connectionLost();

  final void step() {
    if (asking) {
      return;
    }
    long now = System.nanoTime();
    if (now - notBeforeNanos < 0) {
      stepAt(notBeforeNanos);
    } else if (!wanted && !isMember()) {
      group.look();
    } else if (!coordinatorKnown) {
      find();
    } else {
      next();
    }
  }

  final void stepAt(long nanos) {
    if (timer != null) {
      timer.cancel();
    }
    long millis = Math.max(0, (nanos - System.nanoTime() + 999_999) / 1_000_000);
    timer =
        loop.after(
            millis,
            () -> {
              timer = null;
              step();
            });
  }

  /// Waits a little before the next request.
  final void pause() {
    notBeforeNanos = System.nanoTime() + RETRY_MILLIS * 1_000_000L;
  }

  final void ask(ApiKeys api, int version, ApiMessage body, Consumer<ByteBufferAccessor> answer) {
    ask(api, version, body, REQUEST_TIMEOUT_MILLIS, answer);
  }

  final void ask(
      ApiKeys api,
      int version,
      ApiMessage body,
      int timeoutMillis,
      Consumer<ByteBufferAccessor> answer) {
    asking = true;
    link.call(
        api,
        version,
        body,
        timeoutMillis,
        new Link.Answer() {
          @Override
          public void arrived(ByteBuffer response) {
            asking = false;
            answer.accept(new ByteBufferAccessor(response));
            step();
          }

          @Override
          public void lost(String why) {
            asking = false;
            tally.lost++;
            if (!tally.aroundRestart) {
              tally.violation(clientId + " lost its connection: " + why);
            }
            coordinatorKnown = false;
            connectionLost();
            pause();
            step();
          }
        });
  }

  /// Whether the answer is none of a member's business but that of whom to ask when.
  final boolean isOfCoordinator(Errors error) {
    boolean elsewhere =
        error == Errors.NOT_COORDINATOR || error == Errors.COORDINATOR_NOT_AVAILABLE;
    if (!elsewhere && error != Errors.COORDINATOR_LOAD_IN_PROGRESS) {
      return false;
    }
    coordinatorKnown &= !elsewhere;
    pause();
    return true;
  }

  private void find() {
    var request =
        new FindCoordinatorRequestData()
            .setKeyType((byte) 0)
            .setCoordinatorKeys(List.of(group.name));
    ask(
        ApiKeys.FIND_COORDINATOR,
        4,
        request,
        body -> {
          var found = new FindCoordinatorResponseData(body, (short) 4).coordinators().getFirst();
          if (tally.count(clientId, ApiKeys.FIND_COORDINATOR, Errors.forCode(found.errorCode()))) {
            coordinatorKnown = true;
          } else {
            pause();
          }
        });
  }

  // Offsets

  final boolean commitIsDue() {
    return !owned.isEmpty() && commitDueNanos - System.nanoTime() <= 0;
  }

  final long commitDueNanos() {
    return owned.isEmpty() ? Long.MAX_VALUE : commitDueNanos;
  }

  /// Commits one offset more for each partition it has.
  ///
  /// @param refused what to do if it was not accepted
  final void commit(String memberId, Consumer<Errors> refused) {
    long now = System.nanoTime();
    commitDueNanos = now + manner.commitMillis * 1_000_000L;
    var partitions = new ArrayList<OffsetCommitRequestPartition>();
    var offsets = new long[group.partitions()];
    for (int partition : owned) {
      offsets[partition] = ++group.sent[partition];
      partitions.add(
          new OffsetCommitRequestPartition()
              .setPartitionIndex(partition)
              .setCommittedOffset(offsets[partition])
              .setCommittedMetadata(""));
    }
    var request =
        new OffsetCommitRequestData()
            .setGroupId(group.name)
            .setMemberId(memberId)
            .setGenerationIdOrMemberEpoch(generation())
            .setTopics(
                List.of(
                    new OffsetCommitRequestTopic()
                        .setName(manner.topic)
                        .setPartitions(partitions)));
    boolean disturbed = tally.aroundRestart;
    ask(
        ApiKeys.OFFSET_COMMIT,
        9,
        request,
        body -> {
          var response = new OffsetCommitResponseData(body, (short) 9);
          var worst = Errors.NONE;
          for (var one : response.topics().getFirst().partitions()) {
            var error = Errors.forCode(one.errorCode());
            if (error == Errors.NONE) {
              int partition = one.partitionIndex();
              group.acknowledged[partition] =
                  Math.max(group.acknowledged[partition], offsets[partition]);
              tally.committedOffsets++;
            } else {
              worst = error;
            }
          }
          if (tally.count(clientId, ApiKeys.OFFSET_COMMIT, worst)) {
            var times =
                disturbed || tally.aroundRestart ? tally.commitsAroundRestarts : tally.commits;
            times.add(System.nanoTime() - now);
          } else if (!isOfCoordinator(worst)) {
            refused.accept(worst);
          }
        });
  }

  /// Asks where to begin in what it was given: nowhere below what was acknowledged.
  final void fetchOffsets(@Nullable String memberId, int epoch, Consumer<Errors> done) {
    var acknowledged = group.acknowledged.clone();
    var asked = new TreeSet<>(owned);
    var request =
        new OffsetFetchRequestData()
            .setGroups(
                List.of(
                    new OffsetFetchRequestGroup()
                        .setGroupId(group.name)
                        .setMemberId(memberId)
                        .setMemberEpoch(epoch)
                        .setTopics(
                            List.of(
                                new OffsetFetchRequestTopics()
                                    .setName(manner.topic)
                                    .setPartitionIndexes(List.copyOf(asked))))));
    ask(
        ApiKeys.OFFSET_FETCH,
        9,
        request,
        body -> {
          var found = new OffsetFetchResponseData(body, (short) 9).groups().getFirst();
          var error = Errors.forCode(found.errorCode());
          if (!tally.count(clientId, ApiKeys.OFFSET_FETCH, error)) {
            if (!isOfCoordinator(error)) {
              done.accept(error);
            }
            return;
          }
          for (var one : found.topics().getFirst().partitions()) {
            if (one.committedOffset() < acknowledged[one.partitionIndex()]) {
              tally.violation(
                  "%s: offset %d of partition %d was fetched, %d was acknowledged before"
                      .formatted(
                          group.name,
                          one.committedOffset(),
                          one.partitionIndex(),
                          acknowledged[one.partitionIndex()]));
            }
          }
          done.accept(Errors.NONE);
        });
  }
}
