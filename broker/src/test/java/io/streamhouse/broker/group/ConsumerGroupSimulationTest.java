package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.GroupAnswer.Beaten;
import io.streamhouse.broker.group.GroupAnswer.Failed;
import io.streamhouse.broker.group.GroupRequest.ConsumerHeartbeat;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.PartitionId;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;

/// Members that join, beat, change what they read, leave, fall silent and lose answers, topics that
/// come, grow and go, and coordinators that die at any moment.
class ConsumerGroupSimulationTest {

  private static final GroupLimits.Classic CLASSIC =
      new GroupLimits.Classic(MigrationPolicy.BIDIRECTIONAL, 3, 6_000, 300_000);

  private static final List<String> NAMES = List.of("t", "u", "v");
  private static final List<String> PATTERNS = List.of("", "", "[uv]", ".*", "t|w");

  @Property(tries = 400)
  void noPartitionHasTwoOwnersAndAGroupLeftAloneGivesEachPartitionOne(@ForAll long seed) {
    var world = new World(seed);
    for (int step = 0; step < 200; step++) {
      world.step();
    }
    world.settle();
  }

  private static final class World {
    final Random random;
    final FakeTopics topics = new FakeTopics();
    final Map<String, Integer> partitions = new HashMap<>();
    final List<Client> clients = new ArrayList<>();
    final GroupLimits.Consumers limits;
    final SimulatedTime time = new SimulatedTime();

    /// What patterns stand for is found out at any later moment, or never.
    ArrayDeque<Runnable> work = new ArrayDeque<>();

    TopicPatterns patterns = new TopicPatterns(Runnable::run, work::addLast, time);
    ConsumerGroup group;
    ByteBuffer stored;
    long millis;
    int groupEpoch;
    int members;

    World(long seed) {
      random = new Random(seed);
      int interval = random.nextBoolean() ? 0 : random.nextInt(15_000);
      limits =
          new GroupLimits.Consumers(
              45_000, 5_000, interval, 5, List.of(Assignor.values()), CLASSIC);
      group = new ConsumerGroup(() -> limits, this::topics, patterns);
      stored = group.stored().encode();
      grow("t");
      for (int i = 0; i < 6; i++) {
        clients.add(new Client(i % 2 == 0 ? null : "i" + i));
      }
    }

    Topics topics() {
      return topics;
    }

    Now now() {
      return new Now(millis * 1_000_000, millis);
    }

    void grow(String name) {
      int count = partitions.merge(name, 1 + random.nextInt(4), Integer::sum);
      topics.with(name, count);
    }

    void step() {
      switch (random.nextInt(30)) {
        case 0 -> grow(NAMES.get(random.nextInt(NAMES.size())));
        case 1 -> {
          var name = NAMES.get(random.nextInt(NAMES.size()));
          partitions.remove(name);
          topics.delete(name);
        }
        case 2 -> restart();
        case 5, 6, 7 -> {
          if (!work.isEmpty()) {
            work.removeFirst().run();
          }
        }
        case 3, 4 -> {
          millis += random.nextInt(30_000);
          take(group.pass(now()));
        }
        default -> clients.get(random.nextInt(clients.size())).act();
      }
    }

    void restart() {
      // What was under way is not told to the dead.
      var next = new ArrayDeque<Runnable>();
      work = next;
      patterns = new TopicPatterns(Runnable::run, next::addLast, time);
      group =
          ConsumerGroup.restore(
              () -> limits,
              this::topics,
              patterns,
              StoredConsumerGroup.decode(stored.duplicate()),
              now());
      check();
    }

    @Nullable GroupAnswer take(List<GroupEffect> effects) {
      GroupAnswer answered = null;
      for (var effect : effects) {
        switch (effect) {
          case GroupEffect.Save _ -> stored = group.stored().encode();
          case GroupEffect.Answer(long _, var answer) -> answered = answer;
          case GroupEffect.Commit _, GroupEffect.WakeAt _ -> {}
        }
      }
      assertThat(stored).as("what is stored is what is").isEqualTo(group.stored().encode());
      check();
      return answered;
    }

    /// What holds at every moment.
    void check() {
      assertThat(group.groupEpoch()).as("epochs only rise").isGreaterThanOrEqualTo(groupEpoch);
      groupEpoch = group.groupEpoch();
      var state = group.stored();
      assertThat(state.assignmentEpoch()).isLessThanOrEqualTo(groupEpoch);
      var owners = new HashMap<PartitionId, String>();
      var targets = new HashMap<PartitionId, String>();
      for (var member : state.members()) {
        assertThat(member.epoch()).isLessThanOrEqualTo(state.assignmentEpoch());
        for (var held : List.of(member.assigned(), member.revoking())) {
          for (var one : held.entrySet()) {
            assertThat(owners.put(one.getKey(), member.id())).as("%s", one.getKey()).isNull();
            assertThat(one.getValue()).isLessThanOrEqualTo(state.assignmentEpoch());
          }
        }
        for (var one : member.target()) {
          assertThat(targets.put(one, member.id())).as("target %s", one).isNull();
        }
        var client = clients.stream().filter(one -> one.id.equals(member.id())).findFirst();
        if (client.isPresent()) {
          var may = new HashSet<>(member.assigned().keySet());
          may.addAll(member.revoking().keySet());
          assertThat(may).as("what %s reads", member.id()).containsAll(client.get().owned);
        }
      }
    }

