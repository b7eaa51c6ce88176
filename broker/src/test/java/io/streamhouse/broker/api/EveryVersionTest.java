package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.message.DescribeTopicPartitionsRequestData;
import org.apache.kafka.common.message.ElectLeadersRequestData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.AbstractResponse;
import org.junit.jupiter.api.Test;

/// Shapes that a version does not have fail only when they are written.
final class EveryVersionTest {

  @Test
  void theHandlersServeWhatApacheKafkaServes() {
    var apis = EnumSet.noneOf(ApiKeys.class);
    for (var handler : FakeAgent.with().handlers()) {
      apis.add(handler.api());
      assertThat(handler.oldestVersion()).isEqualTo(handler.api().oldestVersion());
      assertThat(handler.latestVersion()).isEqualTo(handler.api().latestVersion(false));
      assertThat(handler.overlaps()).isFalse();
    }
    assertThat(apis)
        .isEqualTo(
            EnumSet.of(
                ApiKeys.METADATA,
                ApiKeys.DESCRIBE_CLUSTER,
                ApiKeys.DESCRIBE_TOPIC_PARTITIONS,
                ApiKeys.CREATE_TOPICS,
                ApiKeys.DELETE_TOPICS,
                ApiKeys.CREATE_PARTITIONS,
                ApiKeys.DESCRIBE_CONFIGS,
                ApiKeys.INCREMENTAL_ALTER_CONFIGS,
                ApiKeys.ALTER_CONFIGS,
                ApiKeys.LIST_CONFIG_RESOURCES,
                ApiKeys.ELECT_LEADERS,
                ApiKeys.ALTER_PARTITION_REASSIGNMENTS,
                ApiKeys.LIST_PARTITION_REASSIGNMENTS,
                ApiKeys.DESCRIBE_QUORUM,
                ApiKeys.UPDATE_FEATURES));
  }

  @Test
  void everyCaseCanBeAnsweredInEveryVersionThatCanAskIt() {
    for (var handler : FakeAgent.with().handlers()) {
      int asked = 0;
      for (short v = handler.oldestVersion(); v <= handler.latestVersion(); v++) {
        var agent = FakeAgent.with();
        for (var one : AdminCases.all()) {
          if (!askable(one, v)) {
            continue;
          }
          if (one.api() == handler.api()) {
            assertThat(Told.by(agent.send(one.api(), v, one.request())))
                .as("%s in version %d", one.name(), v)
                .doesNotContainNull();
            asked++;
          } else if (one.api() == ApiKeys.CREATE_TOPICS) {
            agent.send(one.api(), (short) one.version(), one.request());
          }
        }
      }
      assertThat(asked).as("%s", handler.api()).isPositive();
    }
  }

  @Test
  void everyErrorCanBeToldInEveryVersionAndIsFoundByKafkasOwnClasses() {
    var agent = FakeAgent.with();
    for (var handler : agent.handlers()) {
      for (short v = handler.oldestVersion(); v <= handler.latestVersion(); v++) {
        for (var one : AdminCases.all()) {
          if (one.api() != handler.api() || !askable(one, v)) {
            continue;
          }
          var failure = agent.failure(one.api(), v, one.request(), Errors.REQUEST_TIMED_OUT);
          var bytes = AdminCall.encode(failure, v);
          var counts =
              AbstractResponse.parseResponse(one.api(), new ByteBufferAccessor(bytes), v)
                  .errorCounts();
          if (!Told.by(failure).isEmpty() && !nothingNamed(one)) {
            assertThat(counts).as(one.name()).containsKey(Errors.REQUEST_TIMED_OUT);
          }
        }
      }
    }
  }

  /// Kafka's classes count the errors of what is named, and these name nothing.
  private static boolean nothingNamed(AdminCases.Case one) {
    return switch (one.request()) {
      case MetadataRequestData metadata -> metadata.topics() == null || metadata.topics().isEmpty();
      case DescribeTopicPartitionsRequestData described -> described.topics().isEmpty();
      case ElectLeadersRequestData elected ->
          elected.topicPartitions() == null || elected.topicPartitions().isEmpty();
      default -> false;
    };
  }

  private static boolean askable(AdminCases.Case one, short version) {
    if (version < one.api().oldestVersion() || version > one.api().latestVersion(false)) {
      return false;
    }
    try {
      var _ = AdminCall.encode(one.request(), version);
      return true;
    } catch (UnsupportedVersionException | NullPointerException e) {
      return false;
    }
  }
}
