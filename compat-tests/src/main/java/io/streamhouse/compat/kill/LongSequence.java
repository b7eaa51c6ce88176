package io.streamhouse.compat.kill;

import java.util.Arrays;

/// A growing list of longs without boxes: histories run to many millions of entries. Not safe for
/// several threads.
final class LongSequence {

  private long[] values = new long[1024];
  private int size;

  void add(long value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, Math.multiplyExact(size, 2));
    }
    values[size++] = value;
  }

  void set(int index, long value) {
    values[index] = value;
  }

  long get(int index) {
    return values[index];
  }

  int size() {
    return size;
  }
}
