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
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `streamctl agent` beside an agent and after it.
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
    var whole = new String[arguments.length + 3];
    whole[0] = "agent";
    System.arraycopy(arguments, 0, whole, 1, arguments.length);
    whole[whole.length - 2] = "--data";
    whole[whole.length - 1] = data.toString();
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
      assertThat(printed(0, "list").getLast()).startsWith("7 ").contains(" blue ").endsWith("live");
      assertThat(printed(0, "drain", "7")).containsExactly("draining agent 7");
      assertThat(printed(0, "list").getLast()).startsWith("7 ").endsWith("drained");
    }
    assertThat(printed(0, "list").getLast()).isEqualTo("agent 7 is drained, and not running");
    assertThat(printed(0, "drain", "7", "--undo")).containsExactly("agent 7 takes leases again");
    assertThat(printed(0, "list")).hasSize(1).first().asString().startsWith("agent ");
  }

  @Test
  void anAgentThatNeverWasCannotBeDrained() throws Exception {
    start().close();
    assertThat(printed(1, "drain", "8"))
        .containsExactly("streamctl: no agent ever had the node.id 8");
  }
}
