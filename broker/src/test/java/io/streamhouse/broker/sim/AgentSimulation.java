package io.streamhouse.broker.sim;

import static java.util.Objects.requireNonNull;

import io.streamhouse.broker.fsck.Finding;
import io.streamhouse.broker.fsck.Fsck;
import io.streamhouse.broker.fsck.FsckOptions;
import io.streamhouse.broker.merge.Merger;
import io.streamhouse.broker.partition.Appends;
import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.InMemoryStore;
import io.streamhouse.broker.sweep.SweepGuard;
import io.streamhouse.broker.wal.AdoptedLog;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.protocol.RecordBatches;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// One agent's log under a storm, driven by one seed: producers that retry, an object store and a
/// database that fail before or after they did as asked, a disk that forgets, and death at any
/// step. The invariants of the design are checked after every step that could break them.
///
/// Everything runs on the calling thread, so a seed always means the same run.
final class AgentSimulation {

  private static final UUID WAL_ID = new UUID(3, 3);
  private static final int PARTITIONS = 2;
  private static final int PRODUCERS = 3;

  private final long seed;
  private final RandomGenerator random;
  private final SimulatedTime time = new SimulatedTime();
  private final InMemoryMetadata metadata;
  private final InMemoryStore store = new InMemoryStore();
  private final FlakyStore flaky;

  /// The level never changes from `object`: then even the loss of the disk loses nothing.
  private final boolean alwaysObject;

  private boolean objectDurable;
  private SimulatedWalFiles disk;
  private final Fsync fsync;
  private final UUID topicId;
  private final DatabaseLinks links;
  private final DatabaseLinks.Link link = new DatabaseLinks.Link();
  private final ShownLog shown;
  private final List<PartitionId> partitions = new ArrayList<>();
  private final List<SimulatedProducer> producers = new ArrayList<>();

  // One life of the agent.
  private @Nullable SimulatedAgent life;
  int crashes;
  int acknowledged;
  long merged;

  AgentSimulation(long seed) {
    this.seed = seed;
    this.random = new SplittableRandom(seed);
    this.fsync = random.nextInt(3) == 0 ? Fsync.INTERVAL : Fsync.ALWAYS;
    this.disk = new SimulatedWalFiles(random);
    this.alwaysObject = random.nextInt(4) == 0;
    this.objectDurable = alwaysObject || random.nextInt(4) == 0;
    this.flaky = new FlakyStore(store, random);
    this.links = new DatabaseLinks(random);
    this.metadata = new InMemoryMetadata(random, links);
    var created = metadata.topics().create("t", PARTITIONS, Map.of());
    this.topicId = ((CreateTopic.Created) created).topic().id();
    for (int i = 0; i < PARTITIONS; i++) {
      partitions.add(new PartitionId(topicId, i));
    }
    this.shown = new ShownLog(partitions, metadata.manifest(), store, links, this::broken);
    for (int i = 0; i < PRODUCERS; i++) {
      producers.add(new SimulatedProducer(1000 + i, i % PARTITIONS, target, random));
    }
    links.acting(link);
  }

  /// The one agent there is, if it lives.
  private final SimulatedProducer.Target target =
      new SimulatedProducer.Target() {
        @Override
        public CompletableFuture<AppendResult> send(
            SimulatedProducer.Sent batch, RecordBatches bytes) {
          return life == null
              ? CompletableFuture.completedFuture(new AppendResult.Refused(new Failure.TimedOut()))
              : partition(batch.producer.partition).append(bytes, Appends.Acks.ALL);
        }

        @Override
        public void acknowledged(SimulatedProducer.Sent batch, long offset) {
          acknowledged++;
          shown.check(partition(batch.producer.partition), offset, batch.values);
        }

        @Override
        public void lookUp(SimulatedProducer producer) {}

        @Override
        public long wallMillis() {
          return time.wallMillis();
        }
      };

  private Partition partition(int index) {
    return requireNonNull(requireNonNull(life).leadership.find(partitions.get(index)), "not led");
  }

  /// Runs so many random steps, then lets everything drain and checks the whole log.
  void run(int steps) throws Exception {
    boot();
    for (int i = 0; i < steps; i++) {
      step();
    }
    link.flaky = false;
    flaky.failing(false);
    die(false);
    boot();
    drain();
  }

  private void step() throws Exception {
    var current = requireNonNull(life);
    switch (random.nextInt(29)) {
      case 0, 1, 2, 3, 4, 5, 6 -> producers.get(random.nextInt(PRODUCERS)).send();
      case 7, 8, 9, 10 -> current.wal.poll();
      case 11 -> current.wal.pollSync();
      case 12, 13, 14 -> flushStep(current);
      case 15 -> current.upload(random);
      case 16 -> time.pass(Duration.ofMillis(random.nextInt(4000)));
      case 17 -> renew(current);
      case 18 -> current.trim(random.nextBoolean());
      case 19 -> flaky.failing(random.nextInt(3) == 0);
      case 20 -> link.flaky = random.nextInt(4) == 0;
      case 21 -> {
        for (int i = 0; i < PARTITIONS; i++) {
          read(i);
        }
      }
      case 22 -> changeLevel(current);
      case 23 -> {
        if (random.nextInt(4) == 0) {
          die(fsync == Fsync.ALWAYS && random.nextBoolean());
          boot();
        }
      }
      case 24, 25, 26, 27 -> merge(current);
      default -> deleteRecords();
    }
    producers.forEach(SimulatedProducer::settle);
    shown.checkManifest();
  }

