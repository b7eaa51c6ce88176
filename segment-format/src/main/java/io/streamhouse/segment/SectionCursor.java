package io.streamhouse.segment;

import java.nio.ByteBuffer;

/// Walks the fields of a section whose checksum matched, and says where one is wrong all the same.
final class SectionCursor {

  private final String object;
  private final long position;
  private final ByteBuffer bytes;

  /// @param position of the section in the object
  SectionCursor(String object, long position, ByteBuffer bytes) {
    this.object = object;
    this.position = position;
    this.bytes = bytes.slice();
  }

  /// The buffer, which has at least `count` bytes left.
  ByteBuffer need(int count, String what) throws SegmentDamaged {
    check(bytes.remaining() >= count, count + " bytes of " + what, bytes.remaining());
    return bytes;
  }

  void check(boolean holds, String expected, long found) throws SegmentDamaged {
    if (!holds) {
      throw new SegmentDamaged(
          SegmentDamaged.Kind.DAMAGED,
          object,
          position + bytes.position(),
          expected,
          Long.toString(found));
    }
  }

  void end() throws SegmentDamaged {
    check(!bytes.hasRemaining(), "the end of the section", bytes.remaining());
  }
}
