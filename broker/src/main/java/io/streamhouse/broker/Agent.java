package io.streamhouse.broker;

import ch.qos.logback.classic.LoggerContext;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.streamhouse.broker.api.AdminApis;
import io.streamhouse.broker.api.DataApis;
import io.streamhouse.broker.api.GroupApis;
import io.streamhouse.broker.api.RequestMetrics;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.catalog.StoredCatalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.config.AgentConfig.SegmentCompression;
import io.streamhouse.broker.config.Durability;
import io.streamhouse.broker.config.TimestampType;
import io.streamhouse.broker.config.TopicConfig;
import io.streamhouse.broker.config.TopicDefaults;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupMetrics;
import io.streamhouse.broker.group.Topics;
import io.streamhouse.broker.http.HealthPage;
import io.streamhouse.broker.http.HttpServer;
import io.streamhouse.broker.http.MetricsPage;
import io.streamhouse.broker.http.Page;
import io.streamhouse.broker.http.ReadyPage;
import io.streamhouse.broker.lease.Session;
import io.streamhouse.broker.lease.SessionObserver;
import io.streamhouse.broker.merge.MergeMetrics;
import io.streamhouse.broker.merge.MergeOptions;
import io.streamhouse.broker.merge.Merger;
import io.streamhouse.broker.merge.ScratchDirectory;
import io.streamhouse.broker.partition.BackgroundWork;
import io.streamhouse.broker.partition.FlushDriver;
import io.streamhouse.broker.partition.FlushOptions;
import io.streamhouse.broker.partition.FlushSignal;
import io.streamhouse.broker.partition.Flusher;
import io.streamhouse.broker.partition.Leadership;
import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.partition.PartitionLeases;
import io.streamhouse.broker.partition.PartitionMetrics;
import io.streamhouse.broker.partition.PartitionSettings;
import io.streamhouse.broker.partition.Recovery;
import io.streamhouse.broker.partition.Retention;
import io.streamhouse.broker.partition.RetentionLimits;
import io.streamhouse.broker.partition.RetentionMetrics;
import io.streamhouse.broker.partition.TailBudget;
import io.streamhouse.broker.read.ReadMetrics;
import io.streamhouse.broker.read.SegmentRows;
import io.streamhouse.broker.read.StoredLogDirectory;
import io.streamhouse.broker.read.StoredLogs;
import io.streamhouse.broker.read.ToldManifest;
import io.streamhouse.broker.runtime.Health;
import io.streamhouse.broker.runtime.ThreadLoop;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.runtime.WorkerPool;
import io.streamhouse.broker.storage.DataDirectory;
import io.streamhouse.broker.storage.DataDirectoryUnusable;
import io.streamhouse.broker.storage.DiskCache;
import io.streamhouse.broker.storage.SegmentCache;
import io.streamhouse.broker.storage.StorageMetrics;
import io.streamhouse.broker.sweep.SweepGuard;
import io.streamhouse.broker.sweep.SweepMetrics;
import io.streamhouse.broker.sweep.SweepOptions;
import io.streamhouse.broker.sweep.Sweeper;
import io.streamhouse.broker.wal.DirectoryWalFiles;
import io.streamhouse.broker.wal.WalDirectories;
import io.streamhouse.broker.wal.WalMetrics;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.SchemaMismatch;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.db.PostgresMetadata;
import io.streamhouse.metadata.db.SqliteMetadata;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.BatchMemory;
import io.streamhouse.protocol.Features;
import io.streamhouse.protocol.KafkaServer;
import io.streamhouse.protocol.Listener;
import io.streamhouse.protocol.ServerOptions;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One agent, put together: the only place that knows the concrete classes. [#start] reads top to
/// bottom in the order things come up; [#close] takes them down in reverse.
public final class Agent implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(Agent.class);

  /// How often what depends on time is looked at.
  private static final Duration TICK = Duration.ofSeconds(1);

  /// How long a stop may flush; what is left stays in the write-ahead log.
  private static final Duration FLUSH_LIMIT = Duration.ofSeconds(15);

  /// How many ticks the tail may take to be flushed once the write-ahead log has failed.
  private static final int LOG_FAILED_TICKS = 60;

  /// A scraper on the same network needs less, whoever needs more is not one.
  private static final Duration HTTP_PATIENCE = Duration.ofSeconds(30);

  private static final Duration DRAIN_LIMIT = Duration.ofSeconds(3);

  /// How long a stop may take to hand partitions over; what is left is free once the session ends.
  private static final Duration HAND_OVER_LIMIT = Duration.ofSeconds(8);

  /// How often what is being handed over is looked at: short against what its clients wait.
  private static final Duration HAND_OVER_STEP = Duration.ofMillis(20);

  /// How long a start waits for a database that is away, and how often it tries.
  private static final Duration METADATA_PATIENCE = Duration.ofMinutes(1);

  private static final Duration METADATA_PAUSE = Duration.ofSeconds(1);

  /// How often the log is asked to let go of what it keeps for partitions led elsewhere.
  private static final Duration SETTLE_PAUSE = Duration.ofSeconds(30);

  /// How often sessions of other agents are looked at, of their time-out: a failover takes at most
  /// that much longer.
  private static final int LOOKS = 20;

  private final ArrayDeque<Part> parts = new ArrayDeque<>();
  private final CountDownLatch stopped = new CountDownLatch(1);
  private List<String> addresses = List.of();
  private volatile Optional<String> httpAddress = Optional.empty();

  /// Why clients are not served; null while they are.
  private volatile @Nullable String waitsFor = "starting";

  // What partitions are given before it exists or changes.
  private volatile TopicDefaults topicDefaults = TopicDefaults.none();

  private boolean closed;
  private volatile boolean stopping;

  /// Whether a step of handing over waits for the worker of the catalogue: one is enough.
  private final AtomicBoolean stepQueued = new AtomicBoolean();

  /// How long a stop may flush.
  private volatile Duration flushLimit = FLUSH_LIMIT;

  private volatile boolean sessionOver;

  /// Stops acting as an owner of anything.
  private volatile Runnable whenSessionOver = () -> {};

  // Confined to housekeeping.
  private int ticksSinceLogFailed;
  private long writtenWhenTidied;

  /// Something that was started, and how it is stopped.
  private record Part(String name, AutoCloseable stop) {}

  private Agent() {}

  /// Starts an agent that serves until it is closed.
  ///
  /// @throws StartFailure if it cannot start as it was told; nothing stays behind then
  public static Agent start(AgentConfig config, TimeSource time) throws StartFailure {
    var agent = new Agent();
    try {
      agent.run(config, time);
      return agent;
    } catch (IOException
        | DataDirectoryUnusable
        | MetadataUnavailable
        | SchemaMismatch
        | Session.NodeIdInUse failed) {
      agent.close();
      throw new StartFailure(String.valueOf(failed.getMessage()), failed);
    } catch (RuntimeException failed) {
      agent.close();
      throw failed;
    }
  }

  private void run(AgentConfig given, TimeSource time)
      throws IOException, DataDirectoryUnusable, Session.NodeIdInUse {
    RandomGenerator random = new SecureRandom();
    var storage = given.storage();
    if (given.directBytes().compareTo(BigInteger.valueOf(BatchMemory.limit())) > 0) {
      log.warn(
          "requests, responses, unflushed records and cached blocks may need more memory than the"
              + " JVM has outside its heap; raise -XX:MaxDirectMemorySize in STREAMHOUSE_OPTS or"
              + " lower their limits bytes={} limit={}",
          given.directBytes(),
          BatchMemory.limit());
    }
    var meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    started("metrics", meters::close);
    var health = new Health();

    boolean clustered = given.metadata().shared();
    var directory =
        DataDirectory.open(
            storage.dataDir(),
            given.nodeIdGiven() ? OptionalInt.of(given.nodeId()) : OptionalInt.empty(),
            random);
    started("data directory", directory);
    var metadata = awaitMetadata(given.metadata(), random, time);
    started("metadata", metadata);
    metadata.observe(new MetadataMetrics(meters));
    directory.join(metadata.clusterId());

    // Ports come early: a taken one fails the start before anything is recovered.
    var server = KafkaServer.bind(listeners(given), serverOptions(given));
    started("listeners", server);
    ServerMetrics.register(meters, server);
    var advertised = advertised(given, server);

    var incarnation = new UUID(random.nextLong(), random.nextLong());
    var looks = looks(given.session());
    var session =
        begin(
            metadata.leases(),
            new NewSession(
                incarnation,
                directory.nodeId().isPresent() || clustered
                    ? directory.nodeId()
                    : OptionalInt.of(given.nodeId()),
                directory.walId(),
                given.rack(),
                given.group(),
                advertised,
                // Others lead what is placed here until this agent serves.
                clustered),
            given.session(),
            clustered,
            time);
    started("session", session::end);
    directory.assign(session.nodeId());
    var config = given.withNodeId(session.nodeId());
    AgentHealth.session(health, session);
    var renewal = new ThreadLoop("session", this::die);
    started("session renewal", renewal);
    every(renewal, config.session().renewal(), () -> renew(session));

    var blocking = new WorkerPool("blocking", 8, 100_000);
    started("blocking workers", blocking);
    var searching = new WorkerPool("searching", 4, 10_000);
    started("searching workers", searching);
    var computing = new WorkerPool("computing", 1, 10_000);
    started("computing workers", computing);
    var objects = ObjectStores.open(storage.objects(), meters, health, time, random);
    var store = objects.store();
    started("object store", store);
    var segments =
        new SegmentCache(
            store,
            diskCache(config, directory, meters),
            SegmentCache.Limits.of(storage.cacheBytes()));
    started("segment cache", segments);
    StorageMetrics.register(meters, segments);

    var changes = new WorkerPool("catalog", 1, 1000);
    started("catalog worker", changes);
    var catalog =
        new StoredCatalog(metadata.topics(), metadata.clusterId(), changes, renewal, this::die);

    topicDefaults = topicDefaults(config, catalog.image());
    var flushSignal = new FlushSignal();
    var logs = WalDirectories.of(directory.walId(), directory.wal(), config.wal().shared());
    logs.take(directory.log(), () -> metadata.leases().tailsIn(directory.walId()).size());
    directory.logIsIn(logs.own());
    var cluster =
        new Leadership.Cluster(
            incarnation,
            directory.walId(),
            topic -> !settings(topic, topicDefaults).objectDurable(),
            topic -> TopicConfig.resolve(topic.configs(), topicDefaults).uncleanLeaderElection());
    var leases = new PartitionLeases(metadata.leases(), incarnation, directory.walId());
    Predicate<UUID> deleted =
        topic -> metadata.topics().deletedAmong(List.of(topic)).contains(topic);
    var recovery =
        Recovery.run(
            catalog.image(),
            leases,
            cluster,
            deleted,
            WalMetrics.measure(DirectoryWalFiles.open(logs.own()), meters, time),
            walOptions(config),
            time);
    var wal = recovery.wal();
    var writer = Thread.ofPlatform().name("wal-writer").daemon().unstarted(fatal(wal::drive));
    started("write-ahead log", () -> stopWriter(wal, writer));
    AgentHealth.log(health, wal);
    WalMetrics.register(meters, wal);
    writer.start();
    if (config.wal().fsync() == AgentConfig.Fsync.INTERVAL) {
      Thread.ofPlatform().name("wal-sync").daemon().start(fatal(wal::driveSync));
    }

    var budget = new TailBudget(config.flush().tailMaxBytes(), config.flush().recentMaxBytes());
    var background =
        new BackgroundWork(
            metadata.manifest(),
            row -> segments.open(row).join(),
            blocking,
            computing,
            leases,
            flushSignal,
            given.producerIdExpiration(),
            time);
    var leadership =
        new Leadership(
            leases,
            cluster,
            logs::find,
            (grant, tail, adopted, settings) ->
                new Partition(
                    grant, tail, adopted, settings, session, wal, budget, background, time),
            topic -> settings(topic, topicDefaults),
            deleted,
            recovery.replay(),
            flushSignal,
            time);
    var _ = leadership.open(catalog.image(), recovery.grants());
    started("leadership", () -> on(changes, leadership::release));
    whenSessionOver = () -> changes.execute(leadership::abandon);
    AgentHealth.flushing(health, leadership, catalog);
    PartitionMetrics.register(meters, leases);
    PartitionMetrics.register(meters, leadership, budget);
    AgentHealth.waiting(health, leadership);
    catalog.follow(image -> {
      topicDefaults = topicDefaults(config, image);
      return leadership.reconcile(image);
    });

    var rows =
        new SegmentRows(
            metadata.manifest(),
            blocking,
            SegmentRows.mostInHeap(Runtime.getRuntime().maxMemory()),
            time);
    ReadMetrics.register(meters, rows);
    var told = new ToldManifest(metadata.manifest(), rows);

    var uploading = new WorkerPool("upload", config.flush().uploads(), 1000);
    started("uploads", uploading);
    var flusher =
        new Flusher(
            leadership::all,
            new FlushOptions(
                config.flush().bytes(),
                config.flush().interval(),
                config.flush().linger(),
                config.flush().compression() == SegmentCompression.LZ4,
                config.flush().uploads(),
                config.flush().uploadBytes()),
            budget,
            told,
            store,
            incarnation,
            () -> new UUID(random.nextLong(), random.nextLong()),
            uploading,
            flushSignal,
            time);
    var flushing = new FlushDriver(flusher, flushSignal, time, this::die);
    PartitionMetrics.register(meters, flusher);
    started("flusher", () -> stopFlushing(flushing, wal, recovery, leadership, flushLimit));

    var timers = new ThreadLoop("timers", this::die);
    started("timers", timers);
    var housekeeping = new ThreadLoop("housekeeping", this::die);
    started("housekeeping", housekeeping);
    objects.tidy(blocking);
    every(
        housekeeping,
        ObjectStores.HOUSEKEEPING_PAUSE,
        () -> tidyIfUsed(objects, flusher, blocking));
    every(
        housekeeping,
        TICK,
        () -> {
          leadership.all().forEach(partition -> partition.tick(config.producerIdExpiration()));
          budget.expireRecent(time.nanos());
          endIfLogFailed(wal, flushSignal, leadership);
          wal.trim(recovery.kept(leadership), false);
          if (wal.sizeInBytes() > config.wal().maxBytes() / 2) {
            flushSignal.request();
          }
        });

    every(
        housekeeping,
        SETTLE_PAUSE,
        () ->
            recovery.settle(
                leadership,
                () -> metadata.leases().tailsIn(directory.walId()),
                topic -> catalog.image().topic(topic) != null || deleted.test(topic)));
    var retention =
        new Retention(
            leadership::all, metadata.manifest(), config.topicLife().retentionCheck(), time);
    RetentionMetrics.register(meters, retention);
    every(housekeeping, TICK, retention::step);

    if (config.merge().enabled()) {
      var merger =
          new Merger(
              leadership::all,
              mergeOptions(config),
              told,
              store,
              ScratchDirectory.open(directory.merging(), 2 * storage.diskReserveBytes()),
              incarnation,
              () -> new UUID(random.nextLong(), random.nextLong()),
              time);
      started("merger", merger);
      MergeMetrics.register(meters, merger);
      AgentHealth.merging(health, merger, catalog);
      var merging = new ThreadLoop("merger", this::die);
      started("merging", merging);
      merging.execute(() -> merge(merging, merger));
    }

    var sweeping = new ThreadLoop("sweeper", this::die);
    started("sweeper", sweeping);
    var sweeps = SweepOptions.of(config.topicLife().sweepGrace());
    var sweeper =
        new Sweeper(
            metadata.manifest(),
            store,
            new SweepGuard(metadata.sweeps(), store, random),
            sweeps,
            () ->
                catalog.image().agents().stream()
                    .findFirst()
                    .filter(first -> first.nodeId() == config.nodeId())
                    .isPresent(),
            time);
    SweepMetrics.register(meters, sweeper);
    AgentHealth.sweeping(health, sweeper);
    every(sweeping, sweeps.pause(), sweeper::pass);

    if (clustered) {
      var observing = new ThreadLoop("observer", this::die);
      started("observer", observing);
      var observer =
          new SessionObserver(
              metadata.leases(),
              incarnation,
              config.session().timeout(),
              looks,
              () -> session.unreachable() == null,
              time);
      every(
          observing,
          looks,
          () -> {
            if (observer.look() > 0) {
              var _ = catalog.refresh();
            }
          });
    }
    var refreshed = catalog.refresh();
    refreshed.join();
    metadata.watch(() -> {
      var _ = catalog.refresh();
    });
    var stored =
        new StoredLogs(
            leadership,
            catalog::image,
            metadata.manifest(),
            metadata.audit(),
            segments,
            rows,
            blocking,
            searching);
    var features = Features.NONE;
    var handlers = new ArrayList<ApiHandler<?>>();
    handlers.addAll(
        AdminApis.handlers(
            catalog,
            timers,
            time,
            config,
            (LoggerContext) LoggerFactory.getILoggerFactory(),
            features));
    handlers.addAll(
        DataApis.handlers(
            catalog,
            stored,
            new StoredLogDirectory(
                storage.dataDir(), leadership::all, metadata.manifest(), incarnation, blocking),
            timers,
            time,
            random,
            config.fetching(),
            // Blocks that are in the cache no more are there for answers alone.
            () ->
                Math.max(
                    server.counters().unsentBytesNow(),
                    BatchMemory.inUse() - segments.blockBytes())));
    var grouping = new ThreadLoop("groups", this::die);
    started("group loop", grouping);
    var patterns = new WorkerPool("topic-patterns", 1, 256);
    started("topic patterns", patterns);
    var groups =
        new GroupCoordinator(
            metadata,
            incarnation,
            config.nodeId(),
            session,
            grouping,
            blocking,
            patterns,
            time,
            random,
            config.groups(),
            group -> catalog.image().groupConfigs(group),
            () -> Topics.of(catalog.image()),
            catalog::image);
    groups.start();
    catalog.onImage(groups::follow);
    GroupMetrics.register(meters, groups);
    handlers.addAll(GroupApis.handlers(catalog, groups, time, config.groups()));
    every(housekeeping, TICK, stored::prune);
    var process = new ProcessMetrics(meters);
    started("process metrics", process);
    var pages =
        Map.of(
            "/health", new HealthPage(health),
            "/ready", new ReadyPage(() -> session.holds() ? waitsFor : "the session does not hold"),
            "/metrics", new MetricsPage(type -> scrape(meters, process, type)));
    if (config.http().listener().isPresent()) {
      started("http", http(config.http(), config.http().listener().get(), pages));
    }
    server.serve(RequestMetrics.around(handlers, meters, time), features);
    started("connections", server);
    // Stopped before the connections, so that members that wait still get an answer.
    started("groups", groups);
    // Nothing is given away before the image says what is placed here.
    Runnable steps =
        () ->
            every(
                housekeeping,
                HAND_OVER_STEP,
                () -> {
                  if (leadership.busy() && stepQueued.compareAndSet(false, true)) {
                    changes.execute(() -> step(leadership, catalog));
                  }
                });
    if (clustered) {
      takeShare(metadata.leases(), session, catalog, housekeeping, steps);
      // First of all, while clients are still served.
      started("hand-over", () -> handOver(metadata.leases(), session, catalog, leadership, time));
    } else {
      waitsFor = null;
      steps.run();
    }
    log.info("agent started nodeId={} incarnation={}", config.nodeId(), incarnation);
  }

  /// Has leases placed here, now that they can be served; tried until it is known to have been
  /// done.
  private void takeShare(
      Leases leases,
      Session session,
      StoredCatalog catalog,
      ThreadLoop retries,
      Runnable whenPlaced) {
    if (session.over() || stopping) {
      return;
    }
    try {
      var _ = leases.setDraining(session.incarnation(), false);
      catalog.refresh().join();
    } catch (MetadataUnavailable | CompletionException failed) {
      log.warn("leases cannot be taken yet, it is tried again why={}", failed.toString());
    }
    var self =
        catalog.image().agents().stream()
            .filter(agent -> agent.incarnation().equals(session.incarnation()))
            .findFirst();
    // A refresh may end without an image if the database goes away meanwhile.
    if (self.isEmpty() || self.get().draining()) {
      var _ = retries.after(TICK, () -> takeShare(leases, session, catalog, retries, whenPlaced));
      return;
    }
    if (self.get().drained()) {
      log.warn(
          "node is drained: it leads nothing while others can, until `streamctl agent drain {}"
              + " --undo`",
          session.nodeId());
    }
    waitsFor = null;
    whenPlaced.run();
  }

  /// A task that may fail with an I/O error.
  private interface Task {
    void run() throws IOException;
  }

  private void started(String name, AutoCloseable stop) {
    parts.push(new Part(name, stop));
  }

  /// The file of a database that is one.
  static Optional<Path> databaseFile(String url) {
    return url.startsWith("jdbc:sqlite:")
        ? Optional.of(Path.of(url.substring("jdbc:sqlite:".length())).toAbsolutePath())
        : Optional.empty();
  }

  private static @Nullable DiskCache diskCache(
      AgentConfig config, DataDirectory directory, MeterRegistry meters) throws IOException {
    if (config.storage().diskCacheBytes() == 0) {
      return null;
    }
    var cache =
        DiskCache.open(
            directory.cache(),
            config.storage().diskCacheBytes(),
            2 * config.storage().diskReserveBytes());
    StorageMetrics.register(meters, cache);
    return cache;
  }

  /// Opens the metadata. A database that is away is waited for: it may be failing over, or start
  /// beside this agent. Not for long, since the setting may be wrong.
  private static MetadataStore awaitMetadata(
      AgentConfig.Metadata config, RandomGenerator random, TimeSource time) throws IOException {
    long deadline = time.nanos() + METADATA_PATIENCE.toNanos();
    while (true) {
      try {
        return metadata(config, random, true);
      } catch (MetadataUnavailable away) {
        if (!away.unreachable() || time.nanos() - deadline > 0) {
          throw away;
        }
        log.warn("waiting for the database why={}", away.getMessage());
      }
      LockSupport.parkNanos(METADATA_PAUSE.toNanos());
    }
  }

  /// @param upgrade brings the schema up to date
  static MetadataStore metadata(
      AgentConfig.Metadata config, RandomGenerator random, boolean upgrade) throws IOException {
    if (config.shared()) {
      var options =
          new PostgresMetadata.Options(
              config.url(),
              config.user(),
              config.password(),
              config.connections(),
              config.connectTimeout(),
              config.statementTimeout());
      return upgrade
          ? PostgresMetadata.open(options, random)
          : PostgresMetadata.openAsIs(options, random);
    }
    var file = Path.of(config.url().substring("jdbc:sqlite:".length())).toAbsolutePath();
    var parent = file.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    return upgrade ? SqliteMetadata.open(file, random) : SqliteMetadata.openAsIs(file, random);
  }

  private static List<Listener> listeners(AgentConfig config) {
    return config.network().listeners().stream()
        .map(listener -> new Listener(listener.name(), listener.host(), listener.port()))
        .toList();
  }

  private Map<String, String> advertised(AgentConfig config, KafkaServer server) {
    var advertised = new LinkedHashMap<String, String>();
    var local = new ArrayList<String>();
    for (var listener : config.network().listeners()) {
      int port = server.port(listener.name());
      advertised.put(listener.name(), config.network().advertise(listener, port).address());
      local.add(listener.withPort(port).address());
    }
    addresses = List.copyOf(local);
    return advertised;
  }

  /// Where 9644 was not asked for and another agent of this machine has it, any port will do: a
  /// second agent must not fail for what nobody set.
  private HttpServer http(
      AgentConfig.Http config,
      io.streamhouse.broker.config.Listener listener,
      Map<String, Page> pages)
      throws IOException {
    HttpServer http;
    try {
      http = HttpServer.start(listener.host(), listener.port(), pages, HTTP_PATIENCE);
    } catch (IOException taken) {
      if (config.insisted()) {
        throw taken;
      }
      http = HttpServer.start(listener.host(), 0, pages, HTTP_PATIENCE);
      log.warn("another port serves HTTP port={} why={}", http.port(), taken.getMessage());
    }
    httpAddress = Optional.of(listener.withPort(http.port()).address());
    return http;
  }

  private static String scrape(
      PrometheusMeterRegistry meters, ProcessMetrics process, String type) {
    process.bind();
    return meters.scrape(type);
  }

  private static ServerOptions serverOptions(AgentConfig config) {
    var network = config.network();
    return new ServerOptions(
        network.requestMaxBytes(),
        ServerOptions.defaults().connectionBytes(),
        network.queuedRequestBytes(),
        network.maxConnections(),
        network.idleTimeout().orElse(Duration.ofDays(36_500)),
        DRAIN_LIMIT,
        network.eventLoops());
  }

  private static WalOptions walOptions(AgentConfig config) {
    var wal = config.wal();
    return new WalOptions(
        switch (wal.fsync()) {
          case ALWAYS -> WalOptions.Fsync.ALWAYS;
          case INTERVAL -> WalOptions.Fsync.INTERVAL;
          case NEVER -> WalOptions.Fsync.NEVER;
        },
        wal.fsyncInterval(),
        wal.fileBytes(),
        wal.maxBytes(),
        config.storage().diskReserveBytes());
  }

  private static TopicDefaults topicDefaults(AgentConfig config, Image image) {
    return config
        .topicDefaults()
        .withDynamic(
            image.agentConfigs(Optional.empty()), image.agentConfigs(Optional.of(config.nodeId())));
  }

  private static PartitionSettings settings(Topic topic, TopicDefaults defaults) {
    var config = TopicConfig.resolve(topic.configs(), defaults);
    return new PartitionSettings(
        config.maxMessageBytes(),
        config.timestampType() == TimestampType.LOG_APPEND_TIME,
        config.timestampBeforeMaxMillis(),
        config.timestampAfterMaxMillis(),
        switch (config.compression().codec()) {
          case PRODUCER -> PartitionSettings.AS_PRODUCED;
          case UNCOMPRESSED -> 0;
          case GZIP -> 1;
          case SNAPPY -> 2;
          case LZ4 -> 3;
          case ZSTD -> 4;
        },
        config.compression().level(),
        config.compactKeys(),
        config.segmentBytes(),
        config.deleteOld()
            ? new RetentionLimits(config.retentionMillis(), config.retentionBytes())
            : RetentionLimits.NONE,
        config.durability() == Durability.OBJECT);
  }

  private static Duration looks(AgentConfig.Session session) {
    return Duration.ofNanos(session.timeout().toNanos() / LOOKS);
  }

  /// Begins a session. Where another one has this node's number it is waited for: an agent that
  /// lost its data directory comes back before its old session is over.
  private static Session begin(
      Leases leases,
      NewSession wanted,
      AgentConfig.Session config,
      boolean clustered,
      TimeSource time)
      throws Session.NodeIdInUse {
    var observer =
        new SessionObserver(
            leases, wanted.incarnation(), config.timeout(), looks(config), () -> true, time);
    long deadline = time.nanos() + 2 * config.timeout().toNanos();
    while (true) {
      try {
        return Session.begin(leases, wanted, config.timeout(), AgentConfig.Session.MARGIN, time);
      } catch (Session.NodeIdInUse inUse) {
        if (!clustered || time.nanos() - deadline > 0) {
          throw inUse;
        }
        log.info("waiting for an older session to end why={}", inUse.getMessage());
      }
      var _ = observer.look();
      LockSupport.parkNanos(looks(config).toNanos());
    }
  }

  /// A session that others ended is over for good: this agent stops acting as an owner, and begins
  /// anew.
  private void renew(Session session) {
    if (sessionOver) {
      return;
    }
    try {
      session.renew();
    } catch (MetadataUnavailable unreachable) {
      log.warn("session not renewed why={}", unreachable.toString());
    }
    if (session.over() && !stopping) {
      log.warn("the session is over: the agent begins a new one");
      sessionOver = true;
      waitsFor = "the session is over";
      whenSessionOver.run();
      stopped.countDown();
    }
  }

  private void step(Leadership leadership, StoredCatalog catalog) {
    stepQueued.set(false);
    try {
      if (leadership.step(catalog.image())) {
        var _ = catalog.refresh();
      }
    } catch (MetadataUnavailable failed) {
      log.warn("leases could not be changed, it is tried again why={}", failed.toString());
    } catch (RuntimeException | Error bug) {
      die(bug);
    }
  }

  /// Gives everything that others can lead to them, so that clients go over to them while this
  /// agent still tells them where to.
  private void handOver(
      Leases leases,
      Session session,
      StoredCatalog catalog,
      Leadership leadership,
      TimeSource time) {
    boolean successor =
        catalog.image().agents().stream()
            .anyMatch(agent -> agent.nodeId() != session.nodeId() && !agent.draining());
    if (!session.holds() || !successor) {
      return;
    }
    leases.setDraining(session.incarnation(), true);
    var _ = catalog.refresh();
    var deadline = time.nanos() + HAND_OVER_LIMIT.toNanos();
    while (!leadership.all().isEmpty() && session.holds() && time.nanos() < deadline) {
      LockSupport.parkNanos(HAND_OVER_STEP.toNanos());
    }
    if (!leadership.all().isEmpty()) {
      // What could not be flushed so far will hardly be now, and the rest is to be released.
      flushLimit = FLUSH_LIMIT.dividedBy(4);
    }
  }

  /// Runs `task` where everything about leases runs, and waits for it.
  private static void on(Executor worker, Runnable task) {
    CompletableFuture.runAsync(task, worker).orTimeout(10, TimeUnit.SECONDS).join();
  }

  /// An agent that writes nothing asks the object store for nothing, not even what others left.
  private void tidyIfUsed(ObjectStores objects, Flusher flusher, Executor blocking) {
    long written = flusher.committed();
    if (written != writtenWhenTidied) {
      writtenWhenTidied = written;
      objects.tidy(blocking);
    }
  }

  /// A log that failed is never used again. What it had acknowledged is flushed from memory if the
  /// stores are up; then this process ends, and the next one begins with a log that works.
  private void endIfLogFailed(WriteAheadLog wal, FlushSignal flushing, Leadership leadership) {
    var failure = wal.failure();
    if (failure == null) {
      return;
    }
    flushing.request();
    boolean flushed =
        leadership.all().stream()
            .allMatch(partition -> partition.committedEnd() >= partition.highWatermark());
    if (flushed || ++ticksSinceLogFailed > LOG_FAILED_TICKS) {
      die(new IllegalStateException(failure));
    }
  }

  /// Runs `task` again and again, `pause` after it has ended.
  private void every(ThreadLoop loop, Duration pause, Task task) {
    var _ =
        loop.after(
            pause,
            () -> {
              try {
                task.run();
              } catch (IOException | MetadataUnavailable failed) {
                log.warn("background task failed, it runs again why={}", failed.toString());
              }
              every(loop, pause, task);
            });
  }

  private static MergeOptions mergeOptions(AgentConfig config) {
    var merge = config.merge();
    return MergeOptions.of(
        merge.segmentBytes(),
        merge.segmentMaxBytes(),
        merge.bytesPerSecond(),
        merge.age(),
        config.flush().compression() == SegmentCompression.LZ4);
  }

  private static void merge(ThreadLoop loop, Merger merger) {
    var _ = loop.after(merger.step(), () -> merge(loop, merger));
  }

  private static void stopWriter(WriteAheadLog wal, Thread writer)
      throws IOException, InterruptedException {
    wal.shut();
    writer.join(DRAIN_LIMIT);
    wal.close();
  }

  /// Flushes what there is, then lets go of the log files that are not needed any more.
  private static void stopFlushing(
      FlushDriver flushing,
      WriteAheadLog wal,
      Recovery recovery,
      Leadership leadership,
      Duration limit)
      throws IOException {
    if (!flushing.finish(limit)) {
      log.warn("not everything could be flushed; the rest stays in the write-ahead log");
    }
    wal.trim(recovery.kept(leadership), true);
  }

  /// Where it listens, `host:port`, with the port in use.
  public List<String> listenAddresses() {
    return addresses;
  }

  /// Where it answers HTTP, `host:port`, with the port in use; empty if it does not.
  public Optional<String> httpAddress() {
    return httpAddress;
  }

  /// Whether it stopped by itself because others ended its session: then it can be started again.
  public boolean sessionOver() {
    return sessionOver;
  }

  /// Waits until the agent was closed, or stopped by itself.
  public void awaitStopped() throws InterruptedException {
    stopped.await();
  }

  private Runnable fatal(Runnable body) {
    return () -> {
      try {
        body.run();
      } catch (Throwable thrown) {
        die(thrown);
      }
    };
  }

  /// An error in the log, the flusher or the lease keeper: a dead owner is safer than a confused
  /// one. What was acknowledged is in the log, so nothing is lost by stopping at once.
  private void die(Throwable thrown) {
    log.error("the agent cannot go on", thrown);
    Runtime.getRuntime().halt(1);
  }

  /// Stops serving, flushes what it can in bounded time, and releases everything.
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    stopping = true;
    waitsFor = "stopping";
    while (!parts.isEmpty()) {
      var part = parts.pop();
      try {
        part.stop().close();
      } catch (Exception failed) {
        log.warn("stopping failed part={}", part.name(), failed);
      }
    }
    stopped.countDown();
  }
}
