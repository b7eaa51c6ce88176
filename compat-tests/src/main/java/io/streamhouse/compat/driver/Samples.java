package io.streamhouse.compat.driver;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.StringJoiner;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;

/// A fixed table of records at the edges of what a record can be: null, empty, binary and large
/// parts, repeated and empty headers, timestamps out of order. All for partition 0.
public final class Samples {

  private Samples() {}

  /// The table, for `topic`.
  ///
  /// @param time around which the create times lie, ms
  static List<ProducerRecord<byte[], byte[]>> records(String topic, long time) {
    var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
    byte[] binary = new byte[256];
    for (int i = 0; i < binary.length; i++) {
      binary[i] = (byte) i;
    }
    byte[] large = new byte[100_000];
    for (int i = 0; i < large.length; i++) {
      large[i] = (byte) (i * 31 + i / 251);
    }
    byte @Nullable [][] parts = {null, {}, utf8("text"), utf8("naïve 数据 🚢"), binary, large};
    int serial = 0;
    for (byte[] key : parts) {
      for (byte[] value : parts) {
        // Later records are often older: lookup by time and maximum timestamps must cope.
        long timestamp = time + (serial % 3 == 0 ? -serial * 1000L : serial);
        var record = new ProducerRecord<byte[], byte[]>(topic, 0, timestamp, key, value);
        addHeaders(record.headers(), serial, binary);
        records.add(record);
        serial++;
      }
    }
    return records;
  }

  private static void addHeaders(Headers headers, int serial, byte[] binary) {
    switch (serial % 5) {
      case 0 -> {}
      case 1 -> headers.add("one", utf8("1"));
      case 2 -> headers.add("same", utf8("a")).add("same", utf8("b")).add("same", utf8("a"));
      case 3 -> headers.add(new RecordHeader("null", (byte[]) null)).add("empty", new byte[0]);
      default -> headers.add("", utf8("no name")).add("заголовок", binary);
    }
  }

  /// One line that says everything about a record, for comparing by text.
  static String describe(
      long offset,
      String timestampType,
      long timestamp,
      byte @Nullable [] key,
      byte @Nullable [] value,
      Iterable<Header> headers) {
    var joined = new StringJoiner(",", "[", "]");
    for (var header : headers) {
      joined.add(header.key() + '=' + hex(header.value()));
    }
    return offset
        + " "
        + timestampType
        + " "
        + timestamp
        + " "
        + hex(key)
        + " "
        + hex(value)
        + " "
        + joined;
  }

  /// The lines a reader of a topic that holds exactly these samples must print.
  public static List<String> expected(long time) {
    var lines = new ArrayList<String>();
    for (var record : records("any", time)) {
      lines.add(
          describe(
              lines.size(),
              "CreateTime",
              record.timestamp(),
              record.key(),
              record.value(),
              record.headers()));
    }
    return lines;
  }

  /// Short parts in full, long ones as length and hash.
  private static String hex(byte @Nullable [] bytes) {
    if (bytes == null) {
      return "null";
    }
    return bytes.length > 300
        ? bytes.length + "#" + java.util.Arrays.hashCode(bytes)
        : "'" + HexFormat.of().formatHex(bytes) + "'";
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
