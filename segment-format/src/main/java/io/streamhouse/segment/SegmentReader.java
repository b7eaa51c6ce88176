package io.streamhouse.segment;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;

/// Reads one segment of an object. Holds its header, directory and block index; everything else is
/// read when asked for. Immutable and thread-safe; its methods that throw [IOException] block.
///
/// Whatever is wrong with the bytes is a [SegmentDamaged]; other exceptions come from the
/// [RangeReader].
public final class SegmentReader {

  /// Enough for the index of some 1,600 blocks: most segments are opened with one read.
  private static final int TAIL_BYTES = 1 << 16;

  private final String object;
  private final RangeReader range;
  private final long start;
  private final long length;
  private final SegmentHeader header;
  private final List<Section> sections;
  private final List<Block> blocks;
  private final long[] firstOffsets;

  /// Largest timestamp in this block or any before it: ascending, so it can be searched.
  private final long[] reachedTimestamps;

  /// @param type as [SegmentFormat] lists them, or one this version does not know
  /// @param position in the segment
  public record Section(int type, int crc, long position, long length) {}

  /// @param firstOffset base offset of its first batch
  /// @param maxTimestamp largest of any record in it, ms
  /// @param position in the segment
  /// @param storedLength bytes in the segment
  /// @param rawLength bytes of its batches
  /// @param compressed with LZ4, by the segment's writer
  public record Block(
      long firstOffset,
      long maxTimestamp,
      long position,
      int storedLength,
      int rawLength,
      boolean compressed,
      int crc) {}

  private SegmentReader(
      String object,
      RangeReader range,
      long start,
      long length,
      SegmentHeader header,
      List<Section> sections,
      List<Block> blocks) {
    this.object = object;
    this.range = range;
    this.start = start;
    this.length = length;
    this.header = header;
    this.sections = List.copyOf(sections);
    this.blocks = List.copyOf(blocks);
    this.firstOffsets = blocks.stream().mapToLong(Block::firstOffset).toArray();
    this.reachedTimestamps = new long[blocks.size()];
    long reached = Long.MIN_VALUE;
    for (int i = 0; i < reachedTimestamps.length; i++) {
      reached = Math.max(reached, blocks.get(i).maxTimestamp());
      reachedTimestamps[i] = reached;
    }
  }

  /// Opens the segment in `[position, position + length)` of an object.
  ///
  /// @param object its name, for messages
  public static SegmentReader open(String object, RangeReader range, long position, long length)
      throws IOException {
    return new Opening(object, range, position, length).open();
  }

  public SegmentHeader header() {
    return header;
  }

  /// All sections, unknown ones too, in the directory's order.
  public List<Section> sections() {
    return sections;
  }

  /// In offset order.
  public List<Block> blocks() {
    return blocks;
  }

  /// The block to look for `offset` in: the last that does not begin above it. Where offsets are
  /// sparse the next record may be in the block after it.
  ///
  /// @return -1 if the segment has no blocks
  public int blockFor(long offset) {
    int low = 0;
    int high = firstOffsets.length - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (firstOffsets[middle] <= offset) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return high;
  }

  /// The first block that has a record with a timestamp ≥ `timestamp`.
  ///
  /// @return -1 if none has
  public int blockForTimestamp(long timestamp) {
    int low = 0;
    int high = reachedTimestamps.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (reachedTimestamps[middle] >= timestamp) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low < reachedTimestamps.length ? low : -1;
  }

  /// A block's batches, checked against its checksum and decompressed, in memory of their own from
  /// position 0.
  public ByteBuffer readBlock(int index) throws IOException {
    var block = blocks.get(index);
    var stored = readStored(index);
    if (!block.compressed()) {
      return stored.slice();
    }
    var raw = ByteBuffer.allocate(block.rawLength());
    decompress(index, stored, raw);
    return raw.flip();
  }

  /// A block as it is stored, checked against its checksum.
  public ByteBuffer readStored(int index) throws IOException {
    var block = blocks.get(index);
    var stored = read(block.position(), block.storedLength(), "block " + index);
    check(index, stored);
    return stored;
  }

