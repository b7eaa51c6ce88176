package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.List;
import net.jpountz.lz4.LZ4Compressor;
import net.jpountz.lz4.LZ4Factory;
import org.jspecify.annotations.Nullable;

/// Compresses blocks, reusing its buffers from block to block and segment to segment. Not
/// thread-safe.
public final class BlockCompressor {

  private final LZ4Compressor lz4 = LZ4Factory.fastestInstance().fastCompressor();
  private byte[] raw = new byte[0];
  private byte[] stored = new byte[0];

  /// `batches` compressed, in memory of its own, or null where that saves less than an eighth:
  /// every reader would pay for it.
  @Nullable ByteBuffer compress(List<ByteBuffer> batches, int length) {
    raw = atLeast(raw, length);
    int at = 0;
    for (var batch : batches) {
      batch.get(batch.position(), raw, at, batch.remaining());
      at += batch.remaining();
    }
    int most = length - length / 8;
    stored = atLeast(stored, lz4.maxCompressedLength(length));
    int size = lz4.compress(raw, 0, length, stored, 0, stored.length);
    return size > most ? null : ByteBuffer.allocate(size).put(stored, 0, size).flip();
  }

  private static byte[] atLeast(byte[] buffer, int length) {
    // A single huge batch is not worth holding its size for ever after.
    if (buffer.length >= length && buffer.length <= 4 * SegmentFormat.BLOCK_BYTES) {
      return buffer;
    }
    return new byte[Math.max(length, SegmentFormat.BLOCK_BYTES / 8)];
  }
}
