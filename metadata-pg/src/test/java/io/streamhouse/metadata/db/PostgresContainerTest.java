package io.streamhouse.metadata.db;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataStoreContract;
import io.streamhouse.metadata.db.PostgresMetadata.Options;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;
import org.testcontainers.postgresql.PostgreSQLContainer;

/// The contract on the image others run in production, where there is a Docker: with a password,
/// and a schema for each store.
@Testcontainers(disabledWithoutDocker = true)
class PostgresContainerTest extends MetadataStoreContract {

  @Container
  private static final PostgreSQLContainer SERVER = new PostgreSQLContainer("postgres:17-alpine");

  private static final AtomicInteger SCHEMAS = new AtomicInteger();

  @Override
  protected MetadataStore open() throws Exception {
    var schema = "test" + SCHEMAS.incrementAndGet();
    var made =
        SERVER.execInContainer(
            "psql",
            "-U",
            SERVER.getUsername(),
            SERVER.getDatabaseName(),
            "-c",
            "create schema " + schema);
    assertThat(made.getExitCode()).as(made.getStderr()).isZero();
    return PostgresMetadata.open(
        new Options(
            "jdbc:postgresql://%s:%d/%s?currentSchema=%s"
                .formatted(
                    SERVER.getHost(), SERVER.getMappedPort(5432), SERVER.getDatabaseName(), schema),
            Optional.of(SERVER.getUsername()),
            Optional.of(SERVER.getPassword()),
            12,
            Duration.ofSeconds(5),
            Duration.ofSeconds(10)),
        new Random(42));
  }
}
