package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Puts the segments of one flush behind one another: an object. Not thread-safe.
public final class ObjectWriter {

  private final List<ByteBuffer> buffers = new ArrayList<>();
  private final List<PlacedSegment> segments = new ArrayList<>();
  private long length;

  /// Appends `segment` and says where it is.
  public PlacedSegment add(SegmentContent segment) {
    var placed = new PlacedSegment(segment.header(), length, segment.length());
    segments.add(placed);
    buffers.addAll(segment.buffers());
    length += segment.length();
    return placed;
  }

  /// In the order they were added.
  public List<PlacedSegment> segments() {
    return List.copyOf(segments);
  }

  /// The object's bytes; shares memory with what the segments were made of.
  public List<ByteBuffer> content() {
    return List.copyOf(buffers);
  }

  public long length() {
    return length;
  }
}
