package io.streamhouse.broker.config;

/// Whose clock a record's timestamp is from.
public enum TimestampType {
  CREATE_TIME("CreateTime"),
  LOG_APPEND_TIME("LogAppendTime");

  private final String text;

  TimestampType(String text) {
    this.text = text;
  }

  /// As it is written in configuration.
  public String text() {
    return text;
  }
}