    /// All that are alive go on, and nothing is lost any more.
    void settle() {
      for (int round = 0; round < 60; round++) {
        millis += 5_000;
        while (!work.isEmpty()) {
          work.removeFirst().run();
        }
        take(group.pass(now()));
        for (var client : clients) {
          if (!client.id.isEmpty()) {
            client.beat(false);
          }
        }
      }
      var joined = clients.stream().filter(one -> one.epoch > 0).toList();
      if (joined.isEmpty()) {
        assertThat(group.state()).isEqualTo(ConsumerGroupState.EMPTY);
        return;
      }
      assertThat(group.state()).isEqualTo(ConsumerGroupState.STABLE);
      var owned = new ArrayList<PartitionId>();
      var expected = new HashSet<PartitionId>();
      for (var client : joined) {
        assertThat(client.epoch).isEqualTo(group.stored().assignmentEpoch());
        owned.addAll(client.owned);
        for (var name : client.readsNow()) {
          var shape = topics.shape(name);
          for (int i = 0; shape != null && i < shape.partitions(); i++) {
            expected.add(new PartitionId(shape.id(), i));
          }
        }
      }
      assertThat(owned).containsExactlyInAnyOrderElementsOf(expected);
    }

    final class Client {
      final @Nullable String instance;
      String id = "";
      int epoch;
      Set<String> reads = Set.of();

      /// One of [#PATTERNS].
      String pattern = "";

      /// What it may read now.
      Set<PartitionId> owned = new TreeSet<>();

      /// What it was told to have and still has to give up the rest for.
      @Nullable Set<PartitionId> told;

      /// The next heartbeat must say everything.
      boolean whole;

      Client(@Nullable String instance) {
        this.instance = instance;
      }

      void act() {
        if (id.isEmpty()) {
          if (random.nextInt(3) == 0) {
            id = "m" + members++;
            epoch = 0;
            reads = some();
            pattern = PATTERNS.get(random.nextInt(PATTERNS.size()));
            owned = new TreeSet<>();
            told = null;
            beat(random.nextInt(5) == 0);
          }
          return;
        }
        switch (random.nextInt(20)) {
          case 0 -> leave(random.nextBoolean() && instance != null ? -2 : -1);
          case 1 -> forget();
          case 2 -> {
            reads = some();
            pattern = PATTERNS.get(random.nextInt(PATTERNS.size()));
            whole = true;
            beat(random.nextInt(5) == 0);
          }
          case 3, 4, 5, 6 -> giveUp();
          default -> beat(random.nextInt(5) == 0);
        }
      }

      private Set<String> some() {
        var some = new HashSet<>(NAMES);
        some.removeIf(_ -> random.nextInt(3) == 0);
        return some;
      }

      Set<String> readsNow() {
        var now = new HashSet<>(reads);
        for (String name : NAMES) {
          if (name.matches(pattern)) {
            now.add(name);
          }
        }
        return now;
      }

      void giveUp() {
        if (told != null) {
          owned = new TreeSet<>(told);
          told = null;
        }
      }

      void beat(boolean lost) {
        if (random.nextBoolean() || !lost) {
          giveUp();
        }
        boolean says = epoch == 0 || whole || random.nextBoolean() || !lost;
        boolean all = epoch == 0 || whole;
        var answer =
            take(
                group.handle(
                    0,
                    new ConsumerHeartbeat(
                        id,
                        instance,
                        null,
                        epoch,
                        "c",
                        "/h",
                        all ? 20_000 : -1,
                        all ? reads : null,
                        all ? pattern : null,
                        random.nextInt(20) == 0 ? "range" : null,
                        says ? new TreeSet<>(owned) : null),
                    now()));
        if (lost) {
          whole = true;
          return;
        }
        whole = false;
        if (answer instanceof Beaten beaten) {
          assertThat(beaten.memberEpoch()).isGreaterThanOrEqualTo(epoch);
          epoch = beaten.memberEpoch();
          beaten.assignment().ifPresent(this::assigned);
          check();
        } else if (answer instanceof Failed(var failure, var _)) {
          switch (failure) {
            case GROUP_FULL, UNRELEASED_INSTANCE, UNKNOWN_MEMBER, FENCED_INSTANCE -> forget();
            case FENCED_EPOCH -> {
              owned = new TreeSet<>();
              told = null;
              epoch = 0;
            }
            default -> throw new AssertionError("unexpected " + failure);
          }
        }
      }

      private void assigned(Set<PartitionId> assignment) {
        // What is new may be read at once; what is not there any more is given up in a while.
        var kept = new TreeSet<>(owned);
        kept.addAll(assignment);
        owned = kept;
        told = new TreeSet<>(assignment);
      }

      void leave(int sign) {
        // Whoever says that it goes has closed what it read.
        owned = new TreeSet<>();
        told = null;
        take(
            group.handle(
                0,
                new ConsumerHeartbeat(id, instance, null, sign, "c", "/h", -1, null, null, null),
                now()));
        forget();
      }

      /// It is gone; its coordinator learns that from its silence, or from its next life.
      void forget() {
        id = "";
        epoch = 0;
        owned = new TreeSet<>();
        told = null;
        whole = false;
      }
    }
  }
}
