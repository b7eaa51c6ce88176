package io.streamhouse.broker.group;

import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.lease.Ownership;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.GroupStore.GroupChange;
import io.streamhouse.metadata.GroupStore.StoredGroup;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The groups of one shard while this agent holds it; one object per taking, confined to its loop.
///
/// State runs ahead of the store: an event takes effect at once, and its answers wait until
/// everything their group changed is stored. Writes that come while one is under way go together
/// with the next. A write that fails or is refused ends this object: what was not yet answered was
/// then never promised, and the next holder, which may be this agent, begins from the store.
final class GroupShard {

  private static final Logger log = LoggerFactory.getLogger(GroupShard.class);

  /// Offsets that go in one pass: more would hold up the members that wait for their answers.
  static final int MOST_EXPIRED = 10_000;

  /// What other agents know of topics comes to this one well within this time.
  private static final long SURELY_GONE_NANOS = 60_000_000_000L;

  private final Lease<Integer> lease;
  private final GroupWriter writer;
  private final SerialLoop loop;
  private final Clock clock;
  private final Ownership ownership;
  private final GroupLimits limits;
  private final Function<String, GroupLimits.Consumers> consumers;
  private final OffsetExpiry expiry;
  private final Supplier<Topics> topics;
  private final TopicPatterns patterns;
  private final Consumer<End> onEnd;
  private final Map<String, Entry> groups = new HashMap<>();

  /// Topics with committed offsets that are not there, and since when.
  private final Map<UUID, Long> missingTopics = new HashMap<>();

  /// Requests inside state machines that wait for other members. Bounded: a member waits with one.
  private final Map<Long, CompletableFuture<GroupAnswer>> waiting = new HashMap<>();

  private @Nullable Batch pending;
  private @Nullable Batch underWay;
  private long requests;
  private boolean ended;

  /// Why a shard was given up.
  enum End {
    FENCED,
    STORE_UNAVAILABLE,
    /// It is another agent's to coordinate.
    MOVED,
    CLOSED
  }

  /// Monotonic time from zero, so that deadlines can be compared.
  record Clock(TimeSource time, long originNanos) {
    static Clock of(TimeSource time) {
      return new Clock(time, time.nanos());
    }

    Now now() {
      return new Now(time.nanos() - originNanos, time.wallMillis());
    }
  }

  private static final class Entry {
    final String name;
    Group group;
    final Map<PartitionId, CommittedOffset> offsets;

    /// Topics whose absence holds an upgrade up, and since when.
    final Map<String, Long> unknownTopics = new HashMap<>();

    SerialLoop.@Nullable Cancellation timer;
    long wakeAtNanos;

    Entry(String name, Group group, Map<PartitionId, CommittedOffset> offsets) {
      this.name = name;
      this.group = group;
      this.offsets = offsets;
    }
  }

  /// Changes that go to the store together, and the answers that wait for them.
  private static final class Batch {
    final Map<String, Change> changes = new LinkedHashMap<>();
    final List<Held> answers = new ArrayList<>();
  }

  /// What one batch does to one group, in this order.
  private static final class Change {
    boolean delete;
    Group.@Nullable Stored state;
    final SortedMap<PartitionId, CommittedOffset> commits = new TreeMap<>();
    final SortedSet<PartitionId> deletions = new TreeSet<>();
  }

  private record Held(CompletableFuture<GroupAnswer> future, GroupAnswer answer) {}

  /// @param consumers what a consumer group of that name is held to now; does not block
  /// @param topics those of now; does not block
  /// @param onEnd told once, on the loop, when this object is of no more use
  GroupShard(
      Lease<Integer> lease,
      GroupWriter writer,
      SerialLoop loop,
      Clock clock,
      Ownership ownership,
      GroupLimits limits,
      Function<String, GroupLimits.Consumers> consumers,
      OffsetExpiry expiry,
      Supplier<Topics> topics,
      TopicPatterns patterns,
      Consumer<End> onEnd) {
    this.lease = lease;
    this.writer = writer;
    this.loop = loop;
    this.clock = clock;
    this.ownership = ownership;
    this.limits = limits;
    this.consumers = consumers;
    this.expiry = expiry;
    this.topics = topics;
    this.patterns = patterns;
    this.onEnd = onEnd;
  }

  Lease<Integer> lease() {
    return lease;
  }

