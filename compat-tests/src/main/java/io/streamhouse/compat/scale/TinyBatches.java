package io.streamhouse.compat.scale;

import io.streamhouse.compat.Figures;
import io.streamhouse.compat.Kits;
import io.streamhouse.compat.StreamHouseProcess;
import io.streamhouse.compat.cluster.Stores;
import io.streamhouse.compat.driver.Options;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/// The load that metadata fear most: tiny batches to many partitions of one agent on PostgreSQL and
/// S3, acknowledged at their commit, while somebody reads all of them. Prints what it takes of the
/// agent, the database and the object store, and ends with 1 where a partition has more rows of
/// segments than merging promises.
///
/// `[--partitions N] [--topics N] [--batches N] [--rate N] [--minutes N] [--warmup SECONDS]
/// [--producers N] [--tmpfs true|false] [--data DIR] [-X server.setting=value]…`: `batches` to each
/// partition, at most `minutes` of them; none only creates the partitions, restarts the agent and
/// asks for all metadata.
public final class TinyBatches {

  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final String TRANSACTION = "streamhouse_metadata_transaction_seconds";
  private static final String S3_REQUESTS = "streamhouse_s3_requests_seconds_count";

  /// Of segments that merging leaves alone, and how many smaller ones a partition may have.
  private static final long MERGED_BYTES = 64 << 20;

  private static final int MERGE_BOUND = 64;

  private final Stores stores;
  private final StreamHouseProcess agent;
  private final URI metricsPage;
  private final HttpClient http = HttpClient.newHttpClient();
  private final int topics;
  private final int perTopic;

  private TinyBatches(
      Stores stores, StreamHouseProcess agent, URI metricsPage, int topics, int perTopic) {
    this.stores = stores;
    this.agent = agent;
    this.metricsPage = metricsPage;
    this.topics = topics;
    this.perTopic = perTopic;
  }

  /// How the load is to be.
  private record Load(long batches, int rate, Duration warmup, int producers) {}

  public static void main(String[] arguments) throws Exception {
    // The clients of this process say little unless asked to.
    if (System.getProperty("streamhouse.log") == null) {
      System.setProperty("streamhouse.log", "OFF");
    }
    var options = Options.parse(arguments);
    int partitions = (int) options.number("partitions", 1000);
    int topics = (int) options.number("topics", Math.max(1, partitions / 5000));
    if (topics < 1 || partitions % topics != 0) {
      throw new IllegalArgumentException("partitions must be a multiple of topics");
    }
    int rate = (int) options.number("rate", 1000);
    long batches =
        Math.min(
            partitions * options.number("batches", 1000),
            options.number("minutes", 60) * 60 * rate);
    var load =
        new Load(
            batches,
            rate,
            Duration.ofSeconds(options.number("warmup", 20)),
            (int) options.number("producers", 4));
    boolean tmpfs = Boolean.parseBoolean(options.text("tmpfs", "true"));
    var kits = Kits.find();
    var data = Path.of(options.text("data", kits.work().resolve("tiny-" + System.nanoTime()) + ""));
    int httpPort = freePort();
    int code;
    try (var stores = tmpfs ? Stores.start() : Stores.onDisk()) {
      var settings =
          new LinkedHashMap<>(stores.settings(stores.databasePort(), stores.objectsPort()));
      settings.put("streamhouse.http.listener", "127.0.0.1:" + httpPort);
      settings.put("streamhouse.durability", "object");
      settings.putAll(options.client());
      try (var agent = new StreamHouseProcess(kits, data, settings).with(stores.environment())) {
        System.out.printf(
            "%d partitions of %d topics, database %s%n",
            partitions, topics, tmpfs ? "in memory" : "on disk");
        var page = URI.create("http://127.0.0.1:" + httpPort + "/metrics");
        code = new TinyBatches(stores, agent, page, topics, partitions / topics).run(load);
      }
    }
    System.exit(code);
  }

