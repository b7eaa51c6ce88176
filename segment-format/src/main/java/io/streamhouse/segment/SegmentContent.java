package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.List;

/// A finished segment, to be written as it is. Shares memory with the batches it was made of.
///
/// @param buffers its bytes, in order; each between position and limit
/// @param length of all of them together
public record SegmentContent(SegmentHeader header, List<ByteBuffer> buffers, long length) {

  public SegmentContent {
    buffers = List.copyOf(buffers);
  }
}
