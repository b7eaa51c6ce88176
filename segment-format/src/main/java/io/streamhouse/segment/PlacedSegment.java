package io.streamhouse.segment;

/// Where in an object a segment is.
///
/// @param position of its first byte
/// @param length in bytes
public record PlacedSegment(SegmentHeader header, long position, long length) {}
