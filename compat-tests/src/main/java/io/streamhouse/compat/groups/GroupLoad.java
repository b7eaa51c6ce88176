package io.streamhouse.compat.groups;

import io.streamhouse.compat.Figures;
import io.streamhouse.compat.Kits;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.Topics;
import io.streamhouse.compat.driver.Options;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ConsumerGroupDescribeRequestData;
import org.apache.kafka.common.message.ConsumerGroupDescribeResponseData;
import org.apache.kafka.common.message.DescribeGroupsRequestData;
import org.apache.kafka.common.message.DescribeGroupsResponseData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchRequestData.OffsetFetchRequestGroup;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// Many groups at once on one server: members join, heartbeat, commit rising offsets, leave and
/// come back, and in the middle the server is restarted, by SIGTERM and by `kill -9` in turns.
/// Members do what client libraries do, and may be told nothing that those could not live with. At
/// the end every group must be stable with each partition assigned once, and no committed offset
/// may be below what was acknowledged, also after one more kill.
///
/// As a command: `GroupLoad [--groups N] [--members N] [--seconds N] [--protocol
/// classic|consumer|both] [--rounds-of-restart N] [--seed N] [--data DIR]`, exit code 1 on a
/// violation.
public final class GroupLoad {

  private static final String TOPIC = "group-load";
  private static final int PARTITIONS = 10;
  private static final Duration SETTLE_LIMIT = Duration.ofMinutes(3);
  private static final int GROUPS_PER_QUESTION = 100;

  /// Which protocol the members speak.
  public enum Protocol {
    CLASSIC,
    CONSUMER,

    /// Every other group.
    BOTH
  }

  /// @param seconds of load, restarts included
  /// @param restarts in the course of it
  /// @param churnMillis after which a group loses a member for a while, on average
  public record Plan(
      int groups,
      int members,
      int seconds,
      Protocol protocol,
      int restarts,
      long seed,
      int heartbeatMillis,
      int commitMillis,
      int churnMillis) {

    /// With heartbeats and commits as often as client libraries send them.
    public static Plan of(
        int groups, int members, int seconds, Protocol protocol, int restarts, long seed) {
      return new Plan(groups, members, seconds, protocol, restarts, seed, 3_000, 5_000, 20_000);
    }

    /// What the server is to be started with: no time given to a group's first members to gather,
    /// which would hide what a rebalance takes.
    public Map<String, String> settings() {
      return Map.of(
          "group.initial.rebalance.delay.ms", "0",
          "group.consumer.min.heartbeat.interval.ms", Integer.toString(heartbeatMillis),
          "group.consumer.heartbeat.interval.ms", Integer.toString(heartbeatMillis));
    }
  }

  /// What a run saw; empty violations if all is well.
  public record Verdict(String figures, long violated, List<String> violations) {

    @Override
    public String toString() {
      return figures
          + (violations.isEmpty()
              ? "nothing lost, doubled or refused that may not be"
              : violated + " violations, among them\n  " + String.join("\n  ", violations));
    }
  }

  private final ServerUnderTest server;
  private final Plan plan;
  private final SplittableRandom random;
  private final EventLoop loop = new EventLoop();

  // Confined to the loop.
  private final Tally tally = new Tally();
  private final List<LoadedGroup> groups = new ArrayList<>();
  private boolean churning;

  private final List<String> restarts = new ArrayList<>();
  private double cpuSeconds;
  private long mostResident;

  /// @param server not started, with [Plan#settings]
  public GroupLoad(ServerUnderTest server, Plan plan) {
    this.server = server;
    this.plan = plan;
    this.random = new SplittableRandom(plan.seed);
  }

  public Verdict run() {
    server.start();
    Topics.create(server, TOPIC, PARTITIONS, Map.of());
    var topicId = topicId();
    loop.start();
    try {
      long began = System.nanoTime();
      on(() -> {
        begin(topicId);
        return true;
      });
      awaitSettled("the first members", began);
      double firstSeconds = secondsSince(began);
      on(() -> churning = true);
      long loadBegan = System.nanoTime();
      long committedBefore = on(() -> tally.committedOffsets);
      long requestsBefore = on(tally::commitRequests);
      for (int round = 0; round < plan.restarts; round++) {
        sleepUntil(loadBegan + 1_000_000_000L * plan.seconds * (round + 1) / (plan.restarts + 1));
        restart(round % 2 == 0);
      }
      sleepUntil(loadBegan + 1_000_000_000L * plan.seconds);
      double loadSeconds = secondsSince(loadBegan);
      long committed = on(() -> tally.committedOffsets) - committedBefore;
      long requests = on(tally::commitRequests) - requestsBefore;
      on(this::quiesce);
      awaitSettled("the end", System.nanoTime());
      note();
      double used = cpuSeconds;
      var compared = on(this::compare).get(SETTLE_LIMIT.toSeconds(), TimeUnit.SECONDS);
      on(() -> tally.aroundRestart = true);
      server.kill();
      server.start();
      on(this::compareOffsets).get(SETTLE_LIMIT.toSeconds(), TimeUnit.SECONDS);
      return on(() -> verdict(firstSeconds, loadSeconds, requests, committed, used, compared));
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    } catch (ExecutionException | TimeoutException failure) {
      throw new IllegalStateException(server.tail(), failure);
    } finally {
      loop.close();
    }
  }

