package io.streamhouse.broker.sim;

import static java.util.Objects.requireNonNull;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.lease.Ownership;
import io.streamhouse.broker.lease.SessionObserver;
import io.streamhouse.broker.partition.Appends;
import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.InMemoryStore;
import io.streamhouse.broker.wal.AdoptedLog;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.protocol.RecordBatches;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Several agents on one metadata store and one object store under a storm, driven by one seed:
/// agents that die, pause, sleep, are drained, stop and come back or never do; clocks that run
/// apart; connections that are cut, before, in or after a transaction, and transactions that happen
/// later than anybody waits; an object store that fails and repeats; producers that retry and ask
/// whoever they think leads.
///
/// Everything runs on the calling thread, so a seed always means the same run.
final class ClusterSimulation {

  private static final int PARTITIONS = 2;
  private static final Duration LOOKS = Duration.ofMillis(500);
  private static final String LEVEL = "streamhouse.durability";

  private final long seed;
  private final UnaryOperator<Ownership> trust;
  private final RandomGenerator random;
  private final DatabaseLinks links;
  private final LateCalls late;
  private final InMemoryMetadata metadata;
  private final InMemoryStore store = new InMemoryStore();
  private final List<Machine> machines = new ArrayList<>();
  private final List<PartitionId> partitions = new ArrayList<>();
  private final List<SimulatedProducer> producers = new ArrayList<>();
  private final Map<SimulatedProducer, Route> routes = new HashMap<>();
  private final ShownLog shown;
  private final UUID changing;

  /// Agents can read each other's logs.
  private final boolean shared;

  /// What was acknowledged, by partition and offset.
  private final Map<PartitionId, TreeMap<Long, String>> acknowledgedAt = new LinkedHashMap<>();

  /// Who acknowledged under an epoch of a partition.
  private final Map<String, UUID> acknowledgedBy = new HashMap<>();

  /// The newest epoch of each partition's lease.
  private final Map<PartitionId, Integer> epochs = new HashMap<>();

  /// What went wrong inside a callback.
  private @Nullable AssertionError violation;

  int deaths;
  int acknowledged;
  int failovers;
  int sessionsEnded;
  int waited;

  /// What is left of an agent when its process is not.
  private final class Machine {
    final int nodeId;
    final UUID walId;
    final SimulatedWalFiles disk = new SimulatedWalFiles(random);
    final SimulatedTime time = new SimulatedTime();
    final DatabaseLinks.Link link = new DatabaseLinks.Link();
    final FlakyStore objects = new FlakyStore(store, random);
    final SimulatedAgent.Database database;

    /// How fast its clocks run; two agents differ by less than the margin is of the time-out.
    final double rate = 0.96 + random.nextDouble() * 0.08;

    @Nullable SimulatedAgent life;
    @Nullable SessionObserver observer;

    /// An image that was read and not followed yet.
    @Nullable Image read;

    boolean paused;
    boolean asleep;
    boolean gone;
    boolean abandoned;

    Machine(int nodeId) {
      this.nodeId = nodeId;
      this.walId = new UUID(7, nodeId);
      this.database =
          new SimulatedAgent.Database(
              late.over(Leases.class, metadata.leases(), link),
              late.over(SegmentManifest.class, metadata.manifest(), link),
              late.over(TopicCatalog.class, metadata.topics(), link));
    }

    boolean runs() {
      return life != null && !paused && !asleep;
    }
  }

  /// What an agent does; it may lose its database.
  private interface Act {
    void run(SimulatedAgent agent) throws Exception;
  }

  /// The agent a producer talks to.
  private record Route(@Nullable Machine machine, @Nullable SimulatedAgent life) {}

  ClusterSimulation(long seed) {
    this(seed, UnaryOperator.identity());
  }

