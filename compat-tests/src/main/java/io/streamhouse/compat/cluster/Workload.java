package io.streamhouse.compat.cluster;

import io.streamhouse.compat.cluster.Observations.Commit;
import io.streamhouse.compat.cluster.Observations.CommittedRead;
import io.streamhouse.compat.cluster.Observations.Reader;
import io.streamhouse.compat.cluster.Observations.Run;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/// Idempotent producers, members of groups of both protocols and a reader that tails everything, at
/// work on a few topics until told to stop; whatever they are told goes into [Observations].
///
/// Used by one thread: `createTopics`, `start`, then `stop`, in between anything that waits.
final class Workload implements AutoCloseable {

  /// How long a client may take to see what has been true for a while.
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private static final Duration ADMIN_PATIENCE = Duration.ofSeconds(60);
  private static final int MAX_RESETS = 100;
  private static final Duration LOOK_AGAIN = Duration.ofMillis(50);
  private static final Duration WATCH_INTERVAL = Duration.ofSeconds(1);

  /// How many and how fast.
  ///
  /// @param recordsPerSecond of all producers together
  /// @param membersPerGroup of each of two groups
  /// @param maxRecords the histories' bound: no more are sent
  /// @param memberLife about how long a member stays before it leaves and another comes
  record Load(
      Layout layout,
      int producers,
      int recordsPerSecond,
      int membersPerGroup,
      long maxRecords,
      Duration memberLife,
      long seed) {}

  private final String bootstrap;
  private final Load load;
  private final Stopwatch clock;
  private final Observations observed;
  private final List<TopicPartition> partitions;
  private final Map<TopicPartition, Integer> numbers;
  private final AtomicBoolean stopSending = new AtomicBoolean();
  private final AtomicBoolean stopReading = new AtomicBoolean();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private final Map<String, AtomicLong> troubles = new ConcurrentSkipListMap<>();
  private final List<Thread> senders = new ArrayList<>();
  private final List<Thread> readers = new ArrayList<>();

  /// By partition: how many acknowledgements there were, the end of what they acknowledged, and how
  /// far the tailing reader and the groups have come.
  private final AtomicLongArray acknowledgements;

  private final AtomicLongArray acknowledgedEnds;
  private final AtomicLongArray tailed;
  private final Map<String, AtomicLongArray> committed = new TreeMap<>();

  Workload(String bootstrap, Load load, Stopwatch clock) {
    this.bootstrap = bootstrap;
    this.load = load;
    this.clock = clock;
    this.observed = new Observations(load.layout().size(), load.maxRecords());
    this.partitions = load.layout().partitions();
    this.numbers = load.layout().numbers();
    this.acknowledgements = new AtomicLongArray(partitions.size());
    this.acknowledgedEnds = new AtomicLongArray(partitions.size());
    this.tailed = new AtomicLongArray(partitions.size());
    for (var protocol : Member.Protocol.values()) {
      committed.put(protocol.group(), new AtomicLongArray(partitions.size()));
    }
  }

  Observations observed() {
    return observed;
  }

  /// By kind, how often clients were told of trouble: it is no violation by itself.
  Map<String, AtomicLong> troubles() {
    return troubles;
  }

  /// Creates the topics, and for each group a committed offset in every partition: from then on no
  /// member may ever find none.
  void createTopics(Map<String, String> config) {
    try (var admin = Admin.create(Clients.common(bootstrap))) {
      var topics =
          load.layout().topics().stream()
              .map(name ->
                  new NewTopic(name, Optional.of(load.layout().perTopic()), Optional.empty())
                      .configs(config))
              .toList();
      try {
        admin.createTopics(topics).all().get(ADMIN_PATIENCE.toSeconds(), TimeUnit.SECONDS);
      } catch (ExecutionException failed) {
        // The client asks again where an answer was lost.
        if (!(failed.getCause() instanceof TopicExistsException)) {
          throw failed;
        }
      }
      var beginnings = new HashMap<TopicPartition, OffsetAndMetadata>();
      partitions.forEach(partition -> beginnings.put(partition, new OffsetAndMetadata(0)));
      for (String group : committed.keySet()) {
        long begun = clock.nanos();
        commit(admin, group, beginnings);
        long ended = clock.nanos();
        numbers
            .values()
            .forEach(number -> observed.add(new Commit(group, number, 0, begun, ended)));
      }
    } catch (Exception failed) {
      throw interruptedOr("cannot create " + load.layout().topics(), failed);
    }
  }

