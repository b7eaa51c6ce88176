package io.streamhouse.compat.scenario;

import io.streamhouse.compat.Kits;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// A client library, perhaps with one of the two protocols of groups.
enum Client {
  JAVA_4_3("Java 4.3.1", new Java(Kits.Client.KAFKA_4_3), "classic"),
  JAVA_4_3_CONSUMER("Java 4.3.1, KIP-848", new Java(Kits.Client.KAFKA_4_3), "consumer"),
  JAVA_3_9("Java 3.9", new Java(Kits.Client.KAFKA_3_9), "classic"),
  JAVA_2_8("Java 2.8", new Java(Kits.Client.KAFKA_2_8), "classic"),
  LIBRDKAFKA("librdkafka (Python)", new Python("confluent"), "classic"),
  LIBRDKAFKA_CONSUMER("librdkafka, KIP-848", new Python("confluent"), "consumer"),
  KAFKA_PYTHON("kafka-python", new Python("kafka-python"), "classic"),
  AIOKAFKA("aiokafka", new Python("aiokafka"), "classic"),
  FRANZ_GO("franz-go", new Program("go/driver"), "classic"),
  FRANZ_GO_CONSUMER("franz-go, KIP-848", new Program("go/driver"), "consumer"),
  KAFKAJS("kafkajs", new Node(), "classic"),
  RSKAFKA("rskafka", new Program("rust/driver"), "classic");

  private final String title;

  @SuppressWarnings("ImmutableEnumChecker") // Records of enums and strings.
  private final Launch launch;

  private final String protocol;

  Client(String title, Launch launch, String protocol) {
    this.title = title;
    this.launch = launch;
    this.protocol = protocol;
  }

  /// As the table of results calls it.
  String title() {
    return title;
  }

  /// Of its groups, as `group.protocol` has it.
  String protocol() {
    return protocol;
  }

  /// How to start its driver; nothing if it could not be built here.
  Optional<List<String>> command(Kits kits) {
    return launch.command(kits);
  }

  private static Path built(Kits kits) {
    return kits.kits().resolveSibling("clients");
  }

  private sealed interface Launch {
    Optional<List<String>> command(Kits kits);
  }

  private record Java(Kits.Client jars) implements Launch {
    @Override
    public Optional<List<String>> command(Kits kits) {
      return Optional.of(
          kits.java(
              jars,
              List.of("-Xmx300m", "-XX:TieredStopAtLevel=1"),
              "io.streamhouse.compat.driver.ScenarioDriver",
              List.of()));
    }
  }

  private record Python(String library) implements Launch {
    @Override
    public Optional<List<String>> command(Kits kits) {
      var python = built(kits).resolve("python/bin/python");
      var driver = kits.root().resolve("compat-tests/clients/python/driver.py");
      return Files.isExecutable(python)
          ? Optional.of(List.of(python.toString(), driver.toString(), library))
          : Optional.empty();
    }
  }

  private record Node() implements Launch {
    @Override
    public Optional<List<String>> command(Kits kits) {
      var driver = built(kits).resolve("node/driver.js");
      return Files.isReadable(driver)
          ? Optional.of(List.of("node", driver.toString()))
          : Optional.empty();
    }
  }

  private record Program(String path) implements Launch {
    @Override
    public Optional<List<String>> command(Kits kits) {
      var program = built(kits).resolve(path);
      return Files.isExecutable(program)
          ? Optional.of(List.of(program.toString()))
          : Optional.empty();
    }
  }
}
