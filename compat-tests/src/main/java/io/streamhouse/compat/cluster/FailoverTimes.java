package io.streamhouse.compat.cluster;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.driver.Options;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.TopicPartition;
import org.opentest4j.TestAbortedException;

/// How long producers wait when an agent goes: the time from `kill -9` to the next acknowledged
/// record of each partition that it led (where only it can lead them, also from when it listens
/// again), and the longest time between two acknowledgements of each partition it led while it is
/// drained, stopped by SIGTERM, and back.
///
/// As a command: `FailoverTimes [--rounds N] [--agents N] [--durability object|local|shared]
/// [--session MILLIS] [--topics N] [--partitions N] [--data DIR] [-X server.setting=value]…`
public final class FailoverTimes {

  /// What a partition goes through.
  enum Event {
    NOTHING,
    KILLED,
    SERVES_AGAIN,
    BACK_AFTER_KILL,
    DRAINED,
    BACK_AFTER_DRAIN,
    STOPPED,
    BACK_AFTER_STOP
  }

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Duration QUIET = Duration.ofSeconds(3);

  /// How long leaders may take to move, and how long they must have been where they are.
  private static final Duration MOVE_LIMIT = Duration.ofSeconds(30);

  private static final Duration AT_REST = Duration.ofSeconds(3);
  private static final Duration LOOK_AGAIN = Duration.ofMillis(100);

  /// What was measured: for KILLED and SERVES_AGAIN the time until the next acknowledged record,
  /// else the longest time between two acknowledgements, one for each partition the agent led and
  /// each round.
  record Figures(Cluster.Setup setup, Map<Event, Percentiles> times) {

    Percentiles of(Event event) {
      return times.getOrDefault(event, new Percentiles(List.of()));
    }

    @Override
    public String toString() {
      var lines = new ArrayList<String>();
      lines.add(
          "%s, %d agents, session %d ms"
              .formatted(setup.durability(), setup.agents(), setup.session().toMillis()));
      times.forEach((event, percentiles) -> lines.add("%-17s %s".formatted(event, percentiles)));
      return String.join("\n", lines);
    }
  }

  private final Cluster cluster;
  private final List<TopicPartition> partitions;
  private final Stopwatch clock = new Stopwatch();
  private final Map<Event, List<Duration>> times = new EnumMap<>(Event.class);

  private FailoverTimes(Cluster cluster, Layout layout) {
    this.cluster = cluster;
    this.partitions = layout.partitions();
  }

  /// @param rounds each strikes another agent
  static Figures measure(Cluster cluster, Layout layout, int rounds) throws Exception {
    return new FailoverTimes(cluster, layout).measure(layout, rounds);
  }

  private Figures measure(Layout layout, int rounds) throws Exception {
    boolean drains = cluster.drains();
    if (!drains) {
      System.err.println("SKIPPED: draining: a single agent has nobody to give its partitions to");
    }
    try (var admin = Admin.create(Clients.common(cluster.bootstrap()))) {
      admin
          .createTopics(
              layout.topics().stream()
                  .map(name -> new NewTopic(name, Optional.of(layout.perTopic()), Optional.empty()))
                  .toList())
          .all()
          .get(LIMIT.toSeconds(), TimeUnit.SECONDS);
      try (var prober = new Prober(cluster.bootstrap(), partitions, clock)) {
        prober.start();
        prober.await(all(), LIMIT);
        awaitRest(admin);
        long begun = clock.nanos();
        Workload.pass(QUIET);
        gaps(prober, Event.NOTHING, all(), begun);
        for (int round = 0; round < rounds; round++) {
          var agent = cluster.agent(round % cluster.setup().agents());
          kill(admin, prober, agent);
          if (drains) {
            drain(admin, prober, agent);
          }
          stop(admin, prober, agent);
        }
      }
    }
    var figures = new EnumMap<Event, Percentiles>(Event.class);
    times.forEach((event, durations) -> figures.put(event, Percentiles.of(durations)));
    return new Figures(cluster.setup(), figures);
  }

  private void kill(Admin admin, Prober prober, ClusterAgent agent) throws Exception {
    var led = led(admin, agent);
    long killed = clock.nanos();
    agent.kill();
    // Where nobody else can take over, the time is that of a restart.
    boolean alone =
        cluster.setup().agents() == 1 || cluster.setup().durability() == Cluster.Durability.LOCAL;
    if (alone) {
      agent.boot();
    }
    long back = clock.nanos();
    for (int partition : led) {
      long acknowledged = prober.awaitAfter(partition, killed, LIMIT);
      note(Event.KILLED, Duration.ofNanos(acknowledged - killed));
      if (alone) {
        note(Event.SERVES_AGAIN, Duration.ofNanos(Math.max(0, acknowledged - back)));
      }
    }
    say(Event.KILLED, agent, led);
    if (alone) {
      agent.awaitReady();
    } else {
      back(admin, prober, agent, Event.BACK_AFTER_KILL, agent::start);
    }
  }

