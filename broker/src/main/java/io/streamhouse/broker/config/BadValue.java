package io.streamhouse.broker.config;

/// A value that a setting does not take; the message completes "invalid value X for Y: ".
final class BadValue extends Exception {

  BadValue(String why) {
    super(why, null, false, false);
  }
}