  /// @param trust what partitions believe of their agents' sessions
  ClusterSimulation(long seed, UnaryOperator<Ownership> trust) {
    this.seed = seed;
    this.trust = trust;
    this.random = new SplittableRandom(seed);
    this.links = new DatabaseLinks(random);
    this.late = new LateCalls(random, links);
    this.metadata = new InMemoryMetadata(random, links);
    this.shared = random.nextInt(3) == 0;
    var first = random.nextInt(3) == 0 ? "object" : "local";
    this.changing = create("changing", first);
    var _ = create("object", "object");
    this.shown = new ShownLog(partitions, metadata.manifest(), store, links, this::broken);
    int agents = 2 + random.nextInt(3);
    for (int i = 0; i < agents; i++) {
      machines.add(new Machine(i));
    }
    for (int i = 0; i < partitions.size() + 1; i++) {
      var producer = new SimulatedProducer(1000 + i, i % partitions.size(), new Target(), random);
      producers.add(producer);
      routes.put(producer, new Route(null, null));
    }
  }

  private UUID create(String name, String level) {
    var created = metadata.topics().create(name, PARTITIONS, Map.of(LEVEL, level));
    var topic = ((CreateTopic.Created) created).topic().id();
    for (int i = 0; i < PARTITIONS; i++) {
      var id = new PartitionId(topic, i);
      partitions.add(id);
      acknowledgedAt.put(id, new TreeMap<>());
    }
    return topic;
  }

  private static boolean objectDurable(Topic topic) {
    return "object".equals(topic.configs().get(LEVEL));
  }

  private final class Target implements SimulatedProducer.Target {

    @Override
    public CompletableFuture<AppendResult> send(SimulatedProducer.Sent batch, RecordBatches bytes) {
      var route = requireNonNull(routes.get(batch.producer));
      var machine = route.machine;
      if (machine == null || machine.life != route.life || !machine.runs()) {
        return refused(new Failure.TimedOut());
      }
      var agent = requireNonNull(machine.life);
      var partition = agent.leadership.find(partitions.get(batch.producer.partition));
      if (partition == null) {
        return refused(new Failure.NotLeader(java.util.OptionalInt.empty()));
      }
      var before = links.acting(machine.link);
      try {
        return partition
            .append(bytes, Appends.Acks.ALL)
            .whenComplete((result, _) -> answered(agent, partition, batch, result));
      } finally {
        links.acting(before);
      }
    }

    private CompletableFuture<AppendResult> refused(Failure why) {
      return CompletableFuture.completedFuture(new AppendResult.Refused(why));
    }

    @Override
    public void acknowledged(SimulatedProducer.Sent batch, long offset) {
      acknowledged++;
    }

    /// Somebody's image, fresh or not, says who leads; or it is anybody.
    @Override
    public void lookUp(SimulatedProducer producer) {
      var asked = machines.get(random.nextInt(machines.size()));
      var told = asked;
      if (asked.life != null && random.nextInt(8) != 0) {
        var leader = asked.life.image.leader(partitions.get(producer.partition));
        if (leader != null) {
          told = machines.get(leader.agent().nodeId());
        }
      }
      routes.put(producer, new Route(told, told.life));
    }

    @Override
    public long wallMillis() {
      return 1_700_000_000_000L;
    }
  }

  /// An agent answers a batch, whether its producer still listens or not.
  private void answered(
      SimulatedAgent agent,
      Partition partition,
      SimulatedProducer.Sent batch,
      AppendResult result) {
    if (!(result instanceof AppendResult.Appended(long offset, long _, long _))) {
      return;
    }
    var id = partition.id();
    int epoch = partition.lease().epoch();
    var me = agent.session.incarnation();
    var owner = links.observe(() -> metadata.topics().image()).owners().get(id);
    boolean committed = offset + batch.values.length <= committedEnd(id);
    if (!committed && (owner == null || !owner.incarnation().equals(me))) {
      note(
          "%s at %d is acknowledged under epoch %d by an agent that does not hold it: %s"
              .formatted(id, offset, epoch, owner));
    }
    var other = acknowledgedBy.putIfAbsent(id + "@" + epoch, me);
    if (other != null && !other.equals(me)) {
      note("%s was acknowledged by two agents under epoch %d".formatted(id, epoch));
    }
    if (batch.firstOffset >= 0 && batch.firstOffset != offset) {
      note("%s: a batch at %d is said to be at %d".formatted(id, batch.firstOffset, offset));
    }
    batch.firstOffset = offset;
    for (int i = 0; i < batch.values.length; i++) {
      var before = requireNonNull(acknowledgedAt.get(id)).put(offset + i, batch.values[i]);
      if (before != null && !before.equals(batch.values[i])) {
        note(
            "%s at %d is acknowledged as %s and %s"
                .formatted(id, offset + i, before, batch.values[i]));
      }
    }
  }

