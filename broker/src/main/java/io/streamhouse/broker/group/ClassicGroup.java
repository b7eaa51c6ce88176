package io.streamhouse.broker.group;

import io.streamhouse.broker.group.GroupAnswer.DescribedMember;
import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.group.GroupAnswer.Joined;
import io.streamhouse.broker.group.GroupAnswer.JoinedMember;
import io.streamhouse.broker.group.GroupRequest.Commit;
import io.streamhouse.broker.group.GroupRequest.Heartbeat;
import io.streamhouse.broker.group.GroupRequest.Join;
import io.streamhouse.broker.group.GroupRequest.Leave;
import io.streamhouse.broker.group.GroupRequest.Leaver;
import io.streamhouse.broker.group.GroupRequest.Protocol;
import io.streamhouse.broker.group.GroupRequest.Sync;
import io.streamhouse.broker.group.StoredClassicGroup.StoredMember;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// A group of the classic protocol, in which clients compute the assignment: Kafka's rules, as a
/// state machine. An event and its time go in, effects come out; there is no thread, clock, chance
/// or I/O in it. Confined to its shard's loop.
///
/// | state                | means                                   | left when                     |
/// |----------------------|-----------------------------------------|-------------------------------|
/// | Empty                | no members; offsets may remain          | a member joins                |
/// | PreparingRebalance   | members are to join again; joins wait   | all have, or time is over     |
/// | CompletingRebalance  | a generation began; syncs wait          | the leader's sync brings the assignment |
/// | Stable               | every member can have its assignment    | membership or metadata change |
///
/// A generation is stored before any member learns of it, so that generations never go back, and
/// again with its assignment. What waits and what is only planned is not stored: after a failover
/// its askers ask again, and who left in a rebalance that did not end is back. Nobody misses him
/// until there is a rebalance, and that waits for him until his session or the time for it is over.
/// Kafka does the same; a write per leave would spare it.
final class ClassicGroup implements Group {

  static final String TYPE = "classic";

  private static final long NEVER = Long.MAX_VALUE;

  /// A client may lose the connection its first JoinGroup waits on without anybody noticing: it is
  /// forgotten after this time, as in Kafka.
  private static final long NEW_MEMBER_JOIN_NANOS = 300_000_000_000L;

  private final GroupLimits limits;
  private GroupState state = GroupState.EMPTY;

  /// What a rebalance that does not end falls back to after a failover.
  private GroupState beforeRebalance = GroupState.EMPTY;

  private long stateSinceMillis;
  private int generation;
  private String protocolType = "";
  private @Nullable String protocol;
  private @Nullable String leader;

  private final Map<String, Member> members = new LinkedHashMap<>();
  private final Map<String, String> memberByInstance = new HashMap<>();

  /// Member ids given out and not yet used, with the time they lapse.
  private final Map<String, Long> promisedIds = new LinkedHashMap<>();

  /// Members that have not yet asked for this generation's assignment.
  private final Set<String> notSynced = new LinkedHashSet<>();

  private long joinsEndNanos = NEVER;
  private long syncsEndNanos = NEVER;

  /// The first rebalance of an empty group waits a little for more members, again for each that
  /// comes, up to this time.
  private boolean gathering;

  private boolean gathered;
  private long gatheringEndNanos;

  private final List<GroupEffect> effects = new ArrayList<>();
  private boolean changed;

  ClassicGroup(GroupLimits limits, Now now) {
    this.limits = limits;
    this.stateSinceMillis = now.wallMillis();
  }

  /// A group as another coordinator left it. Sessions begin anew.
  static ClassicGroup restore(GroupLimits limits, StoredClassicGroup stored, Now now) {
    var group = new ClassicGroup(limits, now);
    group.state = stored.state();
    group.stateSinceMillis = stored.stateSinceMillis();
    group.generation = stored.generation();
    group.protocolType = stored.protocolType();
    group.protocol = stored.protocol();
    group.leader = stored.leader();
    for (var one : stored.members()) {
      var member =
          new Member(
              one.id(),
              one.instanceId(),
              one.clientId(),
              one.clientHost(),
              one.sessionTimeoutMillis(),
              one.rebalanceTimeoutMillis(),
              one.protocols());
      member.assignment = one.assignment();
      group.touch(member, now);
      group.members.put(member.id, member);
      if (member.instanceId != null) {
        group.memberByInstance.put(member.instanceId, member.id);
      }
    }
    if (group.state == GroupState.COMPLETING_REBALANCE) {
      group.notSynced.addAll(group.members.keySet());
      group.syncsEndNanos = now.nanos() + group.rebalanceNanos();
    }
    return group;
  }

