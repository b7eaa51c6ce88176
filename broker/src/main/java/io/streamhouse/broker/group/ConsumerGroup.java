package io.streamhouse.broker.group;

import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.Assignor.Subscriber;
import io.streamhouse.broker.group.ConsumerMember.Progress;
import io.streamhouse.broker.group.GroupAnswer.DescribedConsumer;
import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.group.GroupRequest.Commit;
import io.streamhouse.broker.group.GroupRequest.ConsumerHeartbeat;
import io.streamhouse.broker.group.GroupRequest.Heartbeat;
import io.streamhouse.broker.group.GroupRequest.Join;
import io.streamhouse.broker.group.GroupRequest.Leave;
import io.streamhouse.broker.group.GroupRequest.Sync;
import io.streamhouse.broker.group.StoredConsumerGroup.StoredMember;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// A group of the consumer protocol (KIP-848), in which the coordinator computes the assignment:
/// Kafka's rules, as a state machine. An event and its time go in, effects come out; there is no
/// thread, clock, chance or I/O in it. Confined to its shard's loop.
///
/// Whenever members, their subscriptions or the topics behind them change, the group epoch rises,
/// and the next heartbeat of any member brings a new target for each. From then on each member goes
/// to its target on its own, at its heartbeats: first it gives up what it is to have no more, and
/// stays at its epoch until it has; then it takes the new epoch, and of its target what nobody else
/// has, and the rest when others have given it up. So a partition never has two owners.
///
/// | state       | means                                                       |
/// |-------------|-------------------------------------------------------------|
/// | Empty       | no members; offsets may remain                              |
/// | Assigning   | the group epoch is ahead of the targets                     |
/// | Reconciling | some member does not yet have its target                    |
/// | Stable      | every member has its target                                 |
///
/// Members of the classic protocol may be among the others while their clients are moved from one
/// to the other: a classic group becomes this one when the first member of the consumer protocol
/// joins ([Upgrade]), and a classic group again when the last one left. Their epoch is their
/// generation; that they are to go on they learn at their heartbeats, what they have they say when
/// they join again, and what they may have they are told when they synchronise.
///
/// Everything is stored before the answer that tells it, so that epochs never go back and members
/// go on after a failover without joining again. Sessions begin anew then.
final class ConsumerGroup implements Group {

  static final String TYPE = "consumer";

  /// Of a group that nobody joined; the first member makes it rise, as in Kafka.
  private static final int FIRST_EPOCH = 1;

  private static final long NEVER = ConsumerMember.NEVER;
  private static final int MAX_PROMISED_IDS = 10_000;

  private final Supplier<GroupLimits.Consumers> limits;
  private final Supplier<Topics> topics;
  private final TopicPatterns patterns;

  private int groupEpoch = FIRST_EPOCH;
  private int assignmentEpoch;
  private final Map<String, ConsumerMember> members = new LinkedHashMap<>();
  private final Map<String, String> memberByInstance = new HashMap<>();

  /// What each member is to own; the sets are replaced, never changed.
  private final Map<String, Set<PartitionId>> targets = new HashMap<>();

  /// Who has each partition: what members may own or have not yet given up.
  private final Map<PartitionId, String> owners = new HashMap<>();

  /// What subscriptions stood for when they were last looked at.
  private SortedMap<String, Topics.Shape> subscribed = new TreeMap<>();

  /// The version of the topics then, empty if they must be looked at again whatever it is.
  private Optional<Long> seenVersion = Optional.empty();

  /// What each pattern stood for then; those that are missing are not resolved yet.
  private Map<String, List<String>> resolved = Map.of();

  /// Some pattern is not resolved of which the targets know nothing.
  private boolean provisional;

  /// Changes of patterns then.
  private long seenPatterns;

  /// Member ids given out in the classic protocol and not yet used, with the time they lapse.
  private final Map<String, Long> promisedIds = new LinkedHashMap<>();

  /// When new targets may be computed; at once after a failover, whenever that was before.
  private long assignableNanos;

  private final List<GroupEffect> effects = new ArrayList<>();
  private boolean changed;

  /// A deadline is nearer than before.
  private boolean sooner;

  /// What the targets were computed from is so no more.
  private boolean outdated;

  /// @param limits those of now, at any time
  /// @param topics likewise
  /// @param patterns for all groups of these topics
  ConsumerGroup(
      Supplier<GroupLimits.Consumers> limits, Supplier<Topics> topics, TopicPatterns patterns) {
    this.limits = limits;
    this.topics = topics;
    this.patterns = patterns;
  }

