package io.streamhouse.metadata.db;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.metadata.CatalogImage.Owner;
import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.Registration;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.RandomIds;
import io.streamhouse.metadata.SegmentManifest.CommitResult;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.db.PostgresMetadata.Options;
import io.streamhouse.metadata.testing.PostgresServer;
import io.streamhouse.metadata.testing.TcpProxy;
import java.nio.ByteBuffer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The store, over a network and with a server that fail: what is sent again after an unknown
/// outcome happens once, nothing waits for ever, and all recovers by itself.
@Timeout(120)
class PostgresFaultTest {

  private static final int MOMENTS_AT_MOST = 200;

  private static PostgresServer server;
  private static PostgresStores stores;

  private final Random random = new Random(5);
  private final UUID incarnation = id();
  private final UUID walId = id();
  private TcpProxy proxy;
  private Options direct;
  private MetadataStore store;
  private UUID topicId;
  private List<Lease<PartitionId>> leases;

  @BeforeAll
  static void server() {
    server = PostgresServer.own();
    stores = new PostgresStores(server);
  }

  @AfterAll
  static void stopServer() {
    if (server != null) {
      server.close();
    }
  }

  private UUID id() {
    return RandomIds.next(random);
  }

  /// One connection, so that requests can be counted, and short time-outs, so that they are seen.
  private Options throughProxy(int connections) {
    return new Options(
        direct.url().replace(":" + server.port() + "/", ":" + proxy.port() + "/"),
        direct.user(),
        direct.password(),
        connections,
        Duration.ofSeconds(2),
        Duration.ofSeconds(1));
  }

  @BeforeEach
  void open() throws Exception {
    direct = stores.next();
    proxy = new TcpProxy(server.port());
    store = PostgresMetadata.open(throughProxy(1), random);
    store.leases().register(session(incarnation));
    topicId = ((CreateTopic.Created) store.topics().create("orders", 4, Map.of())).topic().id();
    leases = take();
  }

  @AfterEach
  void close() {
    if (store != null) {
      store.close();
    }
    proxy.close();
  }

  private NewSession session(UUID incarnation) {
    return new NewSession(
        incarnation, OptionalInt.of(1), walId, Optional.empty(), Map.of("PLAIN", "host:1"));
  }

  private List<Lease<PartitionId>> take() {
    var claims =
        IntStream.range(0, 4)
            .mapToObj(p -> new Claim(new PartitionId(topicId, p), true, false))
            .toList();
    return store.leases().take(incarnation, walId, claims, List.of()).stream()
        .map(result -> ((TakeResult.Taken) result).grant().lease())
        .toList();
  }

  private List<NewSegment> segments(long base) {
    return leases.stream()
        .map(lease -> new NewSegment(lease, lease.epoch(), base, base + 5, 0, 10, 5, 100))
        .toList();
  }

  /// Runs a transaction until it goes through, each time with the connection cut one moment later:
  /// before a request arrives, and before its answer does.
  ///
  /// @param round does one, given a number of its own
  private void cutAtEveryMoment(Round round) {
    var came = new AtomicBoolean();
    for (var moment = 0; moment < MOMENTS_AT_MOST; moment++) {
      // Makes the connection first: its making is no moment.
      store.topics().changes();
      var at = moment;
      round.run(
          at,
          transaction -> {
            proxy.cutAt(at);
            try {
              transaction.run();
              return true;
            } catch (MetadataUnavailable unknown) {
              return false;
            } finally {
              came.set(proxy.heal());
            }
          });
      if (!came.get()) {
        assertThat(moment).as("moments").isGreaterThan(4);
        return;
      }
    }
    throw new AssertionError("never went through");
  }

  private interface Round {
    void run(int number, Attempt attempt);
  }

  private interface Attempt {
    boolean made(Runnable transaction);
  }