  /// What a consumer group became whose last member of that protocol left: a rebalance begins, in
  /// which its members join as they do in any. Nothing is stored before that ends.
  static ClassicGroup downgraded(GroupLimits limits, StoredClassicGroup stored, Now now) {
    var group = restore(limits, stored, now);
    group.leader = group.members.keySet().iterator().next();
    group.protocol = group.select();
    group.prepareRebalance(now);
    return group;
  }

  /// Whether what members have is known, so that it can become a consumer group: not while a
  /// generation begins, whose members may still have what they had before.
  boolean isSettled() {
    return state == GroupState.STABLE
        || (state == GroupState.PREPARING_REBALANCE && beforeRebalance == GroupState.STABLE);
  }

  int size() {
    return members.size();
  }

  /// Sends those that wait away to come again, since it is a consumer group from now on.
  List<GroupEffect> dissolve() {
    for (var member : members.values()) {
      for (long waits : new long[] {member.parkedJoin, member.parkedSync}) {
        if (waits != Member.NONE) {
          fail(waits, GroupFailure.REBALANCING, member.id);
        }
      }
    }
    changed = false;
    return finish(NEVER);
  }

  @Override
  public StoredClassicGroup stored() {
    boolean gatheringFirst =
        state == GroupState.PREPARING_REBALANCE && beforeRebalance == GroupState.EMPTY;
    return new StoredClassicGroup(
        state == GroupState.PREPARING_REBALANCE ? beforeRebalance : state,
        stateSinceMillis,
        generation,
        protocolType,
        protocol,
        gatheringFirst ? null : leader,
        members.values().stream()
            .filter(one -> !one.joining)
            .map(one ->
                new StoredMember(
                    one.id,
                    one.instanceId,
                    one.clientId,
                    one.clientHost,
                    one.sessionTimeoutMillis,
                    one.rebalanceTimeoutMillis,
                    one.protocols,
                    one.assignment))
            .toList());
  }

  GroupState state() {
    return state;
  }

  @Override
  public String type() {
    return TYPE;
  }

  @Override
  public String stateText() {
    return state.text();
  }

  @Override
  public boolean isEmpty() {
    return state == GroupState.EMPTY;
  }

  int generation() {
    return generation;
  }

  @Override
  public String protocolType() {
    return protocolType;
  }

  /// Since when the state is what it is; only of interest while empty.
  long stateSinceMillis() {
    return stateSinceMillis;
  }

  @Override
  public boolean unused() {
    return state == GroupState.EMPTY && generation == 0 && promisedIds.isEmpty();
  }

  @Override
  public GroupAnswer.Described describe() {
    boolean stable = state == GroupState.STABLE;
    return new GroupAnswer.Described(
        state,
        protocolType,
        stable ? protocol : null,
        members.values().stream()
            .map(one ->
                new DescribedMember(
                    one.id,
                    one.instanceId,
                    one.clientId,
                    one.clientHost,
                    stable ? one.metadata(protocol) : Bytes.EMPTY,
                    stable ? one.assignment : Bytes.EMPTY))
            .toList());
  }

  @Override
  public GroupAnswer describeConsumers() {
    return new Failed(GroupFailure.WRONG_PROTOCOL);
  }

  /// Known of members whose clients tell each other what they read, once they agreed how.
  @Override
  public Optional<Set<String>> readTopics() {
    if (isEmpty()) {
      return Optional.of(Set.of());
    }
    return protocol == null || !protocolType.equals(Subscriptions.PROTOCOL_TYPE)
        ? Optional.empty()
        : Subscriptions.topics(
            members.values().stream().map(one -> one.metadata(protocol)).toList());
  }

  @Override
  public Optional<ToLongFunction<CommittedOffset>> offsetsAgeSince() {
    if (protocolType.isEmpty()) {
      return Optional.of(CommittedOffset::commitMillis);
    }
    return switch (state) {
      case EMPTY -> Optional.of(_ -> stateSinceMillis);
      case STABLE ->
          readTopics().isPresent() ? Optional.of(CommittedOffset::commitMillis) : Optional.empty();
      case PREPARING_REBALANCE, COMPLETING_REBALANCE -> Optional.empty();
    };
  }

