package io.streamhouse.compat.cluster;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.driver.Options;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.opentest4j.TestAbortedException;

/// A cluster under a [Workload] and a [Nemesis]: agents are killed, paused, drained, restarted and
/// cut off while clients write and read; then all is put right, every partition must acknowledge
/// again, readers and groups must get to the end, the [Checker] judges all that was seen, and
/// `fsck` what is stored.
///
/// As a command: `ClusterLoop [--minutes N] [--seed N] [--durability object|local|shared] [--agents
/// N]` and more, see the README; exit code 1 where something was found, 2 where there is no
/// PostgreSQL.
public final class ClusterLoop {

  /// How long a cluster may take after the last disturbance until every partition acknowledges.
  private static final Duration SETTLE_LIMIT = Duration.ofSeconds(60);

  private static final Duration START_LIMIT = Duration.ofSeconds(60);
  private static final Duration FSCK_LIMIT = Duration.ofMinutes(20);

  /// @param duration how long the nemesis is at work
  record Plan(Cluster.Setup setup, Workload.Load load, Nemesis.Plan nemesis, Duration duration) {}

  /// What a run did and found.
  ///
  /// @param settled how long the last partition took to acknowledge after everything was put right
  /// @param rewritten records that their clients wrote once more under a later epoch
  /// @param problems what went wrong besides: agents that ended by themselves or did not start,
  ///   clients that failed or got no further, what fsck found
  record Outcome(
      Plan plan,
      Observations.Counts counts,
      long records,
      Map<Nemesis.Kind, Integer> strikes,
      Map<String, Long> troubles,
      Duration settled,
      Map<Violation.Kind, Integer> violations,
      List<Violation> examples,
      int rewritten,
      List<String> problems) {

    boolean clean() {
      return violations.isEmpty() && problems.isEmpty();
    }

    @Override
    public String toString() {
      var lines = new ArrayList<String>();
      examples.forEach(example -> lines.add("VIOLATION " + example));
      problems.forEach(problem -> lines.add("PROBLEM " + problem));
      lines.add("troubles of clients: " + troubles);
      lines.add("nemesis: " + new TreeMap<>(strikes));
      lines.add(
          ("%s, %d agents, %s at once, seed %d: %d acknowledged, %d unknown, %d refused, %d in the"
               + " log, %d of them written again by their clients; %d kills, %d pauses, %d cuts, %d"
               + " drains, %d restarts; settled in %d ms; %d violations %s, %d problems")
              .formatted(
                  plan.setup().durability(),
                  plan.setup().agents(),
                  plan.nemesis().atOnce(),
                  plan.nemesis().seed(),
                  counts.acknowledged(),
                  counts.unknown(),
                  counts.refused(),
                  records,
                  rewritten,
                  strikes("KILL"),
                  strikes("PAUSE"),
                  strikes("CUT") + strikes("REFUSE") + strikes("SILENCE"),
                  strikes("DRAIN"),
                  strikes("RESTART"),
                  settled.toMillis(),
                  violations.values().stream().mapToInt(Integer::intValue).sum(),
                  violations,
                  problems.size()));
      return String.join("\n", lines);
    }

    private int strikes(String begins) {
      return strikes.entrySet().stream()
          .filter(each -> each.getKey().name().startsWith(begins))
          .mapToInt(Map.Entry::getValue)
          .sum();
    }
  }

  private final Plan plan;
  private final Stopwatch clock = new Stopwatch();
  private final List<String> problems = new ArrayList<>();
  private Duration settled = Duration.ZERO;

  /// Of nothing, as long as nothing was read: then there is a problem.
  private Checker.Verdict verdict = Checker.Verdict.OF_NOTHING;

  ClusterLoop(Plan plan) {
    this.plan = plan;
  }

  /// Skips the test where there is no PostgreSQL.
  ///
  /// @param directory where the agents' data directories will be
  Outcome run(Kits kits, Path directory) throws Exception {
    try (var cluster = Cluster.start(kits, directory, plan.setup())) {
      say("%d agents at %s".formatted(plan.setup().agents(), cluster.bootstrap()));
      var nemesis = new Nemesis(cluster.agents(), possible(cluster), clock);
      try (var workload = new Workload(cluster.bootstrap(), plan.load(), clock)) {
        try {
          disturb(cluster, workload, nemesis);
          judge(cluster, workload);
        } catch (Exception | AssertionError failed) {
          problems.add(withCauses(failed) + "\n" + cluster.tail());
        }
        problems.addAll(0, nemesis.problems());
        return outcome(workload, nemesis);
      }
    }
  }

  private static String withCauses(Throwable failed) {
    var text = new StringBuilder(failed.toString());
    Throwable cause = failed.getCause();
    for (int i = 0; cause != null && i < 10; i++) {
      text.append("\n  caused by ").append(cause);
      cause = cause.getCause();
    }
    return text.toString();
  }

