package io.streamhouse.broker;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.CatalogImage;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.Registration;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.db.PostgresMetadata;
import io.streamhouse.metadata.testing.PostgresServer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Several agents on one database and one object store, with stock clients. What only processes can
/// suffer, kills and pauses, is in the compatibility tests.
@Timeout(120)
class ClusterTest {

  private static final int PARTITIONS = 8;

  @TempDir private Path directory;

  private final PostgresServer server = PostgresServer.shared();
  private final String url;
  private final Map<Integer, Agent> agents = new TreeMap<>();

  ClusterTest() throws SQLException {
    url = server.newDatabase();
  }

  @AfterEach
  void stop() {
    agents.values().forEach(Agent::close);
  }

  private Agent start(int nodeId, Map<String, String> settings) throws StartFailure {
    var properties = new HashMap<String, String>();
    properties.put("node.id", Integer.toString(nodeId));
    properties.put("streamhouse.data.dir", directory.resolve("agent" + nodeId).toString());
    properties.put("streamhouse.object.store", directory.resolve("objects").toString());
    properties.put("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.put("streamhouse.http.listener", "127.0.0.1:0");
    properties.put("streamhouse.metadata.url", url);
    properties.put("streamhouse.session.timeout.ms", "3000");
    properties.put("streamhouse.session.renew.ms", "500");
    properties.put("group.initial.rebalance.delay.ms", "0");
    server.user().ifPresent(user -> properties.put("streamhouse.metadata.user", user));
    server.password().ifPresent(text -> properties.put("streamhouse.metadata.password", text));
    properties.putAll(settings);
    var agent =
        switch (AgentConfig.read(properties)) {
          case AgentConfig.Reading.Valid(var config) -> Agent.start(config, TimeSource.system());
          case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
        };
    agents.put(nodeId, agent);
    return agent;
  }

  private void stop(int nodeId) {
    var agent = agents.remove(nodeId);
    assertThat(agent).isNotNull();
    agent.close();
  }

  private String bootstrap() {
    return agents.values().stream()
        .map(agent -> agent.listenAddresses().getFirst())
        .collect(Collectors.joining(","));
  }

  /// Ends an agent's session as another one would that has not heard of it for long.
  private void declareDead(int nodeId) {
    try (var store = beside()) {
      await()
          .until(() ->
              store.leases().sessions().stream()
                  .filter(session -> session.nodeId() == nodeId)
                  .anyMatch(session ->
                      store.leases().declareDead(session.incarnation(), session.renewals())));
    }
  }

  /// The database, as another agent sees it.
  private MetadataStore beside() {
    return beside(url);
  }

  private MetadataStore beside(String url) {
    var second = Duration.ofSeconds(1);
    return PostgresMetadata.open(
        new PostgresMetadata.Options(
            url, server.user(), server.password(), 2, second, second.multipliedBy(5)),
        new Random(1));
  }

  private Admin admin() {
    return Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrap()));
  }

  private void createTopic(Map<String, String> configs) throws Exception {
    try (var admin = admin()) {
      admin
          .createTopics(List.of(new NewTopic("t", PARTITIONS, (short) 1).configs(configs)))
          .all()
          .get();
    }
  }

  /// The node that leads each partition, as a client is told.
  private Map<Integer, Integer> leaders() throws ExecutionException, InterruptedException {
    try (var admin = admin()) {
      return requireNonNull(admin.describeTopics(List.of("t")).allTopicNames().get().get("t"))
          .partitions()
          .stream()
          .collect(Collectors.toMap(TopicPartitionInfo::partition, info -> info.leader().id()));
    }
  }

  private void awaitLeaders(Set<Integer> nodes) {
    await()
        .atMost(20, SECONDS)
        .ignoreExceptions()
        .until(() -> Set.copyOf(leaders().values()).equals(nodes));
  }

  /// One record to each partition, acknowledged.
  private void produce(String value) throws Exception {
    try (var producer =
        new KafkaProducer<>(
            Map.<String, Object>of("bootstrap.servers", bootstrap(), "linger.ms", 0),
            new StringSerializer(),
            new StringSerializer())) {
      var sent =
          Stream.iterate(0, i -> i < PARTITIONS, i -> i + 1)
              .map(i -> producer.send(new ProducerRecord<>("t", i, null, value + i)))
              .toList();
      for (var one : sent) {
        one.get(30, SECONDS);
      }
    }
  }

  private Map<Integer, List<String>> consume(int count) {
    var values = new TreeMap<Integer, List<String>>();
    try (var consumer =
        new KafkaConsumer<>(
            Map.<String, Object>of("bootstrap.servers", bootstrap()),
            new StringDeserializer(),
            new StringDeserializer())) {
      var partitions = new ArrayList<TopicPartition>();
      for (int i = 0; i < PARTITIONS; i++) {
        partitions.add(new TopicPartition("t", i));
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      int seen = 0;
      for (int polls = 0; seen < count && polls < 150; polls++) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          values.computeIfAbsent(record.partition(), _ -> new ArrayList<>()).add(record.value());
          seen++;
        }
      }
    }
    return values;
  }

  private static Map<Integer, List<String>> all(String... values) {
    var expected = new TreeMap<Integer, List<String>>();
    for (int i = 0; i < PARTITIONS; i++) {
      int partition = i;
      expected.put(i, Stream.of(values).map(value -> value + partition).toList());
    }
    return expected;
  }

  @Test
  void agentsShareWhatThereIsToLead() throws Exception {
    start(1, Map.of());
    start(2, Map.of());
    createTopic(Map.of());
    awaitLeaders(Set.of(1, 2));
    produce("a");
    assertThat(consume(PARTITIONS)).isEqualTo(all("a"));
  }

  @Test
  void anAgentThatComesIsGivenItsShare() throws Exception {
    start(1, Map.of());
    createTopic(Map.of("streamhouse.durability", "local"));
    produce("a");
    start(2, Map.of());
    awaitLeaders(Set.of(1, 2));
    produce("b");
    assertThat(consume(2 * PARTITIONS)).isEqualTo(all("a", "b"));
  }

  @Test
  void anAgentThatStopsLeavesNothingInItsLog() throws Exception {
    start(1, Map.of());
    start(2, Map.of());
    createTopic(Map.of("streamhouse.durability", "local"));
    awaitLeaders(Set.of(1, 2));
    produce("a");
    stop(2);
    awaitLeaders(Set.of(1));
    produce("b");
    assertThat(consume(2 * PARTITIONS)).isEqualTo(all("a", "b"));
  }

  @Test
  void aDrainedNodeLeadsNothingWhenItIsStartedAgainEither() throws Exception {
    start(1, Map.of());
    start(2, Map.of());
    createTopic(Map.of());
    awaitLeaders(Set.of(1, 2));
    try (var store = beside()) {
      store.leases().drain(2, true);
      awaitLeaders(Set.of(1));
      stop(2);
      start(2, Map.of());
      // What it led before would have come back to it with the partitions of this topic.
      try (var admin = admin()) {
        admin.createTopics(List.of(new NewTopic("u", PARTITIONS, (short) 1))).all().get();
      }
      var image = store.topics().image();
      assertThat(image.agents()).extracting(LiveAgent::nodeId).containsExactly(1, 2);
      assertThat(image.owners())
          .hasSize(2 * PARTITIONS)
          .allSatisfy((_, owner) ->
              assertThat(owner.incarnation()).isEqualTo(image.agents().getFirst().incarnation()));
      store.leases().drain(2, false);
      awaitLeaders(Set.of(1, 2));
    }
    produce("a");
    assertThat(consume(PARTITIONS)).isEqualTo(all("a"));
  }

  @Test
  void sessionsAndLeasesGoOnWithAStandbyOfTheDatabase() throws Exception {
    try (var primary = PostgresServer.own();
        var standby = primary.standby()) {
      var database = PostgresServer.name(primary.newDatabase());
      var both =
          "jdbc:postgresql://127.0.0.1:%d,127.0.0.1:%d/%s?targetServerType=primary"
              .formatted(primary.port(), standby.port(), database);
      // The user of either; no time-out, so that a slow machine ends no session.
      var settings =
          Map.of(
              "streamhouse.metadata.url",
              both,
              "streamhouse.metadata.user",
              primary.user().orElseThrow(),
              "streamhouse.session.timeout.ms",
              "30000");
      start(1, settings);
      start(2, settings);
      createTopic(Map.of());
      awaitLeaders(Set.of(1, 2));
      produce("a");
      CatalogImage before;
      try (var store = beside(both)) {
        before = store.topics().image();
      }
      primary.crash();
      standby.promote();
      produce("b");
      try (var store = beside(both)) {
        var after = store.topics().image();
        assertThat(after.agents()).isEqualTo(before.agents());
        assertThat(after.owners()).isEqualTo(before.owners());
      }
      assertThat(consume(2 * PARTITIONS)).isEqualTo(all("a", "b"));
      stop(1);
      stop(2);
    }
  }

  @Test
  void whatAnAgentLedGoesToTheOthersWhenItsSessionIsOver() throws Exception {
    start(1, Map.of());
    var second = start(2, Map.of());
    createTopic(Map.of());
    awaitLeaders(Set.of(1, 2));
    produce("a");
    declareDead(2);
    await().atMost(10, SECONDS).until(second::sessionOver);
    stop(2);
    awaitLeaders(Set.of(1));
    produce("b");
    assertThat(consume(2 * PARTITIONS)).isEqualTo(all("a", "b"));
  }

  @Test
  void tailsInALogOnASharedVolumeAreAdopted() throws Exception {
    var shared =
        Map.of(
            "streamhouse.wal.shared.dir",
            directory.resolve("logs").toString(),
            "streamhouse.flush.interval.ms",
            "3600000");
    start(1, shared);
    var second = start(2, shared);
    createTopic(Map.of("streamhouse.durability", "local"));
    awaitLeaders(Set.of(1, 2));
    produce("a");
    declareDead(2);
    await().atMost(10, SECONDS).until(second::sessionOver);
    stop(2);
    awaitLeaders(Set.of(1));
    produce("b");
    assertThat(consume(2 * PARTITIONS)).isEqualTo(all("a", "b"));
    // Its log is looked for where it was, and nowhere else.
    assertThatThrownBy(() -> start(2, Map.of()))
        .hasMessageContaining("start once with streamhouse.wal.shared.dir as it was");
    // And the one that comes back finds nothing of its own that counts.
    start(2, shared);
    awaitLeaders(Set.of(1, 2));
    produce("c");
    assertThat(consume(3 * PARTITIONS)).isEqualTo(all("a", "b", "c"));
  }

  @Test
  void tailsInTheLogOfAnAgentThatIsAwayAreWaitedFor() throws Exception {
    var settings = Map.of("streamhouse.flush.interval.ms", "3600000");
    start(1, settings);
    var second = start(2, settings);
    createTopic(Map.of("streamhouse.durability", "local"));
    awaitLeaders(Set.of(1, 2));
    produce("a");
    var before = leaders();
    declareDead(2);
    await().atMost(10, SECONDS).until(second::sessionOver);
    stop(2);
    // Its own records are served by the first, the others' are with their agent.
    start(2, settings);
    awaitLeaders(Set.of(1, 2));
    assertThat(leaders()).isEqualTo(before);
    produce("b");
    assertThat(consume(2 * PARTITIONS)).isEqualTo(all("a", "b"));
  }

  @Test
  void whatIsCommittedIsReadWhileTheRestIsWaitedFor() throws Exception {
    start(1, Map.of("streamhouse.flush.interval.ms", "100"));
    createTopic(Map.of("streamhouse.durability", "local"));
    produce("a");
    awaitCommitted();
    int theirs = leadAndDie();

    assertThat(consume(PARTITIONS)).isEqualTo(all("a"));
    // Nobody is told that there is no more: what follows is with the agent that is away.
    var partition = new TopicPartition("t", theirs);
    try (var consumer =
        new KafkaConsumer<>(
            Map.<String, Object>of("bootstrap.servers", bootstrap(), "auto.offset.reset", "none"),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, 2);
      assertThat(consumer.poll(Duration.ofMillis(1500))).isEmpty();
      assertThatThrownBy(() -> consumer.endOffsets(List.of(partition), Duration.ofSeconds(1)))
          .isInstanceOf(TimeoutException.class);
    }
    try (var producer =
        new KafkaProducer<>(
            Map.<String, Object>of(
                "bootstrap.servers",
                bootstrap(),
                "linger.ms",
                0,
                "request.timeout.ms",
                1000,
                "delivery.timeout.ms",
                1500),
            new StringSerializer(),
            new StringSerializer())) {
      var sent = producer.send(new ProducerRecord<>("t", theirs, null, "lost"));
      assertThatThrownBy(sent::get).hasCauseInstanceOf(RetriableException.class);
    }
  }

  @Test
  void aTailThatIsAwayIsGivenUpWhereThatIsAllowed() throws Exception {
    var agent = start(1, Map.of("streamhouse.flush.interval.ms", "100"));
    createTopic(Map.of("streamhouse.durability", "local"));
    produce("a");
    awaitCommitted();
    var _ = leadAndDie();
    await().atMost(10, SECONDS).until(() -> metric(agent, "partitions_waiting") > 0);
    long waiting = metric(agent, "partitions_waiting");
    assertThat(metric(agent, "tails_lost_total")).isZero();

    try (var admin = admin()) {
      var unclean = new ConfigEntry("unclean.leader.election.enable", "true");
      admin
          .incrementalAlterConfigs(
              Map.of(
                  new ConfigResource(ConfigResource.Type.TOPIC, "t"),
                  List.of(new AlterConfigOp(unclean, AlterConfigOp.OpType.SET))))
          .all()
          .get(30, SECONDS);
    }
    produce("b");
    assertThat(consume(2 * PARTITIONS)).isEqualTo(all("a", "b"));
    assertThat(metric(agent, "tails_lost_total")).isEqualTo(waiting);
    assertThat(metric(agent, "partitions_waiting")).isZero();
  }

  private static long metric(Agent agent, String name) throws Exception {
    try (var client = HttpClient.newHttpClient()) {
      var page = URI.create("http://" + agent.httpAddress().orElseThrow() + "/metrics");
      var body = client.send(HttpRequest.newBuilder(page).build(), BodyHandlers.ofString()).body();
      return body.lines()
          .filter(line -> line.startsWith("streamhouse_" + name + " "))
          .mapToLong(line -> (long) Double.parseDouble(line.substring(line.indexOf(' '))))
          .findFirst()
          .orElseThrow();
    }
  }

  /// Takes what is placed with an agent that is not there, as that agent would, and dies.
  ///
  /// @return one of its partitions
  private int leadAndDie() {
    var incarnation = new UUID(3, 3);
    var wal = new UUID(4, 4);
    try (var store = beside()) {
      var session = new NewSession(incarnation, OptionalInt.of(3), wal, Optional.empty(), Map.of());
      assertThat(store.leases().register(session)).isInstanceOf(Registration.Registered.class);
      // The first agent hands them over.
      await().atMost(2, SECONDS).until(() -> store.topics().image().owners().size() < PARTITIONS);
      var image = store.topics().image();
      var topic = image.topics().getFirst();
      var claims =
          IntStream.range(0, PARTITIONS)
              .mapToObj(i -> new PartitionId(topic.id(), i))
              .filter(id -> !image.owners().containsKey(id))
              .map(id -> new Claim(id, true, false))
              .toList();
      assertThat(store.leases().take(incarnation, wal, claims, List.of(wal)))
          .allMatch(result -> result instanceof TakeResult.Taken);
      assertThat(store.leases().declareDead(incarnation, 0)).isTrue();
      return claims.getFirst().partition().partition();
    }
  }

  /// Until every partition's first record is in a segment.
  private void awaitCommitted() {
    try (var store = beside()) {
      await()
          .atMost(20, SECONDS)
          .until(() ->
              store.audit().partitions(Optional.empty(), 100).stream()
                  .allMatch(row -> row.committedEnd() == 1));
    }
  }

  @Test
  void committedOffsetsAreWithWhoeverCoordinates() throws Exception {
    start(1, Map.of());
    start(2, Map.of());
    createTopic(Map.of());
    var groups = new HashSet<String>();
    for (int i = 0; i < 20; i++) {
      groups.add("g" + i);
    }
    try (var admin = admin()) {
      for (var group : groups) {
        admin
            .alterConsumerGroupOffsets(
                group, Map.of(new TopicPartition("t", 0), new OffsetAndMetadata(7)))
            .all()
            .get();
      }
      var coordinators = new HashSet<Integer>();
      for (var described : admin.describeConsumerGroups(groups).all().get().values()) {
        coordinators.add(described.coordinator().id());
      }
      assertThat(coordinators).isEqualTo(Set.of(1, 2));
    }
    stop(1);
    try (var admin = admin()) {
      // An admin client waits long for an agent that it was told of before it went.
      await().atMost(10, SECONDS).until(() -> admin.describeCluster().nodes().get().size() == 1);
    }
    try (var admin = admin()) {
      for (var group : groups) {
        var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        assertThat(offsets.values())
            .containsExactly(new OffsetAndMetadata(7, Optional.empty(), ""));
      }
      assertThat(admin.listGroups().all().get()).hasSize(groups.size());
    }
  }
}
