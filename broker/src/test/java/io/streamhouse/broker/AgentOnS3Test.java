package io.streamhouse.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.s3.FaultyProxy;
import io.streamhouse.broker.storage.s3.FaultyProxy.Fault;
import io.streamhouse.broker.storage.s3.S3Server;
import io.streamhouse.protocol.BatchMemory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A whole agent in this process whose objects are in a bucket, with stock clients.
@Timeout(120)
class AgentOnS3Test {

  @TempDir private Path directory;

  private S3Server server;

  @BeforeEach
  void startServer() throws Exception {
    server = S3Server.start();
  }

  @AfterEach
  void stopServer() {
    server.close();
  }

  private Agent start(Map<String, String> settings) throws StartFailure {
    var properties = new HashMap<>(server.settings());
    properties.put("streamhouse.data.dir", directory.toString());
    properties.put("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.putAll(settings);
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var config) -> Agent.start(config, TimeSource.system());
      case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
    };
  }

  @Test
  void everythingIsInTheBucketAndServedFromItAfterARestart() throws Exception {
    var values = new ArrayList<String>();
    for (int i = 0; i < 100; i++) {
      values.add("value-" + i);
    }
    try (var agent = start(Map.of())) {
      AgentTest.produce(agent, "t", values);
    }
    try (var bucket = server.open("cluster")) {
      assertThat(bucket.list("", "", 10)).hasSize(1);
    }
    try (var files = Files.list(directory.resolve("objects"))) {
      assertThat(files).isEmpty();
    }
    long inUse = BatchMemory.inUse();
    try (var agent = start(Map.of())) {
      assertThat(AgentTest.consume(agent, "t", 100)).isEqualTo(values);
    }
    await().untilAsserted(() -> assertThat(BatchMemory.inUse()).isEqualTo(inUse));
    try (var cached = Files.walk(directory.resolve("cache"))) {
      assertThat(cached.filter(Files::isRegularFile)).as("kept on disk").isNotEmpty();
    }
  }

  @Test
  void partitionWhoseObjectDoesNotComeHoldsUpNoOtherInTheSameFetch() throws Exception {
    try (var agent = start(Map.of("num.partitions", "2"))) {
      AgentTest.produce(agent, new ProducerRecord<>("t", 0, null, "cold"));
    }
    try (var proxy = new FaultyProxy(server.endpoint());
        var agent = start(Map.of("streamhouse.s3.endpoint", proxy.endpoint().toString()))) {
      try (var consumer = AgentTest.consumer(agent)) {
        var cold = new TopicPartition("t", 0);
        var hot = new TopicPartition("t", 1);
        AgentTest.produce(agent, new ProducerRecord<>("t", 1, null, "hot"));
        consumer.assign(List.of(hot));
        consumer.seekToBeginning(List.of(hot));
        assertThat(next(consumer, Duration.ofSeconds(30))).isEqualTo("hot");
        proxy.afflict(1, new Random(1), Fault.SILENCE);

        consumer.assign(List.of(cold, hot));
        consumer.seek(cold, 0);
        await().until(() -> consumer.poll(Duration.ofMillis(50)).isEmpty() && proxy.struck() > 0);
        AgentTest.produce(agent, new ProducerRecord<>("t", 1, null, "hotter"));

        // Sooner than fetches wait for slow reads where there is nothing else.
        assertThat(next(consumer, Duration.ofSeconds(4))).isEqualTo("hotter");
        proxy.mend();
        assertThat(next(consumer, Duration.ofSeconds(30))).isEqualTo("cold");
      }
    }
  }

  private static String next(KafkaConsumer<String, String> consumer, Duration limit) {
    long deadline = System.nanoTime() + limit.toNanos();
    while (System.nanoTime() < deadline) {
      var records = consumer.poll(Duration.ofMillis(100));
      if (!records.isEmpty()) {
        assertThat(records).hasSize(1);
        return records.iterator().next().value();
      }
    }
    throw new AssertionError("nothing came");
  }

  @Test
  void missingBucketFailsTheStartAndIsNamed() {
    assertThatThrownBy(() -> start(Map.of("streamhouse.object.store", "s3://not-there/x")))
        .isInstanceOf(StartFailure.class)
        .hasMessageContaining("s3://not-there/x")
        .hasMessageContaining("404 NoSuchBucket");
  }

  @Test
  void refusedCredentialsFailTheStartAndStaySecret() {
    System.setProperty("aws.secretAccessKey", "not-the-secret");

    assertThatThrownBy(() -> start(Map.of()))
        .isInstanceOf(StartFailure.class)
        .hasMessageContaining("403 SignatureDoesNotMatch")
        .hasMessageNotContainingAny("not-the-secret", S3Server.ACCESS_KEY);
  }

  @Test
  void missingCredentialsFailTheStartAndSayWhereToPutThem() {
    var changed = List.of("aws.accessKeyId", "aws.secretAccessKey");
    changed.forEach(System::clearProperty);
    System.setProperty("aws.disableEc2Metadata", "true");
    System.setProperty("aws.sharedCredentialsFile", directory.resolve("none").toString());
    System.setProperty("aws.configFile", directory.resolve("none").toString());
    try {
      assertThatThrownBy(() -> start(Map.of()))
          .isInstanceOf(StartFailure.class)
          .hasMessageContaining("no credentials for s3://" + S3Server.BUCKET)
          .hasMessageContaining("AWS_ACCESS_KEY_ID");
    } finally {
      List.of("aws.disableEc2Metadata", "aws.sharedCredentialsFile", "aws.configFile")
          .forEach(System::clearProperty);
    }
  }
}