  /// Classic members do not say who they are when they fetch.
  @Override
  public Optional<GroupFailure> refusesFetch(@Nullable String memberId, int memberEpoch) {
    return Optional.empty();
  }

  @Override
  public List<GroupEffect> handle(long request, GroupRequest.OfMember event, Now now) {
    switch (event) {
      case Join join -> join(request, join, now);
      case Sync sync -> sync(request, sync, now);
      case Heartbeat heartbeat -> heartbeat(request, heartbeat, now);
      case Leave leave -> leave(request, leave, now);
      case Commit commit -> commit(request, commit, now);
      case GroupRequest.ConsumerHeartbeat beat ->
          fail(request, GroupFailure.WRONG_PROTOCOL, beat.memberId());
    }
    // These only ever move deadlines away.
    boolean later = event instanceof Heartbeat || event instanceof Commit;
    return finish(later && !changed ? NEVER : nextDeadline());
  }

  @Override
  public List<GroupEffect> pass(Now now) {
    if (promisedIds.values().removeIf(end -> end <= now.nanos())) {
      completeJoinIfAllDid(now);
    }
    for (var member : List.copyOf(members.values())) {
      if (member.sessionEndNanos > now.nanos()) {
        continue;
      }
      if (!member.joining && (member.awaitsJoin() || member.awaitsSync())) {
        touch(member, now);
      } else {
        remove(member);
        membersLeft(now);
      }
    }
    if (joinsEndNanos <= now.nanos()) {
      if (gathering && gathered && now.nanos() < gatheringEndNanos) {
        gathered = false;
        joinsEndNanos = Math.min(now.nanos() + limits.initialDelayNanos(), gatheringEndNanos);
      } else {
        completeJoin(now);
      }
    }
    if (syncsEndNanos <= now.nanos()) {
      for (var id : List.copyOf(notSynced)) {
        var member = members.get(id);
        if (member != null) {
          remove(member);
        }
      }
      notSynced.clear();
      syncsEndNanos = NEVER;
      membersLeft(now);
    }
    return finish(nextDeadline());
  }

  private List<GroupEffect> finish(long wakeAt) {
    var result = new ArrayList<GroupEffect>();
    if (changed) {
      result.add(new GroupEffect.Save());
    }
    result.addAll(effects);
    if (wakeAt != NEVER) {
      result.add(new GroupEffect.WakeAt(wakeAt));
    }
    effects.clear();
    changed = false;
    return result;
  }

  private long nextDeadline() {
    long next = Math.min(joinsEndNanos, syncsEndNanos);
    for (var member : members.values()) {
      next = Math.min(next, member.sessionEndNanos);
    }
    for (long end : promisedIds.values()) {
      next = Math.min(next, end);
    }
    return next;
  }

  // Join

  private void join(long request, Join join, Now now) {
    if (join.sessionTimeoutMillis() < limits.minSessionMillis()
        || join.sessionTimeoutMillis() > limits.maxSessionMillis()) {
      fail(request, GroupFailure.INVALID_SESSION_TIMEOUT, join.memberId());
    } else if (!hasRoomFor(join.memberId())) {
      promisedIds.remove(join.memberId());
      var member = members.get(join.memberId());
      if (member != null) {
        remove(member);
        membersLeft(now);
      }
      fail(request, GroupFailure.GROUP_FULL, join.memberId());
    } else if (!speaks(join)) {
      fail(request, GroupFailure.INCONSISTENT_PROTOCOL, join.memberId());
    } else if (join.memberId().isEmpty()) {
      joinNew(request, join, now);
    } else if (promisedIds.containsKey(join.memberId())) {
      if (join.instanceId() == null) {
        add(request, join.memberId(), join, now);
      } else {
        fail(request, GroupFailure.UNKNOWN_MEMBER, join.memberId());
      }
    } else {
      joinAgain(request, join, now);
    }
  }