  /// Begins from what is stored, once, before anything is asked. A group whose state cannot be read
  /// begins anew, with its offsets.
  void begin(List<StoredGroup> stored) {
    var now = clock.now();
    for (var one : stored) {
      var entry = new Entry(one.group(), read(one, now), new TreeMap<>(one.offsets()));
      groups.put(one.group(), entry);
      run(entry, entry.group.pass(now));
      downgradeIfDue(entry, now);
      forgetIfUnused(entry);
    }
    flush();
  }

  private Group read(StoredGroup stored, Now now) {
    if (!stored.state().hasRemaining()) {
      return new ClassicGroup(limits, now);
    }
    try {
      int kind = stored.state().get(stored.state().position());
      return switch (kind) {
        case StoredClassicGroup.KIND ->
            ClassicGroup.restore(limits, StoredClassicGroup.decode(stored.state()), now);
        case StoredConsumerGroup.KIND ->
            ConsumerGroup.restore(
                limits(stored.group()),
                topics,
                patterns,
                StoredConsumerGroup.decode(stored.state()),
                now);
        default -> throw new IllegalArgumentException("group state of kind " + kind);
      };
    } catch (IllegalArgumentException e) {
      log.error("group state is unreadable; its members join anew group={}", stored.group(), e);
      return new ClassicGroup(limits, now);
    }
  }

  /// Handles a request; the answer comes on the loop.
  void handle(String name, GroupRequest request, CompletableFuture<GroupAnswer> answer) {
    if (ended || !ownership.holds()) {
      answer.complete(new Failed(GroupFailure.NOT_COORDINATOR));
      return;
    }
    switch (request) {
      case GroupRequest.OfMember ofMember -> member(name, ofMember, answer);
      case GroupRequest.Fetch fetch -> reply(name, answer, fetch(groups.get(name), fetch));
      case GroupRequest.Describe _ -> reply(name, answer, describe(name, Group::describe));
      case GroupRequest.DescribeConsumer _ ->
          reply(name, answer, describe(name, Group::describeConsumers));
      case GroupRequest.Delete _ -> reply(name, answer, delete(name));
      case GroupRequest.DeleteOffsets delete -> reply(name, answer, deleteOffsets(name, delete));
    }
    flush();
  }

  private GroupAnswer describe(String name, Function<Group, GroupAnswer> description) {
    var entry = groups.get(name);
    return entry == null
        ? new Failed(GroupFailure.GROUP_NOT_FOUND)
        : description.apply(entry.group);
  }

  private void member(
      String name, GroupRequest.OfMember request, CompletableFuture<GroupAnswer> answer) {
    var entry = groups.get(name);
    var now = clock.now();
    if (entry == null) {
      var refusal = withoutGroup(request);
      if (refusal != null) {
        reply(name, answer, refusal);
        return;
      }
      entry = new Entry(name, begin(name, request, now), new TreeMap<>());
      groups.put(name, entry);
    }
    var group = entry.group;
    if (group.isEmpty() && begins(request)) {
      var fresh = begin(name, request, now);
      group = fresh.type().equals(group.type()) ? group : fresh;
    }
    if (group instanceof ClassicGroup classic
        && !classic.isEmpty()
        && request instanceof GroupRequest.ConsumerHeartbeat beat
        && beat.memberEpoch() == GroupRequest.ConsumerHeartbeat.JOIN) {
      var refusal = upgrade(entry, classic, now);
      if (refusal != null) {
        reply(name, answer, new Failed(refusal, beat.memberId()));
        return;
      }
      group = entry.group;
    }
    long id = requests++;
    waiting.put(id, answer);
    var effects = group.handle(id, request, now);
    if (!group.type().equals(entry.group.type()) && !group.unused()) {
      // An empty group that the other protocol joined is of it from now on; its offsets stay.
      stopTimer(entry);
      entry.group = group;
    }
    run(entry, effects);
    downgradeIfDue(entry, now);
    forgetIfUnused(entry);
  }