  private void drain(Admin admin, Prober prober, ClusterAgent agent) throws Exception {
    var led = led(admin, agent);
    long begun = clock.nanos();
    agent.drain(false);
    long deadline = clock.nanos() + MOVE_LIMIT.toNanos();
    while (!led(admin, agent).isEmpty()) {
      if (clock.nanos() > deadline) {
        throw new AssertionError(agent.name() + " still leads " + led(admin, agent) + ", drained");
      }
      Workload.pass(LOOK_AGAIN);
    }
    prober.await(led, LIMIT);
    gaps(prober, Event.DRAINED, led, begun);
    say(Event.DRAINED, agent, led);
    back(admin, prober, agent, Event.BACK_AFTER_DRAIN, () -> agent.drain(true));
  }

  private void stop(Admin admin, Prober prober, ClusterAgent agent) throws Exception {
    var led = led(admin, agent);
    long begun = clock.nanos();
    agent.stop();
    boolean alone = cluster.setup().agents() == 1;
    if (alone) {
      agent.start();
    }
    prober.await(led, LIMIT);
    gaps(prober, Event.STOPPED, led, begun);
    say(Event.STOPPED, agent, led);
    if (!alone) {
      back(admin, prober, agent, Event.BACK_AFTER_STOP, agent::start);
    }
  }

  /// Lets an agent lead again, and waits until leaders move no more.
  private void back(Admin admin, Prober prober, ClusterAgent agent, Event event, Runnable let)
      throws Exception {
    long begun = clock.nanos();
    let.run();
    awaitRest(admin);
    var led = led(admin, agent);
    prober.await(led, LIMIT);
    gaps(prober, event, led, begun);
    say(event, agent, led);
  }

  private void gaps(Prober prober, Event event, List<Integer> numbers, long begun) {
    long ended = clock.nanos();
    numbers.forEach(number -> note(event, prober.answers(number).longestGap(begun, ended)));
  }

  private void note(Event event, Duration time) {
    times.computeIfAbsent(event, _ -> new ArrayList<>()).add(time);
  }

  private void say(Event event, ClusterAgent agent, List<Integer> led) {
    System.out.println(
        "%s  %s %s, which led %d partitions".formatted(clock, agent.name(), event, led.size()));
  }

  private List<Integer> all() {
    return IntStream.range(0, partitions.size()).boxed().toList();
  }

  /// The numbers of the partitions that an agent leads.
  private List<Integer> led(Admin admin, ClusterAgent agent) throws Exception {
    var leaders = leaders(admin);
    return IntStream.range(0, partitions.size())
        .filter(number -> leaders.get(number) == agent.nodeId())
        .boxed()
        .toList();
  }

  /// By partition, who leads it; -1: nobody.
  private List<Integer> leaders(Admin admin) throws Exception {
    var topics =
        admin
            .describeTopics(partitions.stream().map(TopicPartition::topic).distinct().toList())
            .allTopicNames()
            .get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    var leaders = new ArrayList<Integer>();
    for (var partition : partitions) {
      var topic = topics.get(partition.topic());
      if (topic == null) {
        throw new IllegalStateException("no topic " + partition.topic());
      }
      var leader = topic.partitions().get(partition.partition()).leader();
      leaders.add(leader == null ? -1 : leader.id());
    }
    return leaders;
  }

  /// Waits until every partition has had its leader for a while.
  private void awaitRest(Admin admin) throws Exception {
    long deadline = clock.nanos() + MOVE_LIMIT.toNanos();
    var leaders = leaders(admin);
    long since = clock.nanos();
    while (clock.nanos() - since < AT_REST.toNanos() || leaders.contains(-1)) {
      if (clock.nanos() > deadline) {
        throw new AssertionError("leaders do not come to rest: " + leaders);
      }
      Workload.pass(LOOK_AGAIN);
      var now = leaders(admin);
      if (!now.equals(leaders)) {
        leaders = now;
        since = clock.nanos();
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    ClusterLoop.quiet();
    var options = Options.parse(arguments);
    var kits = Kits.find();
    Path directory =
        Path.of(
            options.text("data", kits.work().resolve("failover-" + System.nanoTime()).toString()));
    var setup =
        new Cluster.Setup(
            (int) options.number("agents", 3),
            Cluster.Durability.valueOf(
                options.text("durability", "object").toUpperCase(Locale.ROOT)),
            Duration.ofMillis(options.number("session", 10_000)),
            options.client());
    var layout =
        Layout.of((int) options.number("topics", 2), (int) options.number("partitions", 12));
    int code = 2;
    try (var cluster = Cluster.start(kits, directory, setup)) {
      System.out.println(measure(cluster, layout, (int) options.number("rounds", 6)));
      code = 0;
    } catch (TestAbortedException noPostgres) {
      System.err.println(noPostgres.getMessage());
    }
    System.exit(code);
  }
}
