package io.streamhouse.compat;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// One process started by us: its output is kept in a file and watched line by line, and it is gone
/// when this is closed or when this JVM ends.
///
/// Safe for several threads; `watches` and `tail` are guarded by `this`.
public final class ChildProcess implements AutoCloseable {

  private static final int TAIL_LINES = 80;

  /// Standard input.
  public sealed interface Input {

    /// At its end from the first byte.
    record None() implements Input {}

    record FromFile(Path file) implements Input {}

    /// Written by us, to [ChildProcess#input].
    record Piped() implements Input {}
  }

  /// What to run, and where its streams go.
  ///
  /// @param name for messages and the log file's name
  /// @param input what it reads as standard input
  /// @param output file that takes standard output alone, else it goes to the log and is watched
  public record Spec(
      String name, List<String> command, Path log, Input input, @Nullable Path output) {

    public Spec(String name, List<String> command, Path log) {
      this(name, command, log, new Input.None(), null);
    }

    public Spec {
      command = List.copyOf(command);
    }
  }

  private record Watch(Predicate<String> wanted, CompletableFuture<String> found) {}

  private final Spec spec;
  private final Process process;
  private final Thread reader;
  private final Thread reaper;
  private final List<Watch> watches = new ArrayList<>();
  private final Deque<String> tail = new ArrayDeque<>();

  private ChildProcess(Spec spec, Process process) {
    this.spec = spec;
    this.process = process;
    this.reaper = new Thread(process::destroyForcibly);
    this.reader = Thread.ofVirtual().name(spec.name() + "-output").unstarted(this::readOutput);
  }

  public static ChildProcess start(Spec spec) {
    try {
      Files.createDirectories(spec.log().toAbsolutePath().getParent());
      var builder = new ProcessBuilder(spec.command());
      builder.redirectInput(
          switch (spec.input()) {
            case Input.None _ -> ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile());
            case Input.FromFile(Path file) -> ProcessBuilder.Redirect.from(file.toFile());
            case Input.Piped _ -> ProcessBuilder.Redirect.PIPE;
          });
      if (spec.output() == null) {
        builder.redirectErrorStream(true);
      } else {
        builder.redirectOutput(spec.output().toFile());
      }
      var child = new ChildProcess(spec, builder.start());
      Runtime.getRuntime().addShutdownHook(child.reaper);
      child.reader.start();
      return child;
    } catch (IOException failure) {
      throw new UncheckedIOException("cannot start " + spec.command(), failure);
    }
  }

  public long pid() {
    return process.pid();
  }

  /// Its standard input, where that is [Input.Piped]; UTF-8, to be closed by the caller.
  public BufferedWriter input() {
    return process.outputWriter(StandardCharsets.UTF_8);
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /// The first line from now on that satisfies `wanted`; fails when the process ends without it.
  public CompletableFuture<String> line(Predicate<String> wanted) {
    var found = new CompletableFuture<String>();
    synchronized (this) {
      watches.add(new Watch(wanted, found));
    }
    if (!reader.isAlive() && reader.getState() == Thread.State.TERMINATED) {
      found.completeExceptionally(ended());
    }
    return found;
  }

  /// Waits for a line, or throws with the end of the log.
  public String awaitLine(CompletableFuture<String> line, Duration limit) {
    try {
      return line.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException timeout) {
      throw new IllegalStateException(
          spec.name() + ": no such line within " + limit + "\n" + tail(), timeout);
    } catch (ExecutionException failure) {
      throw new IllegalStateException(failure.getCause());
    } catch (InterruptedException interrupted) {
      throw interrupted(interrupted);
    }
  }

  /// Waits for the end and returns the exit code; kills it and throws when `limit` passes.
  public int await(Duration limit) {
    try {
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        kill();
        throw new IllegalStateException(
            spec.name() + " did not end within " + limit + "\n" + tail());
      }
      reader.join();
      return process.exitValue();
    } catch (InterruptedException interrupted) {
      throw interrupted(interrupted);
    }
  }

  /// SIGTERM; does not wait.
  public void terminate() {
    process.destroy();
  }

  /// SIGKILL, and waits until the kernel has taken it away.
  public void kill() {
    process.destroyForcibly();
    try {
      process.waitFor();
      reader.join();
    } catch (InterruptedException interrupted) {
      throw interrupted(interrupted);
    }
  }

  /// SIGSTOP: it stands still, and whoever talks to it waits.
  public void pause() {
    signal("STOP");
  }

  /// SIGCONT: it goes on, and does not know that it stood still.
  public void resume() {
    signal("CONT");
  }

  private void signal(String name) {
    try {
      int exit =
          new ProcessBuilder("kill", "-" + name, Long.toString(pid()))
              .inheritIO()
              .start()
              .waitFor();
      if (exit != 0) {
        throw new IllegalStateException("kill -" + name + " " + pid() + " exited with " + exit);
      }
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    } catch (InterruptedException interrupted) {
      throw interrupted(interrupted);
    }
  }

  /// What it has used up to now.
  public Figures figures() {
    return Figures.of(pid());
  }

  /// The last lines of its output.
  public synchronized List<String> lastLines() {
    return List.copyOf(tail);
  }

  /// The last lines of its output, for failure messages.
  public synchronized String tail() {
    return "--- last output of "
        + spec.name()
        + ", all of it in "
        + spec.log()
        + "\n"
        + String.join("\n", tail)
        + "\n---";
  }

  public Path log() {
    return spec.log();
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      kill();
    }
    try {
      Runtime.getRuntime().removeShutdownHook(reaper);
    } catch (IllegalStateException alreadyShuttingDown) {
      // The hook is running, and does the same.
    }
  }

  private void readOutput() {
    var stream =
        spec.output() == null
            ? process.inputReader(StandardCharsets.UTF_8)
            : process.errorReader(StandardCharsets.UTF_8);
    try (BufferedReader lines = stream;
        var log =
            Files.newBufferedWriter(
                spec.log(),
                java.nio.file.StandardOpenOption.CREATE,
                java.nio.file.StandardOpenOption.APPEND)) {
      String line;
      while ((line = lines.readLine()) != null) {
        log.write(line);
        log.write('\n');
        log.flush();
        accept(line);
      }
    } catch (IOException closed) {
      // The stream breaks when the process is killed; its end is seen below.
    }
    List<Watch> unmet;
    synchronized (this) {
      unmet = List.copyOf(watches);
      watches.clear();
    }
    unmet.forEach(watch -> watch.found().completeExceptionally(ended()));
  }

  private void accept(String line) {
    var met = new ArrayList<Watch>();
    synchronized (this) {
      tail.addLast(line);
      if (tail.size() > TAIL_LINES) {
        tail.removeFirst();
      }
      watches.removeIf(watch -> watch.wanted().test(line) && met.add(watch));
    }
    met.forEach(watch -> watch.found().complete(line));
  }

  private IllegalStateException ended() {
    return new IllegalStateException(spec.name() + " ended\n" + tail());
  }

  private static IllegalStateException interrupted(InterruptedException cause) {
    Thread.currentThread().interrupt();
    return new IllegalStateException("interrupted", cause);
  }
}
