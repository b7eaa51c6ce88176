package io.streamhouse.broker.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `streamctl topic`: what topics there are, and changes to that.
@Command(name = "topic", description = "Lists, creates, describes and deletes topics.")
final class TopicCommand {

  private static final String DURABILITY = "streamhouse.durability";

  private final PrintWriter out;

  TopicCommand(PrintWriter out) {
    this.out = out;
  }

  @Command(name = "list", description = "Names all topics, one a line.")
  int list(
      @Mixin ClientOptions client,
      @Option(names = "--internal", description = "Internal ones, too.") boolean internal)
      throws IOException, ExecutionException, InterruptedException {
    try (var admin = admin(client)) {
      var names = admin.listTopics(new ListTopicsOptions().listInternal(internal)).names().get();
      new TreeSet<>(names).forEach(out::println);
    }
    return ExitCode.OK;
  }

  @Command(name = "create", description = "Creates a topic.")
  int create(
      @Mixin ClientOptions client,
      @Parameters(paramLabel = "TOPIC", description = "Its name.") String topic,
      @Option(
              names = "--partitions",
              paramLabel = "N",
              description = "How many (default: the agent's num.partitions).")
          @Nullable Integer partitions,
      @Option(
              names = "--config",
              paramLabel = "KEY=VALUE",
              description = "A topic setting; may be given again.")
          @Nullable Map<String, String> configs,
      @Option(names = "--if-not-exists", description = "Content with one that is there.")
          boolean unlessPresent)
      throws IOException, ExecutionException, InterruptedException {
    var wanted = new NewTopic(topic, Optional.ofNullable(partitions), Optional.empty());
    wanted.configs(configs == null ? Map.of() : configs);
    try (var admin = admin(client)) {
      var result = admin.createTopics(List.of(wanted));
      try {
        result.all().get();
      } catch (ExecutionException e) {
        if (unlessPresent && e.getCause() instanceof TopicExistsException) {
          return ExitCode.OK;
        }
        throw e;
      }
      out.println(
          "created topic %s with %d partition(s)"
              .formatted(topic, result.numPartitions(topic).get()));
    }
    return ExitCode.OK;
  }

  @Command(
      name = "describe",
      description =
          "Tells a topic's id, durability, settings, and its partitions' leaders and offsets.")
  int describe(
      @Mixin ClientOptions client,
      @Parameters(paramLabel = "TOPIC", arity = "1..*", description = "Their names.")
          List<String> topics)
      throws IOException, ExecutionException, InterruptedException {
    try (var admin = admin(client)) {
      var descriptions = admin.describeTopics(topics).allTopicNames().get();
      for (String topic : topics) {
        var description = descriptions.get(topic);
        if (description != null) {
          describe(admin, description);
        }
      }
    }
    return ExitCode.OK;
  }

  private static String survives(String durability) {
    return switch (durability) {
      case "local" ->
          ": an acknowledged record survives a crash of the agent, not the loss of its disk";
      case "object" -> ": an acknowledged record survives the loss of every agent and disk";
      default -> "";
    };
  }

  private void describe(Admin admin, TopicDescription topic)
      throws ExecutionException, InterruptedException {
    var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic.name());
    Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
    out.println("topic       " + topic.name());
    // As Kafka's tools write it, and as logs, dumps and fsck do.
    var id = topic.topicId();
    out.println(
        "  id          %s, %s"
            .formatted(id, new UUID(id.getMostSignificantBits(), id.getLeastSignificantBits())));
    if (config != null) {
      var durability = config.get(DURABILITY);
      if (durability != null) {
        out.println("  durability  " + durability.value() + survives(durability.value()));
      }
      var own = new TreeMap<String, String>();
      for (var entry : config.entries()) {
        if (entry.source() == ConfigSource.DYNAMIC_TOPIC_CONFIG) {
          own.put(entry.name(), entry.value());
        }
      }
      out.println("  settings    " + (own.isEmpty() ? "all default" : own));
    }
    var earliest = offsets(admin, topic, OffsetSpec.earliest());
    var latest = offsets(admin, topic, OffsetSpec.latest());
    out.println("  partition  leader  first offset  end offset");
    for (var partition : topic.partitions()) {
      var key = new TopicPartition(topic.name(), partition.partition());
      var leader = partition.leader();
      out.println(
          "  %9d  %6s  %12s  %10s"
              .formatted(
                  partition.partition(),
                  leader == null || leader.isEmpty() ? "none" : leader.idString(),
                  offset(earliest.get(key)),
                  offset(latest.get(key))));
    }
  }

  private static String offset(@Nullable ListOffsetsResultInfo info) {
    return info == null ? "?" : Long.toString(info.offset());
  }

  /// Of partitions that have a leader; asking for the others would wait for one.
  private static Map<TopicPartition, ListOffsetsResultInfo> offsets(
      Admin admin, TopicDescription topic, OffsetSpec spec)
      throws ExecutionException, InterruptedException {
    var asked = new HashMap<TopicPartition, OffsetSpec>();
    for (var partition : topic.partitions()) {
      var leader = partition.leader();
      if (leader != null && !leader.isEmpty()) {
        asked.put(new TopicPartition(topic.name(), partition.partition()), spec);
      }
    }
    return admin.listOffsets(asked).all().get();
  }

  @Command(name = "delete", description = "Deletes topics and everything in them.")
  int delete(
      @Mixin ClientOptions client,
      @Parameters(paramLabel = "TOPIC", arity = "1..*", description = "Their names.")
          List<String> topics,
      @Option(names = "--if-exists", description = "Content where there is none.")
          boolean ifPresent)
      throws IOException, ExecutionException, InterruptedException {
    try (var admin = admin(client)) {
      for (var deletion : admin.deleteTopics(topics).topicNameValues().entrySet()) {
        try {
          deletion.getValue().get();
          out.println("deleted topic " + deletion.getKey());
        } catch (ExecutionException e) {
          if (!ifPresent || !(e.getCause() instanceof UnknownTopicOrPartitionException)) {
            throw e;
          }
        }
      }
    }
    return ExitCode.OK;
  }

  private static Admin admin(ClientOptions client) throws IOException {
    return Admin.create(
        client.config(
            Map.of(
                "default.api.timeout.ms", Streamctl.PATIENCE_MILLIS,
                "request.timeout.ms", Streamctl.PATIENCE_MILLIS)));
  }
}
