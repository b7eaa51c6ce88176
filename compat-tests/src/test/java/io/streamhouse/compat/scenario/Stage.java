package io.streamhouse.compat.scenario;

import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.scenario.Driver.Answer;
import io.streamhouse.metadata.testing.TcpProxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/// One client plays one scenario against one server. For one thread, once.
final class Stage implements AutoCloseable {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int POLL_MILLIS = 300;
  private static final Pattern NAME = Pattern.compile("\\$([a-z]+[a-z0-9-]*)");

  private final Client client;
  private final List<String> command;
  private final Scenario scenario;
  private final ServerUnderTest server;
  private final @Nullable TcpProxy proxy;
  private final Path log;

  private final Map<String, Driver> drivers = new HashMap<>();
  private final Expectation expectation = new Expectation(new HashMap<>());
  private final List<String> outcomes = new ArrayList<>();
  private final Set<String> skipped = new TreeSet<>();
  private Set<String> offered = Set.of();

  /// Records that came while consumers were polled for another reason.
  private final List<String> early = new ArrayList<>();

  /// @param proxy between client and server, if there is one
  /// @param log takes what drivers say on standard error
  Stage(
      Client client,
      List<String> command,
      Scenario scenario,
      ServerUnderTest server,
      @Nullable TcpProxy proxy,
      Path log) {
    this.client = client;
    this.command = command;
    this.scenario = scenario;
    this.server = server;
    this.proxy = proxy;
    this.log = log;
  }

