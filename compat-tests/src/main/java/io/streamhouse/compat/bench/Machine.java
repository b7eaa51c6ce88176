package io.streamhouse.compat.bench;

import io.streamhouse.compat.Figures;
import io.streamhouse.compat.ServerUnderTest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// The processors of this machine during a run: how much of them somebody else had.
///
/// Ours is this process with the tools it has waited for, and the servers. Everything else that
/// `/proc/stat` calls busy, stolen time included, is foreign.
final class Machine {

  private static final double TICKS_PER_SECOND = 100;

  private final List<ServerUnderTest> servers;
  private final long beganNanos = System.nanoTime();
  private final double busyBefore = busySeconds();
  private final double oursBefore;

  private Machine(List<ServerUnderTest> servers) {
    this.servers = List.copyOf(servers);
    this.oursBefore = oursSeconds();
  }

  /// Begins to watch; no server of `servers` may be started or ended meanwhile.
  static Machine watch(List<ServerUnderTest> servers) {
    return new Machine(servers);
  }

  /// The part of all processors that others had since [#watch], from 0 to 1.
  ///
  /// @param alsoOurs CPU seconds of a server that was started since and still runs
  double foreign(double alsoOurs) {
    double seconds = (System.nanoTime() - beganNanos) / 1e9;
    double ours = oursSeconds() - oursBefore + alsoOurs;
    double foreign = busySeconds() - busyBefore - ours;
    double all = seconds * Runtime.getRuntime().availableProcessors();
    return Math.clamp(foreign / all, 0, 1);
  }

  private double oursSeconds() {
    double seconds = Figures.withChildren(ProcessHandle.current().pid());
    for (var server : servers) {
      seconds += server.figures().cpuSeconds();
    }
    return seconds;
  }

  private static double busySeconds() {
    try (var lines = Files.lines(Path.of("/proc/stat"))) {
      // cpu user nice system idle iowait irq softirq steal …
      String[] fields = lines.findFirst().orElseThrow().trim().split("\\s+", -1);
      double ticks = 0;
      for (int field : new int[] {1, 2, 3, 6, 7, 8}) {
        ticks += Double.parseDouble(fields[field]);
      }
      return ticks / TICKS_PER_SECOND;
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