  /// A group as another coordinator left it.
  ///
  /// @throws IllegalArgumentException if a partition has two owners in it
  static ConsumerGroup restore(
      Supplier<GroupLimits.Consumers> limits,
      Supplier<Topics> topics,
      TopicPatterns patterns,
      StoredConsumerGroup stored,
      Now now) {
    var group = new ConsumerGroup(limits, topics, patterns);
    group.groupEpoch = stored.groupEpoch();
    group.assignmentEpoch = stored.assignmentEpoch();
    group.subscribed = stored.topics();
    group.provisional = stored.provisional();
    for (var one : stored.members()) {
      var member = new ConsumerMember(one.id());
      member.instanceId = one.instanceId();
      member.rackId = one.rackId();
      member.clientId = one.clientId();
      member.clientHost = one.clientHost();
      member.rebalanceTimeoutMillis = one.rebalanceTimeoutMillis();
      member.topics = one.topics();
      member.pattern = one.pattern();
      member.assignor = one.assignor();
      member.epoch = one.epoch();
      member.previousEpoch = one.previousEpoch();
      member.progress = one.progress();
      member.assigned = one.assigned();
      member.revoking = one.revoking();
      member.classic = one.classic();
      group.touch(member, now);
      if (member.progress == Progress.UNREVOKED && member.classic == null) {
        group.awaitRevocation(member, now);
      }
      group.members.put(member.id, member);
      if (member.instanceId != null) {
        group.memberByInstance.put(member.instanceId, member.id);
      }
      group.targets.put(member.id, one.target());
      for (var held : List.of(member.assigned, member.revoking)) {
        for (var partition : held.keySet()) {
          if (group.owners.put(partition, member.id) != null) {
            throw new IllegalArgumentException("two owners of " + partition);
          }
        }
      }
    }
    return group;
  }

  @Override
  public StoredConsumerGroup stored() {
    return new StoredConsumerGroup(
        groupEpoch,
        assignmentEpoch,
        provisional,
        subscribed,
        members.values().stream()
            .map(one ->
                new StoredMember(
                    one.id,
                    one.instanceId,
                    one.rackId,
                    one.clientId,
                    one.clientHost,
                    one.rebalanceTimeoutMillis,
                    one.topics,
                    one.pattern,
                    one.assignor,
                    one.epoch,
                    one.previousEpoch,
                    one.progress,
                    one.assigned,
                    one.revoking,
                    target(one),
                    one.classic))
            .toList());
  }

  ConsumerGroupState state() {
    if (members.isEmpty()) {
      return ConsumerGroupState.EMPTY;
    }
    if (groupEpoch > assignmentEpoch) {
      return ConsumerGroupState.ASSIGNING;
    }
    return members.values().stream().allMatch(this::isReconciled)
        ? ConsumerGroupState.STABLE
        : ConsumerGroupState.RECONCILING;
  }

  private boolean isReconciled(ConsumerMember member) {
    return member.progress == Progress.STABLE && member.epoch == assignmentEpoch;
  }

  int groupEpoch() {
    return groupEpoch;
  }

  @Override
  public String type() {
    return TYPE;
  }

  @Override
  public String protocolType() {
    return Subscriptions.PROTOCOL_TYPE;
  }

  @Override
  public String stateText() {
    return state().text();
  }

  @Override
  public boolean isEmpty() {
    return members.isEmpty();
  }

  @Override
  public boolean unused() {
    return members.isEmpty() && groupEpoch == FIRST_EPOCH;
  }

  /// It is none for those who only know classic groups.
  @Override
  public GroupAnswer describe() {
    return new Failed(GroupFailure.WRONG_PROTOCOL);
  }

  @Override
  public GroupAnswer describeConsumers() {
    return new GroupAnswer.ConsumersDescribed(
        state(),
        groupEpoch,
        assignmentEpoch,
        assignor().text(),
        members.values().stream()
            .map(one ->
                new DescribedConsumer(
                    one.id,
                    one.instanceId,
                    one.rackId,
                    one.epoch,
                    one.clientId,
                    one.clientHost,
                    List.copyOf(one.topics),
                    one.pattern,
                    one.assigned.keySet(),
                    target(one),
                    one.classic != null))
            .toList());
  }

  @Override
  public Optional<Set<String>> readTopics() {
    var read = new HashSet<String>();
    var reading = new Reading();
    members.values().forEach(one -> read.addAll(reading.of(one)));
    return Optional.of(read);
  }

  @Override
  public Optional<ToLongFunction<CommittedOffset>> offsetsAgeSince() {
    return Optional.of(CommittedOffset::commitMillis);
  }

  @Override
  public Optional<GroupFailure> refusesFetch(@Nullable String memberId, int memberEpoch) {
    if (memberId == null && memberEpoch < 0) {
      return Optional.empty();
    }
    var member = memberId == null ? null : members.get(memberId);
    if (member == null) {
      return Optional.of(GroupFailure.UNKNOWN_MEMBER);
    }
    if (member.epoch == memberEpoch) {
      return Optional.empty();
    }
    return Optional.of(
        member.classic == null ? GroupFailure.STALE_EPOCH : GroupFailure.ILLEGAL_GENERATION);
  }

  @Override
  public List<GroupEffect> handle(long request, GroupRequest.OfMember event, Now now) {
    switch (event) {
      case ConsumerHeartbeat beat -> beat(request, beat, now);
      case Commit commit -> commit(request, commit);
      case Join join -> join(request, join, now);
      case Sync sync -> sync(request, sync, now);
      case Heartbeat heartbeat -> heartbeat(request, heartbeat, now);
      case Leave leave -> leave(request, leave);
    }
    // Any other event only ever moves deadlines away.
    return finish(changed || sooner);
  }

  @Override
  public List<GroupEffect> pass(Now now) {
    for (var member : List.copyOf(members.values())) {
      if (member.deadlineNanos() <= now.nanos()) {
        remove(member);
        membersLeft();
      }
    }
    return finish(true);
  }

