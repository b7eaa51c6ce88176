package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.config.GroupConfigs;
import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.group.GroupAnswer.Fetched;
import io.streamhouse.broker.group.GroupAnswer.Joined;
import io.streamhouse.broker.group.GroupAnswer.Synced;
import io.streamhouse.broker.group.GroupRequest.Commit;
import io.streamhouse.broker.group.GroupRequest.ConsumerHeartbeat;
import io.streamhouse.broker.group.GroupRequest.Fetch;
import io.streamhouse.broker.group.GroupRequest.Heartbeat;
import io.streamhouse.broker.group.GroupRequest.Join;
import io.streamhouse.broker.group.GroupRequest.Leave;
import io.streamhouse.broker.group.GroupRequest.Leaver;
import io.streamhouse.broker.group.GroupRequest.Protocol;
import io.streamhouse.broker.group.GroupRequest.Sync;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.TopicCatalog.CreateTopic.Created;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;

/// Members of both protocols, in a group each, that join, sync, beat, commit, leave and fall silent
/// in any order, a store that fails before or after it wrote, and coordinators that die at any
/// moment.
class GroupSimulationTest {

  private static final String GROUP = "g";
  private static final String CONSUMERS = "consumers";
  private static final Duration SESSION = Duration.ofSeconds(45);

  @Property(tries = 400)
  void nothingGoesBackNoPartitionHasTwoOwnersAndEveryRequestIsAnswered(@ForAll long seed) {
    var world = new World(seed);
    for (int step = 0; step < 300; step++) {
      world.step();
    }
    world.settle();
  }

  private static final class World {
    final Random random;
    final SimulatedTime time = new SimulatedTime();
    final SimulatedLoop loop = new SimulatedLoop(time);
    final SimulatedLoop store = new SimulatedLoop(time);
    final List<Client> clients = new ArrayList<>();
    final List<Consuming> consumers = new ArrayList<>();
    final List<CompletableFuture<GroupAnswer>> asked = new ArrayList<>();
    final List<CompletableFuture<Void>> checks = new ArrayList<>();
    final InMemoryMetadata metadata;
    final PartitionId partition;
    final Set<PartitionId> read = new TreeSet<>();
    final FakeTopics topics;
    final UUID wal = new UUID(1, 1);
    boolean healthy = true;
    boolean[] alive = {true};
    GroupCoordinator coordinator;

    // What clients were told.
    int generation;
    long offset = -1;
    long consumed = -1;
    long commits;
    int ids;
    final Map<Integer, Set<String>> membersByGeneration = new HashMap<>();
    final Map<String, Bytes> assignments = new HashMap<>();

    World(long seed) {
      random = new Random(seed);
      metadata =
          new InMemoryMetadata(
              new Random(seed),
              new InMemoryMetadata.Faults() {
                @Override
                public void before(String transaction) {
                  fail();
                }

                @Override
                public void after(String transaction) {
                  fail();
                }

                private void fail() {
                  if (!healthy && random.nextInt(20) == 0) {
                    throw new MetadataUnavailable("simulated", null);
                  }
                }
              });
      var topic = ((Created) metadata.topics().create("t", 1, Map.of())).topic();
      partition = new PartitionId(topic.id(), 0);
      var second = ((Created) metadata.topics().create("read", 4, Map.of())).topic();
      for (int i = 0; i < 4; i++) {
        read.add(new PartitionId(second.id(), i));
      }
      topics = new FakeTopics().with("t", topic.id(), 1).with("read", second.id(), 4);
      coordinator = begin();
      for (int i = 0; i < 4; i++) {
        clients.add(new Client("c" + i));
        consumers.add(new Consuming());
      }
      run();
      healthy = false;
    }

    GroupCoordinator begin() {
      boolean was = healthy;
      healthy = true;
      var incarnation = new UUID(random.nextLong(), random.nextLong());
      metadata
          .leases()
          .register(
              new NewSession(incarnation, OptionalInt.of(1), wal, Optional.empty(), Map.of()));
      var image = new Image("simulated", metadata.topics().image());
      healthy = was;
      boolean[] lives = {true};
      alive = lives;
      var next =
          new GroupCoordinator(
              metadata,
              incarnation,
              1,
              () -> lives[0],
              loop,
              store,
              store,
              time,
              random,
              new AgentConfig.Groups(
                  Duration.ofSeconds(random.nextInt(2) * 3L),
                  Duration.ofSeconds(6),
                  Duration.ofMinutes(5),
                  3,
                  100,
                  Duration.ofDays(7),
                  // Groups that are left with nothing go: never here, so that generations only
                  // rise.
                  Duration.ofDays(1),
                  new AgentConfig.Consumers(
                      SESSION,
                      new GroupConfigs.Range(45_000, 60_000),
                      Duration.ofSeconds(5),
                      new GroupConfigs.Range(5_000, 15_000),
                      Duration.ZERO,
                      new GroupConfigs.Range(0, 15_000),
                      3,
                      List.of("uniform"),
                      MigrationPolicy.BIDIRECTIONAL)),
              _ -> Map.of(),
              () -> topics,
              () -> image);
      next.start();
      return next;
    }