  /// A step did not go as expected.
  private static final class Unexpected extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Unexpected(String message) {
      super(message);
    }
  }

  Outcome play() {
    try {
      String hello = driver("a").ask("hello").last();
      if (!hello.startsWith("ok ")) {
        return new Outcome.Failed("hello: " + hello);
      }
      var pairs = pairs(hello);
      offered = Set.of(pairs.getOrDefault("can", "").split(",", -1));
      var missing = new TreeSet<>(scenario.needs());
      missing.removeAll(offered);
      if (client.protocol().equals("consumer") && !offered.contains("group-consumer")) {
        missing.add("group-consumer");
      }
      if (!missing.isEmpty()) {
        return new Outcome.NotOffered(missing);
      }
      for (var step : scenario.steps()) {
        if (applies(step.condition())) {
          take(step);
        }
      }
      return new Outcome.Played(
          pairs.getOrDefault("version", "?"), Set.copyOf(skipped), List.copyOf(outcomes));
    } catch (Unexpected unexpected) {
      return new Outcome.Failed(String.valueOf(unexpected.getMessage()));
    }
  }

  private boolean applies(String condition) {
    if (condition.isEmpty()) {
      return true;
    }
    boolean without = condition.startsWith("!");
    boolean offers = offered.contains(without ? condition.substring(1) : condition);
    if (!without && !offers) {
      skipped.add(condition);
    }
    return offers != without;
  }

  private void take(Step step) {
    switch (step) {
      case Step.Drive drive -> drive(drive);
      case Step.CreateTopic create -> createTopic(create);
      case Step.DeleteTopic(var _, var topic) ->
          administer(admin -> admin.deleteTopics(List.of(named(topic))).all().get());
      case Step.DeleteRecords(var _, var topic, int partition, long before) ->
          administer(admin ->
              admin
                  .deleteRecords(
                      Map.of(
                          new TopicPartition(named(topic), partition),
                          RecordsToDelete.beforeOffset(before)))
                  .all()
                  .get());
      case Step.Balance balance -> balance(balance);
      case Step.Read read -> read(read);
      case Step.Kill(var _, var name) -> {
        driver(name).close();
        drivers.remove(name);
      }
      case Step.Cutting(var _, int requests) -> proxy().cutEachAfter(requests);
      case Step.Restart(var _, boolean crash) -> restart(crash);
      case Step.Idle(var _, int millis) -> pause(millis);
    }
  }

  /// Creates the topic, and waits until clients hear of it and every partition answers: Apache
  /// Kafka tells of a leader before that one has the log, and takes the second batch of an
  /// idempotent producer for the first where that was refused for it.
  private void createTopic(Step.CreateTopic create) {
    String topic = named(create.topic());
    administer(admin -> {
      admin
          .createTopics(
              List.of(
                  new NewTopic(topic, Optional.of(create.partitions()), Optional.empty())
                      .configs(create.config())))
          .all()
          .get();
      long end = System.nanoTime() + LIMIT.toNanos();
      while (!admin.listTopics().names().get().contains(topic)) {
        if (System.nanoTime() > end) {
          throw new Unexpected(topic + " is created but not listed");
        }
        pause(50);
      }
      var ends = new HashMap<TopicPartition, OffsetSpec>();
      for (int i = 0; i < create.partitions(); i++) {
        ends.put(new TopicPartition(topic, i), OffsetSpec.latest());
      }
      admin.listOffsets(ends).all().get();
    });
  }

  private void drive(Step.Drive drive) {
    String expected = named(drive.expected());
    var records = drive.records().stream().map(this::named).toList();
    String text = withProtocol(named(drive.command()));
    long end = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      var answer = driver(drive.driver()).ask(text);
      boolean asExpected =
          expectation.matches(expected, answer.last())
              && expectation.matches(records, answer.records());
      if (asExpected) {
        outcomes.add(drive.driver() + ": " + drive.command() + " => " + outcome(answer));
        return;
      }
      if (!drive.repeat() || System.nanoTime() > end) {
        throw new Unexpected(
            drive.driver()
                + ": "
                + drive.command()
                + "\n    expected "
                + expected
                + records
                + "\n    answered "
                + answer.last()
                + answer.records());
      }
      pause(200);
    }
  }

  /// What may be compared with another server's: no texts of errors, no times.
  private static String outcome(Answer answer) {
    String[] words = answer.last().split(" ", -1);
    return words[0].equals("error") ? words[0] + " " + words[1] : answer.last();
  }

  private String withProtocol(String text) {
    return text.startsWith("consumer ") && text.contains(" group=")
        ? text + " protocol=" + client.protocol()
        : text;
  }

  private void balance(Step.Balance balance) {
    String topic = named(balance.topic());
    var wanted = new TreeSet<String>();
    for (int i = 0; i < balance.partitions(); i++) {
      wanted.add(topic + ":" + i);
    }
    long end = System.nanoTime() + LIMIT.toNanos();
    List<String> told;
    do {
      told = new ArrayList<>();
      var owned = new ArrayList<String>();
      boolean each = true;
      for (var consumer : balance.consumers()) {
        early.addAll(poll(consumer).records());
        var answer = driver(consumer.driver()).ask("assignment " + consumer.name());
        told.add(answer.last());
        String partitions = pairs(answer.last()).getOrDefault("partitions", "");
        each &= !partitions.isEmpty();
        owned.addAll(Arrays.asList(partitions.split(",", -1)));
      }
      if (each && owned.size() == wanted.size() && wanted.equals(Set.copyOf(owned))) {
        return;
      }
    } while (System.nanoTime() < end);
    throw new Unexpected("balance " + balance.consumers() + ": " + told);
  }

  private void read(Step.Read read) {
    var places = new LinkedHashMap<Integer, String>();
    var lastOf = new HashMap<String, Integer>();
    long end = System.nanoTime() + LIMIT.toNanos();
    String last = "";
    var waiting = new ArrayList<>(early);
    early.clear();
    while (true) {
      for (String record : waiting) {
        var pairs = pairs(record);
        String place = pairs.get("topic") + ":" + pairs.get("partition");
        int number = number(pairs);
        String at = place + "@" + pairs.get("offset");
        String before = places.putIfAbsent(number, at);
        if (before != null && read.again() && before.equals(at)) {
          continue;
        }
        if (before != null) {
          throw new Unexpected(
              "read: number " + number + " twice, at " + before + " and in " + record);
        }
        Integer former = lastOf.put(place, number);
        if (former != null && former > number && !read.again()) {
          throw new Unexpected("read: number " + number + " after " + former + " in " + place);
        }
        if (number < read.from() || number >= read.from() + read.count()) {
          throw new Unexpected("read: unexpected number " + number + " in " + record);
        }
      }
      waiting.clear();
      if (places.size() == read.count() || System.nanoTime() > end) {
        break;
      }
      for (var consumer : read.consumers()) {
        var answer = poll(consumer);
        last = answer.last();
        waiting.addAll(answer.records());
        if (read.commit() && !answer.records().isEmpty()) {
          last = driver(consumer.driver()).ask("commit " + consumer.name()).last();
          if (!last.equals("ok")) {
            throw new Unexpected("read: commit of " + consumer + ": " + last);
          }
        }
      }
    }
    if (places.size() != read.count()) {
      throw new Unexpected(
          "read: " + places.size() + " of " + read.count() + " records; last answer " + last);
    }
    // One more look: nothing comes twice.
    for (var consumer : read.again() ? List.<Step.Consumer>of() : read.consumers()) {
      var more = poll(consumer).records();
      if (!more.isEmpty()) {
        throw new Unexpected("read: too much " + more);
      }
    }
    outcomes.add("read " + read.count());
  }

  private Answer poll(Step.Consumer consumer) {
    return driver(consumer.driver())
        .ask("poll " + consumer.name() + " max=5000 wait=" + POLL_MILLIS);
  }

  private static int number(Map<String, String> record) {
    String value = record.get("value");
    if (value == null) {
      throw new Unexpected("read: no number in " + record);
    }
    return Integer.parseInt(
        new String(HexFormat.of().parseHex(value), StandardCharsets.US_ASCII).strip());
  }

  private void restart(boolean crash) {
    if (crash) {
      server.kill();
    } else {
      server.stop();
    }
    server.start();
  }

  private TcpProxy proxy() {
    if (proxy == null) {
      throw new IllegalStateException(scenario.name() + " has no proxy");
    }
    return proxy;
  }

  private Driver driver(String name) {
    return drivers.computeIfAbsent(
        name,
        _ -> {
          var driver = Driver.start(command, log);
          int port = proxy == null ? server.port() : proxy.port();
          driver.ask("bootstrap 127.0.0.1:" + port);
          return driver;
        });
  }

  /// With `$word` replaced by what it stands for.
  private String named(String text) {
    return NAME.matcher(text)
        .replaceAll(found ->
            Matcher.quoteReplacement(
                found.group(1)
                    + "."
                    + scenario.name()
                    + "."
                    + client.name().toLowerCase(java.util.Locale.ROOT)));
  }

  private static Map<String, String> pairs(String line) {
    var pairs = new HashMap<String, String>();
    for (String word : line.split(" ", -1)) {
      int equals = word.indexOf('=');
      if (equals > 0) {
        pairs.put(word.substring(0, equals), word.substring(equals + 1));
      }
    }
    return pairs;
  }

  /// What the admin client is asked to do.
  @FunctionalInterface
  private interface AdminCall {
    void on(Admin admin) throws ExecutionException, InterruptedException;
  }

  private void administer(AdminCall call) {
    try (var admin =
        Admin.create(Map.<String, Object>of("bootstrap.servers", server.bootstrap()))) {
      call.on(admin);
    } catch (ExecutionException e) {
      throw new Unexpected("admin: " + e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /// A client that is left alone is what is tested.
  private static void pause(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    drivers.values().forEach(Driver::close);
    if (proxy != null) {
      proxy.cutEachAfter(Integer.MAX_VALUE);
    }
  }
}
