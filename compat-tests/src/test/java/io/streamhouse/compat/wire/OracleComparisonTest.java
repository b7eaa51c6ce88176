package io.streamhouse.compat.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.OracleKafka;
import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.Servers;
import io.streamhouse.compat.Topics;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// The same raw requests to Apache Kafka and to StreamHouse: the answers are the same, field by
/// field, or the difference is listed here with its reason.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OracleComparisonTest {

  /// A difference that is meant.
  ///
  /// @param path of the field, as [Flattened] names it; `answer` for whether there is one
  record Difference(Pattern name, Pattern path, String reason) {

    Difference(String name, String path, String reason) {
      this(Pattern.compile(name), Pattern.compile(path), reason);
    }

    boolean covers(String caseName, String field) {
      return name.matcher(caseName).matches() && path.matcher(field).matches();
    }
  }

  private static final Map<String, String> CONFIG =
      Map.of(
          "node.id",
          "1",
          "auto.create.topics.enable",
          "false",
          "group.consumer.assignment.interval.ms",
          "0");

  /// Loading, not available, not here.
  private static final List<String> COORDINATOR_ERRORS = List.of("14", "15", "16");

  private static final Set<ApiKeys> CHANGES =
      Set.of(
          ApiKeys.CREATE_TOPICS,
          ApiKeys.DELETE_TOPICS,
          ApiKeys.CREATE_PARTITIONS,
          ApiKeys.ALTER_CONFIGS,
          ApiKeys.INCREMENTAL_ALTER_CONFIGS);

  /// A value that nothing else in an answer has.
  private static final long FIRST_MARK = 700_000_000L;

  @TempDir static Path directory;

  private ServerUnderTest oracle;
  private ServerUnderTest server;
  private long marks;

  @BeforeAll
  void start() throws IOException {
    var kits = Kits.find();
    oracle = new OracleKafka(kits, directory.resolve("oracle"), CONFIG);
    server = Servers.chosen().create(kits, directory.resolve("server"), CONFIG);
    for (var each : List.of(oracle, server)) {
      each.start();
      Cases.TOPICS.forEach((topic, partitions) ->
          Topics.create(each, topic, partitions, Cases.CONFIGS.getOrDefault(topic, Map.of())));
      awaitPartitions(each);
      try (var connection = new RawConnection(each.port())) {
        for (var batch :
            List.of(
                Requests.batch(Cases.TIME, Cases.TIME + 1000), Requests.batch(Cases.TIME + 2000))) {
          connection.exchange(ApiKeys.PRODUCE, (short) 9, Requests.produce(-1, "log", 0, batch));
        }
      }
    }
  }

  /// Kafka's broker learns of partitions a little after its controller has created them.
  private static void awaitPartitions(ServerUnderTest server) {
    Cases.TOPICS.forEach((topic, partitions) -> {
      for (int partition = 0; partition < partitions; partition++) {
        var request = Requests.listOffsets(topic, partition, -1);
        String error = "topics[%s].partitions[%d].error_code".formatted(topic, partition);
        await(server.name() + ", " + error)
            .pollInterval(Duration.ofMillis(20))
            .until(() -> "0".equals(ask(server, ApiKeys.LIST_OFFSETS, 7, request).get(error)));
      }
    });
  }

  @AfterAll
  void stop() {
    // Either is null where starting the other failed.
    if (server != null) {
      server.close();
    }
    if (oracle != null) {
      oracle.close();
    }
  }

  @Test
  void answersAreThoseOfApacheKafka() throws IOException {
    var cases = Cases.all();
    long now = System.currentTimeMillis();
    var theirs = answers(oracle, cases, now);
    var ours = answers(server, cases, now);

    var unexpected = new ArrayList<String>();
    var used = new HashSet<Difference>();
    for (int i = 0; i < cases.size(); i++) {
      String name = cases.get(i).name();
      var fields = new TreeSet<>(theirs.get(i).keySet());
      fields.addAll(ours.get(i).keySet());
      for (String field : fields) {
        String expected = theirs.get(i).getOrDefault(field, "absent");
        String actual = ours.get(i).getOrDefault(field, "absent");
        if (expected.equals(actual)) {
          continue;
        }
        var known =
            KnownDifferences.LIST.stream().filter(each -> each.covers(name, field)).findFirst();
        known.ifPresentOrElse(
            used::add,
            () ->
                unexpected.add(
                    "%s | %s | Kafka: %s | here: %s".formatted(name, field, expected, actual)));
      }
    }
    Path report = Kits.find().work().resolve("oracle-comparison.txt");
    Files.createDirectories(report.getParent());
    Files.write(report, unexpected);
    System.out.printf(
        "%d requests compared, %d fields differ unexpectedly, %d of %d listed differences seen%n",
        cases.size(), unexpected.size(), used.size(), KnownDifferences.LIST.size());
    assertThat(cases.stream().map(Cases.Case::name)).doesNotHaveDuplicates();
    assertThat(cases).hasSizeGreaterThan(60);
    assertThat(unexpected).as("also in %s", report).isEmpty();
    if (Servers.chosen() == Servers.STREAMHOUSE) {
      var unused = new ArrayList<>(KnownDifferences.LIST);
      unused.removeAll(used);
      assertThat(unused).as("listed differences that no longer exist").isEmpty();
    }
  }

  @Test
  void versionsAreThoseOfApacheKafkaForEveryApiServed() throws IOException {
    var theirs = versions(oracle);
    var ours = versions(server);

    var required =
        List.of(
            ApiKeys.PRODUCE,
            ApiKeys.FETCH,
            ApiKeys.LIST_OFFSETS,
            ApiKeys.METADATA,
            ApiKeys.OFFSET_COMMIT,
            ApiKeys.OFFSET_FETCH,
            ApiKeys.FIND_COORDINATOR,
            ApiKeys.JOIN_GROUP,
            ApiKeys.HEARTBEAT,
            ApiKeys.LEAVE_GROUP,
            ApiKeys.SYNC_GROUP,
            ApiKeys.CONSUMER_GROUP_HEARTBEAT,
            ApiKeys.CONSUMER_GROUP_DESCRIBE,
            ApiKeys.API_VERSIONS,
            ApiKeys.CREATE_TOPICS,
            ApiKeys.DELETE_TOPICS,
            ApiKeys.DELETE_RECORDS,
            ApiKeys.INIT_PRODUCER_ID,
            ApiKeys.OFFSET_FOR_LEADER_EPOCH,
            ApiKeys.DESCRIBE_CONFIGS,
            ApiKeys.ALTER_CONFIGS,
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            ApiKeys.CREATE_PARTITIONS,
            ApiKeys.DESCRIBE_CLUSTER,
            ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
            ApiKeys.ELECT_LEADERS,
            ApiKeys.ALTER_PARTITION_REASSIGNMENTS,
            ApiKeys.LIST_PARTITION_REASSIGNMENTS,
            ApiKeys.DESCRIBE_LOG_DIRS,
            ApiKeys.ALTER_REPLICA_LOG_DIRS,
            ApiKeys.DESCRIBE_PRODUCERS,
            ApiKeys.LIST_CONFIG_RESOURCES,
            ApiKeys.DESCRIBE_QUORUM,
            ApiKeys.UPDATE_FEATURES);
    for (var api : required) {
      assertThat(ours).as("%s is served", api).containsKey(api.id);
    }
    ours.forEach((api, range) ->
        assertThat(range).as("versions of %s", ApiKeys.forId(api)).isEqualTo(theirs.get(api)));
  }

  @Test
  void unsupportedVersionOfApiVersionsIsAnsweredInVersionZero() throws IOException {
    var frame = ByteBuffer.allocate(16);
    frame.putShort(ApiKeys.API_VERSIONS.id).putShort((short) 99).putInt(7).putShort((short) -1);
    frame.put((byte) 0);
    frame.flip();
    for (var each : List.of(oracle, server)) {
      try (var connection = new RawConnection(each.port())) {
        connection.sendFrame(frame);
        var answer = connection.receive().orElseThrow();
        assertThat(answer.getInt()).isEqualTo(7);
        var fields = Flattened.of(ApiKeys.API_VERSIONS, (short) 0, answer);
        assertThat(fields).as(each.name()).containsEntry("error_code", "35");
        assertThat(fields).containsKey("api_keys[18].max_version");
      }
    }
  }

  @Test
  void framesThatAreNoRequestsCloseTheConnectionAndNothingElse() throws IOException {
    var bad = new HashMap<String, byte[]>();
    bad.put("negative length", ByteBuffer.allocate(4).putInt(-1).array());
    bad.put("length of 2 GiB", ByteBuffer.allocate(8).putInt(Integer.MAX_VALUE).array());
    bad.put("unknown API", frame(999, 0, new byte[20]));
    bad.put("negative API", frame(-1, 0, new byte[20]));
    bad.put("version -1", frame(3, -1, new byte[20]));
    bad.put("version 99 of Metadata", frame(3, 99, new byte[20]));
    bad.put("body cut short", frame(3, 9, new byte[1]));
    bad.put("array of 2^31-1 elements", frame(3, 1, new byte[] {127, -1, -1, -1}));
    for (var each : List.of(oracle, server)) {
      try (var bystander = new RawConnection(each.port())) {
        for (var entry : bad.entrySet()) {
          try (var connection = new RawConnection(each.port())) {
            connection.sendBytes(entry.getValue());
            assertThat(connection.receive()).as(each.name() + ", " + entry.getKey()).isEmpty();
          }
        }
        assertThat(
                bystander.exchange(
                    ApiKeys.METADATA, (short) 9, new MetadataRequestData().setTopics(List.of())))
            .isPresent();
      }
    }
  }

  @Test
  void acksZeroIsAnsweredByNothingAndItsFailureByClosing() throws IOException {
    long now = System.currentTimeMillis();
    for (var each : List.of(oracle, server)) {
      try (var connection = new RawConnection(each.port())) {
        connection.send(
            ApiKeys.PRODUCE, (short) 9, Requests.produce(0, "sink", 62, Requests.batch(now)));
        // The next answer belongs to the next request: exchange checks its correlation id.
        var latest = Requests.listOffsets("sink", 62, -1);
        assertThat(connection.exchange(ApiKeys.LIST_OFFSETS, (short) 7, latest)).isPresent();
        // Nobody waits for the record to be durable, and it is not seen before it is.
        await("record sent with acks=0 to " + each.name())
            .pollInterval(Duration.ofMillis(10))
            .until(
                () -> ask(each, ApiKeys.LIST_OFFSETS, 7, latest),
                answer -> "1".equals(answer.get("topics[sink].partitions[62].offset")));
        connection.send(
            ApiKeys.PRODUCE, (short) 9, Requests.produce(0, "nowhere", 0, Requests.batch(now)));
        assertThat(connection.receive()).as(each.name()).isEmpty();
      }
    }
  }

  private static byte[] frame(int api, int version, byte[] rest) {
    var bytes = ByteBuffer.allocate(4 + 8 + 2 + rest.length);
    bytes.putInt(bytes.capacity() - 4).putShort((short) api).putShort((short) version).putInt(1);
    bytes.putShort((short) -1).put(rest);
    return bytes.array();
  }

  private List<Map<String, String>> answers(
      ServerUnderTest server, List<Cases.Case> cases, long now) throws IOException {
    var target = new Cases.Target(topicIds(server), now);
    var answers = new ArrayList<Map<String, String>>();
    for (var each : cases) {
      try {
        // Kafka's coordinators need a moment after their first use; nothing was done meanwhile.
        answers.add(
            await(each.name() + " to " + server.name())
                .pollInterval(Duration.ofMillis(50))
                .pollDelay(Duration.ZERO)
                .atMost(Duration.ofMinutes(1))
                .until(
                    () -> ask(server, each.api(), each.version(), each.body().apply(target)),
                    answer -> !isLoading(answer) && !isUnseen(each, answer)));
        if (server.equals(oracle) && CHANGES.contains(each.api())) {
          awaitChanges();
        }
      } catch (RuntimeException failure) {
        throw new IllegalStateException(each.name() + " to " + server.name(), failure);
      }
    }
    return answers;
  }

  /// Kafka's controller answers a change before its broker knows of it, so what is asked next may
  /// see the time before. The broker learns of changes in their order: once it shows a later one,
  /// it has seen all. StreamHouse gets no such pause, as its answer promises the change is visible.
  private void awaitChanges() throws IOException {
    String mark = Long.toString(FIRST_MARK + marks++);
    ask(
        oracle,
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        1,
        Cases.alter("sink", 0, "segment.jitter.ms", mark));
    var question = Cases.describe(2, "sink", List.of("segment.jitter.ms"));
    await("change " + mark + " to reach the broker")
        .pollInterval(Duration.ofMillis(10))
        .pollDelay(Duration.ZERO)
        .until(() -> ask(oracle, ApiKeys.DESCRIBE_CONFIGS, 4, question).containsValue(mark));
  }

  /// What was sent without waiting for all replicas may be seen a little after it was answered, as
  /// StreamHouse shows only what is durable.
  private static boolean isUnseen(Cases.Case asked, Map<String, String> answer) {
    return asked.name().matches(".*: latest after acks=[01] .*")
        && answer.entrySet().stream()
            .anyMatch(field -> field.getKey().endsWith("].offset") && field.getValue().equals("0"));
  }

  private static boolean isLoading(Map<String, String> answer) {
    return answer.entrySet().stream()
        .filter(field -> field.getKey().endsWith("error_code"))
        .anyMatch(field -> COORDINATOR_ERRORS.contains(field.getValue()));
  }

  /// One request on a connection of its own.
  private static Map<String, String> ask(
      ServerUnderTest server, ApiKeys api, int version, ApiMessage body) throws IOException {
    try (var connection = new RawConnection(server.port())) {
      return connection
          .exchange(api, (short) version, body)
          .map(answer -> Flattened.of(api, (short) version, answer))
          .orElse(Map.of("answer", "connection closed"));
    } catch (SocketTimeoutException silence) {
      return Map.of("answer", "none in time");
    }
  }

  private static Map<String, Uuid> topicIds(ServerUnderTest server) throws IOException {
    try (var connection = new RawConnection(server.port())) {
      var answer =
          connection.exchange(
              ApiKeys.METADATA, (short) 12, new MetadataRequestData().setTopics(null));
      var ids = new HashMap<String, Uuid>();
      new MetadataResponseData(new ByteBufferAccessor(answer.orElseThrow()), (short) 12)
          .topics()
          .forEach(topic -> ids.put(topic.name(), topic.topicId()));
      return ids;
    }
  }

  /// `oldest-newest` by API key.
  private static Map<Short, String> versions(ServerUnderTest server) throws IOException {
    try (var connection = new RawConnection(server.port())) {
      var request =
          new ApiVersionsRequestData().setClientSoftwareName("raw").setClientSoftwareVersion("1");
      var answer = connection.exchange(ApiKeys.API_VERSIONS, (short) 3, request).orElseThrow();
      var fields = Flattened.of(ApiKeys.API_VERSIONS, (short) 3, answer);
      var versions = new HashMap<Short, String>();
      for (var api : ApiKeys.values()) {
        String prefix = "api_keys[" + api.id + "].";
        if (fields.containsKey(prefix + "min_version")) {
          versions.put(
              api.id,
              fields.get(prefix + "min_version") + "-" + fields.get(prefix + "max_version"));
        }
      }
      return versions;
    }
  }
}