  private List<GroupEffect> finish(boolean wake) {
    var result = new ArrayList<GroupEffect>();
    if (changed) {
      result.add(new GroupEffect.Save());
    }
    result.addAll(effects);
    long wakeAt = NEVER;
    for (var member : wake ? members.values() : List.<ConsumerMember>of()) {
      wakeAt = Math.min(wakeAt, member.deadlineNanos());
    }
    if (wakeAt != NEVER) {
      result.add(new GroupEffect.WakeAt(wakeAt));
    }
    effects.clear();
    changed = false;
    sooner = false;
    return result;
  }

  // Heartbeats

  private void beat(long request, ConsumerHeartbeat beat, Now now) {
    var refusal = check(beat);
    if (refusal.isPresent()) {
      fail(request, refusal.get(), beat.memberId());
    } else if (beat.memberEpoch() < ConsumerHeartbeat.JOIN) {
      leave(beat);
      answer(request, beaten(beat.memberId(), beat.memberEpoch(), Optional.empty()));
    } else {
      var member = memberOf(beat);
      var before = member.assigned;
      boolean resubscribed = update(member, beat);
      if (!member.pattern.isEmpty()) {
        // What is in use is kept, and what is not known is found out.
        var _ = patterns.matching(member.pattern, topics.get());
      }
      assignIfOutdated(resubscribed, now);
      reconcile(member, beat.owned(), resubscribed, now);
      touch(member, now);
      boolean whole =
          beat.rebalanceTimeoutMillis() >= 0
              && (beat.topics() != null || beat.pattern() != null)
              && beat.owned() != null;
      boolean tell =
          beat.memberEpoch() == ConsumerHeartbeat.JOIN
              || whole
              || !member.assigned.keySet().equals(before.keySet());
      answer(
          request,
          beaten(
              member.id,
              member.epoch,
              tell ? Optional.of(member.assigned.keySet()) : Optional.empty()));
    }
  }

  private GroupAnswer beaten(String id, int epoch, Optional<Set<PartitionId>> assignment) {
    return new GroupAnswer.Beaten(id, epoch, limits.get().heartbeatMillis(), assignment);
  }

  private Optional<GroupFailure> check(ConsumerHeartbeat beat) {
    boolean joins = beat.memberEpoch() == ConsumerHeartbeat.JOIN;
    var member = members.get(beat.memberId());
    if (joins && member == null && members.size() >= limits.get().maxSize()) {
      return Optional.of(GroupFailure.GROUP_FULL);
    }
    if (beat.instanceId() != null) {
      var id = memberByInstance.get(beat.instanceId());
      var holder = id == null ? null : members.get(id);
      if (holder == null) {
        return joins ? Optional.empty() : Optional.of(GroupFailure.UNKNOWN_MEMBER);
      }
      if (!holder.id.equals(beat.memberId())) {
        if (!joins) {
          return Optional.of(GroupFailure.FENCED_INSTANCE);
        }
        return holder.epoch == ConsumerHeartbeat.LEAVE_FOR_A_WHILE || holder.classic != null
            ? Optional.empty()
            : Optional.of(GroupFailure.UNRELEASED_INSTANCE);
      }
    }
    if (joins) {
      return Optional.empty();
    }
    if (member == null) {
      return Optional.of(GroupFailure.UNKNOWN_MEMBER);
    }
    return beat.memberEpoch() < ConsumerHeartbeat.JOIN || isAt(member, beat)
        ? Optional.empty()
        : Optional.of(GroupFailure.FENCED_EPOCH);
  }

  /// Whether the member is at the epoch it names; or at the one before, if the answer that brought
  /// the new one was lost: then it owns nothing that it was not left.
  private static boolean isAt(ConsumerMember member, ConsumerHeartbeat beat) {
    return beat.memberEpoch() == member.epoch
        || (beat.memberEpoch() < member.epoch
            && beat.memberEpoch() == member.previousEpoch
            && beat.owned() != null
            && member.assigned.keySet().containsAll(beat.owned()));
  }

  private void leave(ConsumerHeartbeat beat) {
    var member = member(beat.memberId());
    if (beat.memberEpoch() == ConsumerHeartbeat.LEAVE) {
      remove(member);
      membersLeft();
    } else {
      // Its place is kept until its session ends; what it was to give up, it has.
      member.epoch = ConsumerHeartbeat.LEAVE_FOR_A_WHILE;
      member.progress = Progress.STABLE;
      hold(member, member.assigned, new TreeMap<>());
      member.revokeEndNanos = NEVER;
      changed = true;
    }
  }

  private ConsumerMember memberOf(ConsumerHeartbeat beat) {
    var known = members.get(beat.memberId());
    if (known != null) {
      return known;
    }
    return add(beat.memberId(), beat.instanceId());
  }

  /// A new member, in the place of the one that had its instance id.
  private ConsumerMember add(String id, @Nullable String instanceId) {
    var member = new ConsumerMember(id);
    var holder = instanceId == null ? null : memberByInstance.get(instanceId);
    if (holder == null) {
      members.put(member.id, member);
      outdated = true;
    } else {
      replace(member(holder), member);
    }
    changed = true;
    return member;
  }

