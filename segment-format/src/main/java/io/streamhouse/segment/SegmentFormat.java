package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/// A segment, version 1: a contiguous run of one partition's record batches. All integers
/// big-endian, all positions counted from the segment's first byte; a segment may begin anywhere in
/// an object.
///
/// ```
/// segment   := header block* section* directory footer
/// block     := batch+                          as is or LZ4-compressed as a whole
/// directory := header count entry*             the header once more, so that one read opens a segment
/// ```
///
/// | header field | at | type | notes                                                        |
/// |--------------|----|------|--------------------------------------------------------------|
/// | magic        |  0 | u32  | `STRM`                                                       |
/// | version      |  4 | u16  | 1                                                            |
/// | compression  |  6 | u16  | what blocks may be stored with: 0 none, 1 LZ4                |
/// | leaderEpoch  |  8 | i32  | of the first batch; of all, unless it was merged             |
/// | zero         | 12 | i32  |                                                              |
/// | baseOffset   | 16 | i64  |                                                              |
/// | endOffset    | 24 | i64  | exclusive                                                    |
/// | records      | 32 | i64  |                                                              |
/// | maxTimestamp | 40 | i64  | largest of any record, ms                                    |
/// | zeros        | 48 | 12 B |                                                              |
/// | crc          | 60 | u32  | CRC-32C of the 60 bytes before it                            |
///
/// | directory field | type | notes                                                          |
/// |-----------------|------|----------------------------------------------------------------|
/// | header          | 64 B | the same bytes as at position 0                                |
/// | count           | i32  | of sections, at most [#MAX_SECTIONS]                           |
/// | then each: type | i32  | below; a reader skips types it does not know, writers add some |
/// | crc             | u32  | CRC-32C of the section                                         |
/// | position        | i64  |                                                                |
/// | length          | i64  |                                                                |
///
/// | type | section              | content                                                      |
/// |------|----------------------|--------------------------------------------------------------|
/// | 1    | block index          | per block, in offset order, see below; exactly one such section |
/// | 2    | producer state       | [ProducerState]                                              |
/// | 3    | aborted transactions | [AbortedTransaction]s, by last offset                        |
///
/// | block index field | type | notes                                                        |
/// |-------------------|------|--------------------------------------------------------------|
/// | firstOffset       | i64  | base offset of its first batch                               |
/// | maxTimestamp      | i64  | largest of any record in it, ms                              |
/// | position          | i64  | the first is at 64, each other where the one before ends     |
/// | storedLength      | i32  | bytes it takes in the segment                                |
/// | rawLength         | i32  | bytes of its batches                                         |
/// | codec             | i32  | 0 as is, 1 LZ4 block                                         |
/// | crc               | u32  | CRC-32C of the stored bytes                                  |
///
/// | footer field      | at | type | notes                                                   |
/// |-------------------|----|------|---------------------------------------------------------|
/// | directoryPosition |  0 | i64  |                                                         |
/// | directoryLength   |  8 | i32  | the directory ends where the footer begins              |
/// | directoryCrc      | 12 | u32  | CRC-32C of the directory                                |
/// | version           | 16 | u16  | 1; a reader stops here if it is newer than it knows     |
/// | zeros             | 18 | 6 B  |                                                         |
/// | crc               | 24 | u32  | CRC-32C of the 24 bytes before it                       |
/// | magic             | 28 | u32  | `STRM`                                                  |
///
/// The footer is read first; nothing before it is trusted until its checksum matches, and no length
/// is used before it is checked against the segment and these limits:
///
/// | limit                         | value             |
/// |-------------------------------|-------------------|
/// | raw bytes of a block          | [#MAX_BLOCK_BYTES] |
/// | raw over stored bytes, LZ4    | 255, what LZ4 can reach at most |
/// | bytes of a section            | [#MAX_SECTION_BYTES] |
public final class SegmentFormat {

  public static final short VERSION = 1;
  public static final int HEADER_BYTES = 64;
  public static final int FOOTER_BYTES = 32;

  /// A block is closed with the batch that brings it to this size.
  public static final int BLOCK_BYTES = 1 << 20;

  /// No batch, hence no block, is larger: well above any sane `max.message.bytes`.
  public static final int MAX_BLOCK_BYTES = 1 << 28;

  /// What a reader knows how to read is held in memory whole.
  public static final int MAX_SECTION_BYTES = 1 << 26;

  public static final int MAX_SECTIONS = 256;

  public static final int BLOCK_INDEX = 1;
  public static final int PRODUCER_STATE = 2;
  public static final int ABORTED_TRANSACTIONS = 3;

  static final int MAGIC = 0x5354524d; // STRM
  static final int SECTION_ENTRY_BYTES = 24;
  static final int BLOCK_ENTRY_BYTES = 40;
  static final int CODEC_NONE = 0;
  static final int CODEC_LZ4 = 1;

  /// A match of 255 bytes costs at least one byte; the first token comes on top.
  static final int MAX_LZ4_RATIO = 255;

  private SegmentFormat() {}

  /// CRC-32C of `bytes` between position and limit, which do not move.
  static int crc(ByteBuffer bytes) {
    var crc = new CRC32C();
    crc.update(bytes.duplicate());
    return (int) crc.getValue();
  }
}