    void step() {
      switch (random.nextInt(18)) {
        case 0 -> {
          time.pass(Duration.ofMillis(random.nextInt(5_000)));
          run();
        }
        case 1, 2, 3 -> {
          for (int i = random.nextInt(10); i >= 0; i--) {
            var _ = loop.step();
          }
        }
        case 4, 5 -> {
          for (int i = random.nextInt(4); i >= 0; i--) {
            var _ = store.step();
          }
        }
        case 6 -> {
          if (random.nextInt(15) == 0) {
            // The old one's pending calls still reach the store; they must be refused.
            alive[0] = false;
            asked.clear();
            clients.forEach(client -> client.waits = false);
            consumers.forEach(Consuming::lost);
            coordinator = begin();
          } else {
            run();
          }
        }
        case 7, 8, 9, 10, 11, 12 -> consumers.get(random.nextInt(consumers.size())).act();
        default -> clients.get(random.nextInt(clients.size())).act();
      }
      check();
    }

    /// Of those that may believe that they are members.
    void check() {
      var owners = new HashMap<PartitionId, String>();
      for (var one : consumers) {
        if (time.nanos() < one.trustedUntilNanos) {
          for (var owned : one.owned) {
            assertThat(owners.put(owned, one.id)).as("%s of %s", owned, one.id).isNull();
          }
        }
      }
    }

    void run() {
      for (int i = 0; i < 100_000; i++) {
        boolean some = loop.step();
        some |= store.step();
        if (!some) {
          return;
        }
      }
      throw new AssertionError("tasks without end");
    }

    /// The store is well, and clients are silent: all is answered and the group ends empty.
    void settle() {
      healthy = true;
      for (int i = 0; i < 200; i++) {
        time.pass(Duration.ofSeconds(5));
        run();
      }
      assertThat(asked).allMatch(CompletableFuture::isDone);
      checks.stream().filter(CompletableFuture::isDone).forEach(CompletableFuture::join);
      var described = ask(new GroupRequest.Describe());
      var fetched = ask(new Fetch(Optional.empty()));
      run();
      if (described.join() instanceof GroupAnswer.Described group) {
        assertThat(group.state()).isEqualTo(GroupState.EMPTY);
      } else {
        assertThat(described.join()).isEqualTo(new Failed(GroupFailure.GROUP_NOT_FOUND));
        assertThat(generation).isZero();
      }
      assertThat(at(fetched.join())).isGreaterThanOrEqualTo(offset);
      var consuming = ask(CONSUMERS, new GroupRequest.DescribeConsumer());
      var position = ask(CONSUMERS, new Fetch(Optional.empty()));
      run();
      if (consuming.join() instanceof GroupAnswer.ConsumersDescribed group) {
        assertThat(group.state()).isEqualTo(ConsumerGroupState.EMPTY);
      } else {
        assertThat(consuming.join()).isInstanceOf(Failed.class);
      }
      assertThat(at(position.join())).isGreaterThanOrEqualTo(consumed);
      joinAfresh();
      readAfresh();
    }

    /// A group that is left alone becomes stable, and each member has what the leader gave it.
    void joinAfresh() {
      var joins = new ArrayList<CompletableFuture<GroupAnswer>>();
      for (var client : clients.subList(0, 3)) {
        joins.add(ask(client.join("", false)));
      }
      run();
      for (int i = 0; i < 8 && !joins.getFirst().isDone(); i++) {
        time.pass(Duration.ofSeconds(1));
        run();
      }
      // Without a delay the first is a generation of its own, and all but it wait for it.
      var leader = (Joined) joins.getFirst().join();
      if (leader.members().size() < 3) {
        joins.set(0, ask(clients.getFirst().join(leader.memberId(), false)));
        run();
        leader = (Joined) joins.getFirst().join();
      }
      assertThat(leader.members()).hasSize(3);
      assertThat(leader.generation()).isGreaterThan(generation == 0 ? 0 : generation - 1);
      var plan = new HashMap<String, Bytes>();
      leader.members().forEach(member -> plan.put(member.memberId(), bytes(member.memberId())));
      var syncs = new ArrayList<CompletableFuture<GroupAnswer>>();
      for (var one : joins.reversed()) {
        var joined = (Joined) one.join();
        syncs.add(ask(new Sync(joined.memberId(), null, joined.generation(), null, null, plan)));
      }
      run();
      for (int i = 0; i < 3; i++) {
        var id = ((Joined) joins.reversed().get(i).join()).memberId();
        assertThat(((Synced) syncs.get(i).join()).assignment()).isEqualTo(bytes(id));
      }
    }

