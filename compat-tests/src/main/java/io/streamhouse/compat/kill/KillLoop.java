package io.streamhouse.compat.kill;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.StreamHouseProcess;
import io.streamhouse.compat.Topics;
import io.streamhouse.compat.driver.Options;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/// Producers and a tailing consumer at work while their server is killed and started again at
/// random moments; afterwards the [History] is judged, twice, with an orderly restart between.
///
/// Most rounds end with `kill -9` after a random number of acknowledgements; some kill it again
/// while it starts, some end it with SIGTERM. Clients see one server that is away now and then and
/// must notice nothing else.
///
/// A group of each protocol reads along and commits ([GroupReader]).
///
/// Where there are disturbances, each round begins with one: first all of them in their order, then
/// at random, and then some end with `kill -9` in the middle. A server that lives through one must
/// acknowledge again soon after. Another consumer begins to read the log from its beginning each
/// time.
///
/// As a command: `KillLoop [--rounds N] [--seed N] [--data DIR]`, exit code 1 on a violation.
public final class KillLoop {

  private static final String TOPIC = "kill-loop";
  private static final int PARTITIONS = 4;
  private static final int PRODUCERS = 4;
  private static final int MAX_UNANSWERED = 2_000;

  /// Enough for work to be under way whatever goes wrong, and little enough to leave time for it.
  private static final int MAX_UNANSWERED_DISTURBED = 100;

  private static final Duration ROUND_LIMIT = Duration.ofMinutes(1);
  private static final int KEPT_REREADS = 4;

  private final ServerUnderTest server;
  private final int rounds;
  private final long seed;
  private final List<Disturbance> disturbances;
  private final SplittableRandom random;
  private final History history;
  private final Semaphore acknowledgements = new Semaphore(0);
  private final Semaphore rereadWanted = new Semaphore(0);
  private final AtomicBoolean stopProducers = new AtomicBoolean();
  private final AtomicBoolean stopRereading = new AtomicBoolean();

  /// Where the tailing consumer may stop; null as long as there is more to come.
  private final AtomicReference<@Nullable Map<TopicPartition, Long>> tailUntil =
      new AtomicReference<>();

  private int checks;
  private int kills;
  private final Map<String, Long> struck = new LinkedHashMap<>();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  /// @param server not started
  public KillLoop(ServerUnderTest server, int rounds, long seed) {
    this(server, rounds, seed, List.of());
  }

  /// @param server not started
  /// @param disturbances what also happens to it
  public KillLoop(
      ServerUnderTest server, int rounds, long seed, List<? extends Disturbance> disturbances) {
    this.server = server;
    this.rounds = rounds;
    this.seed = seed;
    this.disturbances = List.copyOf(disturbances);
    disturbances.forEach(disturbance -> struck.put(disturbance.name(), 0L));
    this.random = new SplittableRandom(seed);
    var idempotent = new ArrayList<Boolean>();
    for (int producer = 0; producer < PRODUCERS; producer++) {
      // The last one shows what acks=all alone promises: nothing lost, doubles allowed.
      idempotent.add(producer < PRODUCERS - 1);
    }
    this.history = new History(PARTITIONS, idempotent);
  }

  /// What a run did and found.
  ///
  /// @param checks how often what was stored was checked while the server was down
  /// @param seen records in the log at the end
  /// @param unknown records that were sent but never acknowledged
  /// @param struck by disturbance, what it counted
  /// @param rereads how often the log was read from its beginning meanwhile
  /// @param commits that groups were acknowledged
  /// @param violations what must not be; empty if all is well
  public record Verdict(
      int rounds,
      long seed,
      long acknowledged,
      long unknown,
      long seen,
      int kills,
      int killsWhileStarting,
      int terminations,
      int checks,
      Map<String, Long> struck,
      int rereads,
      long commits,
      List<String> violations) {

    @Override
    public String toString() {
      return ("%d rounds (%d kills, %d more while starting, %d SIGTERM, %d times fsck%s), seed %d:"
              + " %d records acknowledged, %d unknown, %d in the log, %d commits: %s")
          .formatted(
              rounds,
              kills,
              killsWhileStarting,
              terminations,
              checks,
              struck.isEmpty() ? "" : "; struck " + struck + ", read again " + rereads + " times",
              seed,
              acknowledged,
              unknown,
              seen,
              commits,
              violations.isEmpty()
                  ? "nothing lost, doubled or out of order"
                  : String.join("\n  ", violations));
    }
  }