  /// Checks the bytes of a block that came from somewhere else, such as a read of several blocks at
  /// once.
  ///
  /// @param stored what the object has in the block's place, between position and limit; untouched
  /// @throws SegmentDamaged if it is not what was written there
  public void check(int index, ByteBuffer stored) throws SegmentDamaged {
    var block = blocks.get(index);
    if (stored.remaining() != block.storedLength()) {
      throw damaged(
          block.position(),
          block.storedLength() + " bytes of block " + index,
          stored.remaining() + " bytes");
    }
    int crc = SegmentFormat.crc(stored);
    if (crc != block.crc()) {
      throw damaged(block.position(), "block %d with crc %08x".formatted(index, block.crc()), crc);
    }
  }

  /// Decompresses a compressed block.
  ///
  /// @param stored what [#check] found to be good; untouched
  /// @param raw gets the block's batches, from its position on, which moves
  public void decompress(int index, ByteBuffer stored, ByteBuffer raw) throws SegmentDamaged {
    var block = blocks.get(index);
    int decompressed;
    try {
      decompressed =
          LZ4Factory.fastestInstance()
              .safeDecompressor()
              .decompress(
                  stored,
                  stored.position(),
                  stored.remaining(),
                  raw,
                  raw.position(),
                  block.rawLength());
    } catch (LZ4Exception failure) {
      throw damaged(block.position(), "block " + index + " in LZ4", String.valueOf(failure));
    }
    if (decompressed != block.rawLength()) {
      throw damaged(
          block.position(),
          "block %d of %d bytes".formatted(index, block.rawLength()),
          decompressed + " bytes");
    }
    raw.position(raw.position() + decompressed);
  }

  /// Producers as of the segment's end, if it has any.
  public Optional<ProducerState> producers() throws IOException {
    for (var section : sections) {
      if (section.type() == SegmentFormat.PRODUCER_STATE) {
        return Optional.of(ProducerState.decode(cursor(section)));
      }
    }
    return Optional.empty();
  }

  /// Transactions whose abort marker is in the segment, by last offset.
  public List<AbortedTransaction> aborted() throws IOException {
    for (var section : sections) {
      if (section.type() == SegmentFormat.ABORTED_TRANSACTIONS) {
        return AbortedTransaction.decode(cursor(section));
      }
    }
    return List.of();
  }

  /// Reads and checks every byte: header, blocks, sections. What lies in none of them is padding.
  public void verify() throws IOException {
    verifyHeader();
    for (int i = 0; i < blocks.size(); i++) {
      readBlock(i);
    }
    for (var section : sections) {
      if (section.length() <= SegmentFormat.MAX_SECTION_BYTES) {
        section(section);
      }
    }
    producers();
    aborted();
  }

  /// Checks that what the segment begins with is the header in its directory.
  public void verifyHeader() throws IOException {
    var front = read(0, SegmentFormat.HEADER_BYTES, "header");
    if (!front.equals(header.encode())) {
      throw damaged(0, "the header its directory has", "other bytes");
    }
  }

  /// About how much memory the reader itself takes.
  public long memoryBytes() {
    return 512 + 96L * blocks.size() + 48L * sections.size();
  }

  private SectionCursor cursor(Section section) throws IOException {
    return new SectionCursor(object, start + section.position(), section(section));
  }

  private ByteBuffer section(Section section) throws IOException {
    var bytes =
        read(section.position(), (int) section.length(), "section of type " + section.type());
    int crc = SegmentFormat.crc(bytes);
    if (crc != section.crc()) {
      throw damaged(
          section.position(),
          "section of type %d with crc %08x".formatted(section.type(), section.crc()),
          crc);
    }
    return bytes;
  }

  private ByteBuffer read(long position, int bytes, String what) throws IOException {
    var read = range.read(start + position, bytes);
    if (read.remaining() != bytes) {
      throw damaged(position, bytes + " bytes of " + what, read.remaining() + " bytes");
    }
    return read;
  }

  private SegmentDamaged damaged(long position, String expected, int crc) {
    return damaged(position, expected, "%08x".formatted(crc));
  }

  private SegmentDamaged damaged(long position, String expected, String found) {
    return new SegmentDamaged(
        SegmentDamaged.Kind.DAMAGED, object, start + position, expected, found);
  }

  @Override
  public String toString() {
    return "segment in %s at %d of %d bytes".formatted(object, start, length);
  }

  /// The way from a range of bytes to a reader, each step trusting only what the one before it
  /// proved.
  private static final class Opening {

    private final String object;
    private final RangeReader range;
    private final long start;
    private final long length;

    /// The end of the segment, from `tailPosition` on.
    private ByteBuffer tail = ByteBuffer.allocate(0);

    private long tailPosition;

