package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.zip.CRC32C;

/// A file of the write-ahead log, version 1. All integers big-endian.
///
/// ```
/// file   := header frame* seal?
/// header := magic version reserved walId sequence crc zeros     64 bytes
/// frame  := length crc type payload
/// ```
///
/// | header field | at | type | notes                                            |
/// |--------------|----|------|--------------------------------------------------|
/// | magic        |  0 | u32  | `SWAL`                                           |
/// | version      |  4 | u16  | 1                                                |
/// | reserved     |  6 | u16  | 0                                                |
/// | walId        |  8 | 16 B | the data directory this log belongs to           |
/// | sequence     | 24 | i64  | rises by one with each file; never used twice    |
/// | crc          | 32 | u32  | CRC-32C of the 32 bytes before it                |
/// | zeros        | 36 | 28 B | 0                                                |
///
/// | frame field | at | type | notes                                              |
/// |-------------|----|------|----------------------------------------------------|
/// | length      |  0 | i32  | bytes of type and payload                          |
/// | crc         |  4 | u32  | CRC-32C of sequence, frame position, type, payload |
/// | type        |  8 | u8   | 1 entry, 2 mark, 3 seal                            |
///
/// | payload of | fields                                                              |
/// |------------|---------------------------------------------------------------------|
/// | entry      | topicId 16 B, partition i32, leaseEpoch i32, baseOffset i64, batch  |
/// | mark       | sequence i64, position i64 known durable when it was written        |
/// | seal       | none: the file ends here                                            |
///
/// Files are recycled, so what follows the last frame may be frames of another life. The seed of
/// each CRC (sequence and position) keeps those from ever verifying.
///
/// Each group written at once begins with a mark. A frame that does not verify ends the log, unless
/// something proves that bytes behind it were durable: a later mark that says so, or a seal. Then
/// it is damage, and [WalDamaged]. A file is sealed and synced before the next one gets its first
/// frame, so only the last file may lack a seal.
public final class WalFormat {

  public static final int HEADER_BYTES = 64;

  /// What a batch costs in the file beyond its own bytes.
  public static final int ENTRY_OVERHEAD_BYTES = 41;

  public static final int MARK_BYTES = 25;
  public static final int SEAL_BYTES = 9;

  static final int MAGIC = 0x5357414c; // SWAL
  static final short VERSION = 1;
  static final int FRAME_OVERHEAD_BYTES = 8;
  static final byte ENTRY = 1;
  static final byte MARK = 2;
  static final byte SEAL = 3;

  private WalFormat() {}

  /// The 64 bytes a file begins with.
  public static ByteBuffer header(UUID walId, long sequence) {
    var header = ByteBuffer.allocate(HEADER_BYTES);
    header.putInt(MAGIC).putShort(VERSION).putShort((short) 0);
    header.putLong(walId.getMostSignificantBits()).putLong(walId.getLeastSignificantBits());
    header.putLong(sequence);
    var crc = new CRC32C();
    crc.update(header.array(), 0, header.position());
    header.putInt((int) crc.getValue());
    return header.position(0).limit(HEADER_BYTES);
  }

  /// The frame that ends a file at `position`.
  public static ByteBuffer seal(long sequence, long position) {
    var frame = ByteBuffer.allocate(SEAL_BYTES);
    frame.putInt(1).putInt(0).put(SEAL);
    frame.putInt(4, crc(sequence, position, frame.array(), 8, 1));
    return frame.flip();
  }

  private static int crc(long sequence, long position, byte[] bytes, int from, int length) {
    var crc = seeded(sequence, position);
    crc.update(bytes, from, length);
    return (int) crc.getValue();
  }

  /// A checksum that already covers where its frame stands.
  static CRC32C seeded(long sequence, long position) {
    var crc = new CRC32C();
    var seed = ByteBuffer.allocate(16).putLong(sequence).putLong(position);
    crc.update(seed.array());
    return crc;
  }
}