  /// Makes a classic group with members a consumer group, for a member that is about to join it.
  ///
  /// @return why not, null if it was done
  private @Nullable GroupFailure upgrade(Entry entry, ClassicGroup classic, Now now) {
    var consumersLimits = consumers.apply(entry.name);
    if (classic.size() == consumersLimits.maxSize()
        && consumersLimits.classic().policy().upgrades()) {
      return GroupFailure.GROUP_FULL;
    }
    var unknown = entry.unknownTopics;
    var gone = new HashSet<>(unknown.keySet());
    gone.removeIf(one -> now.nanos() - unknown.getOrDefault(one, 0L) < SURELY_GONE_NANOS);
    return switch (Upgrade.of(classic.stored(), consumersLimits, topics.get(), gone)) {
      case Upgrade.Refused(String why) -> {
        log.info("classic group stays one group={} why={}", entry.name, why);
        yield GroupFailure.WRONG_PROTOCOL;
      }
      case Upgrade.Unknown(var names) -> {
        names.forEach(one -> unknown.putIfAbsent(one, now.nanos()));
        unknown.keySet().removeIf(one -> !names.contains(one) && !gone.contains(one));
        yield GroupFailure.NOT_AVAILABLE;
      }
      case Upgrade.Done _ when !classic.isSettled() -> GroupFailure.NOT_AVAILABLE;
      case Upgrade.Done(StoredConsumerGroup stored) -> {
        stopTimer(entry);
        unknown.clear();
        var effects = classic.dissolve();
        entry.group = ConsumerGroup.restore(limits(entry.name), topics, patterns, stored, now);
        run(entry, effects);
        log.info("classic group is a consumer group now group={}", entry.name);
        yield null;
      }
    };
  }

  private void downgradeIfDue(Entry entry, Now now) {
    if (entry.group instanceof ConsumerGroup group) {
      group
          .downgraded(now)
          .ifPresent(stored -> {
            stopTimer(entry);
            entry.group = ClassicGroup.downgraded(limits, stored, now);
            run(entry, entry.group.pass(now));
            log.info("consumer group is a classic group now group={}", entry.name);
          });
    }
  }

  /// Whether the request is that of a new member, which decides the protocol of an empty group.
  private static boolean begins(GroupRequest.OfMember request) {
    return switch (request) {
      case GroupRequest.Join join -> join.memberId().isEmpty();
      case GroupRequest.ConsumerHeartbeat beat ->
          beat.memberEpoch() == GroupRequest.ConsumerHeartbeat.JOIN;
      case GroupRequest.Sync _,
          GroupRequest.Heartbeat _,
          GroupRequest.Leave _,
          GroupRequest.Commit _ ->
          false;
    };
  }

  private Supplier<GroupLimits.Consumers> limits(String group) {
    return () -> consumers.apply(group);
  }

  private Group begin(String name, GroupRequest.OfMember request, Now now) {
    return switch (request) {
      case GroupRequest.ConsumerHeartbeat _ -> new ConsumerGroup(limits(name), topics, patterns);
      case GroupRequest.Join _,
          GroupRequest.Sync _,
          GroupRequest.Heartbeat _,
          GroupRequest.Leave _,
          GroupRequest.Commit _ ->
          new ClassicGroup(limits, now);
    };
  }

  private void forgetIfUnused(Entry entry) {
    if (entry.group.unused() && entry.offsets.isEmpty()) {
      stopTimer(entry);
      groups.remove(entry.name);
    }
  }

  /// The refusal where there is no such group, or null where the request makes one.
  private @Nullable GroupAnswer withoutGroup(GroupRequest.OfMember request) {
    boolean makesOne =
        switch (request) {
          case GroupRequest.Join join -> join.memberId().isEmpty();
          case GroupRequest.Commit commit -> commit.generation() < 0;
          case GroupRequest.ConsumerHeartbeat beat ->
              beat.memberEpoch() == GroupRequest.ConsumerHeartbeat.JOIN;
          case GroupRequest.Sync _, GroupRequest.Heartbeat _, GroupRequest.Leave _ -> false;
        };
    if (makesOne) {
      return groups.size() < limits.maxGroups() ? null : new Failed(GroupFailure.NOT_AVAILABLE);
    }
    return switch (request) {
      case GroupRequest.Join join -> new Failed(GroupFailure.UNKNOWN_MEMBER, join.memberId());
      case GroupRequest.Commit _, GroupRequest.ConsumerHeartbeat _ ->
          new Failed(GroupFailure.GROUP_NOT_FOUND);
      case GroupRequest.Sync _, GroupRequest.Heartbeat _, GroupRequest.Leave _ ->
          new Failed(GroupFailure.UNKNOWN_MEMBER);
    };
  }

