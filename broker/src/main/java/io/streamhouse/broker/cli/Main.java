package io.streamhouse.broker.cli;

import io.streamhouse.broker.Agent;
import io.streamhouse.broker.StartFailure;
import io.streamhouse.broker.cli.StartOptions.Misuse;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.config.AgentConfig.ObjectPlace;
import io.streamhouse.broker.config.TopicConfig;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.SchemaMismatch;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// `streamhouse`: starts an agent and serves until it is told to stop.
///
/// Exit codes: 0 after SIGTERM or SIGINT, 2 when it cannot start as it was told (options,
/// configuration, data directory or port in use), 1 when it cannot go on.
public final class Main {

  private static final int OK = 0;
  private static final int FAILED = 1;
  private static final int MISUSED = 2;

  /// Below the half minute that supervisors commonly wait before they kill.
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(20);

  private static final Duration RESTART_PAUSE = Duration.ofSeconds(2);

  private static final String USAGE =
      """
      Usage: streamhouse start [--data DIR] [--port N] [--config FILE] [-o KEY=VALUE]...
             streamhouse --help | --version

      Starts one agent, which serves until SIGTERM or SIGINT.

        --data DIR      where it keeps everything (./data)
        --port N        where it listens on 127.0.0.1 (9092); 0 picks a free port and prints it
        --config FILE   properties, such as a server.properties of Apache Kafka
        -o KEY=VALUE    one property, over those of the file; may be given again

      All settings are in docs/CONFIG.md.
      Environment: STREAMHOUSE_OPTS options for the JVM, JAVA25_HOME a JDK 25 or newer.
      """;

  private final PrintStream out;
  private final PrintStream err;
  private final RunningAgent.Starter starter;

  Main(PrintStream out, PrintStream err, RunningAgent.Starter starter) {
    this.out = out;
    this.err = err;
    this.starter = starter;
  }

  public static void main(String[] arguments) {
    System.exit(new Main(System.out, System.err, Main::startAgent).run(Arrays.asList(arguments)));
  }

  private static RunningAgent startAgent(AgentConfig config, TimeSource time) throws StartFailure {
    var agent = Agent.start(config, time);
    return new RunningAgent() {
      @Override
      public List<String> listenAddresses() {
        return agent.listenAddresses();
      }

      @Override
      public Optional<String> httpAddress() {
        return agent.httpAddress();
      }

      @Override
      public void awaitStopped() throws InterruptedException {
        agent.awaitStopped();
      }

      @Override
      public boolean sessionOver() {
        return agent.sessionOver();
      }

      @Override
      public void close() {
        agent.close();
      }
    };
  }

  /// @return the exit code
  int run(List<String> arguments) {
    String command = arguments.isEmpty() ? "--help" : arguments.getFirst();
    var options = arguments.isEmpty() ? arguments : arguments.subList(1, arguments.size());
    if (options.contains("--help") || options.contains("-h")) {
      command = "--help";
    }
    return switch (command) {
      case "start" -> start(options);
      case "train" -> train(options);
      case "--help", "-h", "help" -> {
        (arguments.isEmpty() ? err : out).print(USAGE);
        yield arguments.isEmpty() ? MISUSED : OK;
      }
      case "--version", "-V", "version" -> {
        out.println("streamhouse " + version());
        yield OK;
      }
      default -> {
        err.println("streamhouse: unknown command " + command);
        err.print(USAGE);
        yield MISUSED;
      }
    };
  }

