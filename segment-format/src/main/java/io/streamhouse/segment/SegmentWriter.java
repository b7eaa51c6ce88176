package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// Makes one segment out of the batches of one partition. Not thread-safe; used once.
///
/// Batches that are stored as they are, are not copied: the content refers to the memory they were
/// given in, which must neither change nor go until the content is written. A segment that is too
/// large for memory is written piece by piece with [#drain].
public final class SegmentWriter {

  /// After a block that would not shrink, as many are stored without trying: its neighbours are
  /// most likely like it.
  private static final int SKIPPED_TRIES = 7;

  private final int leaderEpoch;
  private final int blockBytes;
  private final @Nullable BlockCompressor compressor;
  private final List<ByteBuffer> content = new ArrayList<>();
  private final List<Block> blocks = new ArrayList<>();
  private @Nullable ProducerState producers;
  private List<AbortedTransaction> aborted = List.of();

  private long position = SegmentFormat.HEADER_BYTES;
  private long baseOffset = -1;
  private long endOffset = -1;
  private long records;
  private long maxTimestamp = Long.MIN_VALUE;

  private final List<ByteBuffer> open = new ArrayList<>();
  private int openLength;
  private int openUncompressed;
  private long openFirstOffset;
  private long openMaxTimestamp = Long.MIN_VALUE;
  private int triesToSkip;
  private boolean anyCompressed;
  private boolean finished;

  private record Block(
      long firstOffset,
      long maxTimestamp,
      long position,
      int stored,
      int raw,
      int codec,
      int crc) {}

  /// @param leaderEpoch of the first batch in it
  /// @param compressor for blocks their producers did not compress; without one all are stored as
  ///   they are
  public SegmentWriter(int leaderEpoch, @Nullable BlockCompressor compressor) {
    this(leaderEpoch, compressor, SegmentFormat.BLOCK_BYTES);
  }

  /// @param blockBytes a block is closed with the batch that brings it to this size
  SegmentWriter(int leaderEpoch, @Nullable BlockCompressor compressor, int blockBytes) {
    this.leaderEpoch = leaderEpoch;
    this.compressor = compressor;
    this.blockBytes = blockBytes;
  }

  /// Appends one or more whole batches, from `bytes`' position to its limit, which do not move.
  ///
  /// @param baseOffset of the first; where the one before ended
  /// @param endOffset one past the last offset
  /// @param maxTimestamp largest of any record, ms
  /// @param records how many there are
  /// @param producerCompressed whether they are compressed already
  public void add(
      ByteBuffer bytes,
      long baseOffset,
      long endOffset,
      long maxTimestamp,
      long records,
      boolean producerCompressed) {
    int length = bytes.remaining();
    check(length, baseOffset, endOffset, records);
    if (openLength > 0 && length > blockBytes - openLength) {
      closeBlock();
    }
    if (this.baseOffset < 0) {
      this.baseOffset = baseOffset;
    }
    if (openLength == 0) {
      openFirstOffset = baseOffset;
    }
    open.add(bytes.slice());
    openLength += length;
    openUncompressed += producerCompressed ? 0 : length;
    openMaxTimestamp = Math.max(openMaxTimestamp, maxTimestamp);
    this.endOffset = endOffset;
    this.records += records;
    this.maxTimestamp = Math.max(this.maxTimestamp, maxTimestamp);
    if (openLength >= blockBytes) {
      closeBlock();
    }
  }

  /// Appends a whole block of another segment as it is stored there.
  ///
  /// @param stored its bytes, checked, between position and limit, which do not move
  /// @param endOffset one past its last offset
  /// @param records how many it holds
  public void addBlock(SegmentReader.Block block, ByteBuffer stored, long endOffset, long records) {
    check(block.rawLength(), block.firstOffset(), endOffset, records);
    if (openLength > 0) {
      closeBlock();
    }
    if (baseOffset < 0) {
      baseOffset = block.firstOffset();
    }
    content.add(stored.slice());
    blocks.add(
        new Block(
            block.firstOffset(),
            block.maxTimestamp(),
            position,
            block.storedLength(),
            block.rawLength(),
            block.compressed() ? SegmentFormat.CODEC_LZ4 : SegmentFormat.CODEC_NONE,
            block.crc()));
    anyCompressed |= block.compressed();
    position += block.storedLength();
    this.endOffset = endOffset;
    this.records += records;
    maxTimestamp = Math.max(maxTimestamp, block.maxTimestamp());
  }

  private void check(int length, long baseOffset, long endOffset, long records) {
    if (finished) {
      throw new IllegalStateException("finished");
    }
    if (length == 0 || length > SegmentFormat.MAX_BLOCK_BYTES) {
      throw new IllegalArgumentException(
          "batches of %d bytes, the limit is %d".formatted(length, SegmentFormat.MAX_BLOCK_BYTES));
    }
    if (baseOffset < 0
        || endOffset <= baseOffset
        || (this.endOffset >= 0 && baseOffset != this.endOffset)
        || records < 0) {
      throw new IllegalArgumentException(
          "%d records at [%d, %d) behind %d"
              .formatted(records, baseOffset, endOffset, this.endOffset));
    }
  }