  private boolean hasRoomFor(String memberId) {
    return switch (state) {
      case EMPTY -> true;
      case PREPARING_REBALANCE -> {
        var member = members.get(memberId);
        yield (member != null && member.awaitsJoin()) || awaitingJoin() < limits.maxSize();
      }
      case COMPLETING_REBALANCE, STABLE ->
          members.containsKey(memberId) || members.size() < limits.maxSize();
    };
  }

  private long awaitingJoin() {
    return members.values().stream().filter(Member::awaitsJoin).count();
  }

  /// Whether there is a protocol that the member and everyone else speak.
  private boolean speaks(Join join) {
    if (join.protocolType().isEmpty() || join.protocols().isEmpty()) {
      return false;
    }
    if (members.isEmpty()) {
      return true;
    }
    return protocolType.equals(join.protocolType())
        && !spokenByAll(Protocol.names(join.protocols())).isEmpty();
  }

  /// Those of the names that every member speaks. The set is taken over.
  private Set<String> spokenByAll(Set<String> names) {
    for (var member : members.values()) {
      names.retainAll(Protocol.names(member.protocols));
    }
    return names;
  }

  private void joinNew(long request, Join join, Now now) {
    if (join.instanceId() != null) {
      var known = memberByInstance.get(join.instanceId());
      var member = known == null ? null : members.get(known);
      if (member == null) {
        add(request, join.newMemberId(), join, now);
      } else {
        replace(request, member, join, now);
      }
    } else if (join.requireKnownId()) {
      if (promisedIds.size() >= limits.maxPromisedIds()) {
        fail(request, GroupFailure.NOT_AVAILABLE, "");
        return;
      }
      promisedIds.put(join.newMemberId(), now.nanos() + nanos(join.sessionTimeoutMillis()));
      fail(request, GroupFailure.MEMBER_ID_REQUIRED, join.newMemberId());
    } else {
      add(request, join.newMemberId(), join, now);
    }
  }

  private void add(long request, String id, Join join, Now now) {
    if (members.isEmpty()) {
      protocolType = join.protocolType();
    }
    promisedIds.remove(id);
    var member = Member.of(id, join);
    member.joining = true;
    member.parkedJoin = request;
    member.sessionEndNanos = now.nanos() + NEW_MEMBER_JOIN_NANOS;
    members.put(id, member);
    if (member.instanceId != null) {
      memberByInstance.put(member.instanceId, id);
    }
    if (leader == null) {
      leader = id;
    }
    gathered = gathered || gathering;
    rebalanceOrComplete(now);
  }

  private void joinAgain(long request, Join join, Now now) {
    var refusal = check(join.memberId(), join.instanceId());
    if (refusal.isPresent()) {
      fail(request, refusal.get(), join.memberId());
      return;
    }
    var member = member(join.memberId());
    boolean same = member.protocols.equals(join.protocols());
    switch (state) {
      case EMPTY -> fail(request, GroupFailure.UNKNOWN_MEMBER, join.memberId());
      case PREPARING_REBALANCE -> update(request, member, join, now);
      case COMPLETING_REBALANCE -> {
        if (same) {
          // The answer to its last join was lost.
          touch(member, now);
          answer(request, joined(member));
        } else {
          update(request, member, join, now);
        }
      }
      case STABLE -> {
        if (same && !member.id.equals(leader)) {
          touch(member, now);
          answer(request, joined(member));
        } else {
          // A leader joins again when it sees that what it assigned from has changed.
          update(request, member, join, now);
        }
      }
    }
  }

  private void update(long request, Member member, Join join, Now now) {
    member.update(join);
    park(request, member, now);
    rebalanceOrComplete(now);
  }

  private void park(long request, Member member, Now now) {
    if (member.awaitsJoin()) {
      fail(member.parkedJoin, GroupFailure.REBALANCING, member.id);
    }
    member.parkedJoin = request;
    if (!member.joining) {
      touch(member, now);
    }
  }

