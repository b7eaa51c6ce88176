package io.streamhouse.broker.storage;

import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.s3.S3Server;
import io.streamhouse.broker.storage.s3.S3Settings;
import io.streamhouse.broker.storage.s3.S3Store;
import java.net.URI;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;

/// What every store does, against MinIO, where there is Docker to run it.
@Testcontainers(disabledWithoutDocker = true)
@Timeout(120)
class MinioStoreTest extends ObjectStoreContract {

  private static final int PORT = 9000;

  @Container
  private static final GenericContainer<?> MINIO =
      new GenericContainer<>("minio/minio:RELEASE.2025-04-22T22-12-26Z")
          .withExposedPorts(PORT)
          .withEnv("MINIO_ROOT_USER", S3Server.ACCESS_KEY)
          .withEnv("MINIO_ROOT_PASSWORD", S3Server.SECRET_KEY)
          .withCreateContainerCmdModifier(create -> create.withEntrypoint("sh", "-c"))
          .withCommand("mkdir -p /data/" + S3Server.BUCKET + " && exec minio server /data")
          .waitingFor(Wait.forHttp("/minio/health/ready").forPort(PORT));

  private static int opened;

  @BeforeAll
  static void credentials() {
    System.setProperty("aws.accessKeyId", S3Server.ACCESS_KEY);
    System.setProperty("aws.secretAccessKey", S3Server.SECRET_KEY);
  }

  @Override
  S3Store open() throws Exception {
    var endpoint = URI.create("http://" + MINIO.getHost() + ":" + MINIO.getMappedPort(PORT));
    return S3Store.open(
        new S3Settings(
            S3Server.BUCKET,
            "cluster-" + opened++,
            Optional.of(endpoint),
            Optional.empty(),
            true,
            S3Settings.Patience.DEFAULT,
            S3Settings.Parts.DEFAULT),
        TimeSource.system(),
        new Random());
  }
}
