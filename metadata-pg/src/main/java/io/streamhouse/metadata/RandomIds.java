package io.streamhouse.metadata;

import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.UUID;
import java.util.random.RandomGenerator;

/// Ids from an injected source of chance, in the form Kafka's own have: version 4, and not
/// beginning with `-` in base64, which command lines would take for an option.
public final class RandomIds {

  private static final Base64.Encoder BASE64 = Base64.getUrlEncoder().withoutPadding();

  private RandomIds() {}

  /// A new id; never one of Kafka's reserved ones (0 and 1).
  public static UUID next(RandomGenerator random) {
    while (true) {
      var high = (random.nextLong() & ~0xF000L) | 0x4000L;
      var low = (random.nextLong() >>> 2) | 0x8000_0000_0000_0000L;
      var id = new UUID(high, low);
      if (base64(id).charAt(0) != '-') {
        return id;
      }
    }
  }

  /// Kafka's text form of an id: 22 characters.
  public static String base64(UUID id) {
    var bytes =
        ByteBuffer.allocate(16)
            .putLong(id.getMostSignificantBits())
            .putLong(id.getLeastSignificantBits());
    return BASE64.encodeToString(bytes.array());
  }
}
