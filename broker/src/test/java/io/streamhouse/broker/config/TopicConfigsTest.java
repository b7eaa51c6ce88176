package io.streamhouse.broker.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.config.Compression.Codec;
import io.streamhouse.broker.config.DescribedConfig.Synonym;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.common.config.TopicConfig;
import org.junit.jupiter.api.Test;

final class TopicConfigsTest {

  private static io.streamhouse.broker.config.TopicConfig resolve(Map<String, String> own) {
    return io.streamhouse.broker.config.TopicConfig.resolve(own, TopicDefaults.none());
  }

  @Test
  void everyTopicSettingOfKafkaIsDefined() throws IllegalAccessException {
    var names = new TreeSet<String>();
    for (var field : TopicConfig.class.getFields()) {
      if (field.getName().endsWith("_CONFIG")) {
        names.add((String) field.get(null));
      }
    }
    // A name left in the clients; Kafka 4's own server refuses it.
    names.remove("message.downconversion.enable");
    assertThat(names).hasSizeGreaterThan(25);
    assertThat(TopicConfigs.all().stream().map(Setting::name)).containsAll(names);
  }

  @Test
  void allErrorsOfATopicAreReported() {
    assertThat(TopicConfigs.validate(Map.of())).isEmpty();
    assertThat(
            TopicConfigs.validate(
                Map.of(
                    "cleanup.policy", "compact, delete",
                    "retention.ms", " 5 ",
                    "preallocate", "TRUE",
                    "min.cleanable.dirty.ratio", "0.25")))
        .isEmpty();
    assertThat(
            TopicConfigs.validate(
                Map.of(
                    "cleanup.policy", "Compact",
                    "retention.ms", "-2",
                    "max.message.bytes", "3000000000",
                    "compression.type", "none",
                    "compression.gzip.level", "0",
                    "preallocate", "yes",
                    "min.cleanable.dirty.ratio", "NaN",
                    "streamhouse.durability", "replicated",
                    "no.such.setting", "1")))
        .hasSize(9)
        .contains(
            "unknown topic config name: no.such.setting",
            "invalid value 'replicated' for streamhouse.durability: replicated is not supported"
                + " yet; use local or object");
    assertThat(
            TopicConfigs.validate(
                Map.of("min.compaction.lag.ms", "10", "max.compaction.lag.ms", "5")))
        .hasSize(1);
  }

  @Test
  void defaultsAreKafkas() {
    var config = resolve(Map.of());
    assertThat(config.maxMessageBytes()).isEqualTo(1048588);
    assertThat(config.timestampType()).isEqualTo(TimestampType.CREATE_TIME);
    assertThat(config.timestampBeforeMaxMillis()).isEqualTo(Long.MAX_VALUE);
    assertThat(config.timestampAfterMaxMillis()).isEqualTo(3_600_000);
    assertThat(config.compression()).isEqualTo(new Compression(Codec.PRODUCER, 0));
    assertThat(config.deleteOld()).isTrue();
    assertThat(config.compactKeys()).isFalse();
    assertThat(config.retentionMillis()).isEqualTo(604_800_000);
    assertThat(config.retentionBytes()).isEqualTo(-1);
    assertThat(config.segmentMillis()).isEqualTo(604_800_000);
  }

  @Test
  void compressionCarriesTheLevelOfItsCodec() {
    assertThat(resolve(Map.of("compression.type", "zstd")).compression())
        .isEqualTo(new Compression(Codec.ZSTD, 3));
    assertThat(
            resolve(Map.of("compression.type", "gzip", "compression.gzip.level", "9"))
                .compression())
        .isEqualTo(new Compression(Codec.GZIP, 9));
    assertThat(resolve(Map.of("compression.type", "snappy")).compression())
        .isEqualTo(new Compression(Codec.SNAPPY, 0));
  }

  @Test
  void storedValueThisVersionDoesNotTakeCountsAsUnset() {
    assertThat(resolve(Map.of("retention.ms", "for ever")).retentionMillis())
        .isEqualTo(604_800_000);
  }

  @Test
  void topicBeatsAgentBeatsClusterBeatsStaticBeatsDefault() {
    var defaults =
        TopicDefaults.of(
                Map.of("streamhouse.durability", "local"),
                Map.of("log.retention.hours", "1", "message.max.bytes", "5"))
            .withDynamic(
                Map.of("log.retention.ms", "200", "message.max.bytes", "6"),
                Map.of("log.retention.ms", "300"));
    var own = Map.of("retention.ms", "400");
    var described =
        TopicConfigs.describe(own, defaults).stream()
            .filter(one -> one.name().equals("retention.ms"))
            .findFirst()
            .orElseThrow();
    assertThat(described.value()).isEqualTo("400");
    assertThat(described.source()).isEqualTo(ConfigSource.TOPIC);
    assertThat(described.synonyms())
        .containsExactly(
            new Synonym("retention.ms", "400", ConfigSource.TOPIC),
            new Synonym("log.retention.ms", "300", ConfigSource.DYNAMIC_AGENT),
            new Synonym("log.retention.ms", "200", ConfigSource.DYNAMIC_DEFAULT),
            new Synonym("log.retention.hours", "1", ConfigSource.STATIC),
            new Synonym("log.retention.hours", "168", ConfigSource.DEFAULT));
    var inForce = io.streamhouse.broker.config.TopicConfig.resolve(Map.of(), defaults);
    assertThat(inForce.retentionMillis()).isEqualTo(300);
    assertThat(inForce.maxMessageBytes()).isEqualTo(6);
  }
}