  /// A static member came back without its member id: it gets a new one and its old place, and who
  /// still uses the old id is fenced.
  private void replace(long request, Member old, Join join, Now now) {
    var member = Member.of(join.newMemberId(), join);
    member.assignment = old.assignment;
    member.joining = old.joining;
    touch(member, now);
    if (old.awaitsJoin()) {
      fail(old.parkedJoin, GroupFailure.FENCED_INSTANCE, old.id);
    }
    if (old.awaitsSync()) {
      fail(old.parkedSync, GroupFailure.FENCED_INSTANCE, old.id);
    }
    boolean led = old.id.equals(leader);
    // In the old one's place: the order of members is part of the state.
    var all = List.copyOf(members.values());
    members.clear();
    for (var one : all) {
      var next = one == old ? member : one;
      members.put(next.id, next);
    }
    memberByInstance.put(member.instanceId == null ? "" : member.instanceId, member.id);
    if (notSynced.remove(old.id)) {
      notSynced.add(member.id);
    }
    if (led) {
      leader = member.id;
    }
    if (state == GroupState.STABLE && select().equals(protocol)) {
      // It goes on with its assignment: no rebalance for a restart (KIP-345).
      changed = true;
      answer(request, joinedInPlace(member, old.id, led, join.canSkipAssignment()));
    } else {
      member.parkedJoin = request;
      if (state == GroupState.PREPARING_REBALANCE) {
        completeJoinIfAllDid(now);
      } else {
        prepareRebalance(now);
      }
    }
  }

  /// A leader that came back must not compute an assignment nobody asked for. Clients that cannot
  /// be told so are told that the old id leads (KIP-814).
  private Joined joinedInPlace(Member member, String oldId, boolean led, boolean canSkip) {
    var whole = joined(member);
    return new Joined(
        member.id,
        generation,
        protocolType,
        whole.protocol(),
        led && !canSkip ? oldId : whole.leader(),
        led && canSkip,
        led && canSkip ? whole.members() : List.of());
  }

  private Joined joined(Member member) {
    return new Joined(
        member.id,
        generation,
        protocolType,
        protocol == null ? "" : protocol,
        leader == null ? "" : leader,
        false,
        member.id.equals(leader)
            ? members.values().stream()
                .map(one -> new JoinedMember(one.id, one.instanceId, one.metadata(protocol)))
                .toList()
            : List.of());
  }

  // Rebalance

  private void rebalanceOrComplete(Now now) {
    if (state == GroupState.PREPARING_REBALANCE) {
      completeJoinIfAllDid(now);
    } else {
      prepareRebalance(now);
    }
  }

  private void prepareRebalance(Now now) {
    for (var member : members.values()) {
      if (member.awaitsSync()) {
        fail(member.parkedSync, GroupFailure.REBALANCING, member.id);
        member.parkedSync = Member.NONE;
        touch(member, now);
      }
    }
    notSynced.clear();
    syncsEndNanos = NEVER;
    gathering = state == GroupState.EMPTY;
    gathered = false;
    long rebalance = rebalanceNanos();
    if (gathering) {
      joinsEndNanos = now.nanos() + limits.initialDelayNanos();
      gatheringEndNanos = now.nanos() + Math.max(rebalance, limits.initialDelayNanos());
    } else {
      joinsEndNanos = now.nanos() + rebalance;
    }
    beforeRebalance = state;
    enter(GroupState.PREPARING_REBALANCE, now);
    completeJoinIfAllDid(now);
  }

  private void completeJoinIfAllDid(Now now) {
    if (state == GroupState.PREPARING_REBALANCE
        && !gathering
        && promisedIds.isEmpty()
        && awaitingJoin() == members.size()) {
      completeJoin(now);
    }
  }

  private void completeJoin(Now now) {
    gathering = false;
    joinsEndNanos = NEVER;
    for (var member : List.copyOf(members.values())) {
      if (!member.awaitsJoin() && !member.isStatic()) {
        remove(member);
      }
    }
    if (members.isEmpty()) {
      generation++;
      protocol = null;
      leader = null;
      enter(GroupState.EMPTY, now);
      changed = true;
      return;
    }
    if (!electLeader()) {
      // Only static members that are away: they keep their places until their sessions end.
      joinsEndNanos = now.nanos() + rebalanceNanos();
      return;
    }
    generation++;
    protocol = select();
    enter(GroupState.COMPLETING_REBALANCE, now);
    changed = true;
    syncsEndNanos = now.nanos() + rebalanceNanos();
    for (var member : members.values()) {
      member.assignment = Bytes.EMPTY;
      notSynced.add(member.id);
      if (member.awaitsJoin()) {
        answer(member.parkedJoin, joined(member));
        member.parkedJoin = Member.NONE;
        member.joining = false;
        touch(member, now);
      }
    }
  }

