package io.streamhouse.metadata.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/// A PostgreSQL for tests.
///
/// [#shared] is one for the whole JVM: the one at `STREAMHOUSE_TEST_POSTGRES_URL` (with
/// `STREAMHOUSE_TEST_POSTGRES_USER` and `STREAMHOUSE_TEST_POSTGRES_PASSWORD`) if that is set, else
/// one that is started, from the embedded programs or the system's. [#own] is always started, and
/// may be stopped and started again. Where there is none the test is skipped, and standard error
/// says why. Each test takes a [#newDatabase].
///
/// PostgreSQL refuses to run as root; then it runs as nobody. Its files are in memory where the
/// system has a place for that, so that `fsync=on`, which the store insists on, costs nothing.
public final class PostgresServer implements AutoCloseable {

  private static final String VARIABLE = "STREAMHOUSE_TEST_POSTGRES_";
  private static final AtomicInteger DATABASES = new AtomicInteger();
  private static final int NOBODY = 65534;

  private static @Nullable PostgresServer shared;

  private final String base;
  private final @Nullable String user;
  private final @Nullable String password;
  private final @Nullable Path bin;
  private final @Nullable Path directory;
  private final int port;
  private final List<String> options;
  private @Nullable Process process;

  private PostgresServer(String url, @Nullable String user, @Nullable String password) {
    var question = url.indexOf('?');
    var path = question < 0 ? url : url.substring(0, question);
    this.base = path.substring(0, path.lastIndexOf('/') + 1);
    this.user = user;
    this.password = password;
    this.bin = null;
    this.directory = null;
    this.port = 0;
    this.options = List.of();
  }

  /// @param options settings of the server, `name=value`
  private PostgresServer(Path bin, Path directory, int port, List<String> options) {
    this.base = "jdbc:postgresql://127.0.0.1:" + port + "/";
    this.user = "postgres";
    this.password = null;
    this.bin = bin;
    this.directory = directory;
    this.port = port;
    this.options = options;
  }

  public static synchronized PostgresServer shared() {
    if (shared == null) {
      var url = System.getenv(VARIABLE + "URL");
      if (url == null) {
        var server = own();
        Runtime.getRuntime().addShutdownHook(new Thread(server::close));
        shared = server;
      } else {
        shared =
            new PostgresServer(
                url, System.getenv(VARIABLE + "USER"), System.getenv(VARIABLE + "PASSWORD"));
      }
    }
    return shared;
  }

  public static PostgresServer own() {
    return own(Path.of("/dev/shm"));
  }

  /// As [#own], with its files on a disk like those of a real one.
  public static PostgresServer onDisk() {
    return own(Path.of(System.getProperty("java.io.tmpdir")));
  }

  private static PostgresServer own(Path where) {
    var problems = new ArrayList<String>();
    var bin = PostgresPrograms.find(problems);
    if (bin.isEmpty()) {
      throw skip(problems);
    }
    try {
      var server =
          new PostgresServer(bin.get(), initialized(bin.get(), where), freePort(), List.of());
      server.start();
      return server;
    } catch (IOException e) {
      problems.add(bin.get() + ": " + e);
      throw skip(problems);
    }
  }

  /// Loudly: what is not tested should be seen.
  private static RuntimeException skip(List<String> problems) {
    var reason =
        "no PostgreSQL to test with, set %sURL or install one: %s"
            .formatted(VARIABLE, String.join("; ", problems));
    System.err.println("SKIPPED: " + reason);
    return Assumptions.abort(reason);
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private static Path initialized(Path bin, Path where) throws IOException {
    var directory = newDirectory(where);
    try {
      run(
          List.of(
              bin.resolve("initdb").toString(),
              "--no-sync",
              "--auth=trust",
              "--username=postgres",
              "--encoding=UTF8",
              "--locale=C",
              "--pgdata=" + directory.resolve("data")));
    } catch (IOException e) {
      PostgresPrograms.delete(directory);
      throw e;
    }
    return directory;
  }

  private static Path newDirectory(Path where) throws IOException {
    var directory =
        Files.isWritable(where)
            ? Files.createTempDirectory(where, "streamhouse-postgres")
            : Files.createTempDirectory("streamhouse-postgres");
    if (root()) {
      Files.setAttribute(directory, "unix:uid", NOBODY);
      Files.setAttribute(directory, "unix:gid", NOBODY);
    }
    return directory;
  }

  /// Starts another one that follows this one, which from then on answers a commit when both have
  /// it. For that this one, started by [#own], is stopped and started again.
  public PostgresServer standby() throws IOException, SQLException {
    if (bin == null || directory == null) {
      throw new IllegalStateException("not started here");
    }
    stop();
    var copy = newDirectory(directory.getParent());
    try {
      var data = copy.resolve("data").toString();
      run(List.of("cp", "-a", directory.resolve("data").toString(), data));
      run(List.of("touch", data + "/standby.signal"));
      start();
      var standby =
          new PostgresServer(
              bin,
              copy,
              freePort(),
              List.of("primary_conninfo=host=127.0.0.1 user=postgres port=" + port));
      standby.start();
      execute(
          base + "postgres",
          "alter system set synchronous_standby_names = '*'",
          "select pg_reload_conf()");
      return standby;
    } catch (IOException | SQLException e) {
      PostgresPrograms.delete(copy);
      throw e;
    }
  }

  /// Has a [#standby] take writes, once the one it follows is gone.
  public void promote() throws SQLException {
    execute(base + "postgres", "select pg_promote(true, 30)");
  }

  private static boolean root() {
    return System.getProperty("user.name").equals("root");
  }

  private static ProcessBuilder builder(List<String> command) {
    var whole = new ArrayList<String>();
    if (root()) {
      whole.addAll(
          List.of("setpriv", "--reuid=" + NOBODY, "--regid=" + NOBODY, "--clear-groups", "--"));
    }
    whole.addAll(command);
    var builder =
        new ProcessBuilder(whole).redirectErrorStream(true).directory(Path.of("/").toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("PG"));
    return builder;
  }

  private static void run(List<String> command) throws IOException {
    var process = builder(command).start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!awaitExit(process) || process.exitValue() != 0) {
      throw new IOException(command.getFirst() + " failed: " + output);
    }
  }

