package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.metadata.Topic;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.apache.kafka.common.message.DescribeConfigsRequestData;
import org.apache.kafka.common.message.DescribeConfigsResponseData;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResourceResult;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData.AlterConfigsResource;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class ConfigHandlersTest {

  private static final int TOPIC = 2;
  private static final int AGENT = 4;
  private static final int LOGGER = 8;
  private static final int GROUP = 32;
  private static final int SET = 0;
  private static final int DELETE = 1;
  private static final int APPEND = 2;
  private static final int SUBTRACT = 3;

  private final FakeAgent agent = FakeAgent.with();

  private void create(String name, Map<String, String> configs) {
    var _ = agent.catalog.create(name, 1, configs);
  }

  private Map<String, String> configs(String topic) {
    Topic found = Objects.requireNonNull(agent.catalog.image().topic(topic));
    return found.configs();
  }

  private List<String> alter(AlterConfigsResource... resources) {
    return Told.by(
        agent.send(
            ApiKeys.INCREMENTAL_ALTER_CONFIGS, (short) 1, AdminCases.alter(false, resources)));
  }

  private List<String> replace(int type, String name, @Nullable String... nameAndValue) {
    return Told.by(
        agent.send(
            ApiKeys.ALTER_CONFIGS, (short) 2, AdminCases.legacy(false, type, name, nameAndValue)));
  }

  private List<DescribeConfigsResourceResult> describe(
      int version, int type, String name, @Nullable String... keys) {
    var answer =
        (DescribeConfigsResponseData)
            agent.send(
                ApiKeys.DESCRIBE_CONFIGS,
                (short) version,
                AdminCases.desc(type, name, true, version >= 3, keys));
    assertThat(answer.results().getFirst().errorCode()).isZero();
    return answer.results().getFirst().configs();
  }

  @Test
  void aResourceIsAlteredAsAWholeOrNotAtAll() {
    create("t", Map.of("retention.ms", "7"));
    assertThat(
            alter(
                AdminCases.res(
                    TOPIC, "t", "retention.ms", SET, "8", "max.message.bytes", SET, "many")))
        .containsExactly("2 't': INVALID_CONFIG");
    assertThat(configs("t")).containsExactly(Map.entry("retention.ms", "7"));
  }

  @Test
  void groupsHaveConfigsWhetherOrNotTheyExist() {
    assertThat(alter(AdminCases.res(GROUP, "g", "consumer.session.timeout.ms", SET, "50000")))
        .containsExactly("32 'g': NONE");
    assertThat(agent.catalog.image().groupConfigs("g"))
        .containsExactly(Map.entry("consumer.session.timeout.ms", "50000"));
    var described = describe(4, GROUP, "g", "consumer.session.timeout.ms");
    assertThat(described).hasSize(1);
    assertThat(described.getFirst().value()).isEqualTo("50000");
    assertThat(described.getFirst().configSource()).isEqualTo((byte) 8);
    assertThat(described.getFirst().synonyms())
        .extracting(one -> one.name() + "=" + one.value() + " " + one.source())
        .containsExactly(
            "consumer.session.timeout.ms=50000 8", "group.consumer.session.timeout.ms=45000 5");
    assertThat(replace(GROUP, "g", "consumer.heartbeat.interval.ms", "6000"))
        .containsExactly("32 'g': NONE");
    assertThat(agent.catalog.image().groupConfigs("g"))
        .containsExactly(Map.entry("consumer.heartbeat.interval.ms", "6000"));
  }

  @Test
  void groupConfigsStayWithinTheBoundsOfTheAgent() {
    var narrow =
        FakeAgent.with(
            "group.consumer.min.session.timeout.ms", "10000",
            "group.consumer.max.session.timeout.ms", "50000",
            "group.consumer.heartbeat.interval.ms", "12000");
    assertThat(
            Told.by(
                narrow.send(
                    ApiKeys.INCREMENTAL_ALTER_CONFIGS,
                    (short) 1,
                    AdminCases.alter(
                        false,
                        AdminCases.res(GROUP, "a", "consumer.session.timeout.ms", SET, "9999"),
                        AdminCases.res(GROUP, "b", "consumer.session.timeout.ms", SET, "50001"),
                        AdminCases.res(GROUP, "c", "consumer.session.timeout.ms", SET, "12000"),
                        AdminCases.res(GROUP, "d", "consumer.session.timeout.ms", SET, "12001"),
                        AdminCases.res(GROUP, "e".repeat(5_000), "share.x", SET, "1")))))
        .contains("32 'a': INVALID_CONFIG", "32 'b': INVALID_CONFIG")
        .contains("32 'c': INVALID_CONFIG", "32 'd': NONE")
        .hasSize(5);
    assertThat(narrow.catalog.image().configuredGroups()).containsExactly("d");
  }

  @Test
  void oneResourceAtFaultLeavesTheOthers() {
    create("t", Map.of());
    assertThat(
            alter(
                AdminCases.res(TOPIC, "t", "retention.ms", SET, "8"),
                AdminCases.res(TOPIC, "nosuch", "retention.ms", SET, "8")))
        .hasSize(2)
        .contains("2 't': NONE");
    assertThat(configs("t")).containsEntry("retention.ms", "8");
  }

  @Test
  void setDeleteAppendAndSubtractInOneRequest() {
    create("t", Map.of("retention.ms", "7", "retention.bytes", "9"));
    alter(
        AdminCases.res(
            TOPIC,
            "t",
            "retention.ms",
            DELETE,
            null,
            "retention.bytes",
            SET,
            "10",
            "cleanup.policy",
            APPEND,
            "compact,delete"));
    assertThat(configs("t"))
        .containsOnly(
            Map.entry("retention.bytes", "10"), Map.entry("cleanup.policy", "delete,compact"));
    alter(AdminCases.res(TOPIC, "t", "cleanup.policy", SUBTRACT, "delete,nosuch"));
    assertThat(configs("t")).containsEntry("cleanup.policy", "compact");
  }

  @Test
  void deletingWhatIsNotSetCostsNoTransaction() {
    create("t", Map.of());
    int before = agent.catalog.changes();
    assertThat(alter(AdminCases.res(TOPIC, "t", "retention.ms", DELETE, null)))
        .containsExactly("2 't': NONE");
    assertThat(agent.catalog.changes()).isEqualTo(before);
  }

  @Test
  void validatingAltersNothing() {
    create("t", Map.of());
    int before = agent.catalog.changes();
    agent.send(
        ApiKeys.INCREMENTAL_ALTER_CONFIGS,
        (short) 1,
        AdminCases.alter(
            true,
            AdminCases.res(TOPIC, "t", "retention.ms", SET, "8"),
            AdminCases.res(LOGGER, "1", "root", SET, "ERROR")));
    assertThat(agent.catalog.changes()).isEqualTo(before);
    assertThat(new Loggers(agent.logging).levels()).containsEntry("root", "DEBUG");
  }

  @Test
  void theOldApiReplacesAllThatWasSet() {
    create("t", Map.of("retention.ms", "7", "retention.bytes", "9"));
    assertThat(replace(TOPIC, "t", "retention.bytes", "11")).containsExactly("2 't': NONE");
    assertThat(configs("t")).containsExactly(Map.entry("retention.bytes", "11"));
    assertThat(replace(TOPIC, "t")).containsExactly("2 't': NONE");
    assertThat(configs("t")).isEmpty();
  }

  @Test
  void agentsAreAlteredOneByOneOrAllTogether() {
    alter(
        AdminCases.res(AGENT, "", "log.retention.ms", SET, "100"),
        AdminCases.res(AGENT, "1", "log.retention.ms", SET, "200"));
    var image = agent.catalog.image();
    assertThat(image.agentConfigs(Optional.empty())).containsEntry("log.retention.ms", "100");
    assertThat(image.agentConfigs(Optional.of(1))).containsEntry("log.retention.ms", "200");
    create("t", Map.of());
    var retention = describe(4, TOPIC, "t", "retention.ms").getFirst();
    assertThat(retention.value()).isEqualTo("200");
    assertThat(retention.configSource()).isEqualTo((byte) 2);
    assertThat(retention.synonyms()).extracting(s -> s.value()).startsWith("200", "100");
    assertThat(replace(AGENT, "1")).containsExactly("4 '1': NONE");
    assertThat(describe(4, TOPIC, "t", "retention.ms").getFirst().value()).isEqualTo("100");
    alter(AdminCases.res(AGENT, "", "log.retention.ms", DELETE, null));
    assertThat(describe(4, TOPIC, "t", "retention.ms").getFirst().configSource())
        .isEqualTo((byte) 5);
  }

  @Test
  void onlyWhatWeHonourAtRunTimeCanBeAltered() {
    for (String name : List.of("listeners", "num.partitions", "no.such.config", "log.dirs")) {
      assertThat(alter(AdminCases.res(AGENT, "1", name, SET, "1")).getFirst())
          .as(name)
          .startsWith("4 '1': INVALID_REQUEST");
    }
    assertThat(agent.catalog.changes()).isZero();
  }

  @Test
  void secretsAreNotTold() {
    var secretive = FakeAgent.with("ssl.keystore.password", "hunter2");
    var answer =
        (DescribeConfigsResponseData)
            secretive.send(
                ApiKeys.DESCRIBE_CONFIGS,
                (short) 4,
                AdminCases.desc(AGENT, "1", true, true, (String) null));
    assertThat(answer.toString()).doesNotContain("hunter2");
    assertThat(answer.results().getFirst().configs())
        .anySatisfy(config -> {
          assertThat(config.name()).isEqualTo("ssl.keystore.password");
          assertThat(config.isSensitive()).isTrue();
          assertThat(config.value()).isNull();
        });
  }

  @Test
  void documentationAndTypesComeFromVersion3On() {
    create("t", Map.of());
    assertThat(describe(2, TOPIC, "t", (String) null))
        .hasSizeGreaterThan(30)
        .allSatisfy(config -> {
          assertThat(config.documentation()).isNullOrEmpty();
          assertThat(config.configType()).isZero();
        });
    assertThat(describe(3, TOPIC, "t", (String) null))
        .allSatisfy(config -> {
          assertThat(config.documentation()).isNotEmpty();
          assertThat(config.configType()).isPositive();
          assertThat(config.value()).isNotNull();
        });
  }

  @Test
  void tooManyResourcesAreRefusedWhole() {
    var request = new DescribeConfigsRequestData();
    for (int i = 0; i <= DescribeConfigsHandler.MOST_RESOURCES; i++) {
      request
          .resources()
          .add(
              new DescribeConfigsRequestData.DescribeConfigsResource()
                  .setResourceType((byte) TOPIC)
                  .setResourceName("t")
                  .setConfigurationKeys(null));
    }
    var answer =
        (DescribeConfigsResponseData) agent.send(ApiKeys.DESCRIBE_CONFIGS, (short) 4, request);
    assertThat(answer.results())
        .allSatisfy(r -> assertThat(r.errorCode()).isEqualTo(Errors.INVALID_REQUEST.code()));
  }

  @Test
  void loggersAreSetAndResetWhileTheProcessRuns() {
    var loggers = new Loggers(agent.logging);
    var _ = agent.logging.getLogger("io.example");
    alter(AdminCases.res(LOGGER, "1", "root", SET, "warn", "io.example", SET, "TRACE"));
    assertThat(loggers.levels()).containsEntry("root", "WARN").containsEntry("io.example", "TRACE");
    alter(AdminCases.res(LOGGER, "1", "io.example", DELETE, null));
    assertThat(loggers.levels()).containsEntry("io.example", "WARN");
    alter(AdminCases.res(LOGGER, "1", "io.example", SET, "FATAL"));
    assertThat(loggers.levels()).containsEntry("io.example", "ERROR");
    assertThat(describe(4, LOGGER, "1", "root", "io.example"))
        .extracting(DescribeConfigsResourceResult::value)
        .containsExactly("ERROR", "WARN");
  }

  @Test
  void loggersAreSetTogetherOrNotAtAll() {
    var loggers = new Loggers(agent.logging);
    assertThat(alter(AdminCases.res(LOGGER, "1", "root", SET, "ERROR", "no.such", SET, "INFO")))
        .containsExactly("8 '1': INVALID_CONFIG");
    assertThat(alter(AdminCases.res(LOGGER, "1", "root", SET, "LOUD")))
        .containsExactly("8 '1': INVALID_CONFIG");
    assertThat(alter(AdminCases.res(LOGGER, "1", "root", DELETE, null)).getFirst())
        .startsWith("8 '1': INVALID_REQUEST");
    assertThat(alter(AdminCases.res(LOGGER, "1", "root", APPEND, "INFO")).getFirst())
        .startsWith("8 '1': INVALID_REQUEST");
    assertThat(alter(AdminCases.res(LOGGER, "2", "root", SET, "INFO")).getFirst())
        .startsWith("8 '2': INVALID_REQUEST");
    assertThat(loggers.levels()).containsEntry("root", "DEBUG");
    assertThat(agent.logging.exists("no.such")).isNull();
  }

  @Test
  void aTopicDeletedMeanwhileIsUnknown() {
    create("t", Map.of());
    agent.catalog.hold();
    var deleted = agent.begin(ApiKeys.DELETE_TOPICS, 6, AdminCases.del("t"));
    var altered =
        agent.begin(
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            AdminCases.alter(false, AdminCases.res(TOPIC, "t", "retention.ms", SET, "8")));
    agent.catalog.release();
    assertThat(deleted).isDone();
    assertThat(Told.by(altered.join()).getFirst()).startsWith("2 't': UNKNOWN_TOPIC_OR_PARTITION");
  }

  @Test
  void anAlterationThatTakesForEverIsGivenUp() {
    create("t", Map.of());
    agent.catalog.hold();
    var altered =
        agent.begin(
            ApiKeys.INCREMENTAL_ALTER_CONFIGS,
            1,
            AdminCases.alter(false, AdminCases.res(TOPIC, "t", "retention.ms", SET, "8")));
    agent.pass(Duration.ofSeconds(29));
    assertThat(altered).isNotDone();
    agent.pass(Duration.ofSeconds(1));
    assertThat(Told.by(altered.join())).containsExactly("2 't': REQUEST_TIMED_OUT");
  }

  @Test
  void manyKeysOfOneResourceAreOneTransaction() {
    create("t", Map.of());
    int before = agent.catalog.changes();
    var resource = AdminCases.res(TOPIC, "t");
    for (var config : describe(4, TOPIC, "t", (String) null)) {
      resource
          .configs()
          .add(
              new IncrementalAlterConfigsRequestData.AlterableConfig()
                  .setName(config.name())
                  .setConfigOperation((byte) SET)
                  .setValue(config.value()));
    }
    assertThat(alter(resource)).containsExactly("2 't': NONE");
    assertThat(agent.catalog.changes()).isEqualTo(before + 1);
    assertThat(describe(4, TOPIC, "t", (String) null))
        .allSatisfy(config -> assertThat(config.configSource()).isEqualTo((byte) 1));
  }
}
