package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// A transaction whose abort marker lies in the segment. Each takes 32 bytes, four i64 in this
/// order.
///
/// @param firstOffset of the transaction in this partition, perhaps in an earlier segment
/// @param lastOffset the abort marker's
/// @param lastStableOffset as of the marker
public record AbortedTransaction(
    long producerId, long firstOffset, long lastOffset, long lastStableOffset) {

  private static final int BYTES = 32;

  static ByteBuffer encode(List<AbortedTransaction> transactions) {
    if (transactions.size() > SegmentFormat.MAX_SECTION_BYTES / BYTES) {
      throw new IllegalArgumentException(transactions.size() + " aborted transactions");
    }
    var bytes = ByteBuffer.allocate(transactions.size() * BYTES);
    for (var transaction : transactions) {
      bytes.putLong(transaction.producerId).putLong(transaction.firstOffset);
      bytes.putLong(transaction.lastOffset).putLong(transaction.lastStableOffset);
    }
    return bytes.flip();
  }

  static List<AbortedTransaction> decode(SectionCursor in) throws SegmentDamaged {
    var bytes = in.need(0, "transactions");
    in.check(bytes.remaining() % BYTES == 0, "a multiple of 32 bytes", bytes.remaining());
    var transactions = new ArrayList<AbortedTransaction>(bytes.remaining() / BYTES);
    while (bytes.hasRemaining()) {
      transactions.add(
          new AbortedTransaction(
              bytes.getLong(), bytes.getLong(), bytes.getLong(), bytes.getLong()));
    }
    return List.copyOf(transactions);
  }
}
