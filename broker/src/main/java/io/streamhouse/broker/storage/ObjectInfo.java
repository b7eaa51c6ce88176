package io.streamhouse.broker.storage;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.zip.CRC32C;

/// What tells whether two objects are the same.
///
/// @param length in bytes
/// @param crc32c of all bytes
public record ObjectInfo(long length, int crc32c) {

  /// What a store would say about `content`, whose positions do not move.
  public static ObjectInfo of(List<ByteBuffer> content) {
    var crc = new CRC32C();
    long length = 0;
    for (var buffer : content) {
      length += buffer.remaining();
      crc.update(buffer.duplicate());
    }
    return new ObjectInfo(length, (int) crc.getValue());
  }
}