  private void disturb(Cluster cluster, Workload workload, Nemesis nemesis) {
    workload.createTopics(Map.of("streamhouse.durability", plan.setup().durability().setting()));
    workload.start();
    say(
        "first acknowledgements in %d ms"
            .formatted(workload.awaitAcknowledgements(START_LIMIT).toMillis()));
    nemesis.run(plan.duration());
    workload.rethrow();
    settled = workload.awaitAcknowledgements(SETTLE_LIMIT);
    say("all well; every partition acknowledged within %d ms".formatted(settled.toMillis()));
    workload.stop();
    say("readers and groups are at the end of " + cluster.agents().size() + " agents' partitions");
  }

  /// Judges everything by what is there at the end, and once more by what is there after a restart.
  private void judge(Cluster cluster, Workload workload) {
    verdict = workload.judge(workload.readAll("reader at the end"));
    say("read, " + verdict.total() + " violations; stopping");
    problems.addAll(cluster.stop());
    problems.addAll(cluster.fsck(FSCK_LIMIT));
    say("fsck is done, " + problems.size() + " problems; starting again");
    cluster.restart();
    var last = workload.readAll("reader after an orderly restart");
    verdict = workload.judge(last);
    say("read again, " + verdict.total() + " violations");
  }

  private Outcome outcome(Workload workload, Nemesis nemesis) {
    var troubles = new TreeMap<String, Long>();
    workload.troubles().forEach((kind, count) -> troubles.put(kind, count.get()));
    return new Outcome(
        plan,
        workload.observed().counts(),
        verdict.records(),
        nemesis.counts(),
        troubles,
        settled,
        verdict.counts(),
        verdict.examples(),
        verdict.rewritten(),
        List.copyOf(problems));
  }

  /// The plan, without what a single agent cannot do.
  private Nemesis.Plan possible(Cluster cluster) {
    var wanted = plan.nemesis();
    if (!wanted.kinds().contains(Nemesis.Kind.DRAIN) || cluster.drains()) {
      return wanted;
    }
    System.err.println("SKIPPED: draining: a single agent has nobody to give its partitions to");
    var kinds = EnumSet.copyOf(wanted.kinds());
    kinds.remove(Nemesis.Kind.DRAIN);
    return new Nemesis.Plan(
        List.copyOf(kinds),
        wanted.atOnce(),
        wanted.shortest(),
        wanted.longest(),
        wanted.session(),
        wanted.pause(),
        wanted.actions(),
        wanted.seed());
  }

  private void say(String what) {
    System.out.println(clock + "  " + what);
  }

  /// What the command line asks for.
  static Plan plan(Options options) {
    var duration =
        Duration.ofMinutes(options.number("minutes", 0))
            .plusSeconds(
                options.number("seconds", options.named().containsKey("minutes") ? 0 : 60));
    var session = Duration.ofMillis(options.number("session", 5_000));
    long seed = options.number("seed", System.nanoTime());
    int rate = (int) options.number("rate", 600);
    return new Plan(
        new Cluster.Setup(
            (int) options.number("agents", 3),
            Cluster.Durability.valueOf(
                options.text("durability", "object").toUpperCase(Locale.ROOT)),
            session,
            options.client()),
        new Workload.Load(
            Layout.of((int) options.number("topics", 3), (int) options.number("partitions", 4)),
            (int) options.number("producers", 4),
            rate,
            (int) options.number("members", 2),
            options.number("records", 4_000_000),
            Duration.ofMillis(options.number("member-life", 20_000)),
            seed),
        new Nemesis.Plan(
            Nemesis.kinds(options.named().get("kinds")),
            (int) options.number("at-once", 1),
            Duration.ofMillis(options.number("shortest", 500)),
            Duration.ofMillis(options.number("longest", 8_000)),
            session,
            Duration.ofMillis(options.number("pause", 4_000)),
            (int) options.number("actions", 100_000),
            seed),
        duration);
  }

  public static void main(String[] arguments) throws Exception {
    quiet();
    var plan = plan(Options.parse(arguments));
    var kits = Kits.find();
    var options = Options.parse(arguments);
    Path directory =
        Path.of(
            options.text(
                "data", kits.work().resolve("cluster-loop-" + plan.nemesis().seed()).toString()));
    System.out.println("seed " + plan.nemesis().seed() + ", data in " + directory);
    int code = 2;
    try {
      var outcome = new ClusterLoop(plan).run(kits, directory);
      System.out.println(outcome);
      code = outcome.clean() ? 0 : 1;
    } catch (TestAbortedException noPostgres) {
      System.err.println(noPostgres.getMessage());
    }
    System.exit(code);
  }

  /// The clients of this process say little unless asked to.
  static void quiet() {
    if (System.getProperty("streamhouse.log") == null) {
      System.setProperty("streamhouse.log", "OFF");
    }
  }
}
