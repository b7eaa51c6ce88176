package io.streamhouse.broker.config;

/// What an acknowledgement with acks=all means.
public enum Durability {
  /// In this agent's write-ahead log.
  LOCAL("local"),
  /// Uploaded to the object store and committed.
  OBJECT("object");

  private final String text;

  Durability(String text) {
    this.text = text;
  }

  /// As it is written in configuration.
  public String text() {
    return text;
  }
}