  private void note(String what) {
    if (violation == null) {
      violation = broken(what);
    }
  }

  private long committedEnd(PartitionId id) {
    var rows = shown.segments(id);
    return rows.isEmpty() ? 0 : rows.getLast().endOffset();
  }

  /// Runs so many random steps, then heals everything and checks the whole log.
  void run(int steps) throws Exception {
    for (var machine : machines) {
      boot(machine);
    }
    for (int i = 0; i < steps; i++) {
      step();
      check();
    }
    heal();
  }

  private void step() throws Exception {
    var machine = machines.get(random.nextInt(machines.size()));
    switch (random.nextInt(60)) {
      case 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 -> producers.get(random.nextInt(producers.size())).send();
      case 10, 11, 12, 13, 14, 15, 16 -> act(machine, agent -> agent.wal.poll());
      case 17, 18, 19, 20, 21 -> act(machine, this::flush);
      case 22, 23, 24 -> act(machine, agent -> agent.upload(random));
      case 25, 26, 27 -> pass(Duration.ofMillis(random.nextInt(1500)));
      case 28, 29, 30 -> seconds(1 + random.nextInt(14));
      case 31, 32 -> renew(machine);
      case 33 -> act(machine, agent -> look(machine));
      case 34, 35, 36, 37 -> follow(machine);
      case 38 -> act(machine, SimulatedAgent::tick);
      case 39 -> act(machine, agent -> agent.trim(random.nextBoolean()));
      case 40 -> machine.paused = !machine.paused && random.nextBoolean();
      case 41 -> machine.asleep = !machine.asleep && random.nextBoolean();
      case 42 -> machine.link.cut = !machine.link.cut && random.nextInt(3) == 0;
      case 43, 44 -> machine.link.flaky = random.nextInt(3) == 0;
      case 45 -> machine.objects.cut(random.nextInt(4) == 0);
      case 46 -> machine.objects.failing(random.nextInt(3) == 0);
      case 47 -> {
        if (random.nextInt(3) == 0) {
          die(machine);
        }
      }
      case 48, 49 -> boot(machine);
      case 50 -> {
        if (random.nextInt(4) == 0) {
          stop(machine);
        }
      }
      case 51 -> {
        boolean draining = random.nextBoolean();
        if (random.nextBoolean()) {
          var _ = links.observe(() -> metadata.leases().drain(machine.nodeId, draining));
        } else if (machine.life != null) {
          var session = machine.life.session.incarnation();
          var _ = links.observe(() -> metadata.leases().setDraining(session, draining));
        }
      }
      case 52 -> changeLevel();
      case 53 -> late.happen();
      case 54 -> machine.objects.arrive();
      case 55 -> {
        if (random.nextInt(4) == 0) {
          producers.get(random.nextInt(producers.size())).connectionLost();
        }
      }
      case 56 -> act(machine, this::deleteRecords);
      case 57, 58 ->
          act(
              machine,
              agent -> {
                var _ = agent.merger.step();
              });
      default -> {
        if (machine.life == null && random.nextInt(10) == 0 && living() > 1) {
          machine.gone = true;
        } else if (random.nextInt(8) == 0) {
          quiet();
        }
      }
    }
    producers.forEach(SimulatedProducer::settle);
  }

  private long living() {
    return machines.stream().filter(machine -> !machine.gone).count();
  }

  /// Has an agent do something, over its own connection, if it runs.
  private void act(Machine machine, Act act) throws Exception {
    if (!machine.runs()) {
      return;
    }
    var before = links.acting(machine.link);
    try {
      act.run(requireNonNull(machine.life));
    } catch (MetadataUnavailable lost) {
      // Whatever it was is tried again.
    } finally {
      links.acting(before);
    }
  }

  private void flush(SimulatedAgent agent) {
    if (random.nextInt(3) == 0) {
      agent.signal.request();
    }
    var _ = agent.flusher.step();
    if (random.nextBoolean()) {
      agent.upload(random);
    }
  }

  private void pass(Duration elapsed) {
    for (var machine : machines) {
      var its = Duration.ofNanos((long) (elapsed.toNanos() * machine.rate));
      if (machine.asleep) {
        machine.time.sleepMachine(its);
      } else {
        machine.time.pass(its);
      }
    }
    late.pass(elapsed.toNanos());
  }

