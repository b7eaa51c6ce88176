package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.GroupAnswer.Beaten;
import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.group.GroupAnswer.Joined;
import io.streamhouse.broker.group.GroupAnswer.Synced;
import io.streamhouse.broker.group.GroupRequest.ConsumerHeartbeat;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.nio.ByteBuffer;
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
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.protocol.MessageUtil;
import org.jspecify.annotations.Nullable;

/// A group whose members are moved from one protocol to the other and back, in any order, while
/// topics grow, members leave and fall silent, and coordinators die.
class MigrationSimulationTest {

  private static final UUID INCARNATION = new UUID(9, 9);
  private static final GroupLimits LIMITS = new GroupLimits(0, 6_000, 300_000, 10, 100, 100);

  @Property(tries = 150)
  void noPartitionHasTwoOwnersWhateverProtocolsMembersSpeak(@ForAll long seed) {
    var world = new World(seed);
    for (int step = 0; step < 250; step++) {
      world.step();
    }
    world.settle();
  }

  private static final class World {
    final Random random;
    final InMemoryMetadata metadata = new InMemoryMetadata(new Random(1));
    final Lease<Integer> lease;
    final SimulatedTime time = new SimulatedTime();
    final SimulatedLoop loop = new SimulatedLoop(time);
    final Map<String, Integer> partitions = new HashMap<>();
    final Map<UUID, String> names = new HashMap<>();
    final Map<PartitionId, Long> committed = new TreeMap<>();
    final List<Client> clients = new ArrayList<>();
    final boolean cooperative;
    final GroupLimits.Consumers consumers;
    GroupShard shard;
    int generation;
    int ids;
    int life;

    World(long seed) {
      random = new Random(seed);
      cooperative = random.nextBoolean();
      consumers =
          new GroupLimits.Consumers(
              45_000,
              5_000,
              random.nextBoolean() ? 0 : random.nextInt(15_000),
              10,
              List.of(Assignor.values()),
              new GroupLimits.Classic(MigrationPolicy.BIDIRECTIONAL, 10, 6_000, 300_000));
      var _ =
          metadata
              .leases()
              .register(
                  new NewSession(
                      INCARNATION, OptionalInt.of(1), new UUID(7, 7), Optional.empty(), Map.of()));
      lease = metadata.leases().takeShards(INCARNATION, Set.of(3)).getFirst();
      shard = begin();
      grow("t");
      grow("u");
      for (int i = 0; i < 5; i++) {
        clients.add(new Client());
      }
    }

    GroupShard begin() {
      var next =
          new GroupShard(
              lease,
              new GroupWriter(metadata.groups(), Runnable::run, loop),
              loop,
              GroupShard.Clock.of(time),
              () -> true,
              LIMITS,
              _ -> consumers,
              new OffsetExpiry(604_800_000),
              this::topics,
              TopicPatternsTest.atOnce(),
              _ -> {});
      next.begin(metadata.groups().load(lease));
      loop.drain();
      return next;
    }

    void grow(String name) {
      int total = partitions.merge(name, 1 + random.nextInt(2), Integer::sum);
      var known = topics().shape(name);
      if (known == null) {
        var created = (CreateTopic.Created) metadata.topics().create(name, total, Map.of());
        names.put(created.topic().id(), name);
      } else {
        var _ = metadata.topics().addPartitions(known.id(), total);
      }
    }

    Topics topics() {
      return Topics.of(new Image("cluster", metadata.topics().image()));
    }

    void step() {
      switch (random.nextInt(40)) {
        case 0 -> grow(random.nextBoolean() ? "t" : "u");
        case 1 -> {
          shard.end(GroupShard.End.CLOSED);
          loop.drain();
          life++;
          shard = begin();
        }
        case 2, 3, 4 -> pass(random.nextInt(6_000));
        default -> clients.get(random.nextInt(clients.size())).act(false);
      }
      check();
    }

    void pass(int millis) {
      time.pass(Duration.ofMillis(millis));
      loop.drain();
    }

    void ask(GroupRequest request, Consumer<GroupAnswer> then) {
      var answer = new CompletableFuture<GroupAnswer>();
      int asked = life;
      var _ =
          answer.thenAccept(one -> {
            if (asked == life) {
              then.accept(one);
            }
          });
      shard.handle("g", request, answer);
      loop.drain();
    }

    /// What holds at every moment.
    void check() {
      var ids = new HashSet<String>();
      var may = new HashMap<String, Set<PartitionId>>();
      for (var one : metadata.groups().load(lease)) {
        if (one.state().hasRemaining()) {
          int now = read(one.state(), ids, may);
          assertThat(now).as("generations only rise").isGreaterThanOrEqualTo(generation);
          // One without members begins anew in the protocol that joins it next.
          generation = ids.isEmpty() ? 0 : now;
        }
        var offsets = new TreeMap<PartitionId, Long>();
        one.offsets().forEach((partition, offset) -> offsets.put(partition, offset.offset()));
        assertThat(offsets).as("offsets").isEqualTo(committed);
      }
      var owners = new HashMap<PartitionId, String>();
      for (var client : clients) {
        if (ids.contains(client.id)) {
          for (var partition : client.owned) {
            var other = owners.put(partition, client.id);
            assertThat(other).as("%s of %s", partition, client.id).isNull();
          }
          if (may.containsKey(client.id)) {
            assertThat(may.get(client.id)).containsAll(client.owned);
          }
        }
      }
    }

