package io.streamhouse.broker.merge;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/// Drafts in memory, which may be spoiled on their way; counts those that are open.
public final class MemoryScratch implements Scratch {

  /// Where the byte is that a draft forgets as it is written; none below 0.
  public long spoilt = -1;

  public int open;

  @Override
  public Draft begin(long bytes) {
    open++;
    return new Draft() {
      private byte[] content = new byte[0];

      @Override
      public void write(long position, List<ByteBuffer> pieces) {
        var written = new ByteArrayOutputStream();
        for (var piece : pieces) {
          var copy = new byte[piece.remaining()];
          piece.duplicate().get(copy);
          written.writeBytes(copy);
        }
        int at = (int) position;
        content = Arrays.copyOf(content, Math.max(content.length, at + written.size()));
        System.arraycopy(written.toByteArray(), 0, content, at, written.size());
        if (spoilt >= at && spoilt < at + written.size()) {
          content[(int) spoilt] ^= 1;
        }
      }

      @Override
      public ByteBuffer read(long position, int length) {
        int from = (int) Math.min(position, content.length);
        int to = Math.min(content.length, from + length);
        return ByteBuffer.wrap(Arrays.copyOfRange(content, from, to));
      }

      @Override
      public List<ByteBuffer> content() {
        return List.of(ByteBuffer.wrap(content).asReadOnlyBuffer());
      }

      @Override
      public void close() {
        open--;
      }
    };
  }
}
