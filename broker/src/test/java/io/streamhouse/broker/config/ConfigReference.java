package io.streamhouse.broker.config;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Writes `docs/CONFIG.md` from the definitions, so that it cannot say anything else.
final class ConfigReference {

  private static final String HEAD =
      """
      <!-- Generated from the definitions in io.streamhouse.broker.config. To write it anew after a change there:
           mvn -pl broker -am test -Dtest=ConfigReferenceTest -Dsurefire.failIfNoSpecifiedTests=false -Dconfig.reference=write -->

      # Configuration

      An agent reads properties from the file of `--config FILE`, over them `-o KEY=VALUE` (which may be given again), over
      those `--data DIR` (`streamhouse.data.dir`) and `--port N` (the port in `listeners`). Names and meanings are Apache
      Kafka's where Kafka has the setting, and begin with `streamhouse.` otherwise.

      - A setting that neither Kafka nor StreamHouse knows, a bad value, and values that contradict each other are errors. All
        of them are listed together, and the agent does not start (exit code 2).
      - Every other broker setting of Kafka, of 4.3 or before, is accepted, so that an existing `server.properties` starts.
        What has no effect is listed once in the log, what asks for limited access a second time.
      - A default that is not Kafka's has its reason beside it.
      - Topics are configured with `bin/streamctl topic create --config KEY=VALUE`, or with `kafka-configs.sh`. What a topic
        does not set it gets from the agent's setting of the last column; those of them that are marked *dynamic* can be
        altered while the agent runs, with `kafka-configs.sh --entity-type brokers`.
      - Groups are configured with `kafka-configs.sh --entity-type groups`, whether or not the group exists yet; what is set
        holds from the next heartbeat on, and stays when the group goes. It must be within the agent's
        `group.consumer.min.` and `group.consumer.max.` settings; where these change later, the nearest value that is.

      """;

  private ConfigReference() {}

  static String text() {
    var text = new StringBuilder(HEAD);
    var topicDefaults = AgentConfigs.topicDefaultSettings();
    var all = AgentConfigs.all();
    agentTable(
        text,
        "StreamHouse's own settings",
        all.stream().filter(one -> one.name().startsWith("streamhouse.")).toList());
    agentTable(
        text,
        "Kafka's settings",
        all.stream()
            .filter(one -> !one.name().startsWith("streamhouse."))
            .filter(one -> !topicDefaults.containsKey(one.name()))
            .toList());
    topicTable(
        text,
        "Topic settings",
        TopicConfigs.all().stream().filter(one -> one.noEffect() == null).toList());
    topicTable(
        text,
        "Topic settings without effect",
        TopicConfigs.all().stream().filter(one -> one.noEffect() != null).toList());
    topicTable(
        text,
        "Group settings",
        GroupConfigs.all().stream().filter(one -> one.noEffect() == null).toList());
    topicTable(
        text,
        "Group settings without effect",
        GroupConfigs.all().stream().filter(one -> one.noEffect() != null).toList());
    text.append("## Environment and JVM\n\n");
    text.append(
        """
        | variable | what |
        |---|---|
        | `JAVA25_HOME` | a JDK 25 or newer; without it `JAVA_HOME`, `java` on the `PATH`, `/usr/lib/jvm`, `~/.jdks` and SDKMAN are looked at |
        | `STREAMHOUSE_OPTS` | JVM options of the agent, over the launcher's own (`-Xmx256m`, `-XX:MaxDirectMemorySize=512m`); the latter must hold `queued.max.request.bytes`, `streamhouse.response.max.bytes`, five quarters of `streamhouse.tail.max.bytes` and `streamhouse.cache.memory.bytes` together; `-Dstreamhouse.log=DEBUG` for more of a log, `-Dlogback.configurationFile=FILE` for another |
        | `STREAMHOUSE_AOT` | `off`: neither make nor use the JVM's ahead-of-time cache |
        | `STREAMCTL_OPTS` | JVM options of `streamctl` |
        """);
    return text.toString();
  }

  private static void agentTable(StringBuilder text, String title, List<Setting<?>> settings) {
    text.append("## ").append(title).append("\n\n");
    text.append("| setting | type | default | values | what |\n|---|---|---|---|---|\n");
    for (var setting : settings) {
      row(
          text,
          "`" + setting.name() + "`",
          type(setting),
          byDefault(setting),
          setting.valid(),
          what(setting));
    }
    text.append('\n');
  }

  private static void topicTable(StringBuilder text, String title, List<Setting<?>> settings) {
    text.append("## ").append(title).append("\n\n");
    text.append("| setting | type | default | values | what | agent's setting |\n");
    text.append("|---|---|---|---|---|---|\n");
    for (var setting : settings) {
      var keys = new StringBuilder();
      for (var key : setting.agentKeys()) {
        keys.append(keys.isEmpty() ? "" : ", ").append('`').append(key.name()).append('`');
        keys.append(AgentConfigs.dynamic(key.name()) ? " *dynamic*" : "");
      }
      row(
          text,
          "`" + setting.name() + "`",
          type(setting),
          byDefault(setting),
          setting.valid(),
          what(setting),
          keys.toString());
    }
    text.append('\n');
  }

  private static String type(Setting<?> setting) {
    return setting.type().name().toLowerCase(java.util.Locale.ROOT);
  }

  private static String byDefault(Setting<?> setting) {
    String value = setting.defaultValue();
    return value == null || value.isEmpty() ? "" : "`" + value + "`";
  }

  private static String what(Setting<?> setting) {
    String why = setting.why();
    return why.isEmpty()
        ? setting.documentation()
        : setting.documentation() + " *Default: " + lowerFirst(why) + "*";
  }

  private static String lowerFirst(String text) {
    return Character.toLowerCase(text.charAt(0)) + text.substring(1);
  }

  private static void row(StringBuilder text, String... cells) {
    text.append('|');
    for (String cell : cells) {
      text.append(' ').append(cell.replace("|", "\\|")).append(" |");
    }
    text.append('\n');
  }

  static void write(Path file) throws IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    Files.writeString(file, text(), StandardCharsets.UTF_8);
  }
}