    int read(ByteBuffer state, Set<String> ids, Map<String, Set<PartitionId>> may) {
      if (state.get(state.position()) == StoredClassicGroup.KIND) {
        var group = StoredClassicGroup.decode(state);
        group.members().forEach(one -> ids.add(one.id()));
        return group.generation();
      }
      var group = StoredConsumerGroup.decode(state);
      for (var one : group.members()) {
        ids.add(one.id());
        var held = new HashSet<>(one.assigned().keySet());
        held.addAll(one.revoking().keySet());
        may.put(one.id(), held);
      }
      return group.groupEpoch();
    }

    void settle() {
      for (int round = 0; round < 100; round++) {
        pass(3_000);
        clients.forEach(one -> one.act(true));
        check();
      }
      var owned = new ArrayList<PartitionId>();
      var kinds = new HashSet<Boolean>();
      for (var client : clients) {
        if (client.lives) {
          owned.addAll(client.owned);
          kinds.add(client.modern);
        }
      }
      if (kinds.isEmpty()) {
        return;
      }
      var expected = new ArrayList<PartitionId>();
      names.forEach((id, name) -> {
        for (int i = 0; i < partitions.getOrDefault(name, 0); i++) {
          expected.add(new PartitionId(id, i));
        }
      });
      assertThat(owned).containsExactlyInAnyOrderElementsOf(expected);
      var state = metadata.groups().load(lease).getFirst().state();
      assertThat((int) state.get(state.position()))
          .as("kind of group")
          .isEqualTo(kinds.contains(true) ? StoredConsumerGroup.KIND : StoredClassicGroup.KIND);
    }

    /// A client that speaks one protocol in one life and maybe the other in the next.
    final class Client {
      boolean lives;
      int lived;
      boolean modern;
      String id = "";
      int epoch;
      Set<PartitionId> owned = new TreeSet<>();

      /// Of the consumer protocol: what it was told to have.
      @Nullable Set<PartitionId> told;

      /// Of the classic protocol: it is to join; it waits since that life of the coordinator.
      boolean joins;

      OptionalInt waits = OptionalInt.empty();
      long offset;

      void act(boolean settling) {
        if (!lives) {
          if (!settling && random.nextInt(4) == 0) {
            lives = true;
            modern = random.nextBoolean();
            id = modern ? "m" + ids++ : "";
            epoch = 0;
            joins = true;
            waits = OptionalInt.empty();
            go();
          }
          return;
        }
        int what = settling ? 9 : random.nextInt(30);
        if (what == 0) {
          leave();
        } else if (what == 1) {
          die();
        } else if (what == 2) {
          commit();
        } else {
          go();
        }
      }

      void go() {
        if (modern) {
          beat();
        } else if (waits.isPresent() && waits.getAsInt() == life) {
          // It goes on when it is answered.
          return;
        } else if (joins || waits.isPresent()) {
          join();
        } else {
          send(
              new GroupRequest.Heartbeat(id, null, epoch),
              answer -> {
                if (answer instanceof Failed failed) {
                  refused(failed);
                }
              });
        }
      }

      /// What is answered when it lives no more, or again, is not for it.
      private void send(GroupRequest request, Consumer<GroupAnswer> then) {
        int asked = lived;
        ask(
            request,
            answer -> {
              if (asked == lived) {
                then.accept(answer);
              }
            });
      }

      void die() {
        lives = false;
        lived++;
        id = "";
        owned = new TreeSet<>();
        told = null;
        waits = OptionalInt.empty();
      }

      void leave() {
        var was = id;
        owned = new TreeSet<>();
        if (modern) {
          send(
              new ConsumerHeartbeat(was, null, null, -1, "c", "/h", -1, null, null, null), _ -> {});
        } else if (!was.isEmpty()) {
          send(new GroupRequest.Leave(List.of(new GroupRequest.Leaver(was, null, ""))), _ -> {});
        }
        die();
      }

      void commit() {
        var offsets = new HashMap<PartitionId, CommittedOffset>();
        for (var partition : owned) {
          offsets.put(partition, new CommittedOffset(++offset, Optional.empty(), "", 0));
        }
        if (!offsets.isEmpty()) {
          send(
              new GroupRequest.Commit(id, null, epoch, modern, offsets),
              answer -> {
                if (answer instanceof GroupAnswer.Committed) {
                  offsets.forEach((partition, one) -> committed.put(partition, one.offset()));
                }
              });
        }
      }

