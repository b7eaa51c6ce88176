package io.streamhouse.broker.storage.s3;

import io.streamhouse.broker.storage.ObjectInfo;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import software.amazon.awssdk.core.async.AsyncRequestBody;

/// What an object will hold, cut into bodies of requests. Immutable; the buffers are shared, their
/// positions do not move, nothing large is copied.
final class S3Content {

  /// Each buffer becomes a write on the connection. Smaller ones are copied together, since a write
  /// costs more than copying so little.
  private static final int SMALL_BYTES = 1 << 14;

  private static final int GATHERED_BYTES = 1 << 16;

  private final List<ByteBuffer> buffers;
  private final ObjectInfo info;

  private S3Content(List<ByteBuffer> buffers, ObjectInfo info) {
    this.buffers = buffers;
    this.info = info;
  }

  static S3Content of(List<ByteBuffer> content) {
    var buffers =
        content.stream()
            .filter(ByteBuffer::hasRemaining)
            .map(buffer -> buffer.slice().asReadOnlyBuffer())
            .toList();
    return new S3Content(buffers, ObjectInfo.of(buffers));
  }

  ObjectInfo info() {
    return info;
  }

  /// The bytes in `[position, position + length)`, as content of its own.
  S3Content part(long position, long length) {
    var part = new ArrayList<ByteBuffer>();
    long at = 0;
    for (var buffer : buffers) {
      long end = at + buffer.remaining();
      long from = Math.max(at, position);
      long to = Math.min(end, position + length);
      if (from < to) {
        part.add(buffer.slice((int) (from - at), (int) (to - from)));
      }
      at = end;
    }
    return new S3Content(part, ObjectInfo.of(part));
  }

  /// A body for one attempt.
  AsyncRequestBody body() {
    var gathered = gathered();
    return gathered.isEmpty()
        ? AsyncRequestBody.empty()
        : AsyncRequestBody.fromRemainingByteBuffersUnsafe(gathered.toArray(ByteBuffer[]::new));
  }

  private List<ByteBuffer> gathered() {
    var gathered = new ArrayList<ByteBuffer>();
    ByteBuffer small = null;
    for (var buffer : buffers) {
      if (buffer.remaining() >= SMALL_BYTES) {
        if (small != null) {
          gathered.add(small.flip());
          small = null;
        }
        gathered.add(buffer.duplicate());
        continue;
      }
      if (small != null && small.remaining() < buffer.remaining()) {
        gathered.add(small.flip());
        small = null;
      }
      if (small == null) {
        small = ByteBuffer.allocate(GATHERED_BYTES);
      }
      small.put(buffer.duplicate());
    }
    if (small != null) {
      gathered.add(small.flip());
    }
    return gathered;
  }

  /// Its checksum as S3 has it in headers.
  String checksum() {
    return Base64.getEncoder().encodeToString(ByteBuffer.allocate(4).putInt(info.crc32c()).array());
  }
}
