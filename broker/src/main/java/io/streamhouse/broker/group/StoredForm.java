package io.streamhouse.broker.group;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// The parts that all stored groups are made of: integers big-endian; a string is its length in
/// bytes of UTF-8 as i32 (-1 for null) and those bytes; bytes likewise. What does not fit into what
/// is there is an [EOFException], so that damage never asks for memory.
final class StoredForm {

  private StoredForm() {}

  static void write(DataOutputStream out, @Nullable String text) throws IOException {
    if (text == null) {
      out.writeInt(-1);
    } else {
      write(out, Bytes.of(text.getBytes(StandardCharsets.UTF_8)));
    }
  }

  static void write(DataOutputStream out, Bytes bytes) throws IOException {
    out.writeInt(bytes.array().length);
    out.write(bytes.array());
  }

  static String string(DataInputStream in) throws IOException {
    var text = nullable(in);
    if (text == null) {
      throw new IllegalArgumentException("null in group state where none may be");
    }
    return text;
  }

  static @Nullable String nullable(DataInputStream in) throws IOException {
    int length = in.readInt();
    return length == -1 ? null : new String(bytes(in, length), StandardCharsets.UTF_8);
  }

  static byte[] bytes(DataInputStream in, int length) throws IOException {
    if (length < 0 || length > in.available()) {
      throw new EOFException("length " + length + " with " + in.available() + " bytes left");
    }
    return in.readNBytes(length);
  }

  static int count(DataInputStream in) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > in.available()) {
      throw new EOFException("count " + count + " with " + in.available() + " bytes left");
    }
    return count;
  }

  static void expect(String what, int expected, int found) {
    if (expected != found) {
      throw new IllegalArgumentException(
          "group state: " + what + " expected " + expected + ", found " + found);
    }
  }
}
