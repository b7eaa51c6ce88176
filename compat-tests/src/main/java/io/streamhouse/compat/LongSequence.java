package io.streamhouse.compat;

import java.util.Arrays;

/// A growing list of longs without boxes: histories run to many millions of entries. Not safe for
/// several threads.
public final class LongSequence {

  private long[] values = new long[1024];
  private int size;

  public void add(long value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, Math.multiplyExact(size, 2));
    }
    values[size++] = value;
  }

  public void set(int index, long value) {
    values[index] = value;
  }

  public long get(int index) {
    return values[index];
  }

  public int size() {
    return size;
  }
}