  private void flushStep(SimulatedAgent current) {
    if (random.nextInt(3) == 0) {
      current.signal.request();
    }
    current.flusher.step();
    if (random.nextBoolean()) {
      current.upload(random);
    }
  }

  /// A few steps, so that what else happens comes between any two of them.
  private void merge(SimulatedAgent current) {
    long before = current.merger.segments();
    for (int i = random.nextInt(8); i >= 0; i--) {
      var wait = current.merger.step();
      if (random.nextBoolean()) {
        time.pass(wait);
      }
    }
    merged += current.merger.segments() - before;
  }

  private void changeLevel(SimulatedAgent current) {
    if (!alwaysObject && random.nextInt(3) == 0) {
      objectDurable = !objectDurable;
      current
          .leadership
          .all()
          .forEach(partition -> partition.settings(SimulatedAgent.settings(objectDurable)));
    }
  }

  private void renew(SimulatedAgent current) {
    try {
      current.session.renew();
    } catch (MetadataUnavailable lost) {
      // The deadline stands.
    }
    current.tick();
  }

  private void deleteRecords() {
    if (random.nextInt(6) != 0) {
      return;
    }
    int index = random.nextInt(PARTITIONS);
    read(index);
    var partition = partition(index);
    long target = partition.logStart() + random.nextInt(4);
    var result = partition.deleteRecordsBefore(target);
    if (result.isDone()
        && !result.isCompletedExceptionally()
        && result.join() instanceof Appends.TruncateResult.Truncated(long logStart)) {
      shown.truncated(partition.id(), logStart);
    }
  }

  /// Kills the process, or the machine with it.
  private void die(boolean power) {
    crashes++;
    life = null;
    if (alwaysObject && random.nextInt(3) == 0) {
      disk = new SimulatedWalFiles(random);
    } else if (power) {
      disk.losePower();
    } else {
      disk.killProcess();
    }
    producers.forEach(SimulatedProducer::connectionLost);
  }

  /// Starts the agent again; a start that fails because a store is down is tried again when it is
  /// back.
  private void boot() throws Exception {
    for (int attempt = 0; ; attempt++) {
      try {
        life =
            new SimulatedAgent(
                new SimulatedAgent.Self(1, WAL_ID, disk, walId -> new AdoptedLog(disk, walId)),
                new SimulatedAgent.Database(
                    metadata.leases(), metadata.manifest(), metadata.topics()),
                flaky,
                new WalOptions(fsync, Duration.ofMillis(100), 1 << 12, 1 << 15, 0),
                _ -> objectDurable,
                UnaryOperator.identity(),
                random,
                time);
        break;
      } catch (MetadataUnavailable down) {
        disk.killProcess();
        if (attempt > 3) {
          link.flaky = false;
        }
      }
    }
    for (int i = 0; i < PARTITIONS; i++) {
      read(i);
    }
  }

  private void drain() throws Exception {
    for (int i = 0; i < 1000; i++) {
      var current = requireNonNull(life);
      renew(current);
      while (current.wal.poll()) {}
      producers.forEach(SimulatedProducer::settle);
      current.signal.request();
      for (int s = 0; s < 16; s++) {
        current.flusher.step();
        current.upload(random);
      }
      time.pass(Duration.ofMillis(200));
      current.trim(true);
      boolean flushed =
          current.leadership.all().stream()
              .allMatch(partition -> partition.committedEnd() == partition.highWatermark());
      if (flushed && producers.stream().allMatch(producer -> producer.inFlight.isEmpty())) {
        settle(current);
        checkEverything();
        if (current.wal.sizeInBytes() != 0) {
          throw broken("the write-ahead log still holds " + current.wal.sizeInBytes() + " bytes");
        }
        return;
      }
    }
    throw broken("does not drain");
  }

  /// Merges what there is; afterwards few segments are left, and every object counts just those
  /// that refer to it.
  private void settle(SimulatedAgent current) throws Exception {
    checkEverything();
    for (int i = 0; i < 2000; i++) {
      renew(current);
      long before = current.merger.segments();
      time.pass(current.merger.step());
      merged += current.merger.segments() - before;
    }
    shown.checkManifest();
    for (var id : partitions) {
      int rows = metadata.manifest().segments(id, 0, Integer.MAX_VALUE).size();
      if (rows > Merger.BOUND) {
        throw broken("%s is left with %d segments".formatted(id, rows));
      }
    }
    var findings = new ArrayList<Finding>();
    new Fsck(
            metadata,
            store,
            new SweepGuard(metadata.sweeps(), store, random),
            new FsckOptions(false, false, false),
            findings::add)
        .run(Optional.empty());
    if (!findings.isEmpty()) {
      throw broken(findings.toString());
    }
  }

  private void checkEverything() {
    for (int i = 0; i < PARTITIONS; i++) {
      read(i);
      shown.checkOrder(partitions.get(i));
    }
    for (var producer : producers) {
      shown.checkComplete(partitions.get(producer.partition), producer);
    }
  }

  private void read(int index) {
    var _ = shown.read(partition(index));
  }

  long evictedReads() {
    return shown.evictedReads;
  }

  private AssertionError broken(String what) {
    return new AssertionError("seed " + seed + ": " + what);
  }
}