    Opening(String object, RangeReader range, long start, long length) {
      this.object = object;
      this.range = range;
      this.start = start;
      this.length = length;
    }

    SegmentReader open() throws IOException {
      int smallest =
          2 * SegmentFormat.HEADER_BYTES
              + 4
              + SegmentFormat.SECTION_ENTRY_BYTES
              + SegmentFormat.FOOTER_BYTES;
      check(
          length >= smallest && start >= 0 && start + length >= 0,
          0,
          "a segment of at least " + smallest + " bytes",
          length);
      tailPosition = Math.max(0, length - TAIL_BYTES);
      tail = range.read(start + tailPosition, (int) (length - tailPosition)).slice();
      check(
          tail.remaining() == length - tailPosition,
          tailPosition,
          length - tailPosition + " bytes",
          tail.remaining());
      var directory = directory();
      var header = header(directory);
      var sections = sections(directory);
      return new SegmentReader(
          object, range, start, length, header, sections, blocks(header, sections));
    }

    private ByteBuffer directory() throws IOException {
      long footerPosition = length - SegmentFormat.FOOTER_BYTES;
      var footer = bytes(footerPosition, SegmentFormat.FOOTER_BYTES);
      check(
          footer.getInt(28) == SegmentFormat.MAGIC,
          footerPosition + 28,
          "magic %08x".formatted(SegmentFormat.MAGIC),
          footer.getInt(28));
      checkCrc(footer.slice(0, 24), footer.getInt(24), footerPosition, "footer");
      int version = Short.toUnsignedInt(footer.getShort(16));
      if (version != SegmentFormat.VERSION) {
        throw new SegmentDamaged(
            version > SegmentFormat.VERSION
                ? SegmentDamaged.Kind.TOO_NEW
                : SegmentDamaged.Kind.DAMAGED,
            object,
            start + footerPosition + 16,
            "format version " + SegmentFormat.VERSION,
            "format version " + version);
      }
      long position = footer.getLong(0);
      int size = footer.getInt(8);
      int most =
          SegmentFormat.HEADER_BYTES
              + 4
              + SegmentFormat.MAX_SECTIONS * SegmentFormat.SECTION_ENTRY_BYTES;
      check(
          size >= SegmentFormat.HEADER_BYTES + 4 && size <= most,
          footerPosition + 8,
          "a directory of at most " + most + " bytes",
          size);
      check(
          position >= SegmentFormat.HEADER_BYTES && position == footerPosition - size,
          footerPosition,
          "a directory just before the footer",
          position);
      var directory = bytes(position, size);
      checkCrc(directory, footer.getInt(12), position, "directory");
      return directory;
    }

    private SegmentHeader header(ByteBuffer directory) throws IOException {
      long at = length - SegmentFormat.FOOTER_BYTES - directory.limit();
      check(directory.getInt(0) == SegmentFormat.MAGIC, at, "magic STRM", directory.getInt(0));
      check(directory.getShort(4) == SegmentFormat.VERSION, at + 4, "1", directory.getShort(4));
      int code = directory.getShort(6);
      check(code == 0 || code == 1, at + 6, "compression 0 or 1", code);
      checkCrc(
          directory.slice(0, SegmentFormat.HEADER_BYTES - 4),
          directory.getInt(SegmentFormat.HEADER_BYTES - 4),
          at,
          "header");
      try {
        return new SegmentHeader(
            code == 0 ? SegmentCompression.NONE : SegmentCompression.LZ4,
            directory.getInt(8),
            directory.getLong(16),
            directory.getLong(24),
            directory.getLong(32),
            directory.getLong(40));
      } catch (IllegalArgumentException impossible) {
        throw damaged(at, "a possible header", String.valueOf(impossible.getMessage()));
      }
    }

    private List<Section> sections(ByteBuffer directory) throws IOException {
      long directoryPosition = length - SegmentFormat.FOOTER_BYTES - directory.limit();
      long countAt = directoryPosition + SegmentFormat.HEADER_BYTES;
      var entries = directory.duplicate().position(SegmentFormat.HEADER_BYTES);
      int count = entries.getInt();
      // The directory's length is within limits, hence so is the count that fits it.
      check(
          (long) count * SegmentFormat.SECTION_ENTRY_BYTES == entries.remaining(),
          countAt,
          "as many sections as fit " + entries.remaining() + " bytes",
          count);
      var sections = new ArrayList<Section>(count);
      var types = new HashSet<Integer>();
      for (int i = 0; i < count; i++) {
        long at = directoryPosition + entries.position();
        var section =
            new Section(entries.getInt(), entries.getInt(), entries.getLong(), entries.getLong());
        check(
            section.position() >= SegmentFormat.HEADER_BYTES
                && section.length() >= 0
                && section.position() <= directoryPosition
                && section.length() <= directoryPosition - section.position(),
            at + 8,
            "a section before the directory",
            section.position());
        check(
            !known(section.type()) || section.length() <= SegmentFormat.MAX_SECTION_BYTES,
            at + 16,
            "at most " + SegmentFormat.MAX_SECTION_BYTES + " bytes",
            section.length());
        check(types.add(section.type()), at, "each section once", section.type());
        sections.add(section);
      }
      return sections;
    }