  /// Keeps the leader if it joined, else takes the first that did.
  private boolean electLeader() {
    var current = leader == null ? null : members.get(leader);
    if (current != null && current.awaitsJoin()) {
      return true;
    }
    for (var member : members.values()) {
      if (member.awaitsJoin()) {
        leader = member.id;
        return true;
      }
    }
    return false;
  }

  /// Each member votes for the protocol it prefers among those all speak; ties go to what the first
  /// members voted for.
  private String select() {
    var spoken = spokenByAll(Protocol.names(members.values().iterator().next().protocols));
    var votes = new LinkedHashMap<String, Integer>();
    for (var member : members.values()) {
      for (var one : member.protocols) {
        if (spoken.contains(one.name())) {
          votes.merge(one.name(), 1, Integer::sum);
          break;
        }
      }
    }
    String best = "";
    int most = 0;
    for (var vote : votes.entrySet()) {
      if (vote.getValue() > most) {
        best = vote.getKey();
        most = vote.getValue();
      }
    }
    return best;
  }

  // Sync

  private void sync(long request, Sync sync, Now now) {
    var refusal = check(sync.memberId(), sync.instanceId());
    if (refusal.isPresent()) {
      fail(request, refusal.get(), sync.memberId());
      return;
    }
    if (sync.generation() != generation) {
      fail(request, GroupFailure.ILLEGAL_GENERATION, sync.memberId());
      return;
    }
    if ((sync.protocolType() != null && !sync.protocolType().equals(protocolType))
        || (sync.protocol() != null && !sync.protocol().equals(protocol))) {
      fail(request, GroupFailure.INCONSISTENT_PROTOCOL, sync.memberId());
      return;
    }
    var member = member(sync.memberId());
    switch (state) {
      case EMPTY -> fail(request, GroupFailure.UNKNOWN_MEMBER, sync.memberId());
      case PREPARING_REBALANCE -> fail(request, GroupFailure.REBALANCING, sync.memberId());
      case COMPLETING_REBALANCE -> {
        hasSynced(member);
        if (member.awaitsSync()) {
          fail(member.parkedSync, GroupFailure.REBALANCING, member.id);
        }
        member.parkedSync = request;
        touch(member, now);
        if (member.id.equals(leader)) {
          assign(sync.assignments(), now);
        }
      }
      case STABLE -> {
        hasSynced(member);
        touch(member, now);
        answer(request, synced(member));
      }
    }
  }

  private void hasSynced(Member member) {
    notSynced.remove(member.id);
    if (notSynced.isEmpty()) {
      syncsEndNanos = NEVER;
    }
  }

  private void assign(Map<String, Bytes> assignments, Now now) {
    enter(GroupState.STABLE, now);
    changed = true;
    for (var member : members.values()) {
      member.assignment = assignments.getOrDefault(member.id, Bytes.EMPTY);
      if (member.awaitsSync()) {
        answer(member.parkedSync, synced(member));
        member.parkedSync = Member.NONE;
        touch(member, now);
      }
    }
  }

  private GroupAnswer synced(Member member) {
    return new GroupAnswer.Synced(
        protocolType, protocol == null ? "" : protocol, member.assignment);
  }

  // Heartbeat, leave, commit

  private void heartbeat(long request, Heartbeat heartbeat, Now now) {
    var refusal = check(heartbeat.memberId(), heartbeat.instanceId());
    if (refusal.isPresent()) {
      fail(request, refusal.get(), heartbeat.memberId());
      return;
    }
    if (heartbeat.generation() != generation) {
      fail(request, GroupFailure.ILLEGAL_GENERATION, heartbeat.memberId());
      return;
    }
    var member = member(heartbeat.memberId());
    switch (state) {
      case EMPTY -> fail(request, GroupFailure.UNKNOWN_MEMBER, member.id);
      case PREPARING_REBALANCE -> {
        touch(member, now);
        fail(request, GroupFailure.REBALANCING, member.id);
      }
      case COMPLETING_REBALANCE, STABLE -> {
        touch(member, now);
        answer(request, new GroupAnswer.Alive());
      }
    }
  }

  private void leave(long request, Leave leave, Now now) {
    var failures = new ArrayList<Optional<GroupFailure>>();
    boolean left = false;
    for (var leaver : leave.members()) {
      var failure = leave(leaver);
      failures.add(failure);
      left |= failure.isEmpty();
    }
    if (left) {
      membersLeft(now);
    }
    answer(request, new GroupAnswer.Left(failures));
  }

