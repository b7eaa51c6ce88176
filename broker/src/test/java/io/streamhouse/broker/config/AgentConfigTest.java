package io.streamhouse.broker.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.config.AgentConfig.Fsync;
import io.streamhouse.broker.config.AgentConfig.ObjectPlace;
import io.streamhouse.broker.config.AgentConfig.Reading;
import io.streamhouse.broker.config.AgentConfig.SegmentCompression;
import java.io.IOException;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.junit.jupiter.api.Test;

final class AgentConfigTest {

  private static AgentConfig valid(String... pairs) {
    return switch (AgentConfig.read(map(pairs))) {
      case Reading.Valid(var config) -> config;
      case Reading.Invalid(var errors) -> throw new AssertionError(errors);
    };
  }

  private static List<String> errors(String... pairs) {
    return switch (AgentConfig.read(map(pairs))) {
      case Reading.Valid _ -> List.of();
      case Reading.Invalid(var errors) -> errors;
    };
  }

  private static Map<String, String> map(String... pairs) {
    var map = new HashMap<String, String>();
    for (int i = 0; i < pairs.length; i += 2) {
      map.put(pairs[i], pairs[i + 1]);
    }
    return map;
  }

  private static TopicConfig topic(AgentConfig config, String... pairs) {
    return TopicConfig.resolve(map(pairs), config.topicDefaults());
  }

  @Test
  void nothingGivenListensOnLoopbackOnlyAndSyncsAlways() {
    var config = valid();
    assertThat(config.nodeId()).isZero();
    assertThat(config.network().listeners())
        .containsExactly(new Listener("PLAINTEXT", "127.0.0.1", 9092));
    assertThat(config.wal().fsync()).isEqualTo(Fsync.ALWAYS);
    assertThat(config.flush().compression()).isEqualTo(SegmentCompression.LZ4);
    assertThat(config.storage().dataDir()).isEqualTo(Path.of("data").toAbsolutePath());
    assertThat(config.storage().objects())
        .isEqualTo(new ObjectPlace.Directory(Path.of("data/objects").toAbsolutePath()));
    assertThat(config.storage().diskCacheBytes()).isZero();
    assertThat(config.metadata().url())
        .isEqualTo("jdbc:sqlite:" + Path.of("data/metadata.db").toAbsolutePath());
    assertThat(config.rack()).isEmpty();
    assertThat(config.withoutEffect()).isEmpty();
    assertThat(config.warnings()).isEmpty();
    assertThat(topic(config).durability()).isEqualTo(Durability.LOCAL);
  }

  @Test
  void objectsGoToABucketOrADirectory() {
    assertThat(valid("streamhouse.object.store", "file:///var/objects").storage().objects())
        .isEqualTo(new ObjectPlace.Directory(Path.of("/var/objects")));
    var aws = valid("streamhouse.object.store", "s3://b1.example/a/b/").storage();
    assertThat(aws.objects())
        .isEqualTo(
            new ObjectPlace.Bucket("b1.example", "a/b", Optional.empty(), Optional.empty(), false));
    assertThat(aws.diskCacheBytes()).isPositive();
    assertThat(
            valid(
                    "streamhouse.object.store", "s3://bucket",
                    "streamhouse.s3.endpoint", "http://127.0.0.1:9000",
                    "streamhouse.s3.region", "eu-central-1")
                .storage()
                .objects())
        .isEqualTo(
            new ObjectPlace.Bucket(
                "bucket",
                "",
                Optional.of(URI.create("http://127.0.0.1:9000")),
                Optional.of("eu-central-1"),
                true));
  }

  @Test
  void everyDefaultIsAValidValue() {
    for (var setting : AgentConfigs.all()) {
      String value = setting.defaultValue();
      if (value != null) {
        assertThat(setting.valueOf(value)).as(setting.name()).isNotNull();
      }
    }
    for (var setting : TopicConfigs.all()) {
      String value = setting.defaultValue();
      if (value != null) {
        assertThat(setting.valueOf(value)).as(setting.name()).isNotNull();
      }
    }
  }