  public Verdict run() {
    server.start();
    Topics.create(server, TOPIC, PARTITIONS, Map.of());
    var threads = new ArrayList<Thread>();
    for (int producer = 0; producer < PRODUCERS; producer++) {
      int number = producer;
      threads.add(start("producer-" + producer, () -> produce(number)));
    }
    var tail = new History.View("tailing consumer", PARTITIONS);
    var readers = new ArrayList<Thread>();
    var tailer = start("tailer", () -> tail(tail));
    readers.add(tailer);
    var groups = new ArrayList<GroupReader>();
    for (var protocol : List.of("classic", "consumer")) {
      var reader = new GroupReader(server.bootstrap(), TOPIC, protocol);
      groups.add(reader);
      readers.add(start(reader.name(), () -> reader.run(tailUntil::get)));
    }
    var reread = new Rereads();
    if (!disturbances.isEmpty()) {
      readers.add(start("rereader", () -> reread(reread)));
    }

    int killsWhileStarting = 0;
    int terminations = 0;
    try {
      for (int round = 0; round < rounds; round++) {
        boolean killed = false;
        if (disturbances.isEmpty()) {
          awaitAcknowledgements(50 + random.nextInt(5_000), round);
        } else {
          killed = disturb(round);
        }
        int kind = random.nextInt(100);
        if (killed) {
          kills++;
        } else if (!server.isAlive()) {
          throw new AssertionError(
              "round %d, seed %d: it ended by itself%n%s".formatted(round, seed, server.tail()));
        } else if (kind < 15) {
          terminations++;
          int code = server.stop();
          if (code != 0) {
            throw new AssertionError("SIGTERM: exit code " + code + "\n" + server.tail());
          }
        } else {
          kills++;
          server.kill();
        }
        checkStored(round);
        if (kind >= 80 && !startOrDie(random.nextInt(1_000))) {
          killsWhileStarting++;
          checkStored(round);
        }
        if (!server.isAlive()) {
          server.start();
        }
      }
      awaitAcknowledgements(1_000, rounds);
      stopProducers.set(true);
      threads.forEach(KillLoop::join);
      tailUntil.set(ends());
      join(tailer);
      if (tailer.isAlive()) {
        throw new AssertionError("the tailing consumer does not get to the end\n" + server.tail());
      }
      for (var member : readers.subList(1, 1 + groups.size())) {
        join(member);
        if (member.isAlive()) {
          throw new AssertionError(
              "the %s does not get to the end%n%s".formatted(member.getName(), server.tail()));
        }
      }
    } finally {
      stopProducers.set(true);
      threads.forEach(KillLoop::join);
      tailUntil.set(Map.of());
      stopRereading.set(true);
      readers.forEach(KillLoop::join);
    }
    rethrow();

    var violations = new ArrayList<String>();
    var last = readAll("last reader");
    var earlier = new ArrayList<>(reread.views);
    earlier.add(tail);
    violations.addAll(history.judge(last, earlier));
    groups.forEach(GroupReader::compareStored);
    int code = server.stop();
    if (code != 0) {
      violations.add("SIGTERM at the end: exit code " + code);
    }
    server.start();
    var afterRestart = readAll("reader after an orderly restart");
    violations.addAll(history.judge(afterRestart, List.of(tail, last)));
    groups.forEach(GroupReader::compareStored);
    groups.forEach(one -> violations.addAll(one.violations()));
    var counts = history.counts();
    return new Verdict(
        rounds,
        seed,
        counts.acknowledged(),
        counts.unknown(),
        afterRestart.total(),
        kills,
        killsWhileStarting,
        terminations,
        checks,
        Map.copyOf(struck),
        reread.times,
        groups.stream().mapToLong(GroupReader::commits).sum(),
        violations);
  }

