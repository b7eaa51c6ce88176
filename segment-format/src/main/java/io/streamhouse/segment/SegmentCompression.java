package io.streamhouse.segment;

/// `streamhouse.segment.compression`: what a writer may do to blocks whose producers did not
/// compress.
public enum SegmentCompression {
  NONE(SegmentFormat.CODEC_NONE),
  LZ4(SegmentFormat.CODEC_LZ4);

  final int code;

  SegmentCompression(int code) {
    this.code = code;
  }
}