  @Test
  void everyDefaultOfAGroupIsAValidValue() {
    for (var setting : GroupConfigs.all()) {
      assertThat(setting.valueOf(java.util.Objects.requireNonNull(setting.defaultValue())))
          .as(setting.name())
          .isNotNull();
    }
  }

  @Test
  void allErrorsAreReportedTogether() {
    assertThat(
            errors(
                "num.partitons", "3",
                "num.partitions", "none",
                "log.retention.ms", "-7",
                "retention.ms", "5",
                "streamhouse.wal.fsync", "sometimes",
                "streamhouse.object.store", "s3://bucket/../path",
                "streamhouse.s3.endpoint", "localhost:9000",
                "node.id", "1",
                "broker.id", "2",
                "streamhouse.session.renew.ms", "9000",
                "listeners", "SSL://:9093"))
        .containsExactly(
            "invalid value '-7' for log.retention.ms: must be at least -1",
            "invalid value 'SSL://:9093' for listeners: security protocol SSL is not supported yet",
            "invalid value 'localhost:9000' for streamhouse.s3.endpoint: must be http://HOST:PORT"
                + " or https://HOST:PORT",
            "invalid value 'none' for num.partitions: must be a whole number",
            "invalid value 's3://bucket/../path' for streamhouse.object.store: must be s3://BUCKET"
                + " or s3://BUCKET/PREFIX, of letters, digits and ._=- joined by /",
            "invalid value 'sometimes' for streamhouse.wal.fsync: must be one of always, interval,"
                + " never",
            "node.id (1) and broker.id (2) differ",
            "retention.ms is a topic setting; its default for all topics is log.retention.ms",
            "streamhouse.session.renew.ms (9000) must be at most half of"
                + " streamhouse.session.timeout.ms (10000)",
            "unknown setting num.partitons");
  }

  @Test
  void aSessionThatEndsBeforeItIsRenewedIsRefused() {
    assertThat(
            errors("streamhouse.session.timeout.ms", "1500", "streamhouse.session.renew.ms", "500"))
        .containsExactly(
            "streamhouse.session.renew.ms (500) must be below streamhouse.session.timeout.ms (1500)"
                + " less a margin of 1000 ms, by which an agent stops before others may take over");
    assertThat(
            errors("streamhouse.session.timeout.ms", "1000", "streamhouse.session.renew.ms", "100"))
        .hasSize(1);
    assertThat(
            valid("streamhouse.session.timeout.ms", "1500", "streamhouse.session.renew.ms", "499")
                .session()
                .timeout())
        .hasMillis(1500);
  }

  @Test
  void brokerIdIsAnotherNameForNodeId() {
    assertThat(valid("broker.id", "7").nodeId()).isEqualTo(7);
    assertThat(valid("node.id", "7").nodeId()).isEqualTo(7);
    assertThat(valid("node.id", "7", "broker.id", "-1").nodeId()).isEqualTo(7);
  }

  @Test
  void retentionInMillisecondsBeatsMinutesBeatsHours() {
    assertThat(topic(valid("log.retention.hours", "2")).retentionMillis()).isEqualTo(7_200_000);
    assertThat(topic(valid("log.retention.hours", "-1")).retentionMillis()).isEqualTo(-1);
    assertThat(
            topic(valid("log.retention.hours", "2", "log.retention.minutes", "3"))
                .retentionMillis())
        .isEqualTo(180_000);
    var config =
        valid("log.retention.hours", "2", "log.retention.minutes", "3", "log.retention.ms", "4");
    assertThat(topic(config).retentionMillis()).isEqualTo(4);
    assertThat(topic(config, "retention.ms", "5").retentionMillis()).isEqualTo(5);
  }

