package io.streamhouse.broker.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.Agent;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `streamctl agent` and `streamctl lease` beside an agent and after it.
@Timeout(60)
class AgentCommandTest {

  @TempDir private Path data = Path.of("");

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private Agent start() throws Exception {
    var properties =
        Map.of(
            "streamhouse.data.dir", data.toString(),
            "listeners", "PLAINTEXT://127.0.0.1:0",
            "streamhouse.http.listener", "",
            "node.id", "7",
            "streamhouse.agent.group", "blue");
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var config) -> Agent.start(config, TimeSource.system());
      case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
    };
  }

  private List<String> printed(int code, String... arguments) {
    out.reset();
    err.reset();
    var whole = Arrays.copyOf(arguments, arguments.length + 2);
    whole[arguments.length] = "--data";
    whole[arguments.length + 1] = data.toString();
    int exit =
        Streamctl.run(
            InputStream.nullInputStream(),
            new PrintStream(out, true, UTF_8),
            new PrintStream(err, true, UTF_8),
            whole);
    assertThat(exit).as(err.toString(UTF_8)).isEqualTo(code);
    return (code == 0 ? out : err).toString(UTF_8).lines().toList();
  }

  @Test
  void anAgentIsListedAsItIs() throws Exception {
    try (var _ = start()) {
      assertThat(printed(0, "agent", "list").getLast())
          .startsWith("7 ")
          .contains(" blue ")
          .endsWith("live");
      assertThat(printed(0, "agent", "drain", "7"))
          .containsExactly(
              "draining agent 7",
              "every live agent of group blue is drained: they lead on as if none was");
      assertThat(printed(0, "agent", "list").getLast()).startsWith("7 ").endsWith("drained");
    }
    assertThat(printed(0, "agent", "list").getLast())
        .isEqualTo("agent 7 is drained, and not running");
    assertThat(printed(0, "agent", "drain", "7", "--undo"))
        .containsExactly("agent 7 takes leases again");
    assertThat(printed(0, "agent", "list")).hasSize(1).first().asString().startsWith("agent ");
  }

  @Test
  void anAgentThatNeverWasCannotBeDrained() throws Exception {
    start().close();
    assertThat(printed(1, "agent", "drain", "8"))
        .containsExactly("streamctl: no agent ever had the node.id 8");
  }

  @Test
  void partitionsAreListedWithTheirLeaders() throws Exception {
    try (var agent = start();
        var admin =
            Admin.create(
                Map.<String, Object>of("bootstrap.servers", agent.listenAddresses().getFirst()))) {
      var topics = List.of(topic("a", 2), topic("b", 1));
      admin.createTopics(topics).all().get(30, TimeUnit.SECONDS);
      assertThat(printed(0, "lease", "list"))
          .hasSize(4)
          .last()
          .asString()
          .matches("b +0 +7 +\\d+ +(-|[0-9a-f-]{36})");
      assertThat(printed(0, "lease", "list", "--topic", "a")).hasSize(3);
      assertThat(printed(1, "lease", "list", "--topic", "none"))
          .containsExactly("streamctl: there is no topic none");
    }
    assertThat(printed(0, "lease", "list", "--topic", "b").getLast()).matches("b +0 +- +- +-");
  }

  private static NewTopic topic(String name, int partitions) {
    return new NewTopic(name, Optional.of(partitions), Optional.empty());
  }
}
