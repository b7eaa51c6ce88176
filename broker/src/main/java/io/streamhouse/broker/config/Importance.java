package io.streamhouse.broker.config;

/// How likely somebody is to need a setting.
public enum Importance {
  HIGH,
  MEDIUM,
  LOW
}
