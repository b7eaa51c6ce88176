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

  /// User and system time of a process and of those of its children it has waited for, in seconds.
  public static double withChildren(long pid) {
    try {
      String[] fields = statFields(Path.of("/proc", Long.toString(pid)));
      double ticks = 0;
      for (int field = 11; field <= 14; field++) {
        ticks += Double.parseDouble(fields[field]);
      }
      return ticks / TICKS_PER_SECOND;
    } catch (IOException gone) {
      throw new UncheckedIOException("no figures of process " + pid, gone);
    }
  }

  /// The name in parentheses may hold spaces; fields are counted after it, from the third on.
  private static String[] statFields(Path directory) throws IOException {
    String stat = Files.readString(directory.resolve("stat"));
    return stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
  }

  static Figures of(long pid) {
    Path directory = Path.of("/proc", Long.toString(pid));
    try {
      String[] fields = statFields(directory);
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
