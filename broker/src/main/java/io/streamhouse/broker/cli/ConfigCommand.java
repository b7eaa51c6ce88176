package io.streamhouse.broker.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.config.ConfigResource;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `streamctl config`: settings of topics, agents and groups while they run.
@Command(name = "config", description = "Shows and changes settings of topics, agents and groups.")
final class ConfigCommand {

  private final PrintWriter out;

  @Spec private @Nullable CommandSpec spec;

  ConfigCommand(PrintWriter out) {
    this.out = out;
  }

  /// What has the settings: one of these.
  static final class Of {

    @Option(names = "--topic", paramLabel = "TOPIC", description = "A topic.")
    private @Nullable String topic;

    @Option(names = "--agent", paramLabel = "ID", description = "The agent with this node id.")
    private @Nullable Integer agent;

    @Option(names = "--all-agents", description = "What counts for all agents.")
    private boolean allAgents;

    @Option(names = "--group", paramLabel = "GROUP", description = "A group of consumers.")
    private @Nullable String group;

    private ConfigResource resource(ConfigCommand command) {
      long given =
          Stream.of(topic != null, agent != null, allAgents, group != null)
              .filter(one -> one)
              .count();
      if (given != 1) {
        throw command.misused("one of --topic, --agent, --all-agents and --group");
      }
      if (topic != null) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
      }
      return group == null
          ? new ConfigResource(ConfigResource.Type.BROKER, agent == null ? "" : "" + agent)
          : new ConfigResource(ConfigResource.Type.GROUP, group);
    }
  }

  @Command(
      name = "get",
      description =
          "Shows settings that were given; with --all those that have their default, too.")
  int get(
      @Mixin ClientOptions client,
      @Mixin Of of,
      @Option(names = "--all", description = "Defaults, too.") boolean all,
      @Parameters(paramLabel = "KEY", arity = "0..*", description = "Only these.")
          @Nullable List<String> keys)
      throws IOException, ExecutionException, InterruptedException {
    var resource = of.resource(this);
    try (var admin = admin(client)) {
      var config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
      if (config == null) {
        throw new IllegalStateException("no settings of " + resource);
      }
      var wanted = keys == null ? List.<String>of() : keys;
      for (var key : wanted) {
        if (config.get(key) == null) {
          throw new IllegalArgumentException("there is no setting " + key);
        }
      }
      print(config.entries(), all, wanted);
    }
    return ExitCode.OK;
  }

  private void print(Collection<ConfigEntry> entries, boolean all, List<String> keys) {
    var table = new Table("setting", "value", "source");
    entries.stream()
        .sorted(Comparator.comparing(ConfigEntry::name))
        .filter(one ->
            keys.isEmpty()
                ? all || one.source() != ConfigEntry.ConfigSource.DEFAULT_CONFIG
                : keys.contains(one.name()))
        .forEach(one -> table.row(one.name(), value(one), source(one)));
    table.print(out, "");
  }

  private static String value(ConfigEntry entry) {
    if (entry.isSensitive()) {
      return "(hidden)";
    }
    return entry.value() == null ? "(none)" : entry.value();
  }

  private static String source(ConfigEntry entry) {
    return switch (entry.source()) {
      case DYNAMIC_TOPIC_CONFIG -> "topic";
      case DYNAMIC_BROKER_CONFIG -> "agent";
      case DYNAMIC_DEFAULT_BROKER_CONFIG -> "all agents";
      case DYNAMIC_GROUP_CONFIG -> "group";
      case STATIC_BROKER_CONFIG -> "start of the agent";
      case DEFAULT_CONFIG -> "default";
      case DYNAMIC_BROKER_LOGGER_CONFIG, DYNAMIC_CLIENT_METRICS_CONFIG, UNKNOWN ->
          entry.source().name().toLowerCase(Locale.ROOT);
    };
  }

  @Command(name = "set", description = "Gives settings a value.")
  int set(
      @Mixin ClientOptions client,
      @Mixin Of of,
      @Parameters(paramLabel = "KEY=VALUE", arity = "1..*", description = "What they are to be.")
          List<String> settings)
      throws IOException, ExecutionException, InterruptedException {
    var changes = new ArrayList<AlterConfigOp>();
    for (var setting : settings) {
      int equals = setting.indexOf('=');
      if (equals < 1) {
        throw misused("not KEY=VALUE: " + setting);
      }
      changes.add(
          new AlterConfigOp(
              new ConfigEntry(setting.substring(0, equals), setting.substring(equals + 1)),
              OpType.SET));
    }
    return change(client, of, changes);
  }

  @Command(name = "delete", description = "Lets settings have their default again.")
  int delete(
      @Mixin ClientOptions client,
      @Mixin Of of,
      @Parameters(paramLabel = "KEY", arity = "1..*", description = "Which.") List<String> keys)
      throws IOException, ExecutionException, InterruptedException {
    return change(
        client,
        of,
        keys.stream()
            .map(key -> new AlterConfigOp(new ConfigEntry(key, null), OpType.DELETE))
            .toList());
  }

  private int change(ClientOptions client, Of of, List<AlterConfigOp> changes)
      throws IOException, ExecutionException, InterruptedException {
    var resource = of.resource(this);
    try (var admin = admin(client)) {
      admin.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
      for (var change : changes) {
        out.println(
            change.opType() == OpType.DELETE
                ? "deleted " + change.configEntry().name()
                : "set " + change.configEntry().name() + "=" + change.configEntry().value());
      }
    }
    return ExitCode.OK;
  }

  private RuntimeException misused(String why) {
    return spec == null
        ? new IllegalArgumentException(why)
        : new ParameterException(spec.commandLine(), why);
  }

  private static Admin admin(ClientOptions client) throws IOException {
    return Admin.create(
        client.config(
            Map.of(
                "default.api.timeout.ms", Streamctl.PATIENCE_MILLIS,
                "request.timeout.ms", Streamctl.PATIENCE_MILLIS)));
  }
}