  /// Seconds in which agents do little but what keeps them alive.
  private void seconds(int seconds) throws Exception {
    for (int i = 0; i < 2 * seconds; i++) {
      pass(LOOKS);
      for (var machine : machines) {
        if (random.nextInt(4) == 0) {
          renew(machine);
        }
        act(machine, _ -> look(machine));
        if (random.nextInt(4) == 0) {
          follow(machine);
        }
        if (random.nextInt(4) == 0) {
          act(machine, SimulatedAgent::tick);
        }
      }
      check();
    }
  }

  /// More than half a minute in which agents work and nobody sends: rows of partitions that are
  /// flushed name no log after it.
  private void quiet() throws Exception {
    for (int i = 0; i < 35; i++) {
      pass(Duration.ofSeconds(1));
      for (var machine : machines) {
        renew(machine);
        act(machine, _ -> look(machine));
        if (random.nextInt(8) == 0) {
          follow(machine);
        }
        act(
            machine,
            agent -> {
              agent.wal.poll();
              flush(agent);
              agent.tick();
            });
      }
    }
    check();
  }

  private void renew(Machine machine) throws Exception {
    act(
        machine,
        agent -> {
          if (agent.session.over()) {
            abandon(machine, agent);
            return;
          }
          agent.session.renew();
          if (agent.session.over() && random.nextBoolean()) {
            abandon(machine, agent);
          }
        });
  }

  private void abandon(Machine machine, SimulatedAgent agent) {
    if (!machine.abandoned) {
      machine.abandoned = true;
      sessionsEnded++;
      agent.leadership.abandon();
    }
  }

  private void look(Machine machine) {
    if (requireNonNull(machine.observer).look() > 0) {
      failovers++;
    }
  }

  /// Reads the image, or follows the one that was read, or goes on with what takes time: any of
  /// them may come late.
  private void follow(Machine machine) throws Exception {
    act(
        machine,
        agent -> {
          if (machine.abandoned) {
            return;
          }
          if (agent.leadership.busy() && random.nextBoolean()) {
            if (agent.leadership.step(agent.image)) {
              machine.read = null;
            }
          } else if (machine.read == null) {
            if (machine.database.topics().changes() != agent.image.changes()) {
              machine.read = new Image("simulated", machine.database.topics().image());
            }
            if (random.nextBoolean()) {
              reconcile(machine, agent);
            }
          } else {
            reconcile(machine, agent);
          }
        });
  }

  private void reconcile(Machine machine, SimulatedAgent agent) {
    var fresh = machine.read;
    machine.read = null;
    if (fresh != null && !agent.leadership.reconcile(fresh)) {
      agent.image = fresh;
    }
  }

  private void changeLevel() {
    if (random.nextInt(3) == 0) {
      var level = random.nextBoolean() ? "object" : "local";
      var _ =
          links.observe(
              () -> metadata.topics().alterConfigs(changing, Map.of(LEVEL, level), List.of()));
    }
  }

  /// Deletes the oldest records, also those whose producer may still send them again.
  private void deleteRecords(SimulatedAgent agent) {
    var id = partitions.get(random.nextInt(partitions.size()));
    var partition = agent.leadership.find(id);
    if (random.nextInt(2) != 0 || partition == null || !shows(partition)) {
      return;
    }
    var _ = shown.read(partition);
    var _ =
        partition
            .deleteRecordsBefore(
                random.nextBoolean()
                    ? partition.logStart() + random.nextInt(4)
                    : partition.highWatermark())
            .thenAccept(result -> {
              if (result instanceof Appends.TruncateResult.Truncated(long logStart)) {
                shown.truncated(id, logStart);
              }
            });
  }

  /// The process dies, or the machine with it.
  private void die(Machine machine) {
    if (machine.life == null) {
      return;
    }
    deaths++;
    lose(machine);
    if (!shared && random.nextBoolean()) {
      machine.disk.losePower();
    }
  }

