package io.streamhouse.broker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.s3.S3Server;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
    try (var agent = start(Map.of())) {
      assertThat(AgentTest.consume(agent, "t", 100)).isEqualTo(values);
    }
    try (var cached = Files.walk(directory.resolve("cache"))) {
      assertThat(cached.filter(Files::isRegularFile)).as("kept on disk").isNotEmpty();
    }
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