    /// Members that are left alone have all partitions, one each.
    void readAfresh() {
      var some = consumers.subList(0, 3);
      some.forEach(Consuming::forget);
      for (int i = 0; i < 10; i++) {
        time.pass(Duration.ofSeconds(5));
        for (var one : some) {
          one.giveUp();
          one.beat();
          run();
        }
        check();
      }
      var owned = new ArrayList<PartitionId>();
      some.forEach(one -> owned.addAll(one.owned));
      assertThat(owned).containsExactlyInAnyOrderElementsOf(read);
      checks.stream().filter(CompletableFuture::isDone).forEach(CompletableFuture::join);
    }

    /// Asks, and keeps what `told` finds wrong.
    void ask(GroupRequest request, Consumer<GroupAnswer> told) {
      checks.add(ask(request).thenAccept(told));
    }

    CompletableFuture<GroupAnswer> ask(GroupRequest request) {
      return ask(GROUP, request);
    }

    CompletableFuture<GroupAnswer> ask(String group, GroupRequest request) {
      var answer = coordinator.handle(group, request);
      asked.add(answer);
      return answer;
    }

    long at(GroupAnswer answer) {
      var found = ((Fetched) answer).offsets().get(partition);
      return found == null ? -1 : found.offset();
    }

    /// A member of the consumer protocol.
    final class Consuming {
      String id = "";
      int epoch;

      /// What it reads, and may read as long as it may believe that it is a member.
      Set<PartitionId> owned = new TreeSet<>();

      long trustedUntilNanos;

      /// What it was told to have and still has to give up the rest for.
      @Nullable Set<PartitionId> told;

      /// The next heartbeat must say everything.
      boolean whole = true;

      boolean waits;

      /// Answers to what it asked before are not looked at.
      int turn;

      void act() {
        if (waits && random.nextInt(10) != 0) {
          return;
        }
        switch (random.nextInt(10)) {
          case 0, 1 -> giveUp();
          case 2 -> commit();
          case 3 -> fetch();
          case 4 -> {
            if (random.nextInt(3) == 0) {
              leave();
            }
          }
          default -> beat();
        }
      }

      void giveUp() {
        if (told != null) {
          owned = new TreeSet<>(told);
        }
      }

      void beat() {
        if (id.isEmpty()) {
          id = "consumer-" + ids++;
        }
        boolean all = whole || epoch == 0;
        long sent = time.nanos();
        int now = ++turn;
        waits = true;
        whole = true;
        checks.add(
            ask(
                    CONSUMERS,
                    new ConsumerHeartbeat(
                        id,
                        null,
                        null,
                        epoch,
                        "c",
                        "/h",
                        all ? 3_600_000 : -1,
                        all ? Set.of("read") : null,
                        null,
                        null,
                        new TreeSet<>(owned)))
                .thenAccept(answer -> {
                  if (now == turn) {
                    waits = false;
                    answered(answer, sent);
                  }
                }));
      }

      private void answered(GroupAnswer answer, long sent) {
        if (answer instanceof GroupAnswer.Beaten beaten) {
          whole = false;
          assertThat(beaten.memberEpoch()).as("epochs only rise").isGreaterThanOrEqualTo(epoch);
          epoch = beaten.memberEpoch();
          trustedUntilNanos = sent + SESSION.toNanos();
          beaten
              .assignment()
              .ifPresent(assigned -> {
                owned.addAll(assigned);
                told = new TreeSet<>(assigned);
              });
        } else if (answer instanceof Failed(var failure, var _)) {
          switch (failure) {
            case UNKNOWN_MEMBER, GROUP_NOT_FOUND, GROUP_FULL -> forget();
            case FENCED_EPOCH -> {
              owned = new TreeSet<>();
              told = null;
              epoch = 0;
            }
            case NOT_COORDINATOR, LOADING, NOT_AVAILABLE -> {}
            default -> throw new AssertionError("unexpected " + failure);
          }
        } else {
          throw new AssertionError(answer);
        }
      }

      void forget() {
        turn++;
        id = "";
        epoch = 0;
        owned = new TreeSet<>();
        told = null;
        whole = true;
        waits = false;
      }

      /// Who answers is dead.
      void lost() {
        turn++;
        waits = false;
      }

      private void leave() {
        if (!id.isEmpty() && random.nextBoolean()) {
          var _ =
              ask(
                  CONSUMERS,
                  new ConsumerHeartbeat(id, null, null, -1, "c", "/h", -1, null, null, null, null));
        }
        forget();
      }

