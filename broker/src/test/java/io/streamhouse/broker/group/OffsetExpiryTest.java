package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.group.GroupAnswer.Fetched;
import io.streamhouse.broker.group.GroupRequest.Commit;
import io.streamhouse.broker.group.GroupRequest.ConsumerHeartbeat;
import io.streamhouse.broker.group.GroupRequest.Fetch;
import io.streamhouse.broker.group.GroupRequest.Join;
import io.streamhouse.broker.group.GroupRequest.Leave;
import io.streamhouse.broker.group.GroupRequest.Leaver;
import io.streamhouse.broker.group.GroupRequest.Protocol;
import io.streamhouse.broker.group.GroupRequest.Sync;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.TopicCatalog.CreateTopic.Created;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.junit.jupiter.api.Test;

class OffsetExpiryTest {

  private static final Duration RETENTION = Duration.ofHours(1);
  private static final UUID INCARNATION = new UUID(9, 9);

  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedLoop loop = new SimulatedLoop(time);
  private final InMemoryMetadata metadata = new InMemoryMetadata(new Random(1));
  private final FakeTopics topics = new FakeTopics();
  private final PartitionId orders = topic("orders");
  private final PartitionId events = topic("events");
  private Lease<Integer> lease = begin();
  private GroupShard shard = shard();

  private PartitionId topic(String name) {
    var created = ((Created) metadata.topics().create(name, 1, Map.of())).topic();
    topics.with(name, created.id(), 1);
    return new PartitionId(created.id(), 0);
  }

  private Lease<Integer> begin() {
    var _ =
        metadata
            .leases()
            .register(
                new NewSession(
                    INCARNATION, OptionalInt.of(1), new UUID(7, 7), Optional.empty(), Map.of()));
    return take();
  }

  private Lease<Integer> take() {
    return metadata.leases().takeShards(INCARNATION, Set.of(3)).getFirst();
  }

  private GroupShard shard() {
    var begun =
        new GroupShard(
            lease,
            new GroupWriter(metadata.groups(), Runnable::run, loop),
            loop,
            GroupShard.Clock.of(time),
            () -> true,
            new GroupLimits(0, 6_000, 300_000, 3, 10, 100),
            _ ->
                new GroupLimits.Consumers(
                    45_000,
                    5_000,
                    0,
                    100,
                    List.of(Assignor.values()),
                    new GroupLimits.Classic(MigrationPolicy.BIDIRECTIONAL, 3, 6_000, 300_000)),
            new OffsetExpiry(RETENTION.toMillis()),
            () -> topics,
            TopicPatternsTest.atOnce(),
            _ -> {});
    begun.begin(metadata.groups().load(lease));
    loop.drain();
    return begun;
  }

  /// Another coordinator goes on from what is stored.
  private void restart() {
    lease = take();
    shard = shard();
  }

  private GroupAnswer ask(GroupRequest request) {
    var answer = new CompletableFuture<GroupAnswer>();
    shard.handle("g", request, answer);
    loop.drain();
    return answer.getNow(new Failed(GroupFailure.LOADING));
  }

  private CommittedOffset offset(Optional<Long> expire) {
    return new CommittedOffset(5, Optional.empty(), "", time.wallMillis(), expire);
  }

  private void commit(String member, int generation, PartitionId... partitions) {
    var offsets = new HashMap<PartitionId, CommittedOffset>();
    for (var one : partitions) {
      offsets.put(one, offset(Optional.empty()));
    }
    assertThat(ask(new Commit(member, null, generation, offsets)))
        .isInstanceOf(GroupAnswer.Committed.class);
  }

  private void pass(Duration duration) {
    time.pass(duration);
    loop.drain();
  }

  private int expire() {
    int expired = shard.expire();
    loop.drain();
    return expired;
  }

  private Set<PartitionId> left() {
    var fetched = (Fetched) ask(new Fetch(Optional.empty()));
    var stored = metadata.groups().load(lease);
    assertThat(stored.isEmpty() ? Map.of() : stored.getFirst().offsets())
        .isEqualTo(fetched.offsets());
    return fetched.offsets().keySet();
  }

  private void isGone() {
    assertThat(ask(new GroupRequest.Describe()))
        .isEqualTo(new Failed(GroupFailure.GROUP_NOT_FOUND));
    assertThat(metadata.groups().load(lease)).isEmpty();
  }

  /// A lone member of a classic group that reads `orders`, at generation 1.
  private String joinClassic() {
    var metadataOf = ConsumerProtocol.serializeSubscription(new Subscription(List.of("orders")));
    var join =
        new Join(
            "",
            null,
            "m1",
            false,
            true,
            "c",
            "/h",
            300_000,
            300_000,
            "consumer",
            List.of(new Protocol("range", bytes(metadataOf))),
            "");
    var answer = new CompletableFuture<GroupAnswer>();
    shard.handle("g", join, answer);
    pass(Duration.ofSeconds(1));
    int generation = ((GroupAnswer.Joined) answer.join()).generation();
    ask(new Sync("m1", null, generation, null, null, Map.of("m1", bytes(ByteBuffer.allocate(0)))));
    return "m1";
  }

  private static Bytes bytes(ByteBuffer buffer) {
    var bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return Bytes.of(bytes);
  }

  @Test
  void offsetsOfAClassicGroupAreKeptSinceItsLastMemberWentAlsoAcrossARestart() {
    var member = joinClassic();
    commit(member, 1, orders);
    pass(Duration.ofMinutes(4));
    ask(new Leave(List.of(new Leaver(member, null, ""))));
    pass(RETENTION.minusMinutes(2));
    restart();
    assertThat(expire()).isZero();
    pass(Duration.ofMinutes(2).minusMillis(1));
    assertThat(expire()).isZero();
    assertThat(left()).containsExactly(orders);
    pass(Duration.ofMillis(1));
    assertThat(expire()).isOne();
    isGone();
    restart();
    isGone();
  }