  private Uuid topicId() {
    var properties = new Properties();
    properties.put("bootstrap.servers", server.bootstrap());
    try (var admin = Admin.create(properties)) {
      var described = admin.describeTopics(List.of(TOPIC)).allTopicNames().get();
      var topic = described.get(TOPIC);
      if (topic == null) {
        throw new IllegalStateException(TOPIC + " is not described");
      }
      return topic.topicId();
    } catch (ExecutionException failure) {
      throw new IllegalStateException(server.tail(), failure);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  // On the loop

  private void begin(Uuid topicId) {
    var manner =
        new LoadMember.Manner(
            TOPIC,
            plan.heartbeatMillis,
            plan.commitMillis,
            // As client libraries have them beside their heartbeats, and never too short for a busy
            // machine.
            Math.max(10_000, 15 * plan.heartbeatMillis),
            Math.max(6_000, 10 * plan.heartbeatMillis));
    for (int number = 0; number < plan.groups; number++) {
      var group = new LoadedGroup("load-" + number, PARTITIONS, tally);
      for (int index = 0; index < plan.members; index++) {
        var name = group.name + "-" + index;
        group.members.add(
            isClassic(number)
                ? new ClassicMember(loop, server.port(), group, name, manner, tally)
                : new ConsumerMember(
                    loop, server.port(), group, name, manner, tally, topicId, memberId()));
      }
      groups.add(group);
      churnLater(group);
    }
    // Not all in the same moment: as many as come up within two seconds.
    for (var group : groups) {
      for (var member : group.members) {
        loop.after(random.nextInt(2_000), member::join);
      }
    }
  }

  private boolean isClassic(int number) {
    return switch (plan.protocol) {
      case CLASSIC -> true;
      case CONSUMER -> false;
      case BOTH -> number % 2 == 0;
    };
  }

  private String memberId() {
    return new UUID(random.nextLong(), random.nextLong()).toString();
  }

  private void churnLater(LoadedGroup group) {
    loop.after(
        plan.churnMillis / 2 + random.nextInt(plan.churnMillis),
        () -> {
          churn(group);
          churnLater(group);
        });
  }

  private void churn(LoadedGroup group) {
    var member = group.members.get(random.nextInt(group.members.size()));
    if (!churning || !member.isSteady()) {
      return;
    }
    member.leave();
    loop.after(500 + random.nextInt(1_500), member::join);
  }

  private boolean quiesce() {
    churning = false;
    return true;
  }

  private long unsettled() {
    long unsettled = groups.stream().filter(group -> !group.settled()).count();
    long away =
        churning
            ? 0
            : groups.stream()
                .filter(group -> group.members.stream().anyMatch(one -> !one.isWanted()))
                .count();
    return Math.max(unsettled, away);
  }

  private String firstUnsettled() {
    return groups.stream().filter(group -> !group.settled()).limit(5).toList().toString();
  }

  // Restarts

  private void restart(boolean orderly) throws InterruptedException {
    on(() -> {
      churning = false;
      tally.aroundRestart = true;
      return true;
    });
    note();
    long began = System.nanoTime();
    if (orderly) {
      int code = server.stop();
      if (code != 0) {
        throw new AssertionError("SIGTERM: exit code " + code + "\n" + server.tail());
      }
    } else {
      server.kill();
    }
    long stopped = System.nanoTime();
    server.start();
    long started = System.nanoTime();
    on(() -> {
      groups.forEach(group -> group.heardSince(started));
      return true;
    });
    awaitSettled("a restart", began);
    restarts.add(
        String.format(
            Locale.ROOT,
            "%s %.1f s, start %.1f s, from the signal to all groups stable again %.1f s",
            orderly ? "SIGTERM" : "kill -9",
            (stopped - began) / 1e9,
            (started - stopped) / 1e9,
            secondsSince(began)));
    on(() -> churning = true);
  }

  /// Adds what the process that runs now has used; it is about to go, or this is the end.
  private void note() {
    Figures figures = server.figures();
    cpuSeconds += figures.cpuSeconds();
    mostResident = Math.max(mostResident, figures.residentBytes());
  }

  private void awaitSettled(String what, long began) throws InterruptedException {
    long deadline = began + SETTLE_LIMIT.toNanos();
    while (on(this::unsettled) > 0) {
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError(
            "%s: %d groups are not stable after %s: %s%n%s%n%s"
                .formatted(
                    what,
                    on(this::unsettled),
                    SETTLE_LIMIT,
                    on(this::firstUnsettled),
                    on(() -> tally.codes + " " + tally.violations),
                    server.tail()));
      }
      Thread.sleep(50);
    }
    on(() -> tally.aroundRestart = false);
  }

  // The end

  /// What is stored beside what was acknowledged, and groups as the server describes them.
  private CompletableFuture<Long> compare() {
    var described = new CompletableFuture<Boolean>();
    var asker = new Asker();
    describe(asker, 0, described);
    return described.thenCompose(_ -> compareOffsets());
  }

  private void describe(Asker asker, int from, CompletableFuture<Boolean> done) {
    if (from >= groups.size()) {
      done.complete(true);
      return;
    }
    var some = groups.subList(from, Math.min(groups.size(), from + GROUPS_PER_QUESTION));
    var classic = new ArrayList<String>();
    var consumer = new ArrayList<String>();
    some.forEach(one ->
        (one.members.getFirst() instanceof ClassicMember ? classic : consumer).add(one.name));
    asker.ask(
        ApiKeys.DESCRIBE_GROUPS,
        5,
        new DescribeGroupsRequestData().setGroups(classic),
        body -> {
          for (var one : new DescribeGroupsResponseData(body, (short) 5).groups()) {
            described(one.groupId(), one.errorCode(), one.groupState(), one.members().size());
          }
          asker.ask(
              ApiKeys.CONSUMER_GROUP_DESCRIBE,
              0,
              new ConsumerGroupDescribeRequestData().setGroupIds(consumer),
              answer -> {
                for (var one : new ConsumerGroupDescribeResponseData(answer, (short) 0).groups()) {
                  described(one.groupId(), one.errorCode(), one.groupState(), one.members().size());
                }
                describe(asker, from + GROUPS_PER_QUESTION, done);
              });
        });
  }

  private void described(String group, short error, String state, int members) {
    if (error != Errors.NONE.code() || !state.equals("Stable") || members != plan.members) {
      tally.violation(
          "%s is %s with %d members, %s".formatted(group, state, members, Errors.forCode(error)));
    }
  }

  private CompletableFuture<Long> compareOffsets() {
    var compared = new CompletableFuture<Long>();
    compareOffsets(new Asker(), 0, 0, compared);
    return compared;
  }

  private void compareOffsets(Asker asker, int from, long before, CompletableFuture<Long> done) {
    if (from >= groups.size()) {
      done.complete(before);
      return;
    }
    var some = groups.subList(from, Math.min(groups.size(), from + GROUPS_PER_QUESTION));
    // Members go on: what is acknowledged while this is answered need not be in it.
    var acknowledged = some.stream().map(one -> one.acknowledged.clone()).toList();
    var request =
        new OffsetFetchRequestData()
            .setGroups(
                some.stream()
                    .map(one -> new OffsetFetchRequestGroup().setGroupId(one.name).setTopics(null))
                    .toList());
    asker.ask(
        ApiKeys.OFFSET_FETCH,
        9,
        request,
        body -> {
          long compared = before;
          boolean again = false;
          var answers = new OffsetFetchResponseData(body, (short) 9).groups();
          for (int i = 0; i < answers.size(); i++) {
            var answer = answers.get(i);
            var error = Errors.forCode(answer.errorCode());
            again |=
                error == Errors.COORDINATOR_LOAD_IN_PROGRESS
                    || error == Errors.COORDINATOR_NOT_AVAILABLE
                    || error == Errors.NOT_COORDINATOR;
            if (error != Errors.NONE && !again) {
              tally.violation(answer.groupId() + ": offsets are answered " + error);
            }
          }
          if (again) {
            loop.after(200, () -> compareOffsets(asker, from, before, done));
            return;
          }
          for (int i = 0; i < answers.size(); i++) {
            compared += compareOffsets(some.get(i), acknowledged.get(i), answers.get(i));
          }
          compareOffsets(asker, from + GROUPS_PER_QUESTION, compared, done);
        });
  }

  private int compareOffsets(
      LoadedGroup group,
      long[] acknowledged,
      OffsetFetchResponseData.OffsetFetchResponseGroup answer) {
    var stored = new long[group.partitions()];
    Arrays.fill(stored, -1);
    for (var topic : answer.topics()) {
      for (var one : topic.partitions()) {
        stored[one.partitionIndex()] = one.committedOffset();
      }
    }
    for (int partition = 0; partition < stored.length; partition++) {
      if (stored[partition] < acknowledged[partition]
          || stored[partition] > group.sent[partition]) {
        tally.violation(
            "%s: offset %d of partition %d is stored; %d was acknowledged, %d sent"
                .formatted(
                    group.name,
                    stored[partition],
                    partition,
                    acknowledged[partition],
                    group.sent[partition]));
      }
    }
    return stored.length;
  }

  /// Asks until it is answered.
  private final class Asker {
    private final Link link = new Link(loop, "group-load", server.port());

    void ask(ApiKeys api, int version, ApiMessage body, Consumer<ByteBufferAccessor> answer) {
      link.call(
          api,
          version,
          body,
          30_000,
          new Link.Answer() {
            @Override
            public void arrived(ByteBuffer response) {
              answer.accept(new ByteBufferAccessor(response));
            }

            @Override
            public void lost(String why) {
              loop.after(100, () -> ask(api, version, body, answer));
            }
          });
    }
  }

  private Verdict verdict(
      double firstSeconds,
      double loadSeconds,
      long requests,
      long committed,
      double used,
      long compared) {
    long rebalances = groups.stream().mapToLong(LoadedGroup::rebalances).sum();
    var text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%s: %d groups of %d %s members, %d partitions each, %.1f s of load, seed %d%n",
            server.name(),
            plan.groups,
            plan.members,
            plan.protocol.name().toLowerCase(Locale.ROOT),
            PARTITIONS,
            loadSeconds,
            plan.seed));
    text.append(
        String.format(Locale.ROOT, "all groups stable for the first time  %.1f s%n", firstSeconds));
    text.append(
        String.format(
            Locale.ROOT,
            "rebalances                            %d, members that left and came back %d%n",
            rebalances,
            tally.leaves));
    text.append(
        String.format(
            Locale.ROOT,
            "commits                               %.0f requests/s, %.0f offsets/s%n",
            requests / loadSeconds,
            committed / loadSeconds));
    line(text, "commit", tally.commits);
    line(text, "commit around restarts", tally.commitsAroundRestarts);
    line(text, "heartbeat", tally.heartbeats);
    line(text, "join to stable", tally.joinsToStable);
    for (var restart : restarts) {
      text.append("restart                               ").append(restart).append('\n');
    }
    text.append(
        String.format(
            Locale.ROOT,
            "server                                %.1f CPU seconds, %d MB resident at most%n",
            used,
            mostResident >> 20));
    text.append("codes                                 ").append(tally.codes).append('\n');
    text.append("requests without answer               ").append(tally.lost).append('\n');
    text.append(
        String.format(
            Locale.ROOT,
            "committed offsets compared            %d, again after a kill%n",
            compared));
    return new Verdict(text.toString(), tally.violated, List.copyOf(tally.violations));
  }

  private static void line(StringBuilder text, String what, Latencies times) {
    text.append(String.format(Locale.ROOT, "%-38s%s%n", what, times));
  }

  private static double secondsSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }

  /// The load's own time passes by itself: this waits for a moment of it.
  private static void sleepUntil(long nanos) throws InterruptedException {
    long left = nanos - System.nanoTime();
    if (left > 0) {
      TimeUnit.NANOSECONDS.sleep(left);
    }
  }

  /// Runs something on the loop, and waits for it.
  private <T> T on(Supplier<T> task) {
    var result = new CompletableFuture<T>();
    loop.execute(() -> {
      try {
        result.complete(task.get());
      } catch (RuntimeException | Error thrown) {
        result.completeExceptionally(thrown);
      }
    });
    try {
      return result.get(30, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    } catch (ExecutionException | TimeoutException failed) {
      @Nullable Throwable ended = loop.failure();
      throw new AssertionError("members failed\n" + server.tail(), ended == null ? failed : ended);
    }
  }

  public static void main(String[] arguments) {
    var options = Options.parse(arguments);
    var kits = Kits.find();
    long seed = options.number("seed", System.nanoTime());
    Path data = Path.of(options.text("data", kits.work().resolve("group-load-" + seed).toString()));
    var plan =
        Plan.of(
            (int) options.number("groups", 1_000),
            (int) options.number("members", 5),
            (int) options.number("seconds", 60),
            Protocol.valueOf(options.text("protocol", "classic").toUpperCase(Locale.ROOT)),
            (int) options.number("rounds-of-restart", 2),
            seed);
    System.out.println("seed " + seed + ", data in " + data);
    Verdict verdict;
    try (var server = Servers.chosen().create(kits, data, plan.settings())) {
      verdict = new GroupLoad(server, plan).run();
    }
    System.out.println(verdict);
    System.exit(verdict.violations().isEmpty() ? 0 : 1);
  }
}
