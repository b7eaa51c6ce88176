package io.streamhouse.segment;

/// A place in a write-ahead log, across its files.
///
/// @param sequence of the file
/// @param position in bytes from the file's first byte
public record WalPosition(long sequence, long position) implements Comparable<WalPosition> {

  /// Before everything.
  public static final WalPosition START = new WalPosition(0, 0);

  @Override
  public int compareTo(WalPosition other) {
    return sequence != other.sequence
        ? Long.compare(sequence, other.sequence)
        : Long.compare(position, other.position);
  }
}