  /// Lets one thing go wrong, and kills the server in the middle of it now and then. If not, it is
  /// up and working afterwards.
  ///
  /// @return whether it was killed
  private boolean disturb(int round) {
    awaitAcknowledgements(50 + random.nextInt(1_000), round);
    boolean first = round < disturbances.size();
    var disturbance = disturbances.get(first ? round : random.nextInt(disturbances.size()));
    boolean fatal = !first && random.nextInt(4) == 0;
    var killed = CompletableFuture.<Void>completedFuture(null);
    if (fatal) {
      killed = killAfter(random.nextInt(3_000));
    }
    long begun = System.nanoTime();
    rereadWanted.release();
    try {
      struck.merge(disturbance.name(), disturbance.strike(random.split()), Long::sum);
    } catch (Exception failed) {
      throw new AssertionError(disturbance.name(), failed);
    }
    killed.join();
    long ended = System.nanoTime();
    if (fatal) {
      System.out.printf("round %d: %s, and killed%n", round, disturbance.name());
      return true;
    }
    if (!server.isAlive()) {
      throw new AssertionError(
          "round %d, seed %d: %s ended it%n%s"
              .formatted(round, seed, disturbance.name(), server.tail()));
    }
    awaitAcknowledgements(50 + random.nextInt(1_000), round);
    System.out.printf(
        "round %d: %s for %d ms, recovered in %d ms%n",
        round,
        disturbance.name(),
        Duration.ofNanos(ended - begun).toMillis(),
        Duration.ofNanos(System.nanoTime() - ended).toMillis());
    return false;
  }

