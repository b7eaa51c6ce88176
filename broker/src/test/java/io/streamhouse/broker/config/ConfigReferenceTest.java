package io.streamhouse.broker.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class ConfigReferenceTest {

  private static final Path FILE = Path.of("..", "docs", "CONFIG.md");

  @Test
  void configReferenceIsCurrent() throws IOException {
    if ("write".equals(System.getProperty("config.reference"))) {
      ConfigReference.write(FILE);
    }
    assertThat(FILE).exists();
    assertThat(Files.readString(FILE))
        .as("docs/CONFIG.md; its first lines say how to write it anew")
        .isEqualTo(ConfigReference.text());
  }
}