    private static boolean known(int type) {
      return type >= SegmentFormat.BLOCK_INDEX && type <= SegmentFormat.ABORTED_TRANSACTIONS;
    }

    private List<Block> blocks(SegmentHeader header, List<Section> sections) throws IOException {
      Section section = null;
      long sectionsFrom = length;
      for (var candidate : sections) {
        sectionsFrom = Math.min(sectionsFrom, candidate.position());
        if (candidate.type() == SegmentFormat.BLOCK_INDEX) {
          section = candidate;
        }
      }
      if (section == null) {
        throw damaged(length - SegmentFormat.FOOTER_BYTES, "a block index", "none");
      }
      int size = (int) section.length();
      check(
          size % SegmentFormat.BLOCK_ENTRY_BYTES == 0,
          section.position(),
          "whole entries of 40 bytes",
          size);
      var index = bytes(section.position(), size);
      checkCrc(index, section.crc(), section.position(), "block index");
      var blocks = new ArrayList<Block>(size / SegmentFormat.BLOCK_ENTRY_BYTES);
      long position = SegmentFormat.HEADER_BYTES;
      long lowest = header.baseOffset();
      while (index.hasRemaining()) {
        long at = section.position() + index.position();
        long firstOffset = index.getLong();
        long maxTimestamp = index.getLong();
        long found = index.getLong();
        int stored = index.getInt();
        int raw = index.getInt();
        int codec = index.getInt();
        int crc = index.getInt();
        check(
            firstOffset >= lowest && firstOffset < header.endOffset(),
            at,
            "an offset in [%d, %d)".formatted(lowest, header.endOffset()),
            firstOffset);
        check(found == position, at + 16, "a block at " + position, found);
        check(
            stored > 0 && stored <= sectionsFrom - position,
            at + 24,
            "1 to %d bytes".formatted(sectionsFrom - position),
            stored);
        check(codec == 0 || codec == 1, at + 32, "codec 0 or 1", codec);
        check(
            raw > 0
                && raw <= SegmentFormat.MAX_BLOCK_BYTES
                && (codec == SegmentFormat.CODEC_NONE
                    ? raw == stored
                    : raw <= (long) stored * SegmentFormat.MAX_LZ4_RATIO),
            at + 28,
            "a raw length that fits %d stored bytes of codec %d".formatted(stored, codec),
            raw);
        blocks.add(
            new Block(
                firstOffset,
                maxTimestamp,
                position,
                stored,
                raw,
                codec == SegmentFormat.CODEC_LZ4,
                crc));
        position += stored;
        lowest = firstOffset + 1;
      }
      return blocks;
    }

    /// A range that was checked to be inside the segment, out of the tail if it has it.
    private ByteBuffer bytes(long position, int size) throws IOException {
      if (position >= tailPosition) {
        return tail.slice((int) (position - tailPosition), size);
      }
      var bytes = range.read(start + position, size);
      check(bytes.remaining() == size, position, size + " bytes", bytes.remaining());
      return bytes.slice();
    }

    private void checkCrc(ByteBuffer bytes, int expected, long position, String what)
        throws SegmentDamaged {
      int crc = SegmentFormat.crc(bytes);
      if (crc != expected) {
        throw damaged(
            position, "%s with crc %08x".formatted(what, expected), "%08x".formatted(crc));
      }
    }

    private void check(boolean holds, long position, String expected, long found)
        throws SegmentDamaged {
      if (!holds) {
        throw damaged(position, expected, Long.toString(found));
      }
    }

    private SegmentDamaged damaged(long position, String expected, String found) {
      return new SegmentDamaged(
          SegmentDamaged.Kind.DAMAGED, object, start + position, expected, found);
    }
  }
}