  private CompletableFuture<Void> killAfter(int millis) {
    return CompletableFuture.runAsync(
        server::kill, CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS));
  }

  /// What is stored must fit together whenever the server is down, however it went down.
  private void checkStored(int round) {
    if (server instanceof StreamHouseProcess agent) {
      agent
          .fsck()
          .ifPresent(findings -> {
            throw new AssertionError("round %d, seed %d: %s".formatted(round, seed, findings));
          });
      checks++;
    }
  }

  /// Waits until this many more records were acknowledged since the last call.
  private void awaitAcknowledgements(int wanted, int round) {
    acknowledgements.drainPermits();
    try {
      if (!acknowledgements.tryAcquire(wanted, ROUND_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        rethrow();
        throw new AssertionError(
            "round %d, seed %d: %d of %d acknowledgements within %s%n%s"
                .formatted(
                    round,
                    seed,
                    acknowledgements.availablePermits(),
                    wanted,
                    ROUND_LIMIT,
                    server.tail()));
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
    rethrow();
  }

  /// Starts the server and kills it `millis` after it was told to start.
  ///
  /// @return whether it was up before that
  private boolean startOrDie(int millis) {
    var killed = killAfter(millis);
    boolean up;
    try {
      server.start();
      up = true;
    } catch (IllegalStateException died) {
      up = false;
    }
    killed.join();
    return up;
  }

  private void produce(int number) {
    var properties = new Properties();
    properties.put("bootstrap.servers", server.bootstrap());
    properties.put("acks", "all");
    properties.put("delivery.timeout.ms", "180000");
    properties.put("request.timeout.ms", "10000");
    properties.put("reconnect.backoff.max.ms", "200");
    properties.put("linger.ms", number % 2 == 0 ? "0" : "5");
    boolean idempotent = number < PRODUCERS - 1;
    properties.put("enable.idempotence", Boolean.toString(idempotent));
    properties.put("max.in.flight.requests.per.connection", idempotent ? "5" : "1");
    properties.put("compression.type", number == 1 ? "lz4" : "none");
    var unanswered =
        new Semaphore(disturbances.isEmpty() ? MAX_UNANSWERED : MAX_UNANSWERED_DISTURBED);
    try (var producer =
        new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
      while (!stopProducers.get()) {
        if (!unanswered.tryAcquire(100, TimeUnit.MILLISECONDS)) {
          continue;
        }
        int sequence = history.send(number);
        byte[] value = History.value(number, sequence).getBytes(StandardCharsets.UTF_8);
        // Spread by sequence, so each partition has long runs from every producer.
        int partition = sequence / 16 % PARTITIONS;
        var _ =
            producer.send(
                new ProducerRecord<>(TOPIC, partition, null, value),
                (metadata, error) -> {
                  if (error == null) {
                    history.acknowledge(number, sequence, metadata.partition(), metadata.offset());
                    acknowledgements.release();
                  } else {
                    // Rounds are shorter than the producer's patience: none may fail.
                    failure.compareAndSet(null, error);
                  }
                  unanswered.release();
                });
      }
      producer.flush();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void tail(History.View view) {
    try (var consumer = consumer()) {
      consumer.assign(partitions());
      consumer.seekToBeginning(partitions());
      for (var until = tailUntil.get();
          until == null || !reached(view, until);
          until = tailUntil.get()) {
        poll(consumer, view);
      }
    }
  }

  private Map<TopicPartition, Long> ends() {
    try (var consumer = consumer()) {
      return consumer.endOffsets(partitions());
    }
  }

  /// What was read from the beginning by one who did it now and then: the latest views, and how
  /// many there were. Confined to that thread, then to the one that joined it.
  private static final class Rereads {
    private final Deque<History.View> views = new ArrayDeque<>();
    private int times;
  }

  /// Reads what the log held when it began, from the beginning, whenever it is wanted, until told
  /// to stop.
  private void reread(Rereads rereads) {
    try (var consumer = consumer()) {
      consumer.assign(partitions());
      while (!stopRereading.get()) {
        if (!rereadWanted.tryAcquire(100, TimeUnit.MILLISECONDS)) {
          continue;
        }
        var view = new History.View("rereader", PARTITIONS);
        rereads.views.addLast(view);
        if (rereads.views.size() > KEPT_REREADS) {
          rereads.views.removeFirst();
        }
        var ends = consumer.endOffsets(partitions());
        consumer.seekToBeginning(partitions());
        while (!stopRereading.get() && !reached(view, ends)) {
          poll(consumer, view);
        }
        rereads.times += reached(view, ends) ? 1 : 0;
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /// Reads from the beginning up to the end offsets of now.
  private History.View readAll(String name) {
    var view = new History.View(name, PARTITIONS);
    try (var consumer = consumer()) {
      consumer.assign(partitions());
      consumer.seekToBeginning(partitions());
      var ends = consumer.endOffsets(partitions());
      long deadline = System.nanoTime() + Duration.ofMinutes(5).toNanos();
      while (!reached(view, ends)) {
        poll(consumer, view);
        if (System.nanoTime() > deadline) {
          throw new AssertionError(name + " did not get to " + ends + "\n" + server.tail());
        }
      }
    }
    return view;
  }

  private static boolean reached(History.View view, Map<TopicPartition, Long> ends) {
    return ends.entrySet().stream()
        .allMatch(end -> view.size(end.getKey().partition()) >= end.getValue());
  }

  private static void poll(KafkaConsumer<byte[], byte[]> consumer, History.View view) {
    for (var record : consumer.poll(Duration.ofMillis(100))) {
      view.see(
          record.partition(), record.offset(), new String(record.value(), StandardCharsets.UTF_8));
    }
  }

  private KafkaConsumer<byte[], byte[]> consumer() {
    var properties = new Properties();
    properties.put("bootstrap.servers", server.bootstrap());
    // A reset would hide a server that forgets: it must fail instead.
    properties.put("auto.offset.reset", "none");
    properties.put("enable.auto.commit", "false");
    properties.put("reconnect.backoff.max.ms", "200");
    properties.put("max.poll.records", "5000");
    return new KafkaConsumer<>(
        properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static List<TopicPartition> partitions() {
    var partitions = new ArrayList<TopicPartition>();
    for (int partition = 0; partition < PARTITIONS; partition++) {
      partitions.add(new TopicPartition(TOPIC, partition));
    }
    return partitions;
  }

  private Thread start(String name, Runnable work) {
    var thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (Throwable thrown) {
                failure.compareAndSet(null, thrown);
              }
            },
            name);
    thread.start();
    return thread;
  }

  private static void join(Thread thread) {
    try {
      thread.join(Duration.ofMinutes(4));
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void rethrow() {
    @Nullable Throwable thrown = failure.get();
    if (thrown != null) {
      throw new AssertionError("a client failed, seed " + seed + "\n" + server.tail(), thrown);
    }
  }

  public static void main(String[] arguments) {
    var options = Options.parse(arguments);
    var kits = Kits.find();
    long seed = options.number("seed", System.nanoTime());
    Path data = Path.of(options.text("data", kits.work().resolve("kill-loop-" + seed).toString()));
    System.out.println("seed " + seed + ", data in " + data);
    Verdict verdict;
    try (var server = Servers.chosen().create(kits, data, Map.of())) {
      verdict = new KillLoop(server, (int) options.number("rounds", 200), seed).run();
    }
    System.out.println(verdict);
    System.exit(verdict.violations().isEmpty() ? 0 : 1);
  }
}
