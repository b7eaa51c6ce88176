package io.streamhouse.compat.scenario;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// A client's driver in a process of its own; `compat-tests/clients/README.md` has its language.
/// For one thread.
final class Driver implements AutoCloseable {

  private static final Duration LIMIT = Duration.ofSeconds(90);

  private final Process process;
  private final Path log;
  private final BufferedWriter commands;
  private final BufferedReader answers;
  private final Thread reaper;
  private final ExecutorService reading = Executors.newVirtualThreadPerTaskExecutor();

  /// @param records the `record` lines
  /// @param last the line that ends it
  record Answer(List<String> records, String last) {}

  private Driver(Process process, Path log) {
    this.process = process;
    this.log = log;
    this.commands = process.outputWriter(StandardCharsets.UTF_8);
    this.answers = process.inputReader(StandardCharsets.UTF_8);
    this.reaper = new Thread(process::destroyForcibly);
    Runtime.getRuntime().addShutdownHook(reaper);
  }

  /// @param log takes what it says on standard error
  static Driver start(List<String> command, Path log) {
    try {
      return new Driver(
          new ProcessBuilder(command)
              .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
              .start(),
          log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Answer ask(String command) {
    try {
      commands.write(command);
      commands.write('\n');
      commands.flush();
      return reading.submit(this::answer).get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (IOException | ExecutionException e) {
      return new Answer(List.of(), "error GONE the driver has ended, see " + log);
    } catch (TimeoutException e) {
      kill();
      return new Answer(List.of(), "error SILENT nothing within " + LIMIT + ", see " + log);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private Answer answer() throws IOException {
    var records = new ArrayList<String>();
    while (true) {
      String line = answers.readLine();
      if (line == null) {
        throw new IOException("ended");
      }
      if (line.startsWith("record ")) {
        records.add(line.substring("record ".length()));
      } else {
        return new Answer(List.copyOf(records), line);
      }
    }
  }

  /// SIGKILL.
  void kill() {
    process.destroyForcibly();
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    kill();
    reading.shutdownNow();
    try {
      Runtime.getRuntime().removeShutdownHook(reaper);
    } catch (IllegalStateException ending) {
      // The hook is running, and does the same.
    }
  }
}
