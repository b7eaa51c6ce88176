package io.streamhouse.compat.groups;

import java.util.Arrays;

/// Times that something took, all of them kept. Confined to the loop, then to who joined it.
final class Latencies {

  private long[] nanos = new long[1024];
  private int size;

  void add(long value) {
    if (size == nanos.length) {
      nanos = Arrays.copyOf(nanos, Math.multiplyExact(size, 2));
    }
    nanos[size++] = value;
  }

  int size() {
    return size;
  }

  /// p50, p99 and the longest, in milliseconds.
  @Override
  public String toString() {
    if (size == 0) {
      return "none";
    }
    var sorted = Arrays.copyOf(nanos, size);
    Arrays.sort(sorted);
    return "p50 %.1f ms, p99 %.1f ms, max %.1f ms (%d)"
        .formatted(at(sorted, 0.5), at(sorted, 0.99), at(sorted, 1), size);
  }

  private static double at(long[] sorted, double quantile) {
    int index = (int) Math.ceil(quantile * sorted.length) - 1;
    return sorted[Math.max(0, index)] / 1e6;
  }
}
