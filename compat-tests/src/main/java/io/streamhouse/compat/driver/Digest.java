package io.streamhouse.compat.driver;

import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;

/// A 64-bit digest (FNV-1a, each part preceded by its length) of a record's key, value and headers;
/// null and empty differ.
public final class Digest {

  private long state = 0xcbf2_9ce4_8422_2325L;

  private Digest() {}

  public static long of(byte @Nullable [] key, byte @Nullable [] value, Iterable<Header> headers) {
    var digest = new Digest();
    digest.add(key);
    digest.add(value);
    for (var header : headers) {
      digest.add(header.key().getBytes(java.nio.charset.StandardCharsets.UTF_8));
      digest.add(header.value());
    }
    return digest.state;
  }

  public static long of(Line line) {
    return of(line.keyBytes(), line.valueBytes(), headers(line));
  }

  /// The line's headers as Kafka's.
  static Headers headers(Line line) {
    var headers = new RecordHeaders();
    line.headers()
        .forEach((name, text) ->
            headers.add(name, text.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
    return headers;
  }

  private void add(byte @Nullable [] bytes) {
    int length = bytes == null ? -1 : bytes.length;
    for (int shift = 0; shift < 32; shift += 8) {
      step(length >>> shift);
    }
    if (bytes != null) {
      for (byte b : bytes) {
        step(b);
      }
    }
  }

  private void step(int b) {
    state = (state ^ (b & 0xff)) * 0x100_0000_01b3L;
  }
}
