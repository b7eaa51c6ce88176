package io.streamhouse.broker.sim;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.lease.Ownership;
import io.streamhouse.broker.lease.Session;
import io.streamhouse.broker.merge.MemoryScratch;
import io.streamhouse.broker.merge.MergeOptions;
import io.streamhouse.broker.merge.Merger;
import io.streamhouse.broker.partition.BackgroundWork;
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
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.broker.wal.AdoptedLog;
import io.streamhouse.broker.wal.WalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// One life of an agent's log: what the agent wires together and what dies with its process,
/// without threads. Whoever drives it takes the steps that threads would.
final class SimulatedAgent {

  static final Duration TIMEOUT = Duration.ofSeconds(10);
  static final Duration MARGIN = Duration.ofSeconds(1);

  final Session session;
  final WriteAheadLog wal;
  final Leadership leadership;
  final FlushSignal signal = new FlushSignal();
  final Flusher flusher;
  final Merger merger;
  final Recovery recovery;
  final TailBudget budget;
  private final TimeSource time;

  /// The newest image that was followed.
  Image image;

  /// Steps of uploads that a thread of the agent would take, in any order.
  final List<Runnable> blocking = new ArrayList<>();

  /// The metadata store as an agent reaches it.
  record Database(Leases leases, SegmentManifest manifest, TopicCatalog topics) {}

  /// Which agent this is.
  ///
  /// @param logs opens logs of others to read tails
  record Self(int nodeId, UUID walId, WalFiles disk, Function<UUID, @Nullable AdoptedLog> logs) {}

  /// @param trust what partitions believe of the session
  SimulatedAgent(
      Self self,
      Database database,
      ObjectStore store,
      WalOptions walOptions,
      Predicate<Topic> objectDurable,
      UnaryOperator<Ownership> trust,
      RandomGenerator random,
      TimeSource time)
      throws IOException, Session.NodeIdInUse {
    this.time = time;
    int tails = 1 << (12 + random.nextInt(5));
    budget = new TailBudget(tails, tails / 4);
    var incarnation = id(random);
    session =
        Session.begin(
            database.leases(),
            new NewSession(
                incarnation,
                OptionalInt.of(self.nodeId()),
                self.walId(),
                Optional.empty(),
                "",
                Map.of(),
                random.nextBoolean()),
            TIMEOUT,
            MARGIN,
            time);
    image = new Image("simulated", database.topics().image());
    var leases = new PartitionLeases(database.leases(), incarnation, self.walId());
    var cluster =
        new Leadership.Cluster(incarnation, self.walId(), objectDurable.negate(), _ -> false);
    recovery = Recovery.run(image, leases, cluster, _ -> false, self.disk(), walOptions, time);
    wal = recovery.wal();
    var ownership = trust.apply(session);
    var background =
        new BackgroundWork(
            database.manifest(),
            row -> ShownLog.open(row, store),
            Runnable::run,
            Runnable::run,
            leases,
            signal,
            Duration.ofDays(1),
            time);
    leadership =
        new Leadership(
            leases,
            cluster,
            self.logs(),
            (grant, tail, adopted, settings) ->
                new Partition(
                    grant, tail, adopted, settings, ownership, wal, budget, background, time),
            topic -> settings(objectDurable.test(topic)),
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
            database.manifest(),
            store,
            incarnation,
            () -> id(random),
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
            database.manifest(),
            store,
            new MemoryScratch(),
            incarnation,
            () -> id(random),
            time);
  }

  private static UUID id(RandomGenerator random) {
    return new UUID(random.nextLong(), random.nextLong());
  }

  static PartitionSettings settings(boolean objectDurable) {
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

  /// Takes one step of one upload, if there is any.
  void upload(RandomGenerator random) {
    if (!blocking.isEmpty()) {
      blocking.remove(random.nextInt(blocking.size())).run();
    }
  }

  /// What housekeeping looks at again and again.
  void tick() {
    budget.expireRecent(time.nanos());
    leadership.all().forEach(partition -> partition.tick(Duration.ofDays(1)));
  }

  void trim(boolean all) throws IOException {
    wal.trim(recovery.kept(leadership), all);
  }
}