  @Test
  void aStableClassicGroupLosesOffsetsOfTopicsItDoesNotReadAndStays() {
    var member = joinClassic();
    commit(member, 1, orders, events);
    for (int i = 0; i < 15; i++) {
      pass(Duration.ofMinutes(4));
      ask(new GroupRequest.Heartbeat(member, null, 1));
    }
    assertThat(expire()).isOne();
    assertThat(left()).containsExactly(orders);
    assertThat(ask(new GroupRequest.Heartbeat(member, null, 1))).isEqualTo(new GroupAnswer.Alive());
  }

  @Test
  void offsetsOfAGroupThatOnlyCommitsAreKeptSinceEachWasCommitted() {
    commit("", -1, orders);
    pass(RETENTION.dividedBy(2));
    commit("", -1, events);
    pass(RETENTION.dividedBy(2));
    assertThat(expire()).isOne();
    assertThat(left()).containsExactly(events);
    pass(RETENTION.dividedBy(2));
    assertThat(expire()).isOne();
    isGone();
  }

  @Test
  void anEmptyConsumerGroupKeepsOffsetsSinceTheirCommitAndALiveOneThoseItReads() {
    var beat =
        new ConsumerHeartbeat(
            "m", null, null, 0, "c", "/h", 1_000, Set.of("orders"), null, Set.of());
    int epoch = ((GroupAnswer.Beaten) ask(beat)).memberEpoch();
    commit("m", epoch, orders, events);
    int beats = (int) (RETENTION.toSeconds() / 30);
    for (int i = 0; i < beats; i++) {
      pass(Duration.ofSeconds(30));
      ask(new ConsumerHeartbeat("m", null, null, epoch, "c", "/h", -1, null, null, null));
    }
    assertThat(expire()).isOne();
    assertThat(left()).containsExactly(orders);
    ask(new ConsumerHeartbeat("m", null, null, -1, "c", "/h", -1, null, null, null));
    assertThat(expire()).isOne();
    isGone();
  }

  @Test
  void theTimeAClientNamedCountsInsteadOfTheRetention() {
    long later = time.wallMillis() + 5_000;
    ask(
        new Commit(
            "",
            null,
            -1,
            Map.of(orders, offset(Optional.of(later)), events, offset(Optional.empty()))));
    pass(Duration.ofMillis(4_999));
    assertThat(expire()).isZero();
    restart();
    pass(Duration.ofMillis(1));
    assertThat(expire()).isOne();
    assertThat(left()).containsExactly(events);
  }

  @Test
  void offsetsGoWithTheirTopicAndSoDoesAGroupThatHadNoOthers() {
    commit("", -1, orders, events);
    metadata.topics().delete(orders.topicId());
    topics.delete("orders");
    // Perhaps it is only so new that this agent does not know it.
    assertThat(expire()).isZero();
    pass(Duration.ofMinutes(1));
    assertThat(expire()).isOne();
    assertThat(left()).containsExactly(events);
    metadata.topics().delete(events.topicId());
    topics.delete("events");
    assertThat(expire()).isZero();
    pass(Duration.ofMinutes(1));
    assertThat(expire()).isOne();
    isGone();
  }

  @Test
  void aGroupThatIsEmptyAndHasNoOffsetsGoes() {
    var member = joinClassic();
    assertThat(expire()).isZero();
    assertThat(metadata.groups().load(lease)).hasSize(1);
    ask(new Leave(List.of(new Leaver(member, null, ""))));
    assertThat(expire()).isZero();
    isGone();
  }

  /// Whatever happens, an offset is there until the retention is over since the last time that
  /// could have begun it: its commit, or the moment the group became empty.
  @Property(tries = 300)
  void noOffsetGoesBeforeItsTime(@ForAll long seed) {
    new OffsetExpiryTest().doAnything(new Random(seed));
  }

  private void doAnything(Random random) {
    boolean classic = random.nextBoolean();
    long committed = -1;
    boolean member = false;
    boolean hadMembers = false;
    for (int step = 0; step < 60; step++) {
      switch (random.nextInt(6)) {
        case 0 -> {
          if (!member
              && ask(new Commit("", null, -1, Map.of(orders, offset(Optional.empty()))))
                  instanceof GroupAnswer.Committed) {
            // Who commits to a group that others have left does not make it young again.
            committed = hadMembers && committed >= 0 ? committed : time.wallMillis();
          }
        }
        case 1 -> {
          if (classic && !member && committed < 0) {
            joinClassic();
            member = true;
            hadMembers = true;
          }
        }
        case 2 -> {
          if (member) {
            ask(new Leave(List.of(new Leaver("m1", null, ""))));
            member = false;
            committed = committed < 0 ? -1 : time.wallMillis();
            classic = false;
          }
        }
        case 3 -> {
          if (member
              && ask(new Commit("m1", null, 1, Map.of(orders, offset(Optional.empty()))))
                  instanceof GroupAnswer.Committed) {
            committed = time.wallMillis();
          }
        }
        case 4 -> restart();
        default -> {
          pass(Duration.ofSeconds(random.nextInt(member ? 200 : 1_500)));
          if (member) {
            ask(new GroupRequest.Heartbeat("m1", null, 1));
          }
        }
      }
      expire();
      boolean due = time.wallMillis() - committed >= RETENTION.toMillis();
      if (committed >= 0 && (member || !due)) {
        assertThat(left()).containsExactly(orders);
      } else if (!member) {
        isGone();
        committed = -1;
        hadMembers = false;
      }
    }
  }
}
