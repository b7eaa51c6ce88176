package io.streamhouse.broker.cli;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Options of every command that speaks to an agent.
final class ClientOptions {

  @Option(
      names = "--bootstrap",
      paramLabel = "HOST:PORT",
      defaultValue = Streamctl.LOCAL_AGENT,
      description = "An agent to begin with (default: ${DEFAULT-VALUE}).")
  private String bootstrap = Streamctl.LOCAL_AGENT;

  @Option(
      names = "--client-config",
      paramLabel = "FILE",
      description = "Properties for the Kafka client underneath.")
  private @Nullable Path file;

  @Option(
      names = "--client-property",
      paramLabel = "KEY=VALUE",
      description = "One property for it, over those of the file; may be given again.")
  private Map<String, String> properties = new HashMap<>();

  /// The client's configuration, with `defaults` below what the user gave.
  Map<String, Object> config(Map<String, Object> defaults) throws IOException {
    var config = new HashMap<String, Object>(defaults);
    config.put("bootstrap.servers", bootstrap);
    config.put("client.id", "streamctl");
    if (file != null) {
      var read = new Properties();
      try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
        read.load(reader);
      }
      read.stringPropertyNames().forEach(name -> config.put(name, read.getProperty(name, "")));
    }
    config.putAll(properties);
    return config;
  }
}
