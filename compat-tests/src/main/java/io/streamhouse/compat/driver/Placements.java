package io.streamhouse.compat.driver;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A file of 28-byte entries that says where records are: what a producer was acknowledged, or what
/// a consumer read. Big-endian.
///
/// | field     | type | notes                                                              |
/// |-----------|------|--------------------------------------------------------------------|
/// | partition | i32  |                                                                    |
/// | offset    | i64  |                                                                    |
/// | timestamp | i64  | ms                                                                 |
/// | mark      | i64  | producer: index of the line; consumer: [Digest] of key, value and headers |
public final class Placements {

  /// One entry.
  public record Placement(int partition, long offset, long timestamp, long mark) {}

  /// What takes the entries, in file order.
  @FunctionalInterface
  public interface Reader {
    void accept(Placement placement);
  }

  private Placements() {}

  /// Reads every whole entry; a cut last one is ignored, since a killed process may leave it.
  public static long read(Path file, Reader reader) throws IOException {
    long entries = 0;
    try (var in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file), 1 << 16))) {
      while (true) {
        reader.accept(new Placement(in.readInt(), in.readLong(), in.readLong(), in.readLong()));
        entries++;
      }
    } catch (EOFException end) {
      return entries;
    }
  }

  /// Appends entries; not safe for several threads.
  static final class Writer implements AutoCloseable {

    private final DataOutputStream out;

    Writer(Path file) throws IOException {
      out = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 16));
    }

    void write(int partition, long offset, long timestamp, long mark) throws IOException {
      out.writeInt(partition);
      out.writeLong(offset);
      out.writeLong(timestamp);
      out.writeLong(mark);
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }
}