  /// A static member is back with another id: it has the old one's place, target and partitions.
  private void replace(ConsumerMember old, ConsumerMember member) {
    member.topics = old.topics;
    member.pattern = old.pattern;
    member.assignor = old.assignor;
    member.rebalanceTimeoutMillis = old.rebalanceTimeoutMillis;
    member.previousEpoch = 0;
    var all = List.copyOf(members.values());
    members.clear();
    for (var one : all) {
      var next = one == old ? member : one;
      members.put(next.id, next);
    }
    targets.put(member.id, target(old));
    targets.remove(old.id);
    var assigned = old.assigned;
    hold(old, new TreeMap<>(), new TreeMap<>());
    hold(member, assigned, new TreeMap<>());
  }

  /// Takes over what the member says of itself.
  ///
  /// @return whether it reads other topics than before
  private boolean update(ConsumerMember member, ConsumerHeartbeat beat) {
    if (member.classic != null) {
      // It speaks the consumer protocol from now on.
      member.classic = null;
      member.joinEndNanos = NEVER;
      member.syncEndNanos = NEVER;
      changed = true;
    }
    update(
        member,
        beat.clientId(),
        beat.clientHost(),
        beat.instanceId(),
        beat.rackId(),
        beat.rebalanceTimeoutMillis());
    if (beat.assignor() != null && !beat.assignor().equals(member.assignor)) {
      member.assignor = beat.assignor();
      changed = true;
    }
    return subscribe(member, beat.topics(), beat.pattern());
  }

  private void update(
      ConsumerMember member,
      String clientId,
      String clientHost,
      @Nullable String instanceId,
      @Nullable String rackId,
      int rebalanceTimeoutMillis) {
    if (!member.clientId.equals(clientId) || !member.clientHost.equals(clientHost)) {
      member.clientId = clientId;
      member.clientHost = clientHost;
      changed = true;
    }
    if (instanceId != null && !instanceId.equals(member.instanceId)) {
      if (member.instanceId != null) {
        memberByInstance.remove(member.instanceId, member.id);
      }
      member.instanceId = instanceId;
      changed = true;
    }
    if (member.instanceId != null) {
      memberByInstance.put(member.instanceId, member.id);
    }
    if (rackId != null && !rackId.equals(member.rackId)) {
      member.rackId = rackId;
      changed = true;
    }
    if (rebalanceTimeoutMillis >= 0 && rebalanceTimeoutMillis != member.rebalanceTimeoutMillis) {
      member.rebalanceTimeoutMillis = rebalanceTimeoutMillis;
      changed = true;
    }
  }

  /// @return whether it reads other topics than before
  private boolean subscribe(
      ConsumerMember member, @Nullable Set<String> names, @Nullable String pattern) {
    boolean resubscribed = false;
    if (names != null && !names.equals(member.topics)) {
      member.topics = Collections.unmodifiableSortedSet(new TreeSet<>(names));
      resubscribed = true;
    }
    if (pattern != null && !pattern.equals(member.pattern)) {
      patterns.unused(member.pattern);
      member.pattern = pattern;
      resubscribed = true;
    }
    changed |= resubscribed;
    if (resubscribed && isUnresolved(member)) {
      // It changes nothing until it is resolved.
      provisional = true;
    } else {
      outdated |= resubscribed;
    }
    return resubscribed;
  }

  private boolean isUnresolved(ConsumerMember member) {
    return !member.pattern.isEmpty() && !resolved.containsKey(member.pattern);
  }

  /// What a member says that it reads; many say the same.
  private record Subscription(SortedSet<String> topics, String pattern) {
    static Subscription of(ConsumerMember member) {
      return new Subscription(member.topics, member.pattern);
    }
  }

  /// The names of the topics that members read now, which need not exist. Until its pattern is
  /// resolved, a member reads what it is to have already: nothing, if it is new.
  private final class Reading {
    private final Map<Subscription, Set<String>> read = new HashMap<>();
    private @Nullable Map<UUID, String> names;

    Set<String> of(ConsumerMember member) {
      if (member.pattern.isEmpty()) {
        return member.topics;
      }
      var found = resolved.get(member.pattern);
      if (found != null) {
        return read.computeIfAbsent(Subscription.of(member), one -> both(one.topics, found));
      }
      var had = new HashSet<String>();
      for (var partition : target(member)) {
        var name = names().get(partition.topicId());
        if (name != null) {
          had.add(name);
        }
      }
      return both(member.topics, had);
    }

    private static Set<String> both(Collection<String> some, Collection<String> others) {
      var both = new HashSet<>(some);
      both.addAll(others);
      return both;
    }

    private Map<UUID, String> names() {
      var known = names;
      if (known == null) {
        known = new HashMap<>();
        for (var one : subscribed.entrySet()) {
          known.put(one.getValue().id(), one.getKey());
        }
        names = known;
      }
      return known;
    }
  }

  /// Sees whether subscriptions stand for other partitions than before.
  private void lookAtTopics(boolean resubscribed) {
    var now = topics.get();
    if (!resubscribed
        && seenVersion.equals(Optional.of(now.version()))
        && seenPatterns == patterns.changes()) {
      return;
    }
    boolean same = !resubscribed && seenVersion.equals(Optional.of(now.version()));
    seenVersion = Optional.of(now.version());
    if (!lookAtPatterns(now) && same) {
      return;
    }
    var found = new TreeMap<String, Topics.Shape>();
    var reading = new Reading();
    var subscriptions = new HashSet<Set<String>>();
    boolean unresolved = false;
    for (var member : members.values()) {
      unresolved |= isUnresolved(member);
      var read = reading.of(member);
      if (subscriptions.add(read)) {
        add(read, found, now);
      }
    }
    if (unresolved) {
      // It may be what they stand for.
      add(subscribed.keySet(), found, now);
    }
    if (!found.equals(subscribed)) {
      subscribed = found;
      outdated = true;
    }
  }

