package io.streamhouse.segment;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32C;

/// Write-ahead log files as byte arrays: how they are made, read and spoilt in tests.
final class WalBytes {

  static final UUID WAL_ID = new UUID(0x0123_4567_89ab_cdefL, 0x8edc_ba98_7654_3210L);

  private WalBytes() {}

  /// An entry, with its bytes where they can be compared.
  record Entry(
      long position, UUID topicId, int partition, int leaseEpoch, long baseOffset, String batch) {

    static Entry of(long position, WalEntry entry) {
      var batch = new byte[entry.batch().remaining()];
      entry.batch().duplicate().get(batch);
      return new Entry(
          position,
          entry.topicId(),
          entry.partition(),
          entry.leaseEpoch(),
          entry.baseOffset(),
          new String(batch, StandardCharsets.ISO_8859_1));
    }
  }

  /// What a whole scan found.
  record Scan(List<Entry> entries, List<WalPosition> marks, WalFileReader.End end) {}

  static Scan scan(byte[] file, long sequence, boolean last) throws IOException {
    return scan(file, WAL_ID, sequence, last);
  }

  /// Scans, and checks on the way that only entries come whose checksum is right.
  static Scan scan(byte[] file, UUID walId, long sequence, boolean last) throws IOException {
    var entries = new ArrayList<Entry>();
    var marks = new ArrayList<WalPosition>();
    var end =
        new WalFileReader("test.wal", sequence, ByteBuffer.wrap(file))
            .scan(
                walId,
                last,
                new WalFileReader.Visitor() {
                  @Override
                  public void entry(long position, WalEntry entry) {
                    int at = (int) position;
                    var content = ByteBuffer.wrap(file);
                    if (content.getInt(at + 4) != crc(file, sequence, at)) {
                      throw new AssertionError("entry at " + at + " does not verify");
                    }
                    if (content.getInt(at) != 33 + entry.batch().remaining()) {
                      throw new AssertionError("entry at " + at + " is not as long as its frame");
                    }
                    entries.add(Entry.of(position, entry));
                  }

                  @Override
                  public void mark(long position, WalPosition durable) {
                    marks.add(durable);
                  }
                });
    return new Scan(entries, marks, end);
  }

  /// What the checksum of the frame at `at` must be, by the format's description.
  static int crc(byte[] file, long sequence, int at) {
    var crc = new CRC32C();
    crc.update(ByteBuffer.allocate(16).putLong(sequence).putLong(at).flip());
    crc.update(file, at + 8, ByteBuffer.wrap(file).getInt(at));
    return (int) crc.getValue();
  }

  /// Corrects, in place, the header's checksum and those of the frames that can be walked to.
  static byte[] resealed(byte[] file, long sequence) {
    var bytes = ByteBuffer.wrap(file);
    if (file.length < WalFormat.HEADER_BYTES) {
      return file;
    }
    var crc = new CRC32C();
    crc.update(file, 0, 32);
    bytes.putInt(32, (int) crc.getValue());
    int at = WalFormat.HEADER_BYTES;
    while (at <= file.length - WalFormat.SEAL_BYTES) {
      int length = bytes.getInt(at);
      if (length < 1 || length > file.length - at - 8) {
        return file;
      }
      bytes.putInt(at + 4, crc(file, sequence, at));
      at += 8 + length;
    }
    return file;
  }

  /// A file under construction: groups as the log writes them, each believing all before it to be
  /// durable.
  static final class Writer {

    private final long sequence;
    private final ByteBuffer file;
    private WalPosition durable;
    private WalGroup group;
    private ByteBuffer scratch;

    /// @param bytes what the file held in an earlier life, or zeros
    Writer(long sequence, byte[] bytes) {
      this.sequence = sequence;
      this.file = ByteBuffer.wrap(bytes);
      file.put(WalFormat.header(WAL_ID, sequence));
      durable = new WalPosition(sequence, file.position());
      scratch = ByteBuffer.allocate(WalGroup.scratchBytes(16));
      group = new WalGroup(sequence, file.position(), durable, scratch);
    }

    Writer add(UUID topicId, int partition, int leaseEpoch, long baseOffset, String batch) {
      group.add(
          topicId,
          partition,
          leaseEpoch,
          baseOffset,
          ByteBuffer.wrap(batch.getBytes(StandardCharsets.ISO_8859_1)));
      return this;
    }

    /// Ends the group.
    Writer write() {
      for (var buffer : group.buffers()) {
        file.put(buffer);
      }
      durable = new WalPosition(sequence, file.position());
      scratch = ByteBuffer.allocate(WalGroup.scratchBytes(16));
      group = new WalGroup(sequence, file.position(), durable, scratch);
      return this;
    }

    Writer seal() {
      file.put(WalFormat.seal(sequence, file.position()));
      return this;
    }

    int position() {
      return file.position();
    }

    byte[] upToHere() {
      return Arrays.copyOf(file.array(), file.position());
    }

    byte[] wholeFile() {
      return file.array();
    }
  }
}
