package io.streamhouse.compat;

import java.nio.file.Path;
import java.util.Map;

/// Which server a test or command runs against: property `compat.server`, `streamhouse` (default)
/// or `kafka`. Every test here also passes against Apache Kafka, or it tests the wrong thing.
public enum Servers {
  STREAMHOUSE {
    @Override
    public ServerUnderTest create(Kits kits, Path data, Map<String, String> config) {
      return new StreamHouseProcess(kits, data, config);
    }
  },
  KAFKA {
    @Override
    public ServerUnderTest create(Kits kits, Path data, Map<String, String> config) {
      return new OracleKafka(kits, data, config);
    }
  };

  /// A server that is not started yet.
  public abstract ServerUnderTest create(Kits kits, Path data, Map<String, String> config);

  public static Servers chosen() {
    return switch (System.getProperty("compat.server", "streamhouse")) {
      case "streamhouse" -> STREAMHOUSE;
      case "kafka" -> KAFKA;
      case String other ->
          throw new IllegalArgumentException("compat.server is streamhouse or kafka: " + other);
    };
  }
}