  private static void add(Set<String> names, Map<String, Topics.Shape> found, Topics now) {
    for (var topic : names) {
      var shape = found.containsKey(topic) ? null : now.shape(topic);
      if (shape != null) {
        found.put(topic, shape);
      }
    }
  }

  /// Sees what the patterns of the members stand for. One that the targets were computed without
  /// makes for new ones, even if others read the topics that it stands for already.
  ///
  /// @return whether any stands for other topics than before
  private boolean lookAtPatterns(Topics now) {
    var before = resolved;
    var next = new HashMap<String, List<String>>();
    boolean differs = false;
    for (var member : members.values()) {
      var pattern = member.pattern;
      if (pattern.isEmpty() || next.containsKey(pattern)) {
        continue;
      }
      var known = before.get(pattern);
      var found = patterns.matching(pattern, now);
      // What was found once counts even if it had to make room.
      found = found == null ? known : found;
      if (found != null) {
        next.put(pattern, found);
        outdated |= known == null && provisional;
        differs |= !found.equals(known);
      }
    }
    seenPatterns = patterns.changes();
    resolved = next;
    return differs;
  }

  /// Once per event, whatever it changed.
  private void raiseEpochIfOutdated() {
    if (outdated) {
      groupEpoch++;
      outdated = false;
      changed = true;
    }
  }

  // Assignment

  /// Members that come before it is time for new targets go on with those there are, which a new
  /// member has none of, and have their part in the next.
  private void assignIfOutdated(boolean resubscribed, Now now) {
    lookAtTopics(resubscribed);
    raiseEpochIfOutdated();
    if (groupEpoch > assignmentEpoch && assignableNanos <= now.nanos()) {
      assign();
      assignableNanos = now.nanos() + nanos(limits.get().assignmentMillis());
    }
  }

  /// Computes what each member is to own.
  private void assign() {
    var reading = new Reading();
    var subscribers =
        members.values().stream()
            .map(one -> new Subscriber(one.id, one.instanceId, reading.of(one), target(one)))
            .toList();
    var result = assignor().assign(subscribers, subscribed);
    targets.clear();
    result.forEach((id, target) -> targets.put(id, Collections.unmodifiableSet(target)));
    assignmentEpoch = groupEpoch;
    provisional = members.values().stream().anyMatch(this::isUnresolved);
    changed = true;
  }

  /// What most members wish that wish something; of those with equal votes the one offered first.
  private Assignor assignor() {
    var offered = limits.get().assignors();
    var best = offered.getFirst();
    long most = 0;
    for (var one : offered) {
      long votes =
          members.values().stream().filter(member -> one.text().equals(member.assignor)).count();
      if (votes > most) {
        best = one;
        most = votes;
      }
    }
    return best;
  }

  /// Takes the member on towards its target, as far as others let it.
  private void reconcile(
      ConsumerMember member, @Nullable Set<PartitionId> owned, boolean resubscribed, Now now) {
    switch (member.progress) {
      case STABLE -> {
        if (member.epoch != assignmentEpoch) {
          proceed(member, owned, now);
        } else if (resubscribed) {
          dropUnsubscribed(member, owned, now);
        }
      }
      case UNREVOKED -> {
        if (member.gaveUp(member.revoking.keySet(), owned)) {
          proceed(member, owned, now);
        } else if (resubscribed) {
          dropUnsubscribed(member, owned, now);
        }
      }
      case UNRELEASED -> proceed(member, owned, now);
    }
  }

  private void proceed(ConsumerMember member, @Nullable Set<PartitionId> owned, Now now) {
    var target = readTarget(member);
    var kept = new TreeMap<PartitionId, Integer>();
    var revoked = new TreeMap<PartitionId, Integer>();
    member.assigned.forEach(
        (partition, since) -> (target.contains(partition) ? kept : revoked).put(partition, since));
    if (!member.gaveUp(revoked.keySet(), owned) && !revoked.isEmpty()) {
      member.progress = Progress.UNREVOKED;
      hold(member, kept, revoked);
      awaitRevocation(member, now);
      changed = true;
      return;
    }
    boolean waits = false;
    for (var partition : target) {
      var owner = owners.get(partition);
      if (owner == null || owner.equals(member.id)) {
        kept.putIfAbsent(partition, assignmentEpoch);
      } else {
        waits = true;
      }
    }
    var next = waits ? Progress.UNRELEASED : Progress.STABLE;
    if (next == member.progress
        && member.epoch == assignmentEpoch
        && kept.equals(member.assigned)
        && member.revoking.isEmpty()) {
      return;
    }
    member.progress = next;
    member.advance(assignmentEpoch);
    hold(member, kept, new TreeMap<>());
    member.revokeEndNanos = NEVER;
    changed = true;
  }

