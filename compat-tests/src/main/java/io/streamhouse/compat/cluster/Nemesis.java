package io.streamhouse.compat.cluster;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Does to agents what happens to machines and networks, one thing after another or a few at once,
/// each to an agent that is well and each for a bounded time, after which it is put right.
///
/// A seed gives the same things, for as long, at about the same times; which agent it strikes is
/// the same, too, unless that one is still struck by something else. Each is printed as it begins
/// and as it ends. Used by one thread.
final class Nemesis {

  /// What it can do to an agent.
  enum Kind {
    KILL,
    RESTART,
    PAUSE_SHORT,
    PAUSE_PAST_SESSION,
    DRAIN,
    CUT_DATABASE,
    REFUSE_DATABASE,
    SILENCE_DATABASE,
    CUT_OBJECTS,
    REFUSE_OBJECTS,
    SILENCE_OBJECTS,
    CUT_CLIENTS,
    REFUSE_CLIENTS,
    SILENCE_CLIENTS
  }

  /// An agent, or what stands for one.
  interface Target {

    String name();

    /// Whether it runs, unless it was stopped on purpose.
    boolean alive();

    /// Lets it go wrong; [#heal] follows, whatever happens.
    void strike(Kind kind) throws Exception;

    /// Puts it right, and returns when it serves again.
    void heal(Kind kind) throws Exception;

    /// It ended by itself: starts it again.
    void revive() throws Exception;
  }

  /// How much, and for how long.
  ///
  /// @param kinds of which each comes up once before any comes up again
  /// @param atOnce agents struck at the same time at most
  /// @param shortest how long something lasts at least
  /// @param longest and at most
  /// @param session how long an agent's session lasts: a pause past it is longer by what other
  ///   things last
  /// @param pause between two beginnings at most
  /// @param actions at most
  record Plan(
      List<Kind> kinds,
      int atOnce,
      Duration shortest,
      Duration longest,
      Duration session,
      Duration pause,
      int actions,
      long seed) {

    Plan {
      kinds = List.copyOf(kinds);
    }
  }

  private static final Duration HEAL_LIMIT = Duration.ofMinutes(4);

  private final List<? extends Target> targets;
  private final Plan plan;
  private final Stopwatch clock;
  private final SplittableRandom random;
  private final Semaphore strength;
  private final List<Thread> struck = new ArrayList<>();

  // Guarded by this.
  private final Map<Kind, Integer> counts = new EnumMap<>(Kind.class);
  private final List<String> problems = new ArrayList<>();
  private final boolean[] busy;

  Nemesis(List<? extends Target> targets, Plan plan, Stopwatch clock) {
    this.targets = List.copyOf(targets);
    this.plan = plan;
    this.clock = clock;
    this.random = new SplittableRandom(plan.seed());
    this.strength = new Semaphore(plan.atOnce());
    this.busy = new boolean[targets.size()];
  }

  /// Strikes until `duration` has passed or there was enough, or something happened that may not;
  /// everything is well again when it returns.
  void run(Duration duration) {
    long deadline = clock.nanos() + duration.toNanos();
    var order = new ArrayList<Kind>();
    for (int action = 0; action < plan.actions() && problems().isEmpty(); action++) {
      if (order.isEmpty()) {
        shuffle(order);
      }
      // All choices are made here, so that they do not depend on what takes how long.
      var kind = order.removeLast();
      int first = random.nextInt(targets.size());
      var lasts = between(plan.shortest(), plan.longest());
      var pause = between(Duration.ZERO, plan.pause());
      long left = deadline - clock.nanos() - pause.toNanos();
      if (left <= 0 || !await(pause, Duration.ofNanos(left))) {
        break;
      }
      int target = claim(first);
      checkAlive(target);
      var thread = new Thread(() -> strike(target, kind, lasts(kind, lasts)), "nemesis-" + action);
      struck.removeIf(each -> !each.isAlive());
      struck.add(thread);
      thread.start();
    }
    struck.forEach(this::join);
    for (int target = 0; target < targets.size(); target++) {
      checkAlive(target);
    }
  }

  /// Waits for `pause`, then until there may be one more.
  private boolean await(Duration pause, Duration limit) {
    Workload.pass(pause);
    try {
      return strength.tryAcquire(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void shuffle(List<Kind> order) {
    var left = new ArrayList<>(plan.kinds());
    while (!left.isEmpty()) {
      order.add(left.remove(random.nextInt(left.size())));
    }
  }

  private Duration between(Duration least, Duration most) {
    return least.plusNanos(random.nextLong(Math.max(1, most.minus(least).toNanos())));
  }

  private Duration lasts(Kind kind, Duration drawn) {
    return switch (kind) {
      case PAUSE_PAST_SESSION -> plan.session().plus(drawn);
      case PAUSE_SHORT -> drawn.compareTo(plan.session()) < 0 ? drawn : plan.session().dividedBy(2);
      default -> drawn;
    };
  }

  /// The first agent that is well, from one on; there is one, since fewer than all are struck.
  private synchronized int claim(int first) {
    for (int step = 0; step < busy.length; step++) {
      int target = (first + step) % busy.length;
      if (!busy[target]) {
        busy[target] = true;
        return target;
      }
    }
    throw new IllegalStateException("all are struck: " + plan.atOnce() + " at once are too many");
  }

  private void strike(int number, Kind kind, Duration lasts) {
    var target = targets.get(number);
    say(target.name() + ": " + kind + " for " + lasts.toMillis() + " ms");
    try {
      try {
        target.strike(kind);
        Workload.pass(lasts);
      } finally {
        target.heal(kind);
      }
      count(kind);
      say(target.name() + ": well after " + kind);
    } catch (Throwable failed) {
      problem(target.name() + ": " + kind + ": " + failed);
    } finally {
      synchronized (this) {
        busy[number] = false;
      }
      strength.release();
    }
  }

  private void checkAlive(int number) {
    var target = targets.get(number);
    if (!target.alive()) {
      problem(target.name() + " ended by itself");
      try {
        target.revive();
      } catch (Exception failed) {
        problem(target.name() + " does not start again: " + failed);
      }
    }
  }

  private void join(Thread thread) {
    try {
      if (!thread.join(HEAL_LIMIT)) {
        problem(thread.getName() + " does not end");
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void count(Kind kind) {
    counts.merge(kind, 1, Integer::sum);
  }

  private void problem(String what) {
    say("PROBLEM " + what);
    synchronized (this) {
      problems.add(what);
    }
  }

  private void say(String what) {
    System.out.println(clock + "  " + what);
  }

  synchronized Map<Kind, Integer> counts() {
    return Map.copyOf(counts);
  }

  /// What may not happen to an agent, whatever is done to it: to end by itself, or not to stop or
  /// start when told to.
  synchronized List<String> problems() {
    return List.copyOf(problems);
  }

  /// The kinds of those names, separated by commas; all of them where there are none.
  static List<Kind> kinds(@Nullable String names) {
    if (names == null || names.isBlank()) {
      return List.of(Kind.values());
    }
    return java.util.Arrays.stream(names.split(",", -1))
        .map(String::strip)
        .map(Kind::valueOf)
        .toList();
  }
}