  @Test
  void kafkaSettingsThatMeanNothingHereAreListedOnce() {
    var config =
        valid(
            "num.io.threads", "8",
            "listener.name.external.ssl.keystore.password", "hunter2",
            "zookeeper.connect", "localhost:2181",
            "log.index.interval.bytes", "4096");
    assertThat(config.withoutEffect())
        .containsExactly(
            "listener.name.external.ssl.keystore.password",
            "log.index.interval.bytes",
            "num.io.threads",
            "zookeeper.connect");
    assertThat(config.warnings()).hasSize(2);
    assertThat(config.warnings().getLast()).contains("access is not limited");
    assertThat(config.warnings().toString()).doesNotContain("hunter2");
  }

  @Test
  void everySettingOfKafkaIsAccepted() throws IOException {
    var names = KafkaNames.load();
    for (var topic : TopicConfigs.all()) {
      for (var key : topic.agentKeys()) {
        assertThat(names.has(key.name()) || key.name().startsWith("streamhouse."))
            .as(key.name())
            .isTrue();
      }
    }
    for (var setting : AgentConfigs.all()) {
      assertThat(names.has(setting.name()) || setting.name().startsWith("streamhouse."))
          .as(setting.name())
          .isTrue();
    }
  }

  @Test
  void aServerPropertiesOfKafkaStarts() throws IOException {
    var properties = new Properties();
    try (var stream = AgentConfigTest.class.getResourceAsStream("server.properties")) {
      properties.load(new InputStreamReader(stream, StandardCharsets.UTF_8));
    }
    var given = new HashMap<String, String>();
    properties.stringPropertyNames().forEach(name -> given.put(name, properties.getProperty(name)));
    switch (AgentConfig.read(given)) {
      case Reading.Invalid(var errors) -> throw new AssertionError(errors);
      case Reading.Valid(var config) -> {
        assertThat(config.nodeId()).isEqualTo(1);
        assertThat(config.network().listeners())
            .containsExactly(new Listener("PLAINTEXT", "", 9092));
        assertThat(config.network().advertise(config.network().listeners().getFirst(), 9092))
            .hasToString("PLAINTEXT://localhost:9092");
        assertThat(config.withoutEffect())
            .contains("process.roles", "controller.quorum.bootstrap.servers", "log.dirs")
            .doesNotContain("listeners", "num.partitions");
      }
    }
  }

  @Test
  void advertisedHostMustBeOneHost() {
    assertThat(errors("advertised.listeners", "PLAINTEXT://0.0.0.0:9092"))
        .containsExactly(
            "invalid value 'PLAINTEXT://0.0.0.0:9092' for advertised.listeners: no client can"
                + " connect to all interfaces; name this machine");
    assertThat(errors("advertised.listeners", "OTHER://h:1"))
        .containsExactly("advertised.listeners has OTHER, which is not in listeners");
  }

  @Test
  void listenersMayBeNamedAsTheMapSays() {
    var config =
        valid(
            "listeners", "inside://10.0.0.1:9092, OUTSIDE://[::1]:0",
            "listener.security.protocol.map", "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
            "advertised.listeners", "OUTSIDE://kafka.example.org:0");
    var outside = new Listener("OUTSIDE", "::1", 0);
    assertThat(config.network().listeners())
        .containsExactly(new Listener("INSIDE", "10.0.0.1", 9092), outside);
    assertThat(config.network().advertise(outside, 1234))
        .hasToString("OUTSIDE://kafka.example.org:1234");
    assertThat(errors("listeners", "INSIDE://:9092"))
        .containsExactly(
            "invalid value 'INSIDE://:9092' for listeners: listener.security.protocol.map says no"
                + " protocol for INSIDE");
    assertThat(
            errors(
                "listeners", "A://h:9092,B://h:9092",
                "listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT"))
        .containsExactly("listeners A://h:9092 and B://h:9092 are on the same port");
  }