  /// The target without what the member reads no more, which the next one has not.
  private Set<PartitionId> readTarget(ConsumerMember member) {
    var target = target(member);
    if (groupEpoch == assignmentEpoch || target.isEmpty()) {
      return target;
    }
    var read = readIds(member);
    var left = new TreeSet<>(target);
    left.removeIf(one -> !read.contains(one.topicId()));
    return left;
  }

  private Set<UUID> readIds(ConsumerMember member) {
    var read = new HashSet<UUID>();
    for (var topic : new Reading().of(member)) {
      var shape = subscribed.get(topic);
      if (shape != null) {
        read.add(shape.id());
      }
    }
    return read;
  }

  /// What the member reads no more is not left to it until there is another target.
  private void dropUnsubscribed(ConsumerMember member, @Nullable Set<PartitionId> owned, Now now) {
    var read = readIds(member);
    var kept = new TreeMap<PartitionId, Integer>();
    var revoked = new TreeMap<>(member.revoking);
    member.assigned.forEach((partition, since) ->
        (read.contains(partition.topicId()) ? kept : revoked).put(partition, since));
    if (kept.size() == member.assigned.size()) {
      return;
    }
    if (member.gaveUp(revoked.keySet(), owned)) {
      hold(member, kept, new TreeMap<>());
      member.progress = Progress.STABLE;
      member.revokeEndNanos = NEVER;
    } else {
      hold(member, kept, revoked);
      member.progress = Progress.UNREVOKED;
      awaitRevocation(member, now);
    }
    changed = true;
  }

  /// Sets what the member has. The maps are taken over.
  private void hold(
      ConsumerMember member,
      SortedMap<PartitionId, Integer> assigned,
      SortedMap<PartitionId, Integer> revoking) {
    member.assigned.keySet().forEach(one -> owners.remove(one, member.id));
    member.revoking.keySet().forEach(one -> owners.remove(one, member.id));
    member.assigned = Collections.unmodifiableSortedMap(assigned);
    member.revoking = Collections.unmodifiableSortedMap(revoking);
    for (var held : List.of(assigned, revoking)) {
      for (var partition : held.keySet()) {
        var other = owners.put(partition, member.id);
        if (other != null) {
          throw new IllegalStateException(
              partition + " for " + member.id + " is still " + other + "'s");
        }
      }
    }
  }

  // Commits

  private void commit(long request, Commit commit) {
    if (commit.generation() < 0 && members.isEmpty()) {
      take(request, commit);
      return;
    }
    var member = members.get(commit.memberId());
    if (member == null) {
      fail(request, GroupFailure.UNKNOWN_MEMBER, commit.memberId());
    } else if (!commit.knowsEpochs() && member.classic == null) {
      fail(request, GroupFailure.UNSUPPORTED_VERSION, commit.memberId());
    } else if (commit.generation() > member.epoch) {
      fail(
          request,
          member.classic == null ? GroupFailure.STALE_EPOCH : GroupFailure.ILLEGAL_GENERATION,
          commit.memberId());
    } else if (commit.generation() == member.epoch) {
      take(request, commit);
    } else if (commit.offsets().keySet().stream().allMatch(one -> isSince(member, one, commit))) {
      // What was the member's then and still is, nobody else can have moved on (KIP-1251).
      take(request, commit);
    } else {
      // As in Kafka nothing is taken if one partition is not the member's since then.
      fail(
          request,
          member.classic == null ? GroupFailure.STALE_EPOCH : GroupFailure.ILLEGAL_GENERATION,
          commit.memberId());
    }
  }

  /// Whether the partition has been the member's since the epoch that the commit names.
  private static boolean isSince(ConsumerMember member, PartitionId partition, Commit commit) {
    var since = member.since(partition);
    return since != null && since <= commit.generation();
  }

  private void take(long request, Commit commit) {
    effects.add(new GroupEffect.Commit(commit.offsets()));
    answer(request, new GroupAnswer.Committed());
  }

  // Members

  private void remove(ConsumerMember member) {
    hold(member, new TreeMap<>(), new TreeMap<>());
    members.remove(member.id);
    patterns.unused(member.pattern);
    if (member.instanceId != null) {
      memberByInstance.remove(member.instanceId, member.id);
    }
    targets.remove(member.id);
    changed = true;
  }

  /// After members went, all that went at once.
  private void membersLeft() {
    if (isAllClassic()) {
      // It is a classic group from now on, in the generation that is its epoch.
      return;
    }
    outdated = true;
    // Topics that only they read count no more.
    lookAtTopics(true);
    raiseEpochIfOutdated();
  }

  /// Whether it may as well be a classic group.
  private boolean isAllClassic() {
    var classic = limits.get().classic();
    return !members.isEmpty()
        && members.values().stream().allMatch(one -> one.classic != null)
        && classic.policy().downgrades()
        && members.size() <= classic.maxSize();
  }

