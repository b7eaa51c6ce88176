package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/// Segments as byte arrays, and ways to spoil them that their checksums do not tell.
final class SegmentBytes {

  private SegmentBytes() {}

  static byte[] of(List<ByteBuffer> content) {
    var bytes = ByteBuffer.allocate(content.stream().mapToInt(ByteBuffer::remaining).sum());
    content.forEach(buffer -> bytes.put(buffer.duplicate()));
    return bytes.array();
  }

  /// As an object store reads: less than asked for where the object ends.
  static RangeReader reader(byte[] object) {
    return (position, length) -> {
      int from = (int) Math.min(position, object.length);
      int to = (int) Math.min(position + length, object.length);
      return ByteBuffer.wrap(Arrays.copyOfRange(object, from, to));
    };
  }

  static SegmentReader open(byte[] object) throws Exception {
    return SegmentReader.open("test", reader(object), 0, object.length);
  }

  static int directoryPosition(byte[] segment) {
    return (int) ByteBuffer.wrap(segment).getLong(segment.length - SegmentFormat.FOOTER_BYTES);
  }

  /// Position of the directory's entry for a section.
  static int entryOf(byte[] segment, int type) {
    var bytes = ByteBuffer.wrap(segment);
    int at = directoryPosition(segment) + SegmentFormat.HEADER_BYTES + 4;
    while (bytes.getInt(at) != type) {
      at += SegmentFormat.SECTION_ENTRY_BYTES;
    }
    return at;
  }

  static int sectionPosition(byte[] segment, int type) {
    return (int) ByteBuffer.wrap(segment).getLong(entryOf(segment, type) + 8);
  }

  /// The same segment with one more section just before its directory.
  static byte[] withSection(byte[] segment, int type, byte[] section) {
    int directory = directoryPosition(segment);
    int footer = segment.length - SegmentFormat.FOOTER_BYTES;
    var bytes =
        ByteBuffer.allocate(segment.length + section.length + SegmentFormat.SECTION_ENTRY_BYTES);
    bytes.put(segment, 0, directory).put(section).put(segment, directory, footer - directory);
    bytes.putInt(type).putInt(0).putLong(directory).putLong(section.length);
    bytes.put(segment, footer, SegmentFormat.FOOTER_BYTES);
    int newDirectory = directory + section.length;
    int count = newDirectory + SegmentFormat.HEADER_BYTES;
    bytes.putInt(count, bytes.getInt(count) + 1);
    int newFooter = bytes.limit() - SegmentFormat.FOOTER_BYTES;
    bytes.putLong(newFooter, newDirectory).putInt(newFooter + 8, newFooter - newDirectory);
    return resealed(bytes.array());
  }

  /// Corrects, in place, every checksum that can be found.
  static byte[] resealed(byte[] segment) {
    var bytes = ByteBuffer.wrap(segment);
    int footer = segment.length - SegmentFormat.FOOTER_BYTES;
    if (footer < 0) {
      return segment;
    }
    long directory = bytes.getLong(footer);
    int size = bytes.getInt(footer + 8);
    if (directory >= 0 && directory <= footer && size >= 0 && size <= footer - directory) {
      int at = (int) directory;
      if (size >= SegmentFormat.HEADER_BYTES + 4) {
        bytes.putInt(at + 60, crc(segment, at, 60));
        reseal(segment, at + SegmentFormat.HEADER_BYTES + 4, at + size);
      }
      bytes.putInt(footer + 12, crc(segment, at, size));
    }
    bytes.putInt(footer + 24, crc(segment, footer, 24));
    return segment;
  }

  private static void reseal(byte[] segment, int from, int to) {
    var bytes = ByteBuffer.wrap(segment);
    for (int entry = from;
        entry <= to - SegmentFormat.SECTION_ENTRY_BYTES;
        entry += SegmentFormat.SECTION_ENTRY_BYTES) {
      long position = bytes.getLong(entry + 8);
      long length = bytes.getLong(entry + 16);
      if (position >= 0
          && position <= segment.length
          && length >= 0
          && length <= segment.length - position) {
        bytes.putInt(entry + 4, crc(segment, (int) position, (int) length));
      }
    }
  }

  private static int crc(byte[] bytes, int from, int length) {
    var crc = new CRC32C();
    crc.update(bytes, from, length);
    return (int) crc.getValue();
  }
}