  @Test
  void aCommitCutAtAnyMomentAndSentAgainHappensOnce() {
    cutAtEveryMoment((round, attempt) -> {
      var base = round * 5L;
      var object = id();
      store.manifest().registerObject(incarnation, object, "key-" + round);
      attempt.made(() -> store.manifest().commit(object, segments(base)));
      assertThat(store.manifest().commit(object, segments(base)))
          .hasSize(4)
          .containsOnly(new CommitResult.Committed(base + 5));
      for (var lease : leases) {
        assertThat(store.manifest().segments(lease.key(), 0, 1000)).hasSize(round + 1);
      }
    });
  }

  @Test
  void aCommitCutAndThenFencedIsNotRepeatedAsCommitted() {
    cutAtEveryMoment((round, attempt) -> {
      var before = store.manifest().segments(leases.getFirst().key(), 0, 1000);
      var base = before.isEmpty() ? 0 : before.getLast().endOffset();
      var object = id();
      var sent = segments(base);
      store.manifest().registerObject(incarnation, object, "key-" + round);
      attempt.made(() -> store.manifest().commit(object, sent));
      leases = take();
      var happened = store.manifest().segments(leases.getFirst().key(), base, 10).size() == 1;
      assertThat(store.manifest().commit(object, sent))
          .containsOnly(
              happened ? new CommitResult.Committed(base + 5) : new CommitResult.Fenced());
      assertThat(store.manifest().segments(leases.getFirst().key(), base, 10))
          .hasSize(happened ? 1 : 0);
    });
  }

  @Test
  void aTakeCutAtAnyMomentAndSentAgainIsTaken() {
    cutAtEveryMoment((_, attempt) -> {
      var before = leases.getFirst().epoch();
      attempt.made(this::take);
      leases = take();
      assertThat(leases.getFirst().epoch()).isBetween(before + 1, before + 2);
      assertThat(store.topics().image().owners())
          .containsEntry(
              leases.getFirst().key(), new Owner(incarnation, leases.getFirst().epoch()));
    });
  }

  @Test
  void aRegistrationCutAtAnyMomentAndSentAgainIsRegistered() {
    cutAtEveryMoment((_, attempt) -> {
      var session = session(id());
      attempt.made(() -> store.leases().register(session));
      assertThat(store.leases().register(session))
          .isEqualTo(new Registration.Registered(session.incarnation(), 1));
      assertThat(store.leases().sessions()).hasSize(1);
    });
  }

  @Test
  void anAssignmentCutAtAnyMomentAndSentAgainIsTheSame() {
    cutAtEveryMoment((_, attempt) -> {
      var session =
          new NewSession(id(), OptionalInt.empty(), walId, Optional.empty(), Map.of("A", "b:1"));
      attempt.made(() -> store.leases().register(session));
      assertThat(store.leases().register(session))
          .isEqualTo(new Registration.Registered(session.incarnation(), 1));
      assertThat(store.leases().sessions()).hasSize(1);
    });
  }

  @Test
  void offsetsCutAtAnyMomentAndSentAgainAreCommitted() {
    var shard = store.leases().takeShards(incarnation, List.of(0)).getFirst();
    cutAtEveryMoment((round, attempt) -> {
      var offsets =
          Map.of(
              new PartitionId(topicId, 0),
              new CommittedOffset(round, Optional.empty(), null, 1),
              new PartitionId(topicId, 1),
              new CommittedOffset(round, Optional.empty(), "m", 1));
      attempt.made(() -> store.groups().commitOffsets(shard, "g", offsets));
      assertThat(store.groups().commitOffsets(shard, "g", offsets)).isTrue();
      assertThat(store.groups().load(shard).getFirst().offsets()).isEqualTo(offsets);
    });
  }

  @Test
  void aTopicCutInItsMakingIsThereWholeOrNotAtAll() {
    cutAtEveryMoment((round, attempt) -> {
      var name = "topic-" + round;
      var made = attempt.made(() -> store.topics().create(name, 3, Map.of("a", "b")));
      var again = store.topics().create(name, 3, Map.of("a", "b"));
      if (made) {
        assertThat(again).isInstanceOf(CreateTopic.Exists.class);
      }
      var topic =
          switch (again) {
            case CreateTopic.Created(var created) -> created;
            case CreateTopic.Exists(var present) -> present;
          };
      assertThat(topic.configs()).isEqualTo(Map.of("a", "b"));
      var claims = List.of(new Claim(new PartitionId(topic.id(), 2), true, false));
      assertThat(store.leases().take(incarnation, walId, claims, List.of()).getFirst())
          .isInstanceOf(TakeResult.Taken.class);
    });
  }

