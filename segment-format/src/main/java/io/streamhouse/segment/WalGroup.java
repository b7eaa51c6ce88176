package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/// Frames for one write: a mark, then entries. Batches are referenced, not copied; frame headers
/// lie in the scratch buffer given, which must outlive the write. Confined to the log's writer.
public final class WalGroup {

  private final long sequence;
  private final long start;
  private final ByteBuffer scratch;
  private final List<ByteBuffer> buffers = new ArrayList<>();
  private long position;

  /// @param position where in file `sequence` the group will be written
  /// @param durable everything before it is known to be on stable storage
  /// @param scratch cleared; room for [#scratchBytes]
  public WalGroup(long sequence, long position, WalPosition durable, ByteBuffer scratch) {
    this.sequence = sequence;
    this.start = position;
    this.position = position;
    this.scratch = scratch;
    int at = scratch.position();
    scratch.putInt(WalFormat.MARK_BYTES - WalFormat.FRAME_OVERHEAD_BYTES).putInt(0);
    scratch.put(WalFormat.MARK).putLong(durable.sequence()).putLong(durable.position());
    var crc = WalFormat.seeded(sequence, position);
    var frame = scratch.slice(at, WalFormat.MARK_BYTES);
    crc.update(frame.slice(8, WalFormat.MARK_BYTES - 8));
    frame.putInt(4, (int) crc.getValue());
    buffers.add(frame);
    this.position += WalFormat.MARK_BYTES;
  }

  /// How much scratch a group of so many entries needs.
  public static int scratchBytes(int entries) {
    return WalFormat.MARK_BYTES + entries * WalFormat.ENTRY_OVERHEAD_BYTES;
  }

  public void add(UUID topicId, int partition, int leaseEpoch, long baseOffset, ByteBuffer batch) {
    int at = scratch.position();
    int length =
        WalFormat.ENTRY_OVERHEAD_BYTES - WalFormat.FRAME_OVERHEAD_BYTES + batch.remaining();
    scratch.putInt(length).putInt(0).put(WalFormat.ENTRY);
    scratch.putLong(topicId.getMostSignificantBits()).putLong(topicId.getLeastSignificantBits());
    scratch.putInt(partition).putInt(leaseEpoch).putLong(baseOffset);
    var header = scratch.slice(at, WalFormat.ENTRY_OVERHEAD_BYTES);
    var crc = WalFormat.seeded(sequence, position);
    crc.update(header.slice(8, WalFormat.ENTRY_OVERHEAD_BYTES - 8));
    crc.update(batch.duplicate());
    header.putInt(4, (int) crc.getValue());
    buffers.add(header);
    buffers.add(batch);
    position += WalFormat.ENTRY_OVERHEAD_BYTES + batch.remaining();
  }

  /// The frames, in order, for one gathering write.
  public ByteBuffer[] buffers() {
    return buffers.toArray(ByteBuffer[]::new);
  }

  public long sizeInBytes() {
    return position - start;
  }

  /// Where the group ends in its file.
  public long end() {
    return position;
  }
}