  /// A coordinator may hear of a new topic a moment after the agent that was asked to create it.
  private void commit(Admin admin, String group, Map<TopicPartition, OffsetAndMetadata> offsets)
      throws Exception {
    long deadline = clock.nanos() + ADMIN_PATIENCE.toNanos();
    while (true) {
      try {
        admin
            .alterConsumerGroupOffsets(group, offsets)
            .all()
            .get(ADMIN_PATIENCE.toSeconds(), TimeUnit.SECONDS);
        return;
      } catch (ExecutionException failed) {
        if (!(failed.getCause() instanceof UnknownTopicOrPartitionException)
            || clock.nanos() > deadline) {
          throw failed;
        }
      }
      pass(LOOK_AGAIN);
    }
  }

  void start() {
    for (int number = 0; number < load.producers(); number++) {
      // The last one has little patience: some of its records have no known outcome.
      var patience = Duration.ofSeconds(number < load.producers() - 1 ? 120 : 8);
      double perSecond = (double) load.recordsPerSecond() / load.producers();
      var sender =
          new Sender(
              this, "producer-" + number, Duration.ofNanos((long) (1e9 / perSecond)), patience);
      senders.add(thread("producer-" + number, sender::run));
    }
    readers.add(thread("tail", this::tail));
    readers.add(thread("watcher", this::watch));
    var random = new SplittableRandom(load.seed());
    for (var protocol : Member.Protocol.values()) {
      for (int member = 0; member < load.membersPerGroup(); member++) {
        var own = random.split();
        String name = protocol.group() + "-" + member;
        readers.add(
            thread(name, () -> new Member(this, protocol, name, load.memberLife(), own).run()));
      }
    }
    senders.forEach(Thread::start);
    readers.forEach(Thread::start);
  }

  /// Waits until each partition has acknowledged a record that came after this was called.
  ///
  /// @return how long the last one took; throws after `limit`
  Duration awaitAcknowledgements(Duration limit) {
    long begun = clock.nanos();
    var before = new long[partitions.size()];
    for (int partition = 0; partition < before.length; partition++) {
      before[partition] = acknowledgements.get(partition);
    }
    await(
        "an acknowledgement from each partition",
        limit,
        partition -> acknowledgements.get(partition) > before[partition] || observed.full());
    return Duration.ofNanos(clock.nanos() - begun);
  }

  /// Waits until the tailing reader has seen what was acknowledged when this was called.
  void awaitTail(Duration limit) {
    var ends = new long[partitions.size()];
    for (int partition = 0; partition < ends.length; partition++) {
      ends[partition] = acknowledgedEnds.get(partition);
    }
    await(
        "tailing reader at what was acknowledged",
        limit,
        partition -> tailed.get(partition) >= ends[partition]);
  }

  /// Stops the producers, lets the readers and the groups get to the end, and stops them.
  void stop() {
    stopSending.set(true);
    senders.forEach(Workload::join);
    rethrow();
    long[] ends = ends();
    await(
        "the tailing reader at the end",
        PATIENCE,
        partition -> tailed.get(partition) >= ends[partition]);
    committed.forEach((group, offsets) ->
        await(
            "group " + group + " at the end",
            PATIENCE,
            partition -> offsets.get(partition) >= ends[partition]));
    abandon();
    rethrow();
  }

