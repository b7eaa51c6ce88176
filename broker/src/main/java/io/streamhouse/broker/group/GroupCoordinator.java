package io.streamhouse.broker.group;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.lease.Ownership;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.GroupStore.StoredGroup;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.RandomIds;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Coordinates the groups whose shards this agent holds.
///
/// It takes every shard that is free and placed here, reads it, and answers for its groups until
/// the lease is lost, the store fails, or the shard is placed elsewhere; then it gives it back or
/// tries again. Groups go on where they were with whoever coordinates them next. Callers may be any
/// thread; answers come on the loop given, so what follows them must not block.
///
/// Group `g` belongs to shard `crc32c(utf8(g)) mod 64`.
public final class GroupCoordinator implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(GroupCoordinator.class);

  private static final Duration RETRY = Duration.ofSeconds(1);

  /// The longest name of a group. Kafka has no limit but that of its protocol's strings; a key of
  /// PostgreSQL must fit into a third of a page.
  private static final int MOST_NAME_BYTES = 2000;

  private final MetadataStore metadata;
  private final UUID incarnation;
  private final int nodeId;
  private final Ownership ownership;
  private final SerialLoop loop;
  private final Executor storeCalls;
  private final GroupWriter writer;
  private final GroupShard.Clock clock;
  private final RandomGenerator random;
  private final GroupLimits limits;
  private final Function<String, GroupLimits.Consumers> consumers;
  private final Supplier<Topics> topics;
  private final Supplier<Image> image;
  private final TopicPatterns patterns;
  private final OffsetExpiry expiry;
  private final Duration expiryCheck;
  private final AtomicLong expiredOffsets = new AtomicLong();
  private final Slot[] slots = new Slot[Leases.SHARDS];

  // Confined to the loop.
  private boolean taking;
  private boolean closed;
  private @Nullable Throwable lastTrouble;

  /// One shard as this agent knows it; confined to the loop.
  private static final class Slot {
    @Nullable GroupShard shard;
    boolean loading;

    /// The store failed: until it answers, nobody can say who coordinates.
    boolean unavailable = true;
  }

  /// @param loop every group of this agent runs on it; never blocked
  /// @param storeCalls runs calls that block, bounded
  /// @param computing runs what takes long and does not block, bounded
  /// @param random for member ids; safe for concurrent use
  /// @param configs what was set for a group of that name, as of now; does not block
  /// @param topics those of now, whose partitions consumer groups distribute; does not block
  /// @param image what this agent knows of the others; does not block
  public GroupCoordinator(
      MetadataStore metadata,
      UUID incarnation,
      int nodeId,
      Ownership ownership,
      SerialLoop loop,
      Executor storeCalls,
      Executor computing,
      TimeSource time,
      RandomGenerator random,
      AgentConfig.Groups config,
      Function<String, Map<String, String>> configs,
      Supplier<Topics> topics,
      Supplier<Image> image) {
    this.metadata = metadata;
    this.incarnation = incarnation;
    this.nodeId = nodeId;
    this.ownership = ownership;
    this.loop = loop;
    this.storeCalls = storeCalls;
    this.writer = new GroupWriter(metadata.groups(), storeCalls, loop);
    this.clock = GroupShard.Clock.of(time);
    this.random = random;
    this.limits = GroupLimits.of(config);
    var forAll = GroupLimits.Consumers.of(config, config.consumers());
    this.consumers =
        group -> {
          var own = configs.apply(group);
          return own.isEmpty()
              ? forAll
              : GroupLimits.Consumers.of(config, config.consumers().with(own));
        };
    this.topics = topics;
    this.patterns = new TopicPatterns(loop, computing, time);
    this.image = image;
    this.expiry = new OffsetExpiry(config.offsetsRetention().toMillis());
    this.expiryCheck = config.offsetsRetentionCheck();
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new Slot();
    }
  }

  /// Begins to take shards; returns at once.
  public void start() {
    loop.execute(this::take);
    var _ = loop.after(expiryCheck, this::expire);
  }

  /// The shard of a group; stable for ever.
  public static int shardOf(String group) {
    var crc = new CRC32C();
    crc.update(group.getBytes(StandardCharsets.UTF_8));
    return (int) (crc.getValue() % Leases.SHARDS);
  }

  /// Handles a request of a group. The stage never fails: refusals are [Failed].
  public CompletableFuture<GroupAnswer> handle(String group, GroupRequest request) {
    if (tooLong(group)) {
      return CompletableFuture.completedFuture(new Failed(GroupFailure.INVALID_GROUP_ID));
    }
    var answer = new CompletableFuture<GroupAnswer>();
    run(
        answer,
        new Failed(GroupFailure.NOT_COORDINATOR),
        () -> {
          var slot = slots[shardOf(group)];
          var shard = slot.shard;
          if (shard == null) {
            answer.complete(new Failed(absent(slot)));
          } else {
            shard.handle(group, request, answer);
          }
        });
    return answer;
  }

  /// What is wrong with a regular expression that a member subscribes to, for people; empty if
  /// nothing is. It fails where there is too much to do.
  public CompletionStage<String> checkPattern(String pattern) {
    return patterns.check(pattern);
  }

  /// Whether no group can have this name.
  public static boolean tooLong(String group) {
    return group.length() > MOST_NAME_BYTES / 4
        && group.getBytes(StandardCharsets.UTF_8).length > MOST_NAME_BYTES;
  }

  private GroupFailure absent(Slot slot) {
    if (slot.loading) {
      return GroupFailure.LOADING;
    }
    return slot.unavailable && !closed ? GroupFailure.NOT_AVAILABLE : GroupFailure.NOT_COORDINATOR;
  }

  /// An id for a new member, beginning with what tells people whose it is.
  public String newMemberId(String prefix) {
    return prefix + "-" + RandomIds.next(random);
  }

  /// The node that coordinates a group, or is about to; empty while nobody can say.
  public CompletableFuture<OptionalInt> coordinatorOf(String group) {
    var answer = new CompletableFuture<OptionalInt>();
    run(
        answer,
        OptionalInt.empty(),
        () -> {
          int number = shardOf(group);
          var slot = slots[number];
          if (slot.shard != null || slot.loading) {
            answer.complete(OptionalInt.of(nodeId));
          } else {
            answer.complete(elsewhere(number, slot));
          }
        });
    return answer;
  }

  private OptionalInt elsewhere(int number, Slot slot) {
    var seen = image.get();
    var holder = seen.coordinator(number);
    if (holder == null || isSelf(holder)) {
      holder = seen.preferredCoordinator(number);
    }
    // One that is this agent's to take answers for itself only when it can.
    return holder == null || (isSelf(holder) && slot.unavailable)
        ? OptionalInt.empty()
        : OptionalInt.of(holder.nodeId());
  }

  private boolean isSelf(LiveAgent agent) {
    return agent.incarnation().equals(incarnation);
  }

  /// The groups this agent coordinates.
  public CompletableFuture<Listing> list() {
    var answer = new CompletableFuture<Listing>();
    run(
        answer,
        new Listing(false, List.of()),
        () -> {
          var groups = new ArrayList<Listed>();
          boolean loading = false;
          for (var slot : slots) {
            loading |= slot.loading;
            if (slot.shard != null) {
              groups.addAll(slot.shard.list());
            }
          }
          answer.complete(new Listing(loading, groups));
        });
    return answer;
  }

  /// How many groups this agent coordinates, by type.
  CompletableFuture<Map<String, Integer>> count() {
    var answer = new CompletableFuture<Map<String, Integer>>();
    run(
        answer,
        Map.of(),
        () -> {
          var counts = new HashMap<String, Integer>();
          for (var slot : slots) {
            if (slot.shard != null) {
              slot.shard.count(counts);
            }
          }
          answer.complete(Map.copyOf(counts));
        });
    return answer;
  }

  /// @param loading some shards are being read: their groups are missing here
  public record Listing(boolean loading, List<Listed> groups) {}

  /// @param type `classic` or `consumer`
  /// @param protocolType empty for a group that only ever committed offsets
  /// @param state as clients see it
  public record Listed(String group, String type, String protocolType, String state) {}

  /// How many offsets were let go since the start, because they were kept long enough or their
  /// topics went.
  public long expiredOffsets() {
    return expiredOffsets.get();
  }

  private void expire() {
    if (closed) {
      return;
    }
    for (var slot : slots) {
      // One task each, so that requests get their turn between them.
      loop.execute(() -> expire(slot));
    }
    var _ = loop.after(expiryCheck, this::expire);
  }

  private void expire(Slot slot) {
    if (closed || slot.shard == null) {
      return;
    }
    int expired = slot.shard.expire();
    if (expired > 0) {
      log.info("committed offsets expired shard={} count={}", slot.shard.lease().key(), expired);
      expiredOffsets.addAndGet(expired);
    }
    if (expired >= GroupShard.MOST_EXPIRED) {
      var _ = loop.after(RETRY, () -> expire(slot));
    }
  }

  private <T> void run(CompletableFuture<T> answer, T whenClosed, Runnable task) {
    try {
      loop.execute(task);
    } catch (RejectedExecutionException e) {
      answer.complete(whenClosed);
    }
  }

  // Taking shards, and giving them back

  /// Looks at the image again: agents may have come or gone.
  public void follow() {
    try {
      loop.execute(() -> {
        give();
        take();
      });
    } catch (RejectedExecutionException stopping) {
      // Shards are given back when it is closed.
    }
  }

  private boolean placedHere(Image seen, int shard) {
    var preferred = seen.preferredCoordinator(shard);
    return preferred != null && isSelf(preferred);
  }

  /// Whether somebody else holds it, who will hand it over or die.
  private boolean heldElsewhere(Image seen, int shard) {
    var holder = seen.coordinator(shard);
    return holder != null && !isSelf(holder);
  }

  private void give() {
    if (closed) {
      return;
    }
    var seen = image.get();
    var given = new ArrayList<Lease<Integer>>();
    for (int i = 0; i < slots.length; i++) {
      var shard = slots[i].shard;
      if (shard != null && !placedHere(seen, i)) {
        given.add(shard.lease());
        shard.end(GroupShard.End.MOVED);
      }
    }
    if (!given.isEmpty()) {
      giveBack(given);
      log.info("shards of groups handed over count={}", given.size());
    }
  }

  /// Until it is done nobody else can take them. Sent again it does no harm: it is fenced.
  private void giveBack(List<Lease<Integer>> given) {
    storeCall(
        () -> metadata.leases().releaseShards(given),
        trouble -> {
          log.warn("shards of groups could not be given back, it is tried again", trouble);
          if (!closed) {
            var _ = loop.after(RETRY, () -> giveBack(given));
          }
        });
  }

  private Set<Integer> wanted() {
    var seen = image.get();
    var wanted = new HashSet<Integer>();
    for (int i = 0; i < slots.length; i++) {
      if (slots[i].shard == null) {
        if (placedHere(seen, i) && !heldElsewhere(seen, i)) {
          wanted.add(i);
        } else {
          slots[i].unavailable = false;
        }
      }
    }
    return wanted;
  }

  private void take() {
    if (closed || taking) {
      return;
    }
    var wanted = wanted();
    if (wanted.isEmpty()) {
      return;
    }
    taking = true;
    storeCall(
        () -> {
          var leases = metadata.leases().takeShards(incarnation, wanted);
          loop.execute(() -> taken(wanted, leases));
          var inhabited = metadata.groups().inhabited(leases);
          for (var lease : leases) {
            List<StoredGroup> stored =
                inhabited.contains(lease.key()) ? metadata.groups().load(lease) : List.of();
            loop.execute(() -> loaded(lease, stored));
          }
          loop.execute(() -> tookAll(null));
        },
        this::tookAll);
  }

  private void taken(Set<Integer> wanted, List<Lease<Integer>> leases) {
    for (int one : wanted) {
      slots[one].unavailable = false;
    }
    for (var lease : leases) {
      slots[lease.key()].loading = true;
    }
  }

  private void loaded(Lease<Integer> lease, List<StoredGroup> stored) {
    var slot = slots[lease.key()];
    slot.loading = false;
    if (closed) {
      return;
    }
    var shard =
        new GroupShard(
            lease,
            writer,
            loop,
            clock,
            ownership,
            limits,
            consumers,
            expiry,
            topics,
            patterns,
            end -> ended(slot, end));
    slot.shard = shard;
    shard.begin(stored);
  }

  private void ended(Slot slot, GroupShard.End end) {
    slot.shard = null;
    slot.unavailable = end == GroupShard.End.STORE_UNAVAILABLE;
    if (!closed) {
      var _ = loop.after(RETRY, this::take);
    }
  }

  private void tookAll(@Nullable Throwable trouble) {
    taking = false;
    if (trouble != null) {
      if (lastTrouble == null) {
        log.warn("shards of groups could not be taken; trying again", trouble);
      }
      for (var slot : slots) {
        slot.unavailable |= slot.shard == null;
        slot.loading = false;
      }
    }
    lastTrouble = trouble;
    // What was placed elsewhere while it was read.
    give();
    if (!closed && !wanted().isEmpty()) {
      var _ = loop.after(RETRY, this::take);
    }
  }

  /// Runs `call` where it may block; what it throws goes to `onTrouble`, on the loop.
  private void storeCall(Runnable call, Consumer<Throwable> onTrouble) {
    try {
      storeCalls.execute(() -> {
        try {
          call.run();
        } catch (RuntimeException e) {
          loop.execute(() -> onTrouble.accept(e));
        }
      });
    } catch (RejectedExecutionException e) {
      loop.execute(() -> onTrouble.accept(e));
    }
  }

  /// Answers everything that waits, and gives the shards back. Blocks for one transaction, bounded
  /// by the store; what was not answered was not promised.
  @Override
  public void close() {
    var held = new CompletableFuture<List<Lease<Integer>>>();
    run(
        held,
        List.of(),
        () -> {
          closed = true;
          var leases = new ArrayList<Lease<Integer>>();
          for (var slot : slots) {
            if (slot.shard != null) {
              leases.add(slot.shard.lease());
              slot.shard.end(GroupShard.End.CLOSED);
            }
          }
          held.complete(leases);
        });
    try {
      metadata
          .leases()
          .releaseShards(held.completeOnTimeout(List.of(), 10, TimeUnit.SECONDS).join());
    } catch (MetadataUnavailable e) {
      log.info("shards of groups are given back with the session", e);
    }
  }
}