  private static boolean awaitExit(Process process) {
    try {
      return process.waitFor(60, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /// Starts it again, on the same port with the same databases.
  public synchronized void start() throws IOException {
    if (bin == null || directory == null || process != null) {
      throw new IllegalStateException("not to be started");
    }
    var command =
        new ArrayList<>(
            List.of(
                bin.resolve("postgres").toString(),
                "-D",
                directory.resolve("data").toString(),
                "-p",
                String.valueOf(port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
                "-c",
                "shared_buffers=32MB"));
    options.forEach(option -> command.addAll(List.of("-c", option)));
    var started = builder(command).start();
    var output =
        new BufferedReader(new InputStreamReader(started.getInputStream(), StandardCharsets.UTF_8));
    var said = new StringBuilder();
    for (var line = output.readLine(); ; line = output.readLine()) {
      if (line == null) {
        throw new IOException("postgres ended: " + said);
      }
      said.append(line).append('\n');
      if (line.contains("ready to accept connections")
          || line.contains("ready to accept read-only connections")) {
        break;
      }
    }
    Thread.ofPlatform()
        .daemon()
        .name("postgres-output")
        .start(() -> output.lines().forEach(_ -> {}));
    process = started;
  }

  /// Stops it as an administrator does: transactions under way are rolled back, clients are told.
  public void stop() {
    end("INT");
  }

  /// Stops it as a crash does: nobody is told anything, and the next start recovers.
  public void crash() {
    end("QUIT");
  }

  private synchronized void end(String signal) {
    var running = process;
    if (running == null) {
      return;
    }
    try {
      var kill = new ProcessBuilder("kill", "-" + signal, String.valueOf(running.pid())).start();
      awaitExit(kill);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    if (!awaitExit(running)) {
      running.destroyForcibly();
      throw new IllegalStateException("postgres did not stop");
    }
    process = null;
  }

  /// Makes an empty database.
  ///
  /// @return its URL
  public String newDatabase() throws SQLException {
    return newDatabase("template0");
  }

  /// Makes a copy of a database that nobody is connected to.
  ///
  /// @return its URL
  public String newDatabase(String template) throws SQLException {
    var name = "test_" + ProcessHandle.current().pid() + "_" + DATABASES.incrementAndGet();
    execute(base + "postgres", "create database " + name + " template " + template);
    return base + name;
  }

  /// The name in a URL that [#newDatabase] gave.
  public static String name(String url) {
    return url.substring(url.lastIndexOf('/') + 1);
  }

  /// Runs statements on a database as its administrator.
  public void execute(String url, String... statements) throws SQLException {
    var properties = new java.util.Properties();
    properties.putAll(credentials());
    try (var connection = DriverManager.getConnection(url, properties);
        var statement = connection.createStatement()) {
      for (var one : statements) {
        statement.execute(one);
      }
    }
  }

  private Map<String, String> credentials() {
    var credentials = new java.util.HashMap<String, String>();
    user().ifPresent(name -> credentials.put("user", name));
    password().ifPresent(secret -> credentials.put("password", secret));
    return credentials;
  }

  /// Of the one that was started; 0 of one that was there.
  public int port() {
    return port;
  }

  public Optional<String> user() {
    return Optional.ofNullable(user);
  }

  public Optional<String> password() {
    return Optional.ofNullable(password);
  }

  /// Ends what was started, and removes its files.
  @Override
  public void close() {
    crash();
    if (directory != null) {
      PostgresPrograms.delete(directory);
    }
  }
}
