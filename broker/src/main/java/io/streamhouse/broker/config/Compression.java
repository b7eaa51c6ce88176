package io.streamhouse.broker.config;

/// How a topic's batches are compressed.
///
/// @param level for the codecs that have one, within their limits; otherwise 0
public record Compression(Codec codec, int level) {

  public enum Codec {
    /// As they came.
    PRODUCER("producer"),
    UNCOMPRESSED("uncompressed"),
    GZIP("gzip"),
    SNAPPY("snappy"),
    LZ4("lz4"),
    ZSTD("zstd");

    private final String text;

    Codec(String text) {
      this.text = text;
    }

    /// As it is written in configuration.
    public String text() {
      return text;
    }
  }
}
