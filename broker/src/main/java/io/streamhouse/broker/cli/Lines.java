package io.streamhouse.broker.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;

/// Records as lines: `headers TAB key SEPARATOR value`, headers and key only where they are asked
/// for. Bytes go in and out as they are, whatever their encoding; only the line feed ends a line.
///
/// @param keySeparator null: no keys
/// @param headers whether lines begin with `name:value,name:value` and a tab
/// @param nullMarker what stands for a null key or value; null: nothing does
record Lines(@Nullable String keySeparator, boolean headers, @Nullable String nullMarker) {

  /// The next line without its line feed; null at the end.
  static byte @Nullable [] read(InputStream in) throws IOException {
    var line = new ByteArrayOutputStream();
    int next;
    while ((next = in.read()) >= 0) {
      if (next == '\n') {
        return line.toByteArray();
      }
      line.write(next);
    }
    return line.size() == 0 ? null : line.toByteArray();
  }

  /// The record a line is.
  ///
  /// @throws IllegalArgumentException when something the options ask for is missing
  ProducerRecord<byte[], byte[]> parse(String topic, @Nullable Integer partition, byte[] line) {
    int at = 0;
    List<Header> parsedHeaders = List.of();
    if (headers) {
      int tab = find(line, 0, new byte[] {'\t'});
      if (tab < 0) {
        throw new IllegalArgumentException("no tab after the headers");
      }
      parsedHeaders = headers(Arrays.copyOf(line, tab));
      at = tab + 1;
    }
    byte[] key = null;
    if (keySeparator != null) {
      var separator = bytes(keySeparator);
      int end = find(line, at, separator);
      if (end < 0) {
        throw new IllegalArgumentException("no key separator");
      }
      key = unlessNull(Arrays.copyOfRange(line, at, end));
      at = end + separator.length;
    }
    var value = unlessNull(Arrays.copyOfRange(line, at, line.length));
    return new ProducerRecord<>(topic, partition, key, value, parsedHeaders);
  }

  private List<Header> headers(byte[] text) {
    var parsed = new ArrayList<Header>();
    int at = 0;
    while (at < text.length) {
      int comma = find(text, at, new byte[] {','});
      int end = comma < 0 ? text.length : comma;
      int colon = find(text, at, new byte[] {':'});
      if (colon < 0 || colon > end) {
        throw new IllegalArgumentException("a header without a colon");
      }
      parsed.add(
          new RecordHeader(
              new String(text, at, colon - at, StandardCharsets.UTF_8),
              unlessNull(Arrays.copyOfRange(text, colon + 1, end))));
      at = end + 1;
    }
    return parsed;
  }

  private byte @Nullable [] unlessNull(byte[] text) {
    return nullMarker != null && Arrays.equals(text, bytes(nullMarker)) ? null : text;
  }

  private static int find(byte[] text, int from, byte[] wanted) {
    for (int at = from; at <= text.length - wanted.length; at++) {
      if (Arrays.equals(text, at, at + wanted.length, wanted, 0, wanted.length)) {
        return at;
      }
    }
    return -1;
  }

  void write(ConsumerRecord<byte[], byte[]> record, OutputStream out) throws IOException {
    if (headers) {
      boolean first = true;
      for (var header : record.headers()) {
        if (!first) {
          out.write(',');
        }
        out.write(bytes(header.key()));
        out.write(':');
        write(header.value(), out);
        first = false;
      }
      out.write('\t');
    }
    if (keySeparator != null) {
      write(record.key(), out);
      out.write(bytes(keySeparator));
    }
    write(record.value(), out);
    out.write('\n');
  }

  private void write(byte @Nullable [] bytes, OutputStream out) throws IOException {
    if (bytes != null) {
      out.write(bytes);
    } else if (nullMarker != null) {
      out.write(bytes(nullMarker));
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