      void beat() {
        if (told != null) {
          owned = new TreeSet<>(told);
          told = null;
        }
        boolean all = epoch == 0;
        send(
            new ConsumerHeartbeat(
                id,
                null,
                null,
                epoch,
                "c",
                "/h",
                all ? 20_000 : -1,
                all ? Set.of("t", "u") : null,
                null,
                new TreeSet<>(owned)),
            answer -> {
              if (answer instanceof Beaten beaten) {
                epoch = beaten.memberEpoch();
                beaten
                    .assignment()
                    .ifPresent(assignment -> {
                      told = new TreeSet<>(assignment);
                      owned.addAll(assignment);
                    });
              } else if (answer instanceof Failed(var failure, var _)) {
                switch (failure) {
                  case NOT_AVAILABLE -> {}
                  case UNKNOWN_MEMBER, FENCED_EPOCH, GROUP_NOT_FOUND, WRONG_PROTOCOL -> {
                    owned = new TreeSet<>();
                    told = null;
                    epoch = 0;
                  }
                  default -> throw new AssertionError("unexpected " + failure);
                }
              }
            });
      }

      void join() {
        if (!cooperative) {
          owned = new TreeSet<>();
        }
        waits = OptionalInt.of(life);
        var said = new GroupRequest.Protocol("p", subscription());
        send(
            new GroupRequest.Join(
                id,
                null,
                "c" + ids++,
                true,
                true,
                "c",
                "/h",
                10_000,
                20_000,
                "consumer",
                List.of(said),
                ""),
            this::joined);
      }

      private Bytes subscription() {
        var subscription =
            new ConsumerProtocolSubscription().setTopics(new ArrayList<>(List.of("t", "u")));
        var byTopic = new TreeMap<String, List<Integer>>();
        for (var one : owned) {
          byTopic
              .computeIfAbsent(names.getOrDefault(one.topicId(), ""), _ -> new ArrayList<>())
              .add(one.partition());
        }
        byTopic.forEach((topic, numbers) ->
            subscription
                .ownedPartitions()
                .add(
                    new ConsumerProtocolSubscription.TopicPartition()
                        .setTopic(topic)
                        .setPartitions(numbers)));
        var bytes = MessageUtil.toVersionPrefixedByteBuffer((short) 2, subscription);
        var array = new byte[bytes.remaining()];
        bytes.get(array);
        return Bytes.of(array);
      }

      private void joined(GroupAnswer answer) {
        waits = OptionalInt.empty();
        if (answer instanceof Failed failed) {
          refused(failed);
          return;
        }
        var told = (Joined) answer;
        id = told.memberId();
        epoch = told.generation();
        joins = false;
        waits = OptionalInt.of(life);
        send(
            new GroupRequest.Sync(
                id,
                null,
                epoch,
                "consumer",
                told.protocol(),
                told.leader().equals(id) ? distribute(told.members()) : Map.of()),
            this::synced);
      }

      /// As assignors of clients do: what another one still has goes to nobody for now.
      private Map<String, Bytes> distribute(List<GroupAnswer.JoinedMember> members) {
        var owners = new HashMap<String, String>();
        for (var member : members) {
          Subscriptions.subscription(member.metadata())
              .orElseThrow()
              .owned()
              .forEach((topic, numbers) ->
                  numbers.forEach(number -> owners.put(topic + number, member.memberId())));
        }
        var assigned = new HashMap<String, TreeMap<String, List<Integer>>>();
        members.forEach(one -> assigned.put(one.memberId(), new TreeMap<>()));
        int next = 0;
        for (var topic : new TreeMap<>(partitions).entrySet()) {
          for (int i = 0; i < topic.getValue(); i++) {
            var target = members.get(next++ % members.size()).memberId();
            if (owners.getOrDefault(topic.getKey() + i, target).equals(target)) {
              assigned
                  .getOrDefault(target, new TreeMap<>())
                  .computeIfAbsent(topic.getKey(), _ -> new ArrayList<>())
                  .add(i);
            }
          }
        }
        var bytes = new HashMap<String, Bytes>();
        assigned.forEach((member, one) -> bytes.put(member, Subscriptions.assign((short) 1, one)));
        return bytes;
      }

      private void synced(GroupAnswer answer) {
        waits = OptionalInt.empty();
        if (answer instanceof Failed failed) {
          refused(failed);
          return;
        }
        var now = new TreeSet<PartitionId>();
        Subscriptions.assignment(((Synced) answer).assignment())
            .orElseThrow()
            .owned()
            .forEach((topic, numbers) -> {
              var shape = topics().shape(topic);
              numbers.forEach(number ->
                  now.add(new PartitionId(java.util.Objects.requireNonNull(shape).id(), number)));
            });
        // Who gives something up joins again, so that another one gets it.
        joins = !now.containsAll(owned);
        owned = now;
        if (random.nextInt(4) == 0) {
          // The leader saw that topics have grown.
          joins = true;
        }
      }

      private void refused(Failed failed) {
        joins = true;
        switch (failed.failure()) {
          case MEMBER_ID_REQUIRED -> id = failed.memberId();
          case REBALANCING, NOT_COORDINATOR, NOT_AVAILABLE -> {}
          case ILLEGAL_GENERATION -> owned = new TreeSet<>();
          case UNKNOWN_MEMBER -> {
            owned = new TreeSet<>();
            id = "";
          }
          default -> throw new AssertionError("unexpected " + failed.failure());
        }
      }
    }
  }
}