      private void commit() {
        long value = commits++;
        var offset = new CommittedOffset(value, Optional.empty(), "m", time.wallMillis());
        checks.add(
            ask(CONSUMERS, new Commit(id, null, epoch, Map.of(partition, offset)))
                .thenAccept(answer -> {
                  if (answer instanceof GroupAnswer.Committed) {
                    consumed = Math.max(consumed, value);
                  }
                }));
      }

      private void fetch() {
        long floor = consumed;
        checks.add(
            ask(CONSUMERS, new Fetch(Optional.of(Set.of(partition))))
                .thenAccept(answer -> {
                  if (answer instanceof Fetched) {
                    assertThat(at(answer)).isGreaterThanOrEqualTo(floor);
                    consumed = Math.max(consumed, at(answer));
                  }
                }));
      }
    }

    final class Client {
      final String name;
      String id = "";
      int known = -1;
      List<String> members = List.of();
      boolean waits;

      Client(String name) {
        this.name = name;
      }

      Join join(String memberId, boolean requireId) {
        return new Join(
            memberId,
            null,
            coordinator.newMemberId(name),
            requireId,
            true,
            name,
            "/h",
            10_000,
            20_000,
            "consumer",
            List.of(new Protocol("range", bytes(name))),
            "");
      }

      void act() {
        if (waits && random.nextInt(10) != 0) {
          return;
        }
        waits = true;
        switch (random.nextInt(8)) {
          case 0, 1 -> ask(join(id, random.nextBoolean()), this::joined);
          case 2, 3 -> {
            var plan = new HashMap<String, Bytes>();
            for (var member : members) {
              plan.put(member, bytes(member + "/" + random.nextInt()));
            }
            var me = id;
            int mine = known;
            ask(new Sync(me, null, mine, null, null, plan), answer -> synced(answer, me, mine));
          }
          case 4 -> ask(new Heartbeat(id, null, known), this::told);
          case 5 -> {
            long value = commits++;
            var commit = new CommittedOffset(value, Optional.empty(), "m", time.wallMillis());
            ask(
                new Commit(id, null, known, Map.of(partition, commit)),
                answer -> {
                  told(answer);
                  if (answer instanceof GroupAnswer.Committed) {
                    offset = Math.max(offset, value);
                  }
                });
          }
          case 6 -> {
            long floor = offset;
            ask(
                new Fetch(Optional.of(Set.of(partition))),
                answer -> {
                  told(answer);
                  if (answer instanceof Fetched) {
                    assertThat(at(answer)).isGreaterThanOrEqualTo(floor);
                    offset = Math.max(offset, at(answer));
                  }
                });
          }
          default -> {
            if (random.nextInt(3) == 0) {
              ask(new Leave(List.of(new Leaver(id, null, ""))), this::told);
              id = "";
              known = -1;
            } else {
              waits = false;
            }
          }
        }
      }

      void joined(GroupAnswer answer) {
        told(answer);
        if (answer instanceof Joined joined) {
          assertThat(joined.generation())
              .as("generations only rise")
              .isGreaterThanOrEqualTo(generation);
          generation = joined.generation();
          id = joined.memberId();
          known = joined.generation();
          members = joined.members().stream().map(one -> one.memberId()).toList();
          if (!members.isEmpty()) {
            var before = membersByGeneration.put(known, new HashSet<>(members));
            assertThat(before).as("members of a generation").isIn(null, new HashSet<>(members));
          }
        }
      }

      void synced(GroupAnswer answer, String member, int ofGeneration) {
        told(answer);
        if (answer instanceof Synced synced) {
          var before = assignments.put(ofGeneration + "/" + member, synced.assignment());
          assertThat(before).as("assignment").isIn(null, synced.assignment());
        }
      }

      void told(GroupAnswer answer) {
        waits = false;
        if (answer instanceof Failed(var failure, var memberId)) {
          switch (failure) {
            case MEMBER_ID_REQUIRED -> id = memberId;
            case UNKNOWN_MEMBER -> {
              id = "";
              known = -1;
            }
            case NOT_COORDINATOR,
                LOADING,
                NOT_AVAILABLE,
                INVALID_GROUP_ID,
                GROUP_NOT_FOUND,
                GROUP_NOT_EMPTY,
                GROUP_FULL,
                FENCED_INSTANCE,
                ILLEGAL_GENERATION,
                REBALANCING,
                INCONSISTENT_PROTOCOL,
                INVALID_SESSION_TIMEOUT,
                WRONG_PROTOCOL,
                FENCED_EPOCH,
                STALE_EPOCH,
                UNRELEASED_INSTANCE,
                UNSUPPORTED_VERSION,
                SUBSCRIBED -> {}
          }
        }
      }
    }
  }

  private static Bytes bytes(String text) {
    return Bytes.of(text.getBytes(StandardCharsets.UTF_8));
  }
}