  private static int freePort() throws IOException {
    try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return free.getLocalPort();
    }
  }

  private int run(Load load) throws Exception {
    long began = System.nanoTime();
    agent.start();
    System.out.printf("%-28s %9.2f s%n", "first start", (System.nanoTime() - began) / 1e9);
    step("create and lease", this::create);
    step("all metadata", this::allMetadata);
    if (load.batches == 0) {
      step("idle for ten seconds", () -> LockSupport.parkNanos(10_000_000_000L));
      restart();
      step("all metadata", this::allMetadata);
      return 0;
    }
    return load(load) ? 0 : 1;
  }

  private void restart() {
    long began = System.nanoTime();
    int exit = agent.stop();
    if (exit != 0) {
      throw new IllegalStateException("SIGTERM: exit code " + exit + "\n" + agent.tail());
    }
    System.out.printf("%-28s %9.2f s%n", "stop", (System.nanoTime() - began) / 1e9);
    began = System.nanoTime();
    agent.start();
    System.out.printf("%-28s %9.2f s%n", "start, leases taken", (System.nanoTime() - began) / 1e9);
  }

  /// A step of the run.
  @FunctionalInterface
  private interface Work {
    void run() throws Exception;
  }

  private void step(String name, Work work) throws Exception {
    var before = agent.figures();
    var metrics = metrics();
    long database = databaseBytes();
    long began = System.nanoTime();
    work.run();
    double seconds = (System.nanoTime() - began) / 1e9;
    var after = agent.figures();
    System.out.printf(
        "%-28s %9.2f s  agent's CPU %7.2f s  %5d MB resident  %4d MB database (%+d)%n",
        name,
        seconds,
        after.cpuSeconds() - before.cpuSeconds(),
        after.residentBytes() >> 20,
        databaseBytes() >> 20,
        (databaseBytes() - database) >> 20);
    report(metrics().since(metrics), seconds);
  }

  private List<String> names() {
    var names = new ArrayList<String>();
    for (int i = 0; i < topics; i++) {
      names.add("tiny-" + i);
    }
    return names;
  }

  private List<TopicPartition> partitions() {
    var all = new ArrayList<TopicPartition>();
    for (int i = 0; i < perTopic; i++) {
      for (String name : names()) {
        all.add(new TopicPartition(name, i));
      }
    }
    return all;
  }

  private void create() throws ExecutionException, InterruptedException {
    try (var admin =
        Admin.create(
            Map.<String, Object>of(
                "bootstrap.servers", agent.bootstrap(),
                "default.api.timeout.ms", (int) LIMIT.toMillis(),
                "request.timeout.ms", (int) LIMIT.toMillis()))) {
      for (String name : names()) {
        var topic = new NewTopic(name, Optional.of(perTopic), Optional.empty());
        admin.createTopics(List.of(topic)).all().get();
      }
    }
  }

  /// One Metadata request for everything; every partition must have a leader.
  private void allMetadata() {
    try (var consumer =
        new KafkaConsumer<>(
            Map.<String, Object>of("bootstrap.servers", agent.bootstrap()),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      var found = consumer.listTopics(LIMIT);
      long led =
          found.values().stream()
              .flatMap(List::stream)
              .filter(one -> one.leader() != null && !one.leader().isEmpty())
              .count();
      if (led != (long) topics * perTopic) {
        throw new IllegalStateException("partitions with a leader: " + led);
      }
    }
  }

  private boolean load(Load load) throws Exception {
    var all = partitions();
    try (var reading = new Reading(agent.bootstrap(), all);
        var sending =
            new TinyLoad(agent.bootstrap(), all, load.batches, load.rate, load.producers)) {
      LockSupport.parkNanos(load.warmup.toNanos());
      sending.begin();
      var metrics = metrics();
      var figures = agent.figures();
      long transactions = transactions();
      long acknowledged = sending.acknowledged();
      long began = System.nanoTime();
      long minute = 0;
      long mostRows = 0;
      while (sending.sending()) {
        LockSupport.parkNanos(Duration.ofSeconds(1).toNanos());
        long now = Duration.ofNanos(System.nanoTime() - began).toMinutes();
        if (now > minute) {
          minute = now;
          mostRows = Math.max(mostRows, rowsAboveBytes());
          System.out.printf(
              "  minute %d: %d acknowledged, p99 %.0f ms, %d rows at most%n",
              minute, sending.acknowledged(), sending.quantile(0.99), mostRows);
        }
      }
      sending.await();
      double seconds = (System.nanoTime() - began) / 1e9;
      long done = sending.acknowledged() - acknowledged;
      print(sending, done, seconds, figures, transactions() - transactions);
      report(metrics().since(metrics), seconds);
      long deadline = System.nanoTime() + LIMIT.toNanos();
      while (reading.records() < sending.acknowledged() && System.nanoTime() < deadline) {
        LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
      }
      if (reading.records() != sending.acknowledged()) {
        throw new IllegalStateException(
            "read %d of %d".formatted(reading.records(), sending.acknowledged()));
      }
      mostRows = Math.max(mostRows, rowsAboveBytes());
      System.out.printf(
          "rows of a partition, less one for each %d MiB: %d at most, %d promised%n",
          MERGED_BYTES >> 20, mostRows, MERGE_BOUND);
      step("all read again", () -> readAgain(all, sending.acknowledged()));
      return mostRows <= MERGE_BOUND;
    }
  }

  private void readAgain(List<TopicPartition> all, long wanted) {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    try (var reading = new Reading(agent.bootstrap(), all)) {
      while (reading.records() < wanted) {
        if (System.nanoTime() > deadline) {
          throw new IllegalStateException("read %d of %d".formatted(reading.records(), wanted));
        }
        LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
      }
    }
  }

  private void print(
      TinyLoad sending, long batches, double seconds, Figures before, long transactions)
      throws SQLException {
    var after = agent.figures();
    System.out.printf(
        "acknowledged                 %d batches, %.0f a second, p50 %.0f ms, p99 %.0f ms, max"
            + " %.0f ms%n",
        batches,
        batches / seconds,
        sending.quantile(0.5),
        sending.quantile(0.99),
        sending.quantile(1));
    System.out.printf(
        "agent                        %.3f ms CPU a batch, %d MB resident%n",
        1000 * (after.cpuSeconds() - before.cpuSeconds()) / batches, after.residentBytes() >> 20);
    System.out.printf(
        "database                     %.1f transactions a second, %d MB%n",
        transactions / seconds, databaseBytes() >> 20);
  }

  /// What the agent counted.
  private static void report(AgentMetrics added, double seconds) {
    for (String name : added.values(TRANSACTION + "_count", "transaction")) {
      double count = added.tagged(TRANSACTION + "_count", "transaction", name);
      if (count > 0) {
        System.out.printf(
            "  transaction %-24s %8.1f a second, mean %6.1f ms, p50 %6.1f ms, p99 %6.1f ms%n",
            name,
            count / seconds,
            1000 * added.tagged(TRANSACTION + "_sum", "transaction", name) / count,
            added.quantile(TRANSACTION, "transaction", name, 0.5),
            added.quantile(TRANSACTION, "transaction", name, 0.99));
      }
    }
    for (String name : added.values(S3_REQUESTS, "operation")) {
      double count = added.tagged(S3_REQUESTS, "operation", name);
      if (count > 0) {
        System.out.printf("  S3 %-33s %8.1f a second%n", name, count / seconds);
      }
    }
    double hits = added.sum("streamhouse_segment_rows_hits_total");
    double misses = added.sum("streamhouse_segment_rows_misses_total");
    System.out.printf(
        "  metadata reads of readers: %.0f known, %.0f asked for (%.1f %% known)%n",
        hits, misses, 100 * hits / (hits + misses));
  }

  private AgentMetrics metrics() throws IOException, InterruptedException {
    return AgentMetrics.of(http, metricsPage);
  }

  private long databaseBytes() throws SQLException {
    return query("select pg_database_size(current_database())");
  }

  /// Committed by anyone so far, as far as its backends have told yet.
  private long transactions() throws SQLException {
    return query("select xact_commit from pg_stat_database where datname = current_database()");
  }

  /// The most rows of segments that a partition has, one for each so many bytes not counted.
  private long rowsAboveBytes() throws SQLException {
    return query(
        """
        select coalesce(max(n), 0) from (
          select count(*) - sum(length)::bigint / %d as n from segments
          group by topic_id, partition) as counted
        """
            .formatted(MERGED_BYTES));
  }

  private long query(String query) throws SQLException {
    try (var connection = stores.connect();
        var statement = connection.createStatement();
        var rows = statement.executeQuery(query)) {
      rows.next();
      return rows.getLong(1);
    }
  }
}