  /// The classic group that it is to be from now on, if no member speaks the consumer protocol any
  /// more; asked after every event. Its members are to join again in the generation after this
  /// epoch. Until they have, what is stored is this group, from which another coordinator does the
  /// same.
  Optional<StoredClassicGroup> downgraded(Now now) {
    if (!isAllClassic()) {
      return Optional.empty();
    }
    var classics = new ArrayList<StoredClassicGroup.StoredMember>();
    for (var member : members.values()) {
      var classic = classic(member);
      var held = new TreeSet<>(member.assigned.keySet());
      held.addAll(member.revoking.keySet());
      classics.add(
          new StoredClassicGroup.StoredMember(
              member.id,
              member.instanceId,
              member.clientId,
              member.clientHost,
              classic.sessionTimeoutMillis(),
              member.rebalanceTimeoutMillis,
              classic.protocols(),
              assignment(classic, held)));
    }
    return Optional.of(
        new StoredClassicGroup(
            GroupState.STABLE,
            now.wallMillis(),
            groupEpoch,
            Subscriptions.PROTOCOL_TYPE,
            null,
            null,
            classics));
  }

  // Members of the classic protocol, while a group goes from one protocol to the other

  private void join(long request, Join join, Now now) {
    var refusal = check(join);
    if (refusal.isPresent()) {
      fail(request, refusal.get(), join.memberId());
      return;
    }
    var subscription = Subscriptions.subscription(join.protocols().getFirst().metadata());
    if (subscription.isEmpty()) {
      fail(request, GroupFailure.INCONSISTENT_PROTOCOL, join.memberId());
      return;
    }
    if (join.memberId().isEmpty() && join.instanceId() == null && join.requireKnownId()) {
      promisedIds.values().removeIf(end -> end <= now.nanos());
      if (promisedIds.size() >= MAX_PROMISED_IDS) {
        fail(request, GroupFailure.NOT_AVAILABLE, "");
        return;
      }
      promisedIds.put(join.newMemberId(), now.nanos() + nanos(join.sessionTimeoutMillis()));
      fail(request, GroupFailure.MEMBER_ID_REQUIRED, join.newMemberId());
      return;
    }
    promisedIds.remove(join.memberId());
    var id = join.memberId().isEmpty() ? join.newMemberId() : join.memberId();
    var known = members.get(id);
    var member = known == null ? add(id, join.instanceId()) : known;
    member.classic = new ConsumerMember.Classic(join.sessionTimeoutMillis(), join.protocols());
    member.assignor = null;
    update(
        member,
        join.clientId(),
        join.clientHost(),
        join.instanceId(),
        subscription.get().rackId(),
        join.rebalanceTimeoutMillis());
    boolean resubscribed = subscribe(member, subscription.get().topics(), "");
    changed = true;
    assignIfOutdated(resubscribed, now);
    reconcile(member, partitions(subscription.get().owned()), resubscribed, now);
    member.revokeEndNanos = NEVER;
    member.joinEndNanos = NEVER;
    member.syncEndNanos = now.nanos() + nanos(member.rebalanceTimeoutMillis);
    touch(member, now);
    answer(
        request,
        new GroupAnswer.Joined(
            member.id,
            member.epoch,
            Subscriptions.PROTOCOL_TYPE,
            classic(member).protocol().name(),
            "",
            false,
            List.of()));
  }

  private Optional<GroupFailure> check(Join join) {
    if (members.isEmpty()) {
      return Optional.of(GroupFailure.UNKNOWN_MEMBER);
    }
    var classic = limits.get().classic();
    if (join.sessionTimeoutMillis() < classic.minSessionMillis()
        || join.sessionTimeoutMillis() > classic.maxSessionMillis()) {
      return Optional.of(GroupFailure.INVALID_SESSION_TIMEOUT);
    }
    if (classic.policy() == MigrationPolicy.DISABLED || !speaks(join)) {
      return Optional.of(GroupFailure.INCONSISTENT_PROTOCOL);
    }
    if (!members.containsKey(join.memberId()) && members.size() >= limits.get().maxSize()) {
      return Optional.of(GroupFailure.GROUP_FULL);
    }
    // Kafka takes any id; but who does not know that it is out may still read what others have now.
    boolean isNew = join.memberId().isEmpty();
    boolean promised = join.instanceId() == null && promisedIds.containsKey(join.memberId());
    return isNew || promised ? Optional.empty() : check(join.memberId(), join.instanceId());
  }