  /// Bytes of the segment so far: header and closed blocks.
  public long length() {
    return position;
  }

  /// Hands over what is complete behind the header, for a caller that writes it now. The content
  /// that [#finish] returns begins with the header, which belongs before all of it, and goes on
  /// with what was not handed over.
  public List<ByteBuffer> drain() {
    var drained = List.copyOf(content);
    content.clear();
    return drained;
  }

  /// Sets the producers' state as of the segment's end.
  public void producers(ProducerState state) {
    producers = state;
  }

  /// Sets the transactions whose abort marker is in the segment, by last offset.
  public void aborted(List<AbortedTransaction> transactions) {
    aborted = List.copyOf(transactions);
  }

  /// Ends the segment, which has at least one batch.
  public SegmentContent finish() {
    if (finished || baseOffset < 0) {
      throw new IllegalStateException(finished ? "finished" : "a segment without batches");
    }
    if (openLength > 0) {
      closeBlock();
    }
    finished = true;
    var header =
        new SegmentHeader(
            compressor == null && !anyCompressed ? SegmentCompression.NONE : SegmentCompression.LZ4,
            leaderEpoch,
            baseOffset,
            endOffset,
            records,
            maxTimestamp);
    var entries = new ArrayList<ByteBuffer>();
    entries.add(section(SegmentFormat.BLOCK_INDEX, blockIndex()));
    if (producers != null) {
      entries.add(section(SegmentFormat.PRODUCER_STATE, producers.encode()));
    }
    if (!aborted.isEmpty()) {
      entries.add(section(SegmentFormat.ABORTED_TRANSACTIONS, AbortedTransaction.encode(aborted)));
    }
    var head = header.encode();
    int directoryLength =
        SegmentFormat.HEADER_BYTES + 4 + entries.size() * SegmentFormat.SECTION_ENTRY_BYTES;
    var end = ByteBuffer.allocate(directoryLength + SegmentFormat.FOOTER_BYTES);
    end.put(head.duplicate()).putInt(entries.size());
    entries.forEach(end::put);
    int directoryCrc = SegmentFormat.crc(end.slice(0, directoryLength));
    end.putLong(position).putInt(directoryLength).putInt(directoryCrc);
    end.putShort(SegmentFormat.VERSION).putShort((short) 0).putInt(0);
    end.putInt(SegmentFormat.crc(end.slice(directoryLength, 24)));
    end.putInt(SegmentFormat.MAGIC);
    long length = position + end.position();
    content.addFirst(head);
    content.add(end.flip());
    return new SegmentContent(header, content, length);
  }

  /// Appends a section and returns its directory entry.
  private ByteBuffer section(int type, ByteBuffer bytes) {
    var entry = ByteBuffer.allocate(SegmentFormat.SECTION_ENTRY_BYTES);
    entry.putInt(type).putInt(SegmentFormat.crc(bytes));
    entry.putLong(position).putLong(bytes.remaining());
    position += bytes.remaining();
    content.add(bytes);
    return entry.flip();
  }

  private ByteBuffer blockIndex() {
    var index = ByteBuffer.allocate(blocks.size() * SegmentFormat.BLOCK_ENTRY_BYTES);
    for (var block : blocks) {
      index.putLong(block.firstOffset).putLong(block.maxTimestamp).putLong(block.position);
      index.putInt(block.stored).putInt(block.raw).putInt(block.codec).putInt(block.crc);
    }
    return index.flip();
  }

  private void closeBlock() {
    var compressed = compressed();
    int codec = compressed == null ? SegmentFormat.CODEC_NONE : SegmentFormat.CODEC_LZ4;
    int stored = compressed == null ? openLength : compressed.remaining();
    var crc = new CRC32C();
    for (var bytes : compressed == null ? open : List.of(compressed)) {
      crc.update(bytes.duplicate());
      content.add(bytes);
    }
    blocks.add(
        new Block(
            openFirstOffset,
            openMaxTimestamp,
            position,
            stored,
            openLength,
            codec,
            (int) crc.getValue()));
    position += stored;
    open.clear();
    openLength = 0;
    openUncompressed = 0;
    openMaxTimestamp = Long.MIN_VALUE;
  }

  /// The open block compressed, or null if it is better stored as it is.
  private @Nullable ByteBuffer compressed() {
    if (compressor == null || openUncompressed < openLength / 2) {
      return null;
    }
    if (triesToSkip > 0) {
      triesToSkip--;
      return null;
    }
    var compressed = compressor.compress(open, openLength);
    if (compressed == null) {
      triesToSkip = SKIPPED_TRIES;
    }
    return compressed;
  }
}