  private int start(List<String> arguments) {
    var stopping = new AtomicBoolean();
    var running = new AtomicReference<@Nullable RunningAgent>();
    AgentConfig config;
    try {
      config = configure(arguments);
      if (config == null) {
        return MISUSED;
      }
      describe(config);
      // Before the start, which may take a while: a signal then ends it with 0 as well.
      Runtime.getRuntime()
          .addShutdownHook(new Thread(() -> stop(running, stopping), "streamhouse-shutdown"));
      running.set(starter.start(config, TimeSource.system()));
    } catch (Misuse | StartFailure e) {
      err.println("streamhouse: " + e.getMessage());
      return MISUSED;
    } finally {
      if (running.get() == null) {
        stopping.set(true);
      }
    }
    var agent = Objects.requireNonNull(running.get());
    announce(agent);
    while (true) {
      try {
        agent.awaitStopped();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      if (!agent.sessionOver() || stopping.get()) {
        break;
      }
      // Where any port would do clients know by now which one it is.
      config =
          config.withPorts(
              agent.listenAddresses().stream().map(Main::port).toList(),
              agent.httpAddress().stream().mapToInt(Main::port).findFirst());
      agent.close();
      agent = startAgain(config, stopping);
      if (agent == null) {
        return stopping.compareAndSet(false, true) ? FAILED : OK;
      }
      running.set(agent);
    }
    if (!stopping.compareAndSet(false, true)) {
      // The shutdown hook has the exit code; this thread has nothing more to say.
      return OK;
    }
    err.println("streamhouse: the agent stopped by itself; the log says why");
    agent.close();
    return FAILED;
  }

  private static int port(String address) {
    return Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
  }

  /// Starts an agent whose session others ended, in the same process: nobody need be there to do
  /// it. What it needs may be away at first, so it tries until it is told to stop.
  ///
  /// @return null when told to stop, or if it never can: a newer program has changed the schema
  private @Nullable RunningAgent startAgain(AgentConfig config, AtomicBoolean stopping) {
    while (!stopping.get()) {
      try {
        var agent = starter.start(config, TimeSource.system());
        agent.listenAddresses().forEach(address -> out.println("listening again on " + address));
        out.flush();
        return agent;
      } catch (StartFailure | RuntimeException failed) {
        if (failed.getCause() instanceof SchemaMismatch) {
          err.println("streamhouse: cannot start again: " + failed.getMessage());
          return null;
        }
        err.println("streamhouse: cannot start again yet: " + failed.getMessage());
        LockSupport.parkNanos(RESTART_PAUSE.toNanos());
      }
    }
    return null;
  }

  /// @return null when it is wrong, which has been said
  private @Nullable AgentConfig configure(List<String> arguments) throws Misuse {
    var properties = StartOptions.parse(arguments).properties();
    return switch (AgentConfig.read(properties)) {
      case AgentConfig.Reading.Valid(var config) -> config;
      case AgentConfig.Reading.Invalid(var errors) -> {
        err.println(
            errors.size() == 1
                ? "streamhouse: the configuration has an error:"
                : "streamhouse: the configuration has " + errors.size() + " errors:");
        errors.forEach(error -> err.println("  " + error));
        yield null;
      }
    };
  }

  private void describe(AgentConfig config) {
    var storage = config.storage();
    out.println("StreamHouse " + version());
    out.println("  data        " + storage.dataDir());
    switch (storage.objects()) {
      case ObjectPlace.Directory(var path) -> {
        if (!path.startsWith(storage.dataDir())) {
          out.println("  objects     " + path);
        }
      }
      case ObjectPlace.Bucket(var bucket, var prefix, var endpoint, var _, var _) ->
          out.println(
              "  objects     s3://"
                  + bucket
                  + (prefix.isEmpty() ? "" : "/" + prefix)
                  + endpoint.map(url -> " at " + url).orElse(""));
    }
    if (config.metadata().shared()) {
      out.println("  metadata    " + config.metadata());
    }
    out.println("  durability  " + durability(config));
    Logger log = null;
    for (String warning : config.warnings()) {
      log = log == null ? LoggerFactory.getLogger(Main.class) : log;
      log.warn("{}", warning);
    }
  }

  private static String durability(AgentConfig config) {
    return switch (TopicConfig.resolve(Map.of(), config.topicDefaults()).durability()) {
      case OBJECT ->
          "object: an acknowledged record is in the object store; it survives the loss of this"
              + " machine";
      case LOCAL ->
          "local: an acknowledged record is in this agent's write-ahead log, "
              + switch (config.wal().fsync()) {
                case ALWAYS ->
                    "synced first (fsync=always); it survives a crash and a power cut, not the loss"
                        + " of the disk";
                case INTERVAL ->
                    "synced within %d ms (fsync=interval); it survives a crash, later a power cut"
                        .formatted(config.wal().fsyncInterval().toMillis());
                case NEVER ->
                    "synced when the system does (fsync=never); it survives a crash of the process";
              };
    };
  }

  private void announce(RunningAgent agent) {
    String address = agent.listenAddresses().getFirst();
    String bootstrap = address.equals("127.0.0.1:9092") ? "" : " --bootstrap " + address;
    out.println("  try         echo hello | bin/streamctl produce greetings" + bootstrap);
    out.println(
        "              bin/streamctl consume greetings --from-beginning --max-messages 1"
            + bootstrap);
    agent.httpAddress().ifPresent(http -> out.println("  health      http://" + http + "/health"));
    for (String listening : agent.listenAddresses()) {
      out.println("listening on " + listening);
    }
    out.flush();
  }

  /// Runs when the process is told to stop, and ends it: the JVM would exit with the signal's code.
  private void stop(AtomicReference<@Nullable RunningAgent> running, AtomicBoolean stopping) {
    if (!stopping.compareAndSet(false, true)) {
      return;
    }
    var agent = running.get();
    if (agent == null) {
      // Nothing was acknowledged yet; what was there before is recovered at the next start.
      Runtime.getRuntime().halt(OK);
      return;
    }
    var closing = new Thread(agent::close, "streamhouse-close");
    closing.setDaemon(true);
    closing.start();
    try {
      if (!closing.join(CLOSE_LIMIT)) {
        err.println(
            "streamhouse: not everything was flushed in "
                + CLOSE_LIMIT.toSeconds()
                + " s; the rest is in the write-ahead log");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    out.flush();
    err.flush();
    Runtime.getRuntime().halt(OK);
  }

  /// Starts an agent in the directory given, uses it a little and stops: what the JVM learns from
  /// goes into its ahead-of-time cache. Not for people, hence not in the usage.
  private int train(List<String> arguments) {
    if (arguments.size() != 1) {
      err.println("streamhouse: train needs a directory");
      return MISUSED;
    }
    try {
      var config =
          configure(
              List.of(
                  "--data",
                  Path.of(arguments.getFirst()).toString(),
                  "--port",
                  "0",
                  "-o",
                  "streamhouse.http.listener=127.0.0.1:0"));
      if (config == null) {
        return MISUSED;
      }
      describe(config);
      try (var agent = starter.start(config, TimeSource.system())) {
        announce(agent);
        TrainingClient.use(agent.listenAddresses().getFirst());
      }
      return OK;
    } catch (Misuse | StartFailure | IOException e) {
      err.println("streamhouse: " + e.getMessage());
      return FAILED;
    }
  }

  /// The version this was built as.
  static String version() {
    try (var stream = Main.class.getResourceAsStream("version.properties")) {
      if (stream == null) {
        return "unknown";
      }
      var properties = new Properties();
      properties.load(new InputStreamReader(stream, StandardCharsets.UTF_8));
      return properties.getProperty("version", "unknown");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