  @Test
  void listenerThatIsNoListenerIsNamed() {
    for (String bad :
        List.of("9092", "h:9092", "PLAINTEXT://h", "PLAINTEXT://h:x", "PLAINTEXT://h:65536")) {
      assertThat(errors("listeners", bad)).as(bad).hasSize(1);
    }
    assertThat(errors("listeners", "PLAINTEXT://a:1,PLAINTEXT://b:2"))
        .containsExactly(
            "invalid value 'PLAINTEXT://a:1,PLAINTEXT://b:2' for listeners: two listeners named"
                + " PLAINTEXT");
  }

  @Test
  void negativeIdleTimeMeansNever() {
    assertThat(valid("connections.max.idle.ms", "-1").network().idleTimeout()).isEmpty();
    assertThat(valid().network().idleTimeout()).isEqualTo(Optional.of(Duration.ofMinutes(10)));
  }

  @Test
  void queuedRequestsHoldTheLargestOne() {
    assertThat(valid("socket.request.max.bytes", "5000").network().queuedRequestBytes())
        .isEqualTo(5000);
    assertThat(errors("queued.max.request.bytes", "1000"))
        .containsExactly(
            "queued.max.request.bytes (1000) is below socket.request.max.bytes (104857600)");
  }

  @Test
  void describedValuesNameTheirSource() {
    var config = valid("node.id", "3", "ssl.key.password", "hunter2");
    var described = AgentConfigs.describe(config, Map.of("log.retention.ms", "9"), Map.of());
    assertThat(described).extracting(DescribedConfig::name).doesNotHaveDuplicates();
    for (var one : described) {
      switch (one.name()) {
        case "node.id" -> {
          assertThat(one.value()).isEqualTo("3");
          assertThat(one.source()).isEqualTo(ConfigSource.STATIC);
          assertThat(one.readOnly()).isTrue();
        }
        case "log.retention.ms" -> {
          assertThat(one.value()).isEqualTo("9");
          assertThat(one.source()).isEqualTo(ConfigSource.DYNAMIC_DEFAULT);
          assertThat(one.readOnly()).isFalse();
        }
        case "ssl.key.password" -> {
          assertThat(one.sensitive()).isTrue();
          assertThat(one.value()).isNull();
        }
        case "streamhouse.durability" -> assertThat(one.value()).isEqualTo("local");
        case "streamhouse.metadata.url" -> assertThat(one.value()).startsWith("jdbc:sqlite:/");
        default -> {}
      }
    }
    assertThat(described.toString()).doesNotContain("hunter2");
  }

  @Test
  void aPasswordIsNeitherTakenFromTheUrlNorShown() {
    var url = "jdbc:postgresql://db:5432/streamhouse?sslmode=require";
    assertThat(errors("streamhouse.metadata.url", url + "&PASSWORD=hunter2"))
        .singleElement()
        .asString()
        .contains("streamhouse.metadata.password")
        .doesNotContain("hunter2");
    var config = valid("streamhouse.metadata.url", url, "streamhouse.metadata.password", "hunter2");
    assertThat(config.metadata().password()).contains("hunter2");
    assertThat(config.metadata().toString()).isEqualTo(url);
    assertThat(AgentConfigs.describe(config, Map.of(), Map.of()).toString())
        .doesNotContain("hunter2");
  }

  @Test
  void onlyTopicDefaultsAreAlteredAtRunTime() {
    assertThat(AgentConfigs.validateDynamic(map("log.retention.ms", "5"))).isEmpty();
    assertThat(
            AgentConfigs.validateDynamic(
                map("log.retention.hours", "5", "node.id", "5", "message.max.bytes", "x")))
        .containsExactly(
            "log.retention.hours cannot be altered while the agent runs",
            "invalid value 'x' for message.max.bytes: must be a whole number",
            "node.id cannot be altered while the agent runs");
  }

  @Test
  void defaultsFitIntoTheMemoryThatTheLauncherGives() {
    assertThat(valid().directBytes()).isLessThanOrEqualTo(BigInteger.valueOf(512L << 20));
    assertThat(valid("streamhouse.cache.memory.bytes", "1000000000").directBytes())
        .isGreaterThan(BigInteger.valueOf(1_000_000_000));
  }
}
