package io.streamhouse.broker.sim;

import static java.util.Objects.requireNonNull;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.fsck.Finding;
import io.streamhouse.broker.fsck.Fsck;
import io.streamhouse.broker.fsck.FsckOptions;
import io.streamhouse.broker.lease.Session;
import io.streamhouse.broker.merge.MemoryScratch;
import io.streamhouse.broker.merge.MergeOptions;
import io.streamhouse.broker.merge.Merger;
import io.streamhouse.broker.partition.Appends;
import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.broker.partition.BackgroundWork;
import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.partition.FlushOptions;
import io.streamhouse.broker.partition.FlushSignal;
import io.streamhouse.broker.partition.Flusher;
import io.streamhouse.broker.partition.Leadership;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.partition.PartitionLeases;
import io.streamhouse.broker.partition.PartitionSettings;
import io.streamhouse.broker.partition.Recovery;
import io.streamhouse.broker.partition.RetentionLimits;
import io.streamhouse.broker.partition.TailBudget;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.InMemoryStore;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.broker.sweep.SweepGuard;
import io.streamhouse.broker.wal.AdoptedLog;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
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
  private final List<Producer> producers = new ArrayList<>();
  private final Map<PartitionId, Seen> seen = new HashMap<>();
  private boolean metadataFlaky;

  // One life of the agent.
  private @Nullable Life life;
  int crashes;
  int acknowledged;
  int evictedReads;
  long merged;

  /// Everything that dies with the process.
  private final class Life {
    final Session session;
    final WriteAheadLog wal;
    final Leadership leadership;
    final FlushSignal signal = new FlushSignal();
    final Flusher flusher;
    final Merger merger;
    final Recovery recovery;
    final TailBudget budget = new TailBudget(1 << (12 + random.nextInt(5)));

    /// Steps of uploads that a thread of the agent would take, in any order.
    final List<Runnable> blocking = new ArrayList<>();

    Life() throws IOException, Session.NodeIdInUse {
      var incarnation = id();
      session =
          Session.begin(
              metadata.leases(),
              new NewSession(incarnation, OptionalInt.of(1), WAL_ID, Optional.empty(), Map.of()),
              Duration.ofSeconds(10),
              Duration.ofSeconds(1),
              time);
      var image = new Image("simulated", metadata.topics().image());
      var leases = new PartitionLeases(metadata.leases(), incarnation, WAL_ID);
      var cluster = new Leadership.Cluster(incarnation, WAL_ID, _ -> !objectDurable, _ -> false);
      recovery =
          Recovery.run(
              image,
              leases,
              cluster,
              _ -> false,
              disk,
              new WalOptions(fsync, Duration.ofMillis(100), 1 << 12, 1 << 15, 0),
              time);
      wal = recovery.wal();
      var background =
          new BackgroundWork(
              metadata.manifest(),
              row -> open(row, flaky),
              Runnable::run,
              Runnable::run,
              leases,
              signal);
      leadership =
          new Leadership(
              leases,
              cluster,
              walId -> new AdoptedLog(disk, walId),
              (grant, tail, adopted, settings) ->
                  new Partition(
                      grant, tail, adopted, settings, session, wal, budget, background, time),
              _ -> settings(),
              _ -> true,
              recovery.replay(),
              signal,
              time);
      var _ = leadership.open(image, recovery.grants());
      flusher =
          new Flusher(
              leadership::all,
              new FlushOptions(
                  1 << 11,
                  Duration.ofSeconds(5),
                  Duration.ofMillis(random.nextInt(3) * 500L),
                  random.nextBoolean(),
                  1 + random.nextInt(4),
                  1 << 12),
              budget,
              metadata.manifest(),
              flaky,
              incarnation,
              AgentSimulation.this::id,
              blocking::add,
              signal,
              time);
      merger =
          new Merger(
              leadership::all,
              new MergeOptions(
                  1 << (8 + random.nextInt(8)),
                  1 << 17,
                  1 << 20,
                  Duration.ofSeconds(random.nextInt(60)),
                  Duration.ofMillis(random.nextInt(2000)),
                  random.nextBoolean()),
              metadata.manifest(),
              flaky,
              new MemoryScratch(),
              incarnation,
              AgentSimulation.this::id,
              time);
    }

    Partition partition(int index) {
      return requireNonNull(leadership.find(new PartitionId(topicId, index)), "not led");
    }
  }

  /// What readers were ever shown of a partition: it must stay so.
  private static final class Seen {
    final List<String> values = new ArrayList<>();
    long logStart;
  }

  /// An idempotent producer as Kafka's client is: up to five batches in flight, sent again in order
  /// after any failure.
  private final class Producer {
    final long id;
    final int partition;
    final List<Sent> inFlight = new ArrayList<>();
    int nextSequence;
    int nextValue;

    Producer(long id, int partition) {
      this.id = id;
      this.partition = partition;
    }

    void send() {
      if (inFlight.size() < 5) {
        int count = 1 + random.nextInt(3);
        var values = new String[count];
        for (int i = 0; i < count; i++) {
          values[i] = "p%d-%d".formatted(id, nextValue++) + "x".repeat(random.nextInt(60));
        }
        var sent = new Sent(nextSequence, values);
        nextSequence += count;
        inFlight.add(sent);
        sent.attempt(this);
      }
    }

    /// Takes in what was answered; anything refused means sending again from there on.
    void settle() {
      while (!inFlight.isEmpty() && inFlight.getFirst().acknowledged()) {
        var done = inFlight.removeFirst();
        acknowledged++;
        check(partition, done.offset(), done.values);
      }
      boolean resend = inFlight.stream().anyMatch(Sent::refused);
      if (resend && inFlight.stream().allMatch(sent -> sent.result.isDone())) {
        inFlight.forEach(sent -> sent.attempt(this));
      }
    }

    void connectionLost() {
      inFlight.forEach(
          sent -> sent.result.complete(new AppendResult.Refused(new Failure.TimedOut())));
    }
  }

  private final class Sent {
    final int sequence;
    final String[] values;
    CompletableFuture<AppendResult> result = new CompletableFuture<>();

    Sent(int sequence, String[] values) {
      this.sequence = sequence;
      this.values = values;
    }

    void attempt(Producer producer) {
      var current = life;
      if (current == null) {
        result =
            CompletableFuture.completedFuture(new AppendResult.Refused(new Failure.TimedOut()));
        return;
      }
      result =
          current
              .partition(producer.partition)
              .append(
                  Batches.idempotent(producer.id, 0, sequence, time.wallMillis(), values),
                  Appends.Acks.ALL);
    }

    boolean acknowledged() {
      return result.isDone() && result.join() instanceof AppendResult.Appended;
    }

    boolean refused() {
      return result.isDone() && result.join() instanceof AppendResult.Refused;
    }

    long offset() {
      return ((AppendResult.Appended) result.join()).baseOffset();
    }
  }

  AgentSimulation(long seed) {
    this.seed = seed;
    this.random = new SplittableRandom(seed);
    this.fsync = random.nextInt(3) == 0 ? Fsync.INTERVAL : Fsync.ALWAYS;
    this.disk = new SimulatedWalFiles(random);
    this.alwaysObject = random.nextInt(4) == 0;
    this.objectDurable = alwaysObject || random.nextInt(4) == 0;
    this.flaky = new FlakyStore(store, random);
    this.metadata =
        new InMemoryMetadata(
            random,
            new InMemoryMetadata.Faults() {
              @Override
              public void before(String transaction) {
                fail(transaction);
              }

              @Override
              public void after(String transaction) {
                fail(transaction);
              }
            });
    var created = metadata.topics().create("t", PARTITIONS, Map.of());
    this.topicId = ((CreateTopic.Created) created).topic().id();
    for (int i = 0; i < PARTITIONS; i++) {
      seen.put(new PartitionId(topicId, i), new Seen());
    }
    for (int i = 0; i < PRODUCERS; i++) {
      producers.add(new Producer(1000 + i, i % PARTITIONS));
    }
  }

  private PartitionSettings settings() {
    return new PartitionSettings(
        1 << 20,
        false,
        1L << 60,
        1L << 60,
        PartitionSettings.AS_PRODUCED,
        0,
        false,
        1 << 30,
        RetentionLimits.NONE,
        objectDurable);
  }

  private void fail(String transaction) {
    if (metadataFlaky && random.nextInt(4) == 0) {
      throw new MetadataUnavailable("simulated, in " + transaction, new IOException("cut"));
    }
  }

  private UUID id() {
    return new UUID(random.nextLong(), random.nextLong());
  }

  /// Runs so many random steps, then lets everything drain and checks the whole log.
  void run(int steps) throws Exception {
    boot();
    for (int i = 0; i < steps; i++) {
      step();
    }
    metadataFlaky = false;
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
      case 15 -> upload(current);
      case 16 -> time.pass(Duration.ofMillis(random.nextInt(4000)));
      case 17 -> renew(current);
      case 18 -> current.wal.trim(current.recovery.kept(current.leadership), random.nextBoolean());
      case 19 -> flaky.failing(random.nextInt(3) == 0);
      case 20 -> metadataFlaky = random.nextInt(4) == 0;
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
      default -> deleteRecords(current);
    }
    producers.forEach(Producer::settle);
    checkManifest();
  }

  private void flushStep(Life current) {
    if (random.nextInt(3) == 0) {
      current.signal.request();
    }
    current.flusher.step();
    if (random.nextBoolean()) {
      upload(current);
    }
  }

  private void upload(Life current) {
    if (!current.blocking.isEmpty()) {
      current.blocking.remove(random.nextInt(current.blocking.size())).run();
    }
  }

  /// A few steps, so that what else happens comes between any two of them.
  private void merge(Life current) {
    long before = current.merger.segments();
    for (int i = random.nextInt(8); i >= 0; i--) {
      var wait = current.merger.step();
      if (random.nextBoolean()) {
        time.pass(wait);
      }
    }
    merged += current.merger.segments() - before;
  }

  private void changeLevel(Life current) {
    if (!alwaysObject && random.nextInt(3) == 0) {
      objectDurable = !objectDurable;
      current.leadership.all().forEach(partition -> partition.settings(settings()));
    }
  }

  private void renew(Life current) {
    try {
      current.session.renew();
    } catch (MetadataUnavailable lost) {
      // The deadline stands.
    }
    current.leadership.all().forEach(partition -> partition.tick(Duration.ofDays(1)));
  }

  private void deleteRecords(Life current) {
    if (random.nextInt(6) != 0) {
      return;
    }
    int index = random.nextInt(PARTITIONS);
    read(index);
    var partition = current.partition(index);
    long target = partition.logStart() + random.nextInt(4);
    var result = partition.deleteRecordsBefore(target);
    if (result.isDone()
        && !result.isCompletedExceptionally()
        && result.join() instanceof Appends.TruncateResult.Truncated(long logStart)) {
      var of = requireNonNull(seen.get(partition.id()));
      of.logStart = Math.max(of.logStart, logStart);
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
    producers.forEach(Producer::connectionLost);
  }

  /// Starts the agent again; a start that fails because a store is down is tried again when it is
  /// back.
  private void boot() throws Exception {
    for (int attempt = 0; ; attempt++) {
      try {
        life = new Life();
        break;
      } catch (MetadataUnavailable down) {
        disk.killProcess();
        if (attempt > 3) {
          metadataFlaky = false;
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
      producers.forEach(Producer::settle);
      current.signal.request();
      for (int s = 0; s < 16; s++) {
        current.flusher.step();
        upload(current);
      }
      time.pass(Duration.ofMillis(200));
      current.wal.trim(current.recovery.kept(current.leadership), true);
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
  private void settle(Life current) throws Exception {
    checkEverything();
    for (int i = 0; i < 2000; i++) {
      renew(current);
      long before = current.merger.segments();
      time.pass(current.merger.step());
      merged += current.merger.segments() - before;
    }
    checkManifest();
    for (var id : seen.keySet()) {
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

  private void checkEverything() throws Exception {
    for (int i = 0; i < PARTITIONS; i++) {
      var values = read(i);
      var unique = new HashSet<String>();
      var last = new HashMap<String, Integer>();
      for (var value : values) {
        var name = value.replaceAll("x*$", "");
        if (!unique.add(name)) {
          throw broken(name + " is there twice");
        }
        var parts = name.split("-", -1);
        int number = Integer.parseInt(parts[1]);
        var before = last.put(parts[0], number);
        if (before != null && number != before + 1) {
          throw broken("%s follows %d of its producer".formatted(name, before));
        }
      }
    }
    for (var producer : producers) {
      var values = requireNonNull(seen.get(new PartitionId(topicId, producer.partition))).values;
      long written = values.stream().filter(v -> v.startsWith("p" + producer.id + "-")).count();
      if (written != producer.nextValue) {
        throw broken(
            "producer %d wrote %d records, %d are there"
                .formatted(producer.id, producer.nextValue, written));
      }
    }
  }

  /// An acknowledged batch is what readers see at its offset.
  private void check(int partition, long offset, String[] values) {
    var all = read(partition);
    for (int i = 0; i < values.length; i++) {
      if (offset + i >= all.size() || !all.get((int) offset + i).equals(values[i])) {
        throw broken(
            "acknowledged %s at %d, reads as %s"
                .formatted(
                    values[i],
                    offset + i,
                    offset + i < all.size() ? all.get((int) offset + i) : "nothing"));
      }
    }
  }

  /// Everything a reader may see, from offset 0 on; below the log start from memory. What was ever
  /// shown stays: the high watermark never falls and no record changes.
  private List<String> read(int index) {
    var id = new PartitionId(topicId, index);
    var known = requireNonNull(seen.get(id));
    var partition = requireNonNull(life).partition(index);
    long start = Math.max(partition.logStart(), known.logStart);
    if (partition.highWatermark() < known.values.size()) {
      throw broken(
          "high watermark of %s fell from %d to %d"
              .formatted(id, known.values.size(), partition.highWatermark()));
    }
    var values = new ArrayList<>(known.values.subList(0, (int) start));
    while (values.size() < partition.committedEnd()) {
      appendCommitted(id, values);
    }
    appendTail(partition, values);
    if (values.size() != partition.highWatermark()) {
      throw broken(
          "%s reads %d records up to %d".formatted(id, values.size(), partition.highWatermark()));
    }
    for (int i = 0; i < known.values.size(); i++) {
      if (!known.values.get(i).equals(values.get(i))) {
        throw broken("%s at %d was %s, is %s".formatted(id, i, known.values.get(i), values.get(i)));
      }
    }
    known.values.clear();
    known.values.addAll(values);
    return values;
  }

  /// What is in memory, what is only in the log, and so on.
  private void appendTail(Partition partition, List<String> values) {
    while (values.size() < partition.highWatermark()) {
      int before = values.size();
      var tail = partition.readTail(values.size(), partition.highWatermark(), 1 << 30);
      if (tail == null) {
        throw broken("tail of %s does not reach %d".formatted(partition.id(), before));
      }
      values.addAll(Batches.values(tail));
      tail.forEach(RecordBatches::release);
      var inLog = partition.tailInLog(values.size(), partition.highWatermark(), 1 << 10);
      try {
        values.addAll(Batches.values(requireNonNull(partition.load(inLog), "not in the log")));
        evictedReads += inLog.size();
      } catch (IOException failed) {
        throw broken("the log cannot be read: " + failed);
      }
      if (values.size() == before) {
        throw broken("%s cannot be read at %d".formatted(partition.id(), before));
      }
    }
  }

  private static SegmentReader open(Segment row, ObjectStore from) throws IOException {
    return SegmentReader.open(
        row.object(),
        (position, length) -> from.get(row.object(), position, length),
        row.position(),
        row.length());
  }

  private void appendCommitted(PartitionId id, List<String> values) {
    boolean was = metadataFlaky;
    metadataFlaky = false;
    try {
      var rows = metadata.manifest().segments(id, values.size(), 1);
      if (rows.isEmpty()) {
        throw broken("no segment of %s holds %d".formatted(id, values.size()));
      }
      var row = rows.getFirst();
      long next = row.baseOffset();
      var reader = open(row, store);
      reader.verify();
      for (int i = 0; i < reader.blocks().size(); i++) {
        for (var batch : RecordBatches.of(reader.readBlock(i))) {
          for (var value : Batches.values(List.of(RecordBatches.of(batch.bytes())))) {
            if (next == values.size()) {
              values.add(value);
            }
            next++;
          }
        }
      }
      if (next != row.endOffset()) {
        throw broken("segment %s ends at %d".formatted(row, next));
      }
    } catch (IOException damaged) {
      throw broken("segment is not readable: " + damaged);
    } finally {
      metadataFlaky = was;
    }
  }

  /// Committed segments of a partition are contiguous and end where the partition says.
  private void checkManifest() {
    boolean was = metadataFlaky;
    metadataFlaky = false;
    for (var id : seen.keySet()) {
      Segment before = null;
      for (var row : metadata.manifest().segments(id, 0, Integer.MAX_VALUE)) {
        if (before != null && before.endOffset() != row.baseOffset()) {
          throw broken("segments %s and %s are not contiguous".formatted(before, row));
        }
        before = row;
      }
    }
    metadataFlaky = was;
  }

  private AssertionError broken(String what) {
    return new AssertionError("seed " + seed + ": " + what);
  }
}
