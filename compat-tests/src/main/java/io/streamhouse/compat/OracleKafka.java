package io.streamhouse.compat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Apache Kafka itself, one node in KRaft mode: what every answer is compared with.
public final class OracleKafka implements ServerUnderTest {

  private static final Duration START_LIMIT = Duration.ofMinutes(1);
  private static final Duration STOP_LIMIT = Duration.ofMinutes(1);

  private final Kits kits;
  private final Path data;
  private final Map<String, String> config;
  private final boolean asShipped;
  private final int port;
  private final int controllerPort;
  private volatile @Nullable ChildProcess process;

  /// @param data an empty or not yet existing directory, or one this class has used before
  /// @param config broker properties on top of a small default
  public OracleKafka(Kits kits, Path data, Map<String, String> config) {
    this(kits, data, config, false);
  }

  /// With the JVM options of Kafka's own start script, where speed and memory count.
  public static OracleKafka asShipped(Kits kits, Path data, Map<String, String> config) {
    return new OracleKafka(kits, data, config, true);
  }

  private OracleKafka(Kits kits, Path data, Map<String, String> config, boolean asShipped) {
    this.asShipped = asShipped;
    this.kits = kits;
    this.data = data;
    this.config = new LinkedHashMap<>(config);
    this.port = freePort();
    this.controllerPort = freePort();
  }

  @Override
  public String name() {
    return "Apache Kafka 4.3.1";
  }

  @Override
  public void start() {
    if (isAlive()) {
      throw new IllegalStateException("already running");
    }
    prepare();
    Path properties = data.resolve("server.properties");
    var child =
        ChildProcess.start(
            new ChildProcess.Spec(
                "oracle",
                kits.plainJava(
                    Kits.Client.KAFKA_4_3, jvm(), "kafka.Kafka", List.of(properties.toString())),
                data.resolve("oracle.log")));
    process = child;
    child.awaitLine(child.line(line -> line.contains("Kafka Server started")), START_LIMIT);
  }

  @Override
  public int stop() {
    var child = running();
    child.terminate();
    int code = child.await(STOP_LIMIT);
    // A JVM ended by SIGTERM says 143 although it shut down in order.
    return code == 143 ? 0 : code;
  }

  @Override
  public void kill() {
    running().kill();
  }

  @Override
  public boolean isAlive() {
    return process != null && process.isAlive();
  }

  @Override
  public String bootstrap() {
    return "127.0.0.1:" + port;
  }

  @Override
  public int port() {
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

  private ChildProcess running() {
    if (process == null) {
      throw new IllegalStateException(name() + " was never started");
    }
    return process;
  }

  private List<String> jvm() {
    return asShipped
        ? List.of(
            "-Xms1g",
            "-Xmx1g",
            "-server",
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            "-XX:InitiatingHeapOccupancyPercent=35",
            "-XX:+ExplicitGCInvokesConcurrent",
            "-Djava.awt.headless=true",
            logging())
        : List.of("-XX:+UseSerialGC", "-Xms256m", "-Xmx512m", logging());
  }

  /// Prepares the data directory, if it is new, so that [#start] has only to start.
  public void prepare() {
    Path properties = writeProperties();
    if (!Files.exists(data.resolve("log/meta.properties"))) {
      format(properties);
    }
  }

  private void format(Path properties) {
    try (var child =
        ChildProcess.start(
            new ChildProcess.Spec(
                "oracle-format",
                kits.java(
                    Kits.Client.KAFKA_4_3,
                    List.of("-Xmx256m", logging()),
                    "kafka.tools.StorageTool",
                    List.of("format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", properties.toString())),
                data.resolve("format.log")))) {
      int code = child.await(START_LIMIT);
      if (code != 0) {
        throw new IllegalStateException("storage format exited with " + code + "\n" + child.tail());
      }
    }
  }

  private Path writeProperties() {
    var all = new LinkedHashMap<String, String>();
    all.put("process.roles", "broker,controller");
    all.put("node.id", "1");
    all.put(
        "listeners", "PLAINTEXT://127.0.0.1:" + port + ",CONTROLLER://127.0.0.1:" + controllerPort);
    all.put("advertised.listeners", "PLAINTEXT://127.0.0.1:" + port);
    all.put("controller.listener.names", "CONTROLLER");
    all.put("controller.quorum.voters", "1@127.0.0.1:" + controllerPort);
    all.put("log.dirs", data.resolve("log").toString());
    all.put("offsets.topic.replication.factor", "1");
    if (!asShipped) {
      all.put("offsets.topic.num.partitions", "4");
    }
    all.put("transaction.state.log.replication.factor", "1");
    all.put("transaction.state.log.min.isr", "1");
    all.put("transaction.state.log.num.partitions", "4");
    all.put("group.initial.rebalance.delay.ms", "0");
    all.put("group.consumer.min.assignment.interval.ms", "0");
    all.put("group.consumer.assignment.interval.ms", "0");
    all.putAll(config);
    try {
      Files.createDirectories(data);
      Files.writeString(
          data.resolve("log4j2.properties"),
          """
          rootLogger.level = INFO
          rootLogger.appenderRef.stdout.ref = STDOUT
          appender.console.type = Console
          appender.console.name = STDOUT
          appender.console.layout.type = PatternLayout
          appender.console.layout.pattern = %d %p %m (%c)%n
          """);
      var text = new StringBuilder();
      all.forEach((key, value) -> text.append(key).append('=').append(value).append('\n'));
      return Files.writeString(data.resolve("server.properties"), text);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private String logging() {
    return "-Dlog4j2.configurationFile=" + data.resolve("log4j2.properties");
  }

  /// A port that was free a moment ago. Kafka cannot choose one itself and report it in time for
  /// its own controller's address.
  private static int freePort() {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
