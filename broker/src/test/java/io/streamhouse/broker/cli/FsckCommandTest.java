package io.streamhouse.broker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.Agent;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `streamctl fsck` over the data directory of a real agent, with every kind of damage planted.
@Timeout(120)
class FsckCommandTest {

  private static final UUID NOWHERE = new UUID(77, 77);

  /// Three lives' segments of topics `a` and `b`, and a fourth one's records in the log only, as if
  /// it had been killed.
  @TempDir private static Path killed;

  @TempDir private Path home;
  private Path data;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  FsckCommandTest() {
    data = Path.of("unset");
  }

  @BeforeAll
  static void live() throws Exception {
    var data = killed.resolve("live");
    for (int life = 0; life < 3; life++) {
      try (var agent = start(data, "600000")) {
        produce(agent, life);
      }
    }
    try (var agent = start(data, "600000")) {
      produce(agent, 3);
      commitOffset(agent);
      copy(data, killed.resolve("copy"));
    }
  }

  @BeforeEach
  void copy() throws IOException {
    data = home.resolve("data");
    copy(killed.resolve("copy"), data);
  }

  private static Agent start(Path data, String flushMillis) throws Exception {
    var properties = new HashMap<String, String>();
    properties.put("streamhouse.data.dir", data.toString());
    properties.put("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.put("streamhouse.http.listener", "");
    properties.put("streamhouse.flush.interval.ms", flushMillis);
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var config) -> Agent.start(config, TimeSource.system());
      case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
    };
  }

  private static void produce(Agent agent, int life) throws Exception {
    try (var producer =
        new KafkaProducer<>(
            Map.<String, Object>of("bootstrap.servers", agent.listenAddresses().getFirst()),
            new StringSerializer(),
            new StringSerializer())) {
      for (var topic : List.of("a", "b")) {
        var sent = new ArrayList<Future<?>>();
        for (int i = 0; i < 10; i++) {
          sent.add(producer.send(new ProducerRecord<>(topic, "life " + life + " value " + i)));
        }
        // One topic after the other: the second one's group in the log says that the first one's
        // was durable, without which damage to it would only be the log's end.
        for (var future : sent) {
          future.get();
        }
      }
    }
  }

  private static void commitOffset(Agent agent) throws Exception {
    try (var admin =
        Admin.create(
            Map.<String, Object>of("bootstrap.servers", agent.listenAddresses().getFirst()))) {
      var offsets = Map.of(new TopicPartition("a", 0), new OffsetAndMetadata(3));
      admin.alterConsumerGroupOffsets("group", offsets).all().get();
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (var files = Files.walk(from)) {
      for (var file : files.toList()) {
        var target = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
    }
  }

  private int fsck(String... options) {
    var line = new ArrayList<>(List.of("fsck", "--data", data.toString()));
    line.addAll(List.of(options));
    return run(line.toArray(String[]::new));
  }

  private int run(String... line) {
    out.reset();
    err.reset();
    return Streamctl.run(
        InputStream.nullInputStream(),
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8),
        line);
  }

  private String output() {
    return out.toString(StandardCharsets.UTF_8) + err.toString(StandardCharsets.UTF_8);
  }

  /// Plants damage in the database, past everything that would refuse it.
  private void sql(String... statements) throws Exception {
    try (var connection =
            DriverManager.getConnection("jdbc:sqlite:" + data.resolve("metadata.db"));
        var statement = connection.createStatement()) {
      statement.execute("PRAGMA ignore_check_constraints = ON");
      for (var one : statements) {
        assertThat(statement.executeUpdate(one)).as(one).isPositive();
      }
    }
  }

  private static String of(String topic) {
    return "topic_id = (select topic_id from topics where name = '" + topic + "')";
  }

  private List<Path> objects() throws IOException {
    try (var files = Files.walk(data.resolve("objects"))) {
      return files.filter(file -> file.toString().endsWith(".seg")).sorted().toList();
    }
  }

  private static void flip(Path file, long position) throws IOException {
    try (var channel =
        Files.newByteChannel(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      var one = ByteBuffer.allocate(1);
      channel.position(position).read(one);
      one.put(0, (byte) ~one.get(0));
      channel.position(position).write(one.flip());
    }
  }

  private void finds(String... parts) {
    int code = fsck();
    assertThat(output()).contains(parts);
    assertThat(code).as(output()).isEqualTo(1);
  }

  @Test
  void logOfAnotherClusterIsNotLookedAt() throws IOException {
    assertThat(fsck()).isZero();
    assertThat(out.toString(StandardCharsets.UTF_8)).contains("entries of the write-ahead log");
    var properties = data.resolve("streamhouse.properties");
    var text = Files.readString(properties).replaceFirst("cluster.id=.*", "cluster.id=other");
    Files.writeString(properties, text);

    fsck();

    assertThat(out.toString(StandardCharsets.UTF_8))
        .startsWith(data + " is of another cluster: its log is not looked at")
        .doesNotContain("entries of the write-ahead log");
  }

  @Test
  void logIsDumpedUnderItsName() throws IOException {
    Path file;
    try (var files = Files.list(data.resolve("wal"))) {
      file =
          files.filter(one -> one.toString().endsWith(".wal")).sorted().findFirst().orElseThrow();
    }

    assertThat(run("wal", "dump", file.toString())).isZero();

    assertThat(out.toString(StandardCharsets.UTF_8).lines())
        .hasSizeGreaterThan(2)
        .first()
        .asString()
        .startsWith(file + ": log ");
  }

  @Test
  void aKilledAgentsDirectoryIsClean() {
    assertThat(fsck()).as(output()).isEqualTo(0);
    assertThat(output())
        .contains("2 partition(s), 6 segment(s)", "3 object(s)", "entries", ": clean");
    assertThat(output()).doesNotContain(" 0 entries");
  }

  @Test
  void aRunningAgentUnderLoadIsClean() throws Exception {
    try (var agent = start(data, "20")) {
      for (int i = 0; i < 5; i++) {
        produce(agent, 4 + i);
        assertThat(fsck()).as(output()).isEqualTo(0);
        assertThat(output()).doesNotContain("entries");
      }
      assertThat(fsck("--repair")).isEqualTo(2);
    }
  }

  @Test
  void whatIsNotThereCannotBeChecked() {
    data = home.resolve("nowhere");
    assertThat(fsck()).isEqualTo(2);
    assertThat(output()).contains("cannot check", "no database");
    assertThat(data).doesNotExist();
  }

  @Test
  void aTopicOrPartitionWithoutItsRowsIsNamed() throws Exception {
    sql("update topics set partitions = 2 where name = 'b'", "delete from topics where name = 'a'");
    finds("catalogue b: expected all its partitions", "expected a topic of this partition");
    sql("delete from partitions");
    finds("expected a row of the partition", "offset group group");
  }

  @Test
  void aHoleInTheLogIsNamed() throws Exception {
    sql("delete from segments where base_offset = 10 and " + of("a"));
    finds("range a-0[20,30): expected to begin at 10, found 20", "references");
  }

  @Test
  void aCommittedEndThatSegmentsDoNotReachIsNamed() throws Exception {
    sql("update partitions set committed_end = 31 where " + of("a"));
    finds("range a-0: expected segments up to the committed end 31, found segments up to 30");
  }

  @Test
  void aLogStartOutsideTheLogIsNamed() throws Exception {
    sql(
        "update partitions set log_start = 31 where " + of("a"),
        "update partitions set log_start = 15 where " + of("b"));
    finds(
        "range a-0: expected log start at or below the committed end 30, found 31",
        "range b-0[0,10): expected no segment below the log start 15");
    sql("update segments set base_offset = 3 where base_offset = 0 and " + of("b"));
    sql("update partitions set log_start = 2 where " + of("b"));
    finds("expected the first segment to begin at or below the log start 2, found 3");
  }

  @Test
  void epochsThatContradictEachOtherAreNamed() throws Exception {
    sql(
        "update partition_epochs set start_offset = 11 where start_offset = 10 and " + of("a"),
        "update partitions set lease_epoch = 0 where " + of("b"));
    finds(
        "epoch a-0[10,20): expected epoch 0, which begins last before it, found epoch 1",
        "epoch b-0: expected no epoch above the lease's, 0, found epoch 1 from 10");
    sql("update partition_epochs set start_offset = 0 where start_offset = 20 and " + of("a"));
    finds("expected epoch 2 to begin above 11, found 0");
  }

  @Test
  void anObjectThatIsGoneIsNamed() throws Exception {
    Files.delete(objects().getFirst());
    finds("missing ", "in the store, found none");
    copy(killed.resolve("copy"), home.resolve("other"));
    data = home.resolve("other");
    sql("delete from objects where sequence = 2");
    finds("missing ", "in the metadata, found no such row", "orphan ");
  }

  @Test
  void damagedBytesAreNamedAndFoundByTheDeepCheckOnly() throws Exception {
    flip(objects().getFirst(), 70);
    assertThat(fsck("--shallow")).as(output()).isEqualTo(0);
    finds("segment ", "expected a whole segment at 0 of org-default/mixed/", "crc");
  }

  @Test
  void aSegmentThatIsNotWhatItsRowSaysIsNamed() throws Exception {
    sql("update segments set records = 11 where base_offset = 0 and " + of("a"));
    finds("segment a-0[0,10): expected offsets [0,10), 11 records", "found offsets [0,10), 10");
  }

  @Test
  void aTruncatedObjectIsNamed() throws Exception {
    try (var channel = Files.newByteChannel(objects().getFirst(), StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() - 5);
    }
    finds("segment ");
  }

  @Test
  void wrongReferenceCountsAreNamedAndRepaired() throws Exception {
    sql(
        "update objects set segments = 9 where sequence = 1",
        "update objects set state = 'abandoned' where sequence = 2");
    finds(
        "expected 2 segment(s), as refer to it, found committed with 9", "found abandoned with 2");

    assertThat(fsck("--repair")).as(output()).isEqualTo(0);
    assertThat(output()).contains("2 finding(s), 2 repaired");
    assertThat(fsck()).as(output()).isEqualTo(0);
  }

  @Test
  void anOrphanIsNamedAndLeftToTheSweeper() throws Exception {
    var orphan = data.resolve("objects/org-default/mixed/" + NOWHERE + ".seg");
    Files.copy(objects().getFirst(), orphan);
    finds("orphan org-default/mixed/" + NOWHERE + ".seg");

    assertThat(fsck("--repair")).as(output()).isEqualTo(0);
    assertThat(orphan).exists();
    assertThat(fsck()).as(output()).isEqualTo(0);
  }

  @Test
  void aStrangeNameInTheObjectStoreIsNamed() throws Exception {
    Files.writeString(data.resolve("objects/note"), "hello");
    finds("orphan note: expected names of objects only");
  }

  @Test
  void aTailInALogThatNobodyHasIsNamed() throws Exception {
    sql("update partitions set tail_wal = '" + NOWHERE + "', tail_epoch = 1 where " + of("a"));
    finds("tail a-0: expected the write-ahead log of some agent, found " + NOWHERE);
  }

  @Test
  void acknowledgedRecordsThatDoNotContinueTheirLogAreNamed() throws Exception {
    sql(
        "update partitions set committed_end = 20 where " + of("a"),
        "delete from segments where base_offset = 20 and " + of("a"));
    finds("wal ", "expected its log to continue at 20, found an entry at 30");
  }

  @Test
  void entriesOfTopicsNeverHeardOfAreNamed() throws Exception {
    sql("delete from partitions where " + of("a"), "delete from topics where name = 'a'");
    finds("expected entries of known or deleted topics, found entries of ");
  }

  @Test
  void aDamagedLogIsNamed() throws Exception {
    try (var files = Files.list(data.resolve("wal"))) {
      flip(files.sorted().findFirst().orElseThrow(), 150);
    }
    finds("wal ", "expected frames that verify, found ", "damaged at position");
  }

  @Test
  void aCommittedOffsetOfNoPartitionIsNamed() throws Exception {
    sql("update consumer_offsets set topic_id = '" + NOWHERE + "'");
    finds("offset group group: expected committed offsets of partitions there are, found ");
  }

  @Test
  void aDatabaseOlderThanTheObjectStoreIsNamedAndItsOrphansAreKept() throws Exception {
    var markers = Files.createDirectories(data.resolve("objects/meta/sweeps"));
    Files.writeString(markers.resolve("00000000000000000009"), "deletion pass 9");
    var orphan = data.resolve("objects/org-default/mixed/" + NOWHERE + ".seg");
    Files.copy(objects().getFirst(), orphan);
    finds("old database metadata: expected the newest database", "pass 9, this database only 0");

    assertThat(fsck("--repair")).as(output()).isEqualTo(1);
    assertThat(output()).contains("2 finding(s), 0 repaired");
  }
}
