package io.streamhouse.broker.cli;

import io.streamhouse.broker.cli.StartOptions.Misuse;
import io.streamhouse.broker.config.AgentConfig;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Options that say which deployment is meant, as those of `streamhouse start` do.
final class DeploymentOptions {

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "The agent's data directory; ./data if nothing else is given.")
  private @Nullable String data;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "The properties the agent was started with.")
  private @Nullable Path config;

  @Option(
      names = "--metadata",
      paramLabel = "URL",
      description = "The database; by default the one in the data directory.")
  private @Nullable String metadata;

  @Option(
      names = "--object-store",
      paramLabel = "URL",
      description = "Where the objects are; by default in the data directory.")
  private @Nullable String objects;

  AgentConfig read() throws Misuse {
    var properties =
        new HashMap<>(new StartOptions(config, data, OptionalInt.empty(), List.of()).properties());
    if (metadata != null) {
      properties.put("streamhouse.metadata.url", metadata);
    }
    if (objects != null) {
      properties.put("streamhouse.object.store", objects);
    }
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var valid) -> valid;
      case AgentConfig.Reading.Invalid(var errors) -> throw new Misuse(String.join("; ", errors));
    };
  }
}
