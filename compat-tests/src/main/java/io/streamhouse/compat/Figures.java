package io.streamhouse.compat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What a process has used, as Linux counts it in `/proc`.
///
/// @param cpuSeconds user and system time of all its threads since it began
/// @param residentBytes memory resident now
public record Figures(double cpuSeconds, long residentBytes) {

  /// USER_HZ: 100 on every Linux that a JDK 25 runs on.
  private static final double TICKS_PER_SECOND = 100;

  static Figures of(long pid) {
    Path directory = Path.of("/proc", Long.toString(pid));
    try {
      String stat = Files.readString(directory.resolve("stat"));
      // The name in parentheses may hold spaces; fields are counted after it, from the third on.
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
      double ticks = Double.parseDouble(fields[11]) + Double.parseDouble(fields[12]);
      long resident = 0;
      for (String line : Files.readAllLines(directory.resolve("status"))) {
        if (line.startsWith("VmRSS:")) {
          resident = Long.parseLong(line.replaceAll("\\D", "")) * 1024;
        }
      }
      return new Figures(ticks / TICKS_PER_SECOND, resident);
    } catch (IOException gone) {
      throw new UncheckedIOException("no figures of process " + pid, gone);
    }
  }
}