  private static GroupAnswer fetch(@Nullable Entry entry, GroupRequest.Fetch fetch) {
    if (entry == null) {
      return new GroupAnswer.Fetched(Map.of());
    }
    var refusal = entry.group.refusesFetch(fetch.memberId(), fetch.memberEpoch());
    if (refusal.isPresent()) {
      return new Failed(refusal.get());
    }
    var offsets = new TreeMap<>(entry.offsets);
    fetch.partitions().ifPresent(offsets.keySet()::retainAll);
    return new GroupAnswer.Fetched(offsets);
  }

  private GroupAnswer delete(String name) {
    var entry = groups.get(name);
    if (entry == null) {
      return new Failed(GroupFailure.GROUP_NOT_FOUND);
    }
    if (!entry.group.isEmpty()) {
      return new Failed(GroupFailure.GROUP_NOT_EMPTY);
    }
    forget(entry);
    return new GroupAnswer.Deleted();
  }

  private void forget(Entry entry) {
    stopTimer(entry);
    groups.remove(entry.name);
    var change = change(entry.name);
    change.delete = true;
    change.state = null;
    change.commits.clear();
    change.deletions.clear();
  }

  private GroupAnswer deleteOffsets(String name, GroupRequest.DeleteOffsets request) {
    var entry = groups.get(name);
    if (entry == null) {
      return new Failed(GroupFailure.GROUP_NOT_FOUND);
    }
    var read = entry.group.readTopics();
    if (read.isEmpty()) {
      return new Failed(GroupFailure.GROUP_NOT_EMPTY);
    }
    var kept = new TreeSet<PartitionId>();
    for (var one : request.partitions().entrySet()) {
      if (read.get().contains(one.getValue())) {
        kept.add(one.getKey());
      } else {
        removeOffset(entry, one.getKey());
      }
    }
    return new GroupAnswer.OffsetsDeleted(kept);
  }

  private void removeOffset(Entry entry, PartitionId partition) {
    if (entry.offsets.remove(partition) != null) {
      var change = change(entry.name);
      change.commits.remove(partition);
      change.deletions.add(partition);
    }
  }

  // Expiry

  /// Lets go of committed offsets that were kept long enough or whose topics are gone, and of
  /// groups that nobody is in and nothing is left of.
  ///
  /// @return how many offsets; if it is [#MOST_EXPIRED] or more there may be others
  int expire() {
    if (ended || !ownership.holds()) {
      return 0;
    }
    var now = clock.now();
    var known = topics.get();
    var gone = goneTopics(known, now);
    int expired = 0;
    for (var entry : List.copyOf(groups.values())) {
      var over = expiry.expired(entry.group, entry.offsets, known, now.wallMillis());
      for (var partition : List.copyOf(entry.offsets.keySet())) {
        if (over.contains(partition) || gone.contains(partition.topicId())) {
          removeOffset(entry, partition);
          expired++;
        }
      }
      if (entry.group.isEmpty() && entry.offsets.isEmpty()) {
        forget(entry);
      }
      if (expired >= MOST_EXPIRED) {
        break;
      }
    }
    flush();
    return expired;
  }

  /// Topics that were not there for so long that they are not only new. The store forgot their
  /// offsets with them.
  private Set<UUID> goneTopics(Topics known, Now now) {
    var missing = new HashSet<UUID>();
    for (var entry : groups.values()) {
      for (var partition : entry.offsets.keySet()) {
        if (!known.has(partition.topicId())) {
          missing.add(partition.topicId());
        }
      }
    }
    missingTopics.keySet().retainAll(missing);
    missing.removeIf(id -> {
      long since = missingTopics.computeIfAbsent(id, _ -> now.nanos());
      return now.nanos() - since < SURELY_GONE_NANOS;
    });
    return missing;
  }

  /// Adds how many groups of each type there are.
  void count(Map<String, Integer> counts) {
    groups.values().forEach(one -> counts.merge(one.group.type(), 1, Integer::sum));
  }

  /// All groups, as far as they are known to be stored.
  List<GroupCoordinator.Listed> list() {
    return groups.values().stream()
        .map(one ->
            new GroupCoordinator.Listed(
                one.name, one.group.type(), one.group.protocolType(), one.group.stateText()))
        .toList();
  }

