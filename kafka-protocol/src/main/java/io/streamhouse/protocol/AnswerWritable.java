package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.protocol.Writable;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/// Writes Kafka's message classes into a buffer, with record data between its slices.
final class AnswerWritable implements Writable {

  private final ByteBuf buffer;
  private final List<ByteBuf> parts = new ArrayList<>(1);
  private final List<RecordBatches> records = new ArrayList<>(0);

  /// Where in `buffer` the slice under way begins.
  private int sliceStart;

  private long partBytes;
  private boolean finished;

  /// Owns `buffer`.
  AnswerWritable(ByteBuf buffer) {
    this.buffer = buffer;
  }

  /// Everything written; owns what this owned.
  EncodedAnswer finish() {
    finished = true;
    if (parts.isEmpty()) {
      return new EncodedAnswer(List.of(buffer), records, buffer.readableBytes());
    }
    cut();
    buffer.release();
    return new EncodedAnswer(parts, records, Math.toIntExact(partBytes));
  }

  /// Releases what this owns, except the references to the records it was given.
  void abandon() {
    if (!finished) {
      parts.forEach(ByteBuf::release);
      buffer.release();
    }
  }

  @Override
  public void writeByte(byte value) {
    buffer.writeByte(value);
  }

  @Override
  public void writeShort(short value) {
    buffer.writeShort(value);
  }

  @Override
  public void writeInt(int value) {
    buffer.writeInt(value);
  }

  @Override
  public void writeLong(long value) {
    buffer.writeLong(value);
  }

  @Override
  public void writeDouble(double value) {
    buffer.writeDouble(value);
  }

  @Override
  public void writeByteArray(byte[] bytes) {
    buffer.writeBytes(bytes);
  }

  @Override
  public void writeUnsignedVarint(int value) {
    int rest = value;
    while ((rest & ~0x7f) != 0) {
      buffer.writeByte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    buffer.writeByte(rest);
  }

  @Override
  public void writeByteBuffer(ByteBuffer bytes) {
    buffer.writeBytes(bytes.duplicate());
  }

  @Override
  public void writeVarint(int value) {
    writeUnsignedVarint((value << 1) ^ (value >> 31));
  }

  @Override
  public void writeVarlong(long value) {
    long rest = (value << 1) ^ (value >> 63);
    while ((rest & ~0x7fL) != 0) {
      buffer.writeByte((int) (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    buffer.writeByte((int) rest);
  }

  @Override
  public void writeRecords(BaseRecords written) {
    switch (written) {
      case FetchedRecords fetched -> {
        for (var piece : fetched.pieces()) {
          records.add(piece);
          add(piece.bytes());
        }
      }
      case MemoryRecords memory -> add(memory.buffer());
      default -> throw new IllegalArgumentException("records of " + written.getClass());
    }
  }

  private void add(ByteBuffer bytes) {
    if (bytes.hasRemaining()) {
      cut();
      partBytes += bytes.remaining();
      parts.add(Unpooled.wrappedBuffer(bytes));
    }
  }

  private void cut() {
    int length = buffer.writerIndex() - sliceStart;
    if (length > 0) {
      parts.add(buffer.retainedSlice(sliceStart, length));
      partBytes += length;
      sliceStart = buffer.writerIndex();
    }
  }
}