  private Optional<GroupFailure> leave(Leaver leaver) {
    var instance = leaver.instanceId();
    if (leaver.memberId().isEmpty()) {
      var id = instance == null ? null : memberByInstance.get(instance);
      if (id == null) {
        return Optional.of(GroupFailure.UNKNOWN_MEMBER);
      }
      remove(member(id));
      return Optional.empty();
    }
    if (promisedIds.containsKey(leaver.memberId())) {
      if (instance != null) {
        return Optional.of(GroupFailure.UNKNOWN_MEMBER);
      }
      promisedIds.remove(leaver.memberId());
      return Optional.empty();
    }
    var refusal = check(leaver.memberId(), instance);
    if (refusal.isEmpty()) {
      remove(member(leaver.memberId()));
    }
    return refusal;
  }

  private void commit(long request, Commit commit, Now now) {
    // Nobody is in an empty group: who names no generation assigns its own partitions.
    if (commit.generation() >= 0 || state != GroupState.EMPTY) {
      var refusal = check(commit.memberId(), commit.instanceId());
      if (refusal.isPresent()) {
        fail(request, refusal.get(), commit.memberId());
        return;
      }
      if (commit.generation() != generation) {
        fail(request, GroupFailure.ILLEGAL_GENERATION, commit.memberId());
        return;
      }
    }
    if (state == GroupState.COMPLETING_REBALANCE) {
      // Its partitions may be another member's by now; it is to ask for its assignment.
      fail(request, GroupFailure.REBALANCING, commit.memberId());
      return;
    }
    var member = members.get(commit.memberId());
    if (member != null) {
      touch(member, now);
    }
    effects.add(new GroupEffect.Commit(commit.offsets()));
    answer(request, new GroupAnswer.Committed());
  }

  // Members

  private void remove(Member member) {
    if (member.awaitsJoin()) {
      fail(member.parkedJoin, GroupFailure.UNKNOWN_MEMBER, member.id);
    }
    if (member.awaitsSync()) {
      fail(member.parkedSync, GroupFailure.UNKNOWN_MEMBER, member.id);
    }
    members.remove(member.id);
    if (member.instanceId != null) {
      memberByInstance.remove(member.instanceId, member.id);
    }
    hasSynced(member);
    if (member.id.equals(leader)) {
      leader = members.isEmpty() ? null : members.keySet().iterator().next();
    }
  }

  /// After members went, or ids that were promised.
  private void membersLeft(Now now) {
    switch (state) {
      case EMPTY -> {}
      case PREPARING_REBALANCE -> completeJoinIfAllDid(now);
      case COMPLETING_REBALANCE, STABLE -> prepareRebalance(now);
    }
  }

  private Optional<GroupFailure> check(String memberId, @Nullable String instanceId) {
    if (instanceId != null) {
      var known = memberByInstance.get(instanceId);
      if (known == null) {
        return Optional.of(GroupFailure.UNKNOWN_MEMBER);
      }
      if (!known.equals(memberId)) {
        return Optional.of(GroupFailure.FENCED_INSTANCE);
      }
    }
    return members.containsKey(memberId)
        ? Optional.empty()
        : Optional.of(GroupFailure.UNKNOWN_MEMBER);
  }

  private Member member(String id) {
    var member = members.get(id);
    if (member == null) {
      throw new IllegalStateException("no member " + id);
    }
    return member;
  }

  private void touch(Member member, Now now) {
    member.sessionEndNanos = now.nanos() + nanos(member.sessionTimeoutMillis);
  }

  private long rebalanceNanos() {
    int millis = 0;
    for (var member : members.values()) {
      millis = Math.max(millis, member.rebalanceTimeoutMillis);
    }
    return nanos(millis);
  }

  private static long nanos(int millis) {
    return millis * 1_000_000L;
  }

  private void enter(GroupState next, Now now) {
    state = next;
    stateSinceMillis = now.wallMillis();
  }

  private void answer(long request, GroupAnswer answer) {
    effects.add(new GroupEffect.Answer(request, answer));
  }

  private void fail(long request, GroupFailure failure, String memberId) {
    answer(request, new Failed(failure, memberId));
  }
}
