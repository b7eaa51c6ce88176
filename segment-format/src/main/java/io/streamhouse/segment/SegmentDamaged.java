package io.streamhouse.segment;

import java.io.IOException;

/// Stored bytes are not what was written, or were written by a newer version.
public final class SegmentDamaged extends IOException {

  /// Whose fault it is.
  public enum Kind {
    /// Bytes changed, are missing, or never were a segment.
    DAMAGED,
    /// Nothing is wrong with them: a later version of this program wrote them.
    TOO_NEW
  }

  private final Kind kind;
  private final String object;
  private final long position;

  SegmentDamaged(Kind kind, String object, long position, String expected, String found) {
    super(
        "segment in object %s %s at position %d: expected %s, found %s"
            .formatted(
                object,
                kind == Kind.DAMAGED ? "is damaged" : "is of a newer format",
                position,
                expected,
                found));
    this.kind = kind;
    this.object = object;
    this.position = position;
  }

  /// Says that the segment at `position` of `object` is whole, but not the one that was looked for.
  public static SegmentDamaged other(String object, long position, String expected, String found) {
    return new SegmentDamaged(Kind.DAMAGED, object, position, expected, found);
  }

  public Kind kind() {
    return kind;
  }

  public String object() {
    return object;
  }

  /// In the object, not in the segment.
  public long position() {
    return position;
  }
}