  private void run(Entry entry, List<GroupEffect> effects) {
    for (var effect : effects) {
      switch (effect) {
        case GroupEffect.Save _ -> change(entry.name).state = entry.group.stored();
        case GroupEffect.Commit(var offsets) -> {
          if (!offsets.isEmpty()) {
            var change = change(entry.name);
            change.commits.putAll(offsets);
            change.deletions.removeAll(offsets.keySet());
            entry.offsets.putAll(offsets);
          }
        }
        case GroupEffect.Answer(long request, var answer) -> {
          var future = waiting.remove(request);
          if (future != null) {
            reply(entry.name, future, answer);
          }
        }
        case GroupEffect.WakeAt(long nanos) -> wake(entry, nanos);
      }
    }
  }

  private void wake(Entry entry, long nanos) {
    if (entry.timer != null) {
      if (entry.wakeAtNanos <= nanos) {
        return;
      }
      entry.timer.cancel();
    }
    entry.wakeAtNanos = nanos;
    var delay = Duration.ofNanos(Math.max(0, nanos - clock.now().nanos()));
    entry.timer = loop.after(delay, () -> pass(entry));
  }

  private void pass(Entry entry) {
    if (ended || groups.get(entry.name) != entry) {
      return;
    }
    entry.timer = null;
    var now = clock.now();
    run(entry, entry.group.pass(now));
    downgradeIfDue(entry, now);
    forgetIfUnused(entry);
    flush();
  }

  private static void stopTimer(Entry entry) {
    if (entry.timer != null) {
      entry.timer.cancel();
      entry.timer = null;
    }
  }

  // Storing

  private Change change(String group) {
    if (pending == null) {
      pending = new Batch();
    }
    return pending.changes.computeIfAbsent(group, _ -> new Change());
  }

  private void reply(String group, CompletableFuture<GroupAnswer> future, GroupAnswer answer) {
    var held = new Held(future, answer);
    if (pending != null && pending.changes.containsKey(group)) {
      pending.answers.add(held);
    } else if (underWay != null && underWay.changes.containsKey(group)) {
      underWay.answers.add(held);
    } else {
      future.complete(answer);
    }
  }

  private void flush() {
    if (underWay != null || pending == null || ended) {
      return;
    }
    var batch = pending;
    underWay = batch;
    pending = null;
    // From here on only the batch's answers grow; its changes are read-only, also by this loop.
    writer.write(lease, () -> stored(batch.changes), outcome -> written(batch, outcome));
  }

  private static SortedMap<String, GroupChange> stored(Map<String, Change> changes) {
    var stored = new TreeMap<String, GroupChange>();
    changes.forEach((group, change) -> {
      var state = change.state == null ? null : change.state.encode();
      stored.put(group, new GroupChange(change.delete, state, change.commits, change.deletions));
    });
    return stored;
  }

  private void written(Batch batch, GroupWriter.Outcome outcome) {
    if (ended) {
      return;
    }
    switch (outcome) {
      case STORED -> stored(batch);
      case FENCED -> end(End.FENCED);
      case FAILED -> end(End.STORE_UNAVAILABLE);
    }
  }

  private void stored(Batch batch) {
    underWay = null;
    boolean holds = ownership.holds();
    for (var held : batch.answers) {
      held.future.complete(holds ? held.answer : new Failed(GroupFailure.NOT_COORDINATOR));
    }
    flush();
  }

  /// Gives everything up: what waits is told to look for the coordinator again.
  void end(End reason) {
    if (ended) {
      return;
    }
    ended = true;
    groups.values().forEach(GroupShard::stopTimer);
    var failure =
        new Failed(
            reason == End.STORE_UNAVAILABLE
                ? GroupFailure.NOT_AVAILABLE
                : GroupFailure.NOT_COORDINATOR);
    var unanswered = new ArrayList<>(waiting.values());
    for (var batch : new @Nullable Batch[] {underWay, pending}) {
      if (batch != null) {
        batch.answers.forEach(held -> unanswered.add(held.future));
      }
    }
    groups.clear();
    waiting.clear();
    underWay = null;
    pending = null;
    unanswered.forEach(future -> future.complete(failure));
    onEnd.accept(reason);
  }
}
