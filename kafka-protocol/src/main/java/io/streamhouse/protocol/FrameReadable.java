package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import org.apache.kafka.common.protocol.Readable;

/// Reads Kafka's message classes from a frame; byte buffers and records are views on it.
///
/// The message classes allocate a collection for the number of elements a request claims, after
/// comparing it with [#remaining]. One byte on the wire can thus become dozens on the heap, a
/// hundred megabytes many gigabytes. So a frame may make at most [#MAX_FIELDS] fields, and
/// `remaining` never says more than are left. A request for 100,000 partitions has about a million.
///
/// Reads past the end throw [IndexOutOfBoundsException]. Owns no reference to the frame.
final class FrameReadable implements Readable {

  static final int MAX_FIELDS = 4_000_000;

  private final ByteBuf frame;
  private int fields;

  FrameReadable(ByteBuf frame) {
    this(frame, MAX_FIELDS);
  }

  private FrameReadable(ByteBuf frame, int fields) {
    this.frame = frame;
    this.fields = fields;
  }

  /// Bytes not read yet.
  int unreadBytes() {
    return frame.readableBytes();
  }

  @Override
  public byte readByte() {
    count();
    return frame.readByte();
  }

  @Override
  public short readShort() {
    count();
    return frame.readShort();
  }

  @Override
  public int readInt() {
    count();
    return frame.readInt();
  }

  @Override
  public long readLong() {
    count();
    return frame.readLong();
  }

  @Override
  public double readDouble() {
    count();
    return frame.readDouble();
  }

  @Override
  public byte[] readArray(int length) {
    checkLength(length);
    var bytes = new byte[length];
    frame.readBytes(bytes);
    return bytes;
  }

  @Override
  public int readUnsignedVarint() {
    count();
    int value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      byte next = frame.readByte();
      value |= (next & 0x7f) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new IllegalArgumentException("varint longer than 5 bytes");
  }

  @Override
  public ByteBuffer readByteBuffer(int length) {
    checkLength(length);
    var view = frame.nioBuffer(frame.readerIndex(), length);
    frame.skipBytes(length);
    return view;
  }

  @Override
  public int readVarint() {
    int raw = readUnsignedVarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  @Override
  public long readVarlong() {
    count();
    long raw = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      byte next = frame.readByte();
      raw |= (long) (next & 0x7f) << shift;
      if (next >= 0) {
        return (raw >>> 1) ^ -(raw & 1);
      }
    }
    throw new IllegalArgumentException("varlong longer than 10 bytes");
  }

  @Override
  public int remaining() {
    return Math.min(frame.readableBytes(), fields);
  }

  @Override
  public Readable slice() {
    return new FrameReadable(frame.slice(), fields);
  }

  private void count() {
    if (--fields < 0) {
      throw new IllegalArgumentException("more than " + MAX_FIELDS + " fields");
    }
  }

  /// Before anything is allocated.
  private void checkLength(int length) {
    count();
    if (length < 0 || length > frame.readableBytes()) {
      throw new IndexOutOfBoundsException(
          "field of %d bytes where %d are left".formatted(length, frame.readableBytes()));
    }
  }
}
