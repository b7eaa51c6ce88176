package io.streamhouse.segment;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;

/// The log files of which `wal-v1*.wal` are copies.
final class GoldenWal {

  static final long SEQUENCE = 7;
  static final UUID ORDERS = new UUID(1, -2);
  static final UUID CLICKS = new UUID(-1, 2);

  /// What they hold, in order.
  static final List<WalBytes.Entry> ENTRIES =
      List.of(
          new WalBytes.Entry(89, ORDERS, 0, 1, 0, "first"),
          new WalBytes.Entry(135, CLICKS, 12, 3, 5_000_000_000L, "second\0\u00ff"),
          new WalBytes.Entry(209, ORDERS, Integer.MAX_VALUE, 1 << 30, Long.MAX_VALUE, ""),
          new WalBytes.Entry(275, ORDERS, 0, 1, 1, "x".repeat(300)));

  /// Ends of the three groups.
  static final List<Integer> GROUP_ENDS = List.of(184, 250, 616);

  private GoldenWal() {}

  /// Nothing behind the seal.
  static byte[] sealed() {
    return write(SEQUENCE, new byte[4096]).seal().upToHere();
  }

  /// Not sealed, in a file that had a longer life before as number 5 of the same log.
  static byte[] recycled() {
    var earlier = new WalBytes.Writer(5, new byte[4096]);
    for (int i = 0; i < 20; i++) {
      earlier.add(CLICKS, i, 1, i, "of an earlier life").write();
    }
    return write(SEQUENCE, earlier.seal().wholeFile()).wholeFile();
  }

  static WalBytes.Writer write(long sequence, byte[] into) {
    var writer = new WalBytes.Writer(sequence, into);
    for (int i = 0; i < ENTRIES.size(); i++) {
      var entry = ENTRIES.get(i);
      writer.add(
          entry.topicId(),
          entry.partition(),
          entry.leaseEpoch(),
          entry.baseOffset(),
          entry.batch());
      if (i > 0) {
        writer.write();
      }
    }
    return writer;
  }

  /// Writes the files anew, for a new format version: into the directory named.
  static void main(String[] args) throws IOException {
    var directory = Path.of(args[0]);
    Files.write(directory.resolve("wal-v1-sealed.wal"), sealed());
    Files.write(directory.resolve("wal-v1-recycled.wal"), recycled());
  }
}
