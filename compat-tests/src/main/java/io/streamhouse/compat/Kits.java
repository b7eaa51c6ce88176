package io.streamhouse.compat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Where other people's programs are: Apache Kafka and the clients of older releases, each in a
/// directory of jars that the build copied, run with the JDK this JVM runs on; and `kcat` where
/// installed.
///
/// @param kits the directory of those directories: property `compat.kits`
/// @param work where processes may leave logs and files: property `compat.work`
/// @param root the repository: property `compat.root`
public record Kits(Path kits, Path work, Path root) {

  /// A client release: its name and the directory of its jars.
  public enum Client {
    KAFKA_4_3("apache-kafka"),
    KAFKA_3_9("clients-3.9"),
    KAFKA_2_8("clients-2.8");

    private final String directory;

    Client(String directory) {
      this.directory = directory;
    }
  }

  /// From the system properties the build sets, else as seen from the repository's root.
  public static Kits find() {
    Path root = Path.of(System.getProperty("compat.root", ".")).toAbsolutePath().normalize();
    Path target = root.resolve("compat-tests/target");
    var kits =
        new Kits(
            Path.of(System.getProperty("compat.kits", target.resolve("kits").toString())),
            Path.of(System.getProperty("compat.work", target.resolve("work").toString())),
            root);
    if (!Files.isDirectory(kits.kits())) {
      throw new IllegalStateException(
          kits.kits() + " is missing; `mvn -pl compat-tests -am process-test-resources` makes it");
    }
    return kits;
  }

  /// A command line that runs a class of Apache Kafka's, or of the driver's, on a client's jars.
  ///
  /// @param jvm options for the JVM, such as `-Xmx512m`
  public List<String> java(Client client, List<String> jvm, String main, List<String> arguments) {
    // Short-lived programs on few cores: the cheapest collector.
    var options = new ArrayList<>(List.of("-XX:+UseSerialGC"));
    options.addAll(jvm);
    return plainJava(client, options, main, arguments);
  }

  /// As [#java], with no options but those given.
  List<String> plainJava(Client client, List<String> jvm, String main, List<String> arguments) {
    var command = new ArrayList<String>();
    command.add(javaExecutable());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(jvm);
    command.add("-cp");
    command.add(kits.resolve(client.directory).resolve("*") + ":" + driverClasses());
    command.add(main);
    command.addAll(arguments);
    return command;
  }

  /// The `java` of the JDK this JVM runs on.
  static String javaExecutable() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  /// Runs the driver with a client's jars to its end.
  public Finished drive(Client client, String name, Duration limit, String... arguments) {
    return run(spec(client, name, arguments), limit);
  }

  /// The driver with a client's jars, not yet started.
  public ChildProcess.Spec spec(Client client, String name, String... arguments) {
    return new ChildProcess.Spec(
        name,
        java(
            client,
            List.of("-Xmx400m"),
            "io.streamhouse.compat.driver.ClientDriver",
            List.of(arguments)),
        log(name));
  }

  /// One of Kafka's own tools, not yet started, its output kept apart from its log.
  public ChildProcess.Spec tool(
      String name, ChildProcess.Input input, String main, String... arguments) {
    return command(
        name, input, java(Client.KAFKA_4_3, List.of("-Xmx512m"), main, List.of(arguments)));
  }

  /// Any command, not yet started, its output kept apart from its log.
  public ChildProcess.Spec command(String name, ChildProcess.Input input, List<String> command) {
    return new ChildProcess.Spec(name, command, log(name), input, work.resolve(name + ".out"));
  }

  /// Where `kcat` is, if it is installed.
  public static Optional<String> kcat() {
    for (String directory : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
      for (String name : List.of("kcat", "kafkacat")) {
        if (Files.isExecutable(Path.of(directory, name))) {
          return Optional.of(Path.of(directory, name).toString());
        }
      }
    }
    return Optional.empty();
  }

  public Path log(String name) {
    return work.resolve(name + ".log");
  }

  /// A process that has ended.
  ///
  /// @param output where its standard output is, if that was kept apart
  public record Finished(String name, int exit, @Nullable Path output, String tail) {

    /// Where its standard output is; only for processes that keep it apart.
    public Path outputFile() {
      if (output == null) {
        throw new IllegalStateException(name + " has no output file");
      }
      return output;
    }

    /// This, if it ended well; else throws with the end of its output.
    public Finished ok() {
      if (exit != 0) {
        throw new IllegalStateException(name + " exited with " + exit + "\n" + tail);
      }
      return this;
    }
  }

  /// Runs to the end, or throws when that takes longer than `limit`.
  public static Finished run(ChildProcess.Spec spec, Duration limit) {
    try (var child = ChildProcess.start(spec)) {
      int exit = child.await(limit);
      return new Finished(spec.name(), exit, spec.output(), child.tail());
    }
  }

  /// The directory or jar this class came from: it holds the driver too.
  private static String driverClasses() {
    try {
      return Path.of(Kits.class.getProtectionDomain().getCodeSource().getLocation().toURI())
          .toString();
    } catch (java.net.URISyntaxException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