  /// Whether there is a protocol that the member and all others of the classic protocol speak.
  private boolean speaks(Join join) {
    if (!join.protocolType().equals(Subscriptions.PROTOCOL_TYPE)) {
      return false;
    }
    var common = GroupRequest.Protocol.names(join.protocols());
    for (var other : members.values()) {
      if (other.classic != null) {
        common.retainAll(GroupRequest.Protocol.names(other.classic.protocols()));
      }
    }
    return !common.isEmpty();
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

  private Optional<GroupFailure> checkClassic(
      String memberId, @Nullable String instanceId, int generation) {
    var refusal = check(memberId, instanceId);
    if (refusal.isPresent()) {
      return refusal;
    }
    var member = member(memberId);
    if (member.classic == null) {
      return Optional.of(GroupFailure.UNKNOWN_MEMBER);
    }
    return generation == member.epoch
        ? Optional.empty()
        : Optional.of(GroupFailure.ILLEGAL_GENERATION);
  }

  private void sync(long request, Sync sync, Now now) {
    var refusal = checkClassic(sync.memberId(), sync.instanceId(), sync.generation());
    if (refusal.isPresent()) {
      fail(request, refusal.get(), sync.memberId());
      return;
    }
    var member = member(sync.memberId());
    var classic = classic(member);
    if ((sync.protocolType() != null && !sync.protocolType().equals(Subscriptions.PROTOCOL_TYPE))
        || (sync.protocol() != null && !sync.protocol().equals(classic.protocol().name()))) {
      fail(request, GroupFailure.INCONSISTENT_PROTOCOL, member.id);
    } else if (member.epoch < assignmentEpoch && member.progress != Progress.UNREVOKED) {
      awaitJoin(member, now);
      fail(request, GroupFailure.REBALANCING, member.id);
    } else {
      member.syncEndNanos = NEVER;
      touch(member, now);
      answer(
          request,
          new GroupAnswer.Synced(
              Subscriptions.PROTOCOL_TYPE,
              classic.protocol().name(),
              assignment(classic, member.assigned.keySet())));
    }
  }

  private void heartbeat(long request, Heartbeat heartbeat, Now now) {
    var refusal =
        checkClassic(heartbeat.memberId(), heartbeat.instanceId(), heartbeat.generation());
    if (refusal.isPresent()) {
      fail(request, refusal.get(), heartbeat.memberId());
      return;
    }
    var member = member(heartbeat.memberId());
    touch(member, now);
    assignIfOutdated(false, now);
    if (member.epoch < assignmentEpoch
        || member.progress == Progress.UNREVOKED
        || (member.progress == Progress.UNRELEASED && !waits(member))) {
      awaitJoin(member, now);
      fail(request, GroupFailure.REBALANCING, member.id);
    } else {
      answer(request, new GroupAnswer.Alive());
    }
  }

  /// Whether others still have what it is to have.
  private boolean waits(ConsumerMember member) {
    for (var partition : target(member)) {
      var owner = owners.get(partition);
      if (owner != null && !owner.equals(member.id)) {
        return true;
      }
    }
    return false;
  }

  private void awaitJoin(ConsumerMember member, Now now) {
    if (member.joinEndNanos == NEVER) {
      member.joinEndNanos = now.nanos() + nanos(member.rebalanceTimeoutMillis);
      sooner = true;
    }
  }

  private void leave(long request, Leave leave) {
    var failures = new ArrayList<Optional<GroupFailure>>();
    boolean left = false;
    for (var leaver : leave.members()) {
      var instance = leaver.instanceId();
      var id = leaver.memberId();
      if (id.isEmpty() && instance != null) {
        id = memberByInstance.getOrDefault(instance, "");
      }
      var failure = check(id, instance);
      if (failure.isEmpty()) {
        remove(member(id));
        left = true;
      }
      failures.add(failure);
    }
    if (left) {
      membersLeft();
    }
    answer(request, new GroupAnswer.Left(failures));
  }

  private static ConsumerMember.Classic classic(ConsumerMember member) {
    if (member.classic == null) {
      throw new IllegalStateException(member.id + " does not speak the classic protocol");
    }
    return member.classic;
  }

  private Set<PartitionId> partitions(Map<String, List<Integer>> byTopic) {
    var partitions = new HashSet<PartitionId>();
    byTopic.forEach((topic, numbers) -> {
      var shape = topics.get().shape(topic);
      if (shape != null) {
        numbers.stream()
            .filter(number -> number >= 0)
            .forEach(number -> partitions.add(new PartitionId(shape.id(), number)));
      }
    });
    return partitions;
  }

  /// Topics that are gone have no name to be told by; those that nobody reads any more have, as
  /// long as some member gives them up.
  private Bytes assignment(ConsumerMember.Classic classic, Set<PartitionId> partitions) {
    var names = new HashMap<UUID, String>();
    subscribed.forEach((name, shape) -> names.put(shape.id(), name));
    var byTopic = new TreeMap<String, List<Integer>>();
    for (var one : partitions) {
      var name = names.get(one.topicId());
      name = name == null ? topics.get().name(one.topicId()) : name;
      if (name != null) {
        byTopic.computeIfAbsent(name, _ -> new ArrayList<>()).add(one.partition());
      }
    }
    short version =
        Subscriptions.subscription(classic.protocol().metadata())
            .map(Subscriptions.Subscription::version)
            .orElse((short) 0);
    return Subscriptions.assign(version, byTopic);
  }

  // State

  private Set<PartitionId> target(ConsumerMember member) {
    return targets.getOrDefault(member.id, Set.of());
  }

  private ConsumerMember member(String id) {
    var member = members.get(id);
    if (member == null) {
      throw new IllegalStateException("no member " + id);
    }
    return member;
  }

  private void touch(ConsumerMember member, Now now) {
    member.sessionEndNanos =
        now.nanos()
            + nanos(
                member.classic == null
                    ? limits.get().sessionMillis()
                    : member.classic.sessionTimeoutMillis());
  }

  private void awaitRevocation(ConsumerMember member, Now now) {
    // One of the classic protocol is to join again in time instead.
    if (member.classic == null) {
      member.revokeEndNanos = now.nanos() + nanos(member.rebalanceTimeoutMillis);
    }
  }

  private static long nanos(int millis) {
    return millis * 1_000_000L;
  }

  private void answer(long request, GroupAnswer answer) {
    effects.add(new GroupEffect.Answer(request, answer));
  }

  private void fail(long request, GroupFailure failure, String memberId) {
    answer(request, new Failed(failure, memberId));
  }
}
