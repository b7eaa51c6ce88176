package io.streamhouse.broker.cli;

import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.errors.TimeoutException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ScopeType;

/// `streamctl`: looks at topics, groups and settings, writes and reads lines, and dumps files.
///
/// Exit codes: 0 done, 1 refused or failed, 2 a command line that cannot be followed.
@Command(
    name = "streamctl",
    description = "Topics, groups, lines and files of StreamHouse, or of any Kafka.",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = Streamctl.Version.class)
public final class Streamctl {

  static final String LOCAL_AGENT = "127.0.0.1:9092";

  /// How long a client waits for an answer before it gives up.
  static final int PATIENCE_MILLIS = 15_000;

  private Streamctl() {}

  public static void main(String[] arguments) {
    System.exit(run(System.in, System.out, System.err, arguments));
  }

  /// @return the exit code
  static int run(InputStream in, PrintStream out, PrintStream err, String... arguments) {
    var writer = new PrintWriter(out, true, StandardCharsets.UTF_8);
    var line = new CommandLine(new Streamctl());
    line.addSubcommand(new TopicCommand(writer))
        .addSubcommand(new GroupCommand(writer))
        .addSubcommand(new ConfigCommand(writer))
        .addSubcommand(new ProduceCommand(in, err))
        .addSubcommand(new ConsumeCommand(out))
        .addSubcommand(new SegmentCommand(writer))
        .addSubcommand(new WalCommand(writer))
        .addSubcommand(new AgentCommand(writer))
        .addSubcommand(new LeaseCommand(writer))
        .addSubcommand(new MetadataCommand(writer))
        .addSubcommand(new FsckCommand(writer));
    line.setOut(writer).setErr(new PrintWriter(err, true, StandardCharsets.UTF_8));
    line.setExecutionExceptionHandler((failure, command, parsed) -> {
      command.getErr().println("streamctl: " + reason(failure));
      return CommandLine.ExitCode.SOFTWARE;
    });
    if (arguments.length == 0) {
      line.usage(line.getErr());
      return CommandLine.ExitCode.USAGE;
    }
    return line.execute(arguments);
  }

  /// What to tell about a failure: a client's failures come wrapped in futures.
  static String reason(Throwable failure) {
    var cause = failure;
    while (cause instanceof ExecutionException && cause.getCause() != null) {
      cause = cause.getCause();
    }
    String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
    if (cause instanceof TimeoutException) {
      return "no answer in time; is an agent running there? (" + message + ")";
    }
    return cause instanceof NoSuchFileException ? "no such file: " + message : message;
  }

  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"streamctl " + Main.version()};
    }
  }
}