  @Test
  void aDatabaseThatSaysNothingEndsInATimeOut() {
    proxy.silence(true);
    var began = System.nanoTime();
    assertThatThrownBy(() -> store.topics().image()).isInstanceOf(MetadataUnavailable.class);
    assertThatThrownBy(() -> store.leases().renew(incarnation))
        .isInstanceOf(MetadataUnavailable.class);
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(12));
    proxy.silence(false);
    assertThat(whenReached(() -> store.leases().renew(incarnation))).isTrue();
  }

  @Test
  void connectionsThatDiedInThePoolAreReplacedAtOnce() throws Exception {
    try (var many = PostgresMetadata.open(throughProxy(8), random);
        var threads = Executors.newFixedThreadPool(8)) {
      var all = new CountDownLatch(8);
      var opened = new ArrayList<CompletableFuture<?>>();
      for (var i = 0; i < 8; i++) {
        opened.add(
            CompletableFuture.runAsync(
                () -> {
                  all.countDown();
                  many.topics().image();
                },
                threads));
      }
      CompletableFuture.allOf(opened.toArray(CompletableFuture[]::new)).join();
      proxy.cut();
      // One may be lost with a connection that was just used; then its siblings are gone as well.
      var lost = 0;
      for (var i = 0; i < 8; i++) {
        try {
          many.topics().changes();
        } catch (MetadataUnavailable e) {
          lost++;
        }
      }
      assertThat(lost).isLessThanOrEqualTo(1);
    }
  }

  @Test
  void aServerThatStopsAndStartsIsFoundAgain() throws Exception {
    var object = id();
    store.manifest().registerObject(incarnation, object, "key");
    server.crash();
    try {
      assertThatThrownBy(() -> store.manifest().commit(object, segments(0)))
          .isInstanceOf(MetadataUnavailable.class);
      assertThatThrownBy(() -> store.leases().renew(incarnation))
          .isInstanceOf(MetadataUnavailable.class)
          .hasMessageContaining("no connection to the database: The connection attempt failed");
    } finally {
      server.start();
    }
    assertThat(whenReached(() -> store.manifest().commit(object, segments(0))))
        .containsOnly(new CommitResult.Committed(5));
    assertThat(store.leases().renew(incarnation)).isTrue();
    assertThat(store.topics().image().owners()).hasSize(4);
  }

  /// Tries again until the pool has a connection, each time as long as the pool waits for one.
  private static <T> T whenReached(Supplier<T> transaction) {
    for (var tries = 1; ; tries++) {
      try {
        return transaction.get();
      } catch (MetadataUnavailable e) {
        if (tries == 10) {
          throw e;
        }
      }
    }
  }

  /// A transaction outside the store that holds a row.
  private Connection holding(String statement) throws SQLException {
    var connection = new PostgresConnections(direct).getConnection();
    connection.setAutoCommit(false);
    try (var hold = connection.createStatement()) {
      hold.execute(statement);
    }
    return connection;
  }

  @Test
  void aRowLockedForTooLongIsATimeOutThatNamesTheLock() throws Exception {
    try (var holder = holding("select * from partitions for update")) {
      assertThatThrownBy(this::take)
          .isInstanceOf(MetadataUnavailable.class)
          .hasMessageContaining("lock timeout");
      holder.rollback();
    }
    leases = take();
  }

  @Test
  void aTransactionThatStopsInTheMiddleLosesItsLocks() throws Exception {
    var short_ =
        new Options(
            direct.url(),
            direct.user(),
            direct.password(),
            1,
            Duration.ofSeconds(2),
            Duration.ofMillis(500));
    try (var hung = new PostgresConnections(short_).getConnection()) {
      hung.setAutoCommit(false);
      try (var hold = hung.createStatement()) {
        hold.execute("select * from partitions for update");
      }
      // Waits for the lock; the server ends the transaction that has it.
      leases = take();
    }
  }

  @Test
  void openTransactionsElsewhereHoldUpNoReader() throws Exception {
    try (var holder = holding("update partitions set log_start = 0")) {
      assertThat(store.topics().image().owners()).hasSize(4);
      assertThat(store.manifest().segments(leases.getFirst().key(), 0, 10)).isEmpty();
      holder.rollback();
    }
  }

  @Test
  void deadlocksAreRunAgainWithoutTheCallerKnowing() throws Exception {
    server.execute(
        "jdbc:postgresql://127.0.0.1:" + server.port() + "/postgres",
        "alter system set deadlock_timeout = '50ms'",
        "select pg_reload_conf()");
    var last = leases.getLast().key().partition();
    var first = leases.getFirst().key().partition();
    try (var other = holding("select * from partitions where partition = " + last + " for update");
        var threads = Executors.newSingleThreadExecutor()) {
      var taken = threads.submit(this::take);
      awaitWaiter();
      // The other order: one of the two is the victim, most often the one that closes the circle.
      try (var statement = other.createStatement()) {
        statement.execute("select * from partitions where partition = " + first + " for update");
      } catch (SQLException victim) {
        assertThat(victim.getSQLState()).isEqualTo("40P01");
      }
      other.rollback();
      assertThat(taken.get(20, TimeUnit.SECONDS)).hasSize(4);
    }
  }

  private void awaitWaiter() throws Exception {
    try (var connection = new PostgresConnections(direct).getConnection();
        var statement = connection.createStatement()) {
      for (var tries = 0; tries < 10_000; tries++) {
        try (var row = statement.executeQuery("select count(*) from pg_locks where not granted")) {
          row.next();
          if (row.getInt(1) > 0) {
            return;
          }
        }
      }
    }
    throw new AssertionError("nobody waits");
  }

  @Test
  void whatWasRolledBackBecauseOfOthersIsTriedABoundedNumberOfTimes() throws Exception {
    server.execute(
        direct.url(),
        """
        create function refuse() returns trigger language plpgsql as $$
        begin
          perform nextval('attempts');
          raise exception 'not now' using errcode = '40001';
        end $$
        """,
        "create sequence attempts",
        "create trigger refuse before insert on topics for each row execute function refuse()");
    assertThatThrownBy(() -> store.topics().create("refused", 1, Map.of()))
        .isInstanceOf(MetadataUnavailable.class)
        .hasMessageContaining("rolled back 6 times")
        .hasMessageContaining("not now");
    assertThat(number("select last_value from attempts")).isEqualTo(6);
  }

  private long number(String query) throws SQLException {
    try (var connection = new PostgresConnections(direct).getConnection();
        var statement = connection.createStatement();
        var row = statement.executeQuery(query)) {
      row.next();
      return row.getLong(1);
    }
  }

  @Test
  void changesElsewhereAreHeardOfAlsoAfterTheConnectionWasLost() throws Exception {
    var heard = new Semaphore(0);
    try (var listener = PostgresMetadata.open(throughProxy(2), random)) {
      listener.watch(heard::release);
      assertThat(heard.tryAcquire(10, TimeUnit.SECONDS)).as("listening").isTrue();
      heard.drainPermits();
      store.topics().create("heard", 1, Map.of());
      assertThat(heard.tryAcquire(2, TimeUnit.SECONDS)).as("notified, not polled").isTrue();

      proxy.refuse(true);
      try (var elsewhere = PostgresMetadata.open(direct, random)) {
        elsewhere.topics().create("missed", 1, Map.of());
      }
      heard.drainPermits();
      proxy.refuse(false);
      assertThat(heard.tryAcquire(20, TimeUnit.SECONDS)).as("connected again").isTrue();
    }
  }

  @Test
  void renewalsAndSegmentsNotifyNobody() throws Exception {
    var heard = new Semaphore(0);
    try (var listener = PostgresMetadata.open(throughProxy(2), random)) {
      listener.watch(heard::release);
      assertThat(heard.tryAcquire(10, TimeUnit.SECONDS)).isTrue();
      heard.drainPermits();
      store.leases().renew(incarnation);
      var object = id();
      store.manifest().registerObject(incarnation, object, "key");
      store.manifest().commit(object, segments(0));
      var shard = store.leases().takeShards(incarnation, List.of(0)).getFirst();
      store.groups().save(shard, "g", ByteBuffer.wrap(new byte[] {1}));
      // Notifications arrive in order: this is the first.
      store.topics().create("heard", 1, Map.of());
      assertThat(heard.tryAcquire(2, TimeUnit.SECONDS)).isTrue();
      assertThat(heard.availablePermits()).isZero();
    }
  }

  @Test
  void aServerThatDoesNotSyncIsRefused() throws Exception {
    try (var careless = PostgresServer.own()) {
      var url = careless.newDatabase();
      careless.execute(url, "alter system set fsync = off", "select pg_reload_conf()");
      // The server reads its settings when it comes to it.
      assertThatThrownBy(
              () -> {
                for (var tries = 0; tries < 500; tries++) {
                  PostgresMetadata.open(PostgresStores.options(careless, url, 2), random).close();
                }
              })
          .isInstanceOf(MetadataUnavailable.class)
          .hasMessageContaining("fsync=off");
    }
  }

  @Test
  void commitsAreSyncedWhateverTheDatabasesDefaultIs() throws Exception {
    var name = PostgresServer.name(direct.url());
    server.execute(direct.url(), "alter database " + name + " set synchronous_commit = off");
    try (var connection = new PostgresConnections(direct).getConnection();
        var statement = connection.createStatement();
        var row = statement.executeQuery("show synchronous_commit")) {
      row.next();
      assertThat(row.getString(1)).isEqualTo("on");
    }
    server.execute(
        direct.url(), "alter database " + name + " set synchronous_commit = remote_apply");
    try (var connection = new PostgresConnections(direct).getConnection();
        var statement = connection.createStatement();
        var row = statement.executeQuery("show synchronous_commit")) {
      row.next();
      assertThat(row.getString(1)).isEqualTo("remote_apply");
    }
  }

  @Test
  void agentsThatStartTogetherMakeOneSchema() throws Exception {
    var url = server.newDatabase();
    try (var threads = Executors.newFixedThreadPool(4)) {
      var opened =
          threads.invokeAll(
              IntStream.range(0, 4)
                  .<java.util.concurrent.Callable<String>>mapToObj(i ->
                      () -> {
                        var options = PostgresStores.options(server, url, 2);
                        try (var one = PostgresMetadata.open(options, new Random(i))) {
                          return one.clusterId();
                        }
                      })
                  .toList());
      var ids = new ArrayList<String>();
      for (var one : opened) {
        try {
          ids.add(one.get());
        } catch (ExecutionException e) {
          throw new AssertionError(e.getCause());
        }
      }
      assertThat(ids).hasSize(4).containsOnly(ids.getFirst());
    }
  }

  @Test
  void aMigrationDoesNotWaitForATableLongerThanItsLockTimeOut() throws Exception {
    try (var connection = new PostgresConnections(direct).forMigrations().getConnection();
        var statement = connection.createStatement();
        var row = statement.executeQuery("show lock_timeout")) {
      row.next();
      assertThat(row.getString(1)).isEqualTo("5s");
    }
  }

  @Test
  void hotTablesHaveRoomInTheirPagesAndAnEarlyVacuum() throws Exception {
    for (var table : List.of("partitions", "agents", "counters", "consumer_offsets", "objects")) {
      assertThat(
              number(
                  "select count(*) from pg_class, unnest(reloptions) as option where relname = '"
                      + table
                      + "' and (option like 'fillfactor=%'"
                      + " or option like 'autovacuum_vacuum_threshold=%')"))
          .as(table)
          .isEqualTo(2);
    }
  }
}