  /// Reads everything from the beginning to what is the end now, and what the groups committed.
  List<Run> readAll(String name) {
    var runs = new HashMap<Integer, Run>();
    var all = new ArrayList<Run>();
    var reader = Reader.of(name);
    try (var consumer = new KafkaConsumer<String, String>(Clients.reader(bootstrap))) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      long[] ends = ends();
      long deadline =
          clock.nanos() + PATIENCE.toNanos() + observed.counts().acknowledged() * 500_000;
      while (!partitions.stream()
          .allMatch(each -> reached(runs, numbers.getOrDefault(each, 0), ends))) {
        for (var record : consumer.poll(Duration.ofMillis(100))) {
          int partition = number(record.topic(), record.partition());
          var run = runs.get(partition);
          if (run == null || run.next() != record.offset()) {
            run =
                run == null
                    ? observed.begin(reader, partition, record.offset())
                    : observed.jump(reader, partition, record.offset());
            runs.put(partition, run);
            all.add(run);
          }
          run.add(Tag.parse(record.value()));
        }
        if (clock.nanos() > deadline) {
          throw new AssertionError(
              name
                  + " does not get to the end: "
                  + runs.values().stream().map(run -> run.partition() + ":" + run.next()).toList());
        }
      }
    }
    readCommitted(name);
    return all;
  }

  /// Judges what was observed by what one reader read in the end.
  Checker.Verdict judge(List<Run> last) {
    return Checker.check(observed, last, new RawFetch(bootstrap, partitions));
  }

  private static boolean reached(Map<Integer, Run> runs, int partition, long[] ends) {
    var run = runs.get(partition);
    return ends[partition] <= (run == null ? 0 : run.next());
  }

  private long[] ends() {
    var ends = new long[partitions.size()];
    try (var consumer = new KafkaConsumer<String, String>(Clients.reader(bootstrap))) {
      consumer
          .endOffsets(partitions, ADMIN_PATIENCE)
          .forEach((partition, end) -> ends[numbers.getOrDefault(partition, 0)] = end);
    }
    return ends;
  }

  private void readCommitted(String name) {
    try (var admin = Admin.create(Clients.common(bootstrap))) {
      for (String group : committed.keySet()) {
        readCommitted(admin, new Reader(name, group), ADMIN_PATIENCE);
      }
    } catch (Exception failed) {
      throw interruptedOr("cannot read committed offsets", failed);
    }
  }

  private void readCommitted(Admin admin, Reader reader, Duration limit) throws Exception {
    long begun = clock.nanos();
    var found =
        admin
            .listConsumerGroupOffsets(
                Map.of(
                    reader.group(), new ListConsumerGroupOffsetsSpec().topicPartitions(partitions)))
            .partitionsToOffsetAndMetadata(reader.group())
            .get(limit.toMillis(), TimeUnit.MILLISECONDS);
    long ended = clock.nanos();
    numbers.forEach((partition, number) -> {
      @Nullable OffsetAndMetadata offset = found.get(partition);
      observed.add(
          new CommittedRead(reader, number, offset == null ? -1 : offset.offset(), begun, ended));
    });
  }

  /// Reads all partitions as they grow, as one who belongs to no group.
  private void tail() {
    var reader = Reader.of("tail");
    var runs = new HashMap<Integer, Run>();
    numbers.values().forEach(number -> runs.put(number, observed.begin(reader, number, 0)));
    for (int resets = 0; reading() && resets < MAX_RESETS; resets++) {
      try {
        tail(reader, runs);
      } catch (OffsetOutOfRangeException | NoOffsetForPartitionException reset) {
        observed.reset(reader.name() + ": " + reset);
      }
    }
  }

  private void tail(Reader reader, Map<Integer, Run> runs) {
    try (var consumer = new KafkaConsumer<String, String>(Clients.reader(bootstrap))) {
      consumer.assign(partitions);
      runs.forEach((partition, run) -> consumer.seek(partitions.get(partition), run.next()));
      while (!stopReading.get()) {
        for (var record : consumer.poll(Duration.ofMillis(100))) {
          int partition = number(record.topic(), record.partition());
          var run = runs.get(partition);
          if (run == null || run.next() != record.offset()) {
            run = observed.jump(reader, partition, record.offset());
            runs.put(partition, run);
          }
          run.add(Tag.parse(record.value()));
          tailed.set(partition, run.next());
        }
      }
    }
  }

  /// Asks again and again for the ends of the partitions and for what the groups have committed.
  private void watch() {
    var impatient = Clients.reader(bootstrap);
    impatient.put("default.api.timeout.ms", "10000");
    try (var consumer = new KafkaConsumer<String, String>(impatient);
        var admin = Admin.create(Clients.common(bootstrap))) {
      while (!stopReading.get()) {
        trying("end offsets", () -> readEnds(consumer));
        for (String group : committed.keySet()) {
          trying(
              "committed offsets",
              () -> readCommitted(admin, new Reader("watcher", group), Duration.ofSeconds(10)));
        }
        pass(WATCH_INTERVAL);
      }
    }
  }

  private void readEnds(KafkaConsumer<String, String> consumer) {
    var atLeast = new long[partitions.size()];
    for (int partition = 0; partition < atLeast.length; partition++) {
      atLeast[partition] = acknowledgedEnds.get(partition);
    }
    long begun = clock.nanos();
    var ends = consumer.endOffsets(partitions);
    long ended = clock.nanos();
    ends.forEach((partition, end) -> {
      int number = numbers.getOrDefault(partition, 0);
      observed.add(new Observations.EndRead(number, end, atLeast[number], begun, ended));
    });
  }

  /// What may fail for a while.
  interface Attempt {
    void run() throws Exception;
  }

  void trying(String what, Attempt attempt) {
    try {
      attempt.run();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    } catch (Exception failed) {
      trouble(what, failed);
    }
  }

  void trouble(String what, Throwable failed) {
    var cause =
        failed instanceof ExecutionException && failed.getCause() != null
            ? failed.getCause()
            : failed;
    troubles
        .computeIfAbsent(what + ": " + cause.getClass().getSimpleName(), _ -> new AtomicLong())
        .incrementAndGet();
  }

  String bootstrap() {
    return bootstrap;
  }

  Stopwatch clock() {
    return clock;
  }

  List<TopicPartition> partitions() {
    return partitions;
  }

  int number(String topic, int partition) {
    return number(new TopicPartition(topic, partition));
  }

  int number(TopicPartition partition) {
    @Nullable Integer number = numbers.get(partition);
    if (number == null) {
      throw new IllegalStateException("a record of " + partition);
    }
    return number;
  }

  boolean sending() {
    return !stopSending.get() && !observed.full();
  }

  boolean reading() {
    return !stopReading.get();
  }

  void acknowledged(int partition, long offset) {
    acknowledgements.incrementAndGet(partition);
    acknowledgedEnds.accumulateAndGet(partition, offset + 1, Math::max);
  }

  void committed(String group, int partition, long offset) {
    var offsets = committed.get(group);
    if (offsets != null) {
      offsets.accumulateAndGet(partition, offset, Math::max);
    }
  }

  private interface Reached {
    boolean in(int partition);
  }

  private void await(String what, Duration limit, Reached reached) {
    long deadline = clock.nanos() + limit.toNanos();
    while (true) {
      rethrow();
      var missing = new ArrayList<TopicPartition>();
      for (int partition = 0; partition < partitions.size(); partition++) {
        if (!reached.in(partition)) {
          missing.add(partitions.get(partition));
        }
      }
      if (missing.isEmpty()) {
        return;
      }
      if (clock.nanos() > deadline) {
        throw new AssertionError("no %s within %s: %s is missing".formatted(what, limit, missing));
      }
      pass(LOOK_AGAIN);
    }
  }

  private Thread thread(String name, Runnable work) {
    return new Thread(
        () -> {
          try {
            work.run();
          } catch (Throwable thrown) {
            failure.compareAndSet(null, thrown);
          }
        },
        name);
  }

  void rethrow() {
    @Nullable Throwable thrown = failure.get();
    if (thrown != null) {
      throw new AssertionError("a client failed: " + thrown, thrown);
    }
  }

  private static void join(Thread thread) {
    try {
      if (!thread.join(PATIENCE)) {
        throw new AssertionError(thread.getName() + " does not end");
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /// Real time: it is processes that are waited for.
  static void pass(Duration duration) {
    try {
      Thread.sleep(duration);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  private static RuntimeException interruptedOr(String what, Exception failed) {
    if (failed instanceof InterruptedException) {
      Thread.currentThread().interrupt();
    }
    return new IllegalStateException(what, failed);
  }

  @Override
  public void close() {
    abandon();
  }

  /// Ends all clients, wherever they are.
  void abandon() {
    stopSending.set(true);
    stopReading.set(true);
    senders.forEach(Workload::join);
    readers.forEach(Workload::join);
  }
}
