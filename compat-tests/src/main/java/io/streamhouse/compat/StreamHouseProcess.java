package io.streamhouse.compat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/// One StreamHouse agent, started the way a user starts it: by `bin/streamhouse`.
public final class StreamHouseProcess implements ServerUnderTest {

  private static final Duration START_LIMIT = Duration.ofMinutes(1);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(90);
  private static final Duration FSCK_LIMIT = Duration.ofMinutes(2);
  private static final String READY = "listening on ";

  private final String launcher;
  private final Path data;
  private final Map<String, String> config;
  private final Map<String, String> environment;
  private int port;
  private volatile @Nullable ChildProcess process;

  /// @param data an empty or not yet existing directory, or one an agent has used before
  /// @param config settings, as `-o key=value`
  public StreamHouseProcess(Kits kits, Path data, Map<String, String> config) {
    this(
        data,
        config,
        System.getProperty("streamhouse.launcher", kits.root().resolve("bin/streamhouse") + ""),
        0,
        Map.of());
  }

  /// @param launcher what starts it, perhaps of another build
  /// @param port where it listens; 0 for any free one
  public StreamHouseProcess(Path data, Map<String, String> config, String launcher, int port) {
    this(data, config, launcher, port, Map.of());
  }

  private StreamHouseProcess(
      Path data,
      Map<String, String> config,
      String launcher,
      int port,
      Map<String, String> environment) {
    this.launcher = launcher;
    this.port = port;
    this.data = data;
    this.config = new LinkedHashMap<>(config);
    this.environment = new LinkedHashMap<>(environment);
  }

  /// The same, with variables of the environment besides those of this process.
  public StreamHouseProcess with(Map<String, String> variables) {
    return new StreamHouseProcess(data, config, launcher, port, variables);
  }

  @Override
  public String name() {
    return "StreamHouse";
  }

  @Override
  public void start() {
    if (isAlive()) {
      throw new IllegalStateException("already running");
    }
    var command = command(launcher);
    command.addAll(List.of("start", "--data", data.toString(), "--port", Integer.toString(port)));
    config.forEach((key, value) -> command.addAll(List.of("-o", key + "=" + value)));
    try {
      Files.createDirectories(data.toAbsolutePath().getParent());
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
    // The log lies beside the data directory, which belongs to the agent alone.
    var child =
        ChildProcess.start(
            new ChildProcess.Spec(
                "streamhouse", command, data.resolveSibling(data.getFileName() + ".log")));
    process = child;
    String line = child.awaitLine(child.line(text -> text.contains(READY)), START_LIMIT);
    String address = line.substring(line.indexOf(READY) + READY.length()).strip();
    int listening = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
    if (port != 0 && port != listening) {
      throw new IllegalStateException("asked for port " + port + ", got " + line);
    }
    port = listening;
  }

  @Override
  public int stop() {
    var child = running();
    child.terminate();
    return child.await(STOP_LIMIT);
  }

  @Override
  public void kill() {
    running().kill();
  }

  /// Checks, while it does not run, that what it stored fits together.
  ///
  /// @return what does not, or why that cannot be checked; empty if all is well
  public Optional<String> fsck() {
    var checked = streamctl(FSCK_LIMIT, "fsck");
    return checked.exit() == 0 ? Optional.empty() : Optional.of(checked.tail());
  }

  /// Runs `streamctl` on what this agent works with, whether it runs or not.
  ///
  /// @param arguments those that come before the ones that say which deployment is meant
  public Kits.Finished streamctl(Duration limit, String... arguments) {
    var command = command(Path.of(launcher).resolveSibling("streamctl").toString());
    command.addAll(List.of(arguments));
    command.addAll(List.of("--data", data.toString(), "--config", written(config).toString()));
    var log = data.resolveSibling(data.getFileName() + "-" + arguments[0] + ".log");
    return Kits.run(new ChildProcess.Spec(arguments[0], command, log), limit);
  }

  /// SIGSTOP: it stands still until [#resume].
  public void pause() {
    running().pause();
  }

  /// SIGCONT.
  public void resume() {
    running().resume();
  }

  @Override
  public boolean isAlive() {
    return process != null && process.isAlive();
  }

  @Override
  public String bootstrap() {
    return "127.0.0.1:" + port();
  }

  @Override
  public int port() {
    if (port == 0) {
      throw new IllegalStateException("the port is known once it was started");
    }
    return port;
  }

  @Override
  public Path data() {
    return data;
  }

  @Override
  public Figures figures() {
    return running().figures();
  }

  @Override
  public String tail() {
    return process == null ? name() + " was never started" : process.tail();
  }

  @Override
  public void close() {
    if (process != null) {
      process.close();
    }
  }

  /// One that begins with the program, in the agent's environment.
  private List<String> command(String program) {
    var command = new ArrayList<>(List.of("env"));
    environment.forEach((name, value) -> command.add(name + "=" + value));
    command.add(program);
    return command;
  }

  /// The settings as a file, for programs that take them no other way.
  private Path written(Map<String, String> settings) {
    var file = data.resolveSibling(data.getFileName() + ".properties");
    var properties = new Properties();
    properties.putAll(settings);
    try (var writer = Files.newBufferedWriter(file)) {
      properties.store(writer, null);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
    return file;
  }

  private ChildProcess running() {
    if (process == null) {
      throw new IllegalStateException(name() + " was never started");
    }
    return process;
  }
}