  private void lose(Machine machine) {
    machine.life = null;
    machine.observer = null;
    machine.read = null;
    machine.paused = false;
    machine.asleep = false;
    machine.abandoned = false;
    machine.disk.killProcess();
    for (var producer : producers) {
      if (requireNonNull(routes.get(producer)).machine == machine) {
        producer.connectionLost();
      }
    }
  }

  /// An orderly stop, as far as the stores let it be; then the process is gone.
  private void stop(Machine machine) throws Exception {
    if (!machine.runs()) {
      return;
    }
    act(
        machine,
        agent -> {
          for (int i = 0; i < 8; i++) {
            agent.signal.request();
            var _ = agent.flusher.step();
            agent.upload(random);
          }
        });
    act(machine, agent -> agent.trim(true));
    act(machine, agent -> agent.leadership.release());
    act(machine, agent -> agent.wal.close());
    act(machine, agent -> agent.session.end());
    lose(machine);
  }

  /// Starts an agent on a machine that has none; one whose session is over stops first.
  private void boot(Machine machine) throws Exception {
    if (machine.gone || machine.asleep || machine.paused) {
      return;
    }
    if (machine.abandoned) {
      stop(machine);
    }
    if (machine.life != null) {
      return;
    }
    var before = links.acting(machine.link);
    try {
      var agent =
          new SimulatedAgent(
              new SimulatedAgent.Self(
                  machine.nodeId,
                  machine.walId,
                  machine.disk,
                  walId -> {
                    return log(machine, walId);
                  }),
              machine.database,
              machine.objects,
              new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 12, 1 << 18, 0),
              ClusterSimulation::objectDurable,
              trust,
              random,
              machine.time);
      machine.life = agent;
      machine.observer =
          new SessionObserver(
              machine.database.leases(),
              agent.session.incarnation(),
              SimulatedAgent.TIMEOUT,
              LOOKS,
              () -> agent.session.unreachable() == null,
              machine.time);
    } catch (MetadataUnavailable lost) {
      machine.disk.killProcess();
    } finally {
      links.acting(before);
    }
  }

  private @Nullable AdoptedLog log(Machine of, UUID walId) {
    for (var machine : machines) {
      if (machine.walId.equals(walId) && (shared || machine == of)) {
        return new AdoptedLog(machine.disk, walId);
      }
    }
    return null;
  }

  /// Whether an agent would answer a reader for a partition's tail, and the reader would ask it.
  private boolean shows(Partition partition) {
    return partition.notLeading() == null
        && partition.lease().epoch() >= shown.epoch(partition.id());
  }

  /// What must hold after every step.
  private void check() {
    if (violation != null) {
      throw violation;
    }
    shown.checkManifest();
    var live = new ArrayList<UUID>();
    links.observe(() -> metadata.leases().sessions()).forEach(s -> live.add(s.incarnation()));
    var image = links.observe(() -> metadata.topics().image());
    image
        .owners()
        .forEach((id, owner) -> {
          var before = epochs.put(id, owner.leaseEpoch());
          if (before != null && before > owner.leaseEpoch()) {
            throw broken(
                "epoch of %s fell from %d to %d".formatted(id, before, owner.leaseEpoch()));
          }
        });
    for (var machine : machines) {
      if (machine.life == null) {
        continue;
      }
      var session = machine.life.session;
      if (session.holds() && !live.contains(session.incarnation())) {
        throw broken("node %d trusts a session that is over".formatted(machine.nodeId));
      }
      if (!machine.runs()) {
        continue;
      }
      for (var id : partitions) {
        var partition = machine.life.leadership.find(id);
        if (partition != null && random.nextInt(4) == 0) {
          read(partition);
        }
      }
    }
  }

  private void read(Partition partition) {
    var id = partition.id();
    if (!shows(partition)) {
      shown.readCommitted(id, partition.committedEnd());
      return;
    }
    var values = shown.read(partition);
    long start = shown.logStart(id);
    requireNonNull(acknowledgedAt.get(id))
        .tailMap(start)
        .forEach((offset, value) -> shown.check(id, values, offset, new String[] {value}));
  }

  /// Everything works again, and who can come back does: then all partitions but those that wait
  /// for a log that is gone take writes, and everything acknowledged is there.
  private void heal() throws Exception {
    late.happenAll();
    for (var machine : machines) {
      machine.link.heal();
      machine.objects.cut(false);
      machine.objects.failing(false);
      machine.paused = false;
      machine.asleep = false;
      boot(machine);
      var _ = links.observe(() -> metadata.leases().drain(machine.nodeId, false));
    }
    boolean more = false;
    for (int i = 0; i < 600; i++) {
      calm();
      check();
      if (settled()) {
        if (more) {
          finish();
          return;
        }
        more = true;
        producers.forEach(SimulatedProducer::send);
      }
    }
    throw broken("does not settle: " + state());
  }

  /// A second of quiet work.
  private void calm() throws Exception {
    pass(Duration.ofMillis(500));
    for (var machine : machines) {
      boot(machine);
      renew(machine);
      act(machine, _ -> look(machine));
      for (int i = 0; i < 4; i++) {
        follow(machine);
      }
      act(
          machine,
          agent -> {
            while (agent.wal.poll()) {}
            agent.signal.request();
            for (int i = 0; i < 16; i++) {
              var _ = agent.flusher.step();
              agent.upload(random);
            }
            agent.tick();
            agent.trim(true);
          });
    }
    producers.forEach(SimulatedProducer::settle);
  }

  private boolean settled() {
    for (var producer : producers) {
      if (!waits(partitions.get(producer.partition)) && !producer.inFlight.isEmpty()) {
        return false;
      }
    }
    var image = links.observe(() -> new Image("simulated", metadata.topics().image()));
    for (var id : partitions) {
      if (waits(id)) {
        continue;
      }
      var leader = image.leader(id);
      if (leader == null || !leader.agent().equals(image.preferred(id))) {
        return false;
      }
      var life = machines.get(leader.agent().nodeId()).life;
      var partition = life == null ? null : life.leadership.find(id);
      if (partition == null
          || partition.notLeading() != null
          || partition.committedEnd() != partition.highWatermark()) {
        return false;
      }
    }
    return true;
  }

  /// Whether a partition's tail is in a log that never comes back.
  private boolean waits(PartitionId id) {
    var tail = links.observe(() -> metadata.topics().image()).orphanTails().get(id);
    return tail != null
        && !shared
        && machines.stream().anyMatch(machine -> machine.gone && machine.walId.equals(tail));
  }

  private void finish() {
    for (var id : partitions) {
      if (waits(id)) {
        waited++;
        if (!id.topicId().equals(changing)) {
          throw broken("%s waits for a log that never had any of it".formatted(id));
        }
        shown.readCommitted(id, committedEnd(id));
        continue;
      }
      for (var machine : machines) {
        var partition = machine.life == null ? null : machine.life.leadership.find(id);
        if (partition != null) {
          read(partition);
        }
      }
      shown.checkOrder(id);
      for (var producer : producers) {
        if (partitions.get(producer.partition).equals(id)) {
          shown.checkComplete(id, producer);
        }
      }
    }
  }

  private String state() {
    var image = links.observe(() -> new Image("simulated", metadata.topics().image()));
    var said = new StringBuilder();
    for (var id : partitions) {
      var preferred = image.preferred(id);
      said.append(
          "\n%s led by %s, placed at %s, orphan tail %s, waits %s"
              .formatted(
                  id,
                  image.leader(id),
                  preferred == null ? "-" : preferred.nodeId(),
                  image.orphanTail(id),
                  waits(id)));
      for (var machine : machines) {
        var partition = machine.life == null ? null : machine.life.leadership.find(id);
        if (partition != null) {
          said.append(
              "\n  node %d: epoch %d committed %d high watermark %d, %s"
                  .formatted(
                      machine.nodeId,
                      partition.lease().epoch(),
                      partition.committedEnd(),
                      partition.highWatermark(),
                      partition.notLeading()));
        }
      }
    }
    for (var producer : producers) {
      said.append(
          "\nproducer %d of %d: %d in flight, first %s"
              .formatted(
                  producer.id,
                  producer.partition,
                  producer.inFlight.size(),
                  producer.inFlight.isEmpty()
                      ? "-"
                      : producer.inFlight.getFirst().result.getNow(null)));
    }
    return said.toString();
  }

  long evictedReads() {
    return shown.evictedReads;
  }

  long lateCalls() {
    return late.carriedOut;
  }

  private AssertionError broken(String what) {
    return new AssertionError("seed " + seed + ": " + what);
  }
}
