package io.streamhouse.broker.wal;

import java.time.Duration;

/// @param fsync when a write is made durable against power loss
/// @param fsyncInterval how often under [Fsync#INTERVAL]
/// @param fileBytes size of each preallocated file
/// @param maxBytes all files together; appends are refused above it
/// @param reserveBytes what the file system must keep free; appends are refused below it
public record WalOptions(
    Fsync fsync, Duration fsyncInterval, long fileBytes, long maxBytes, long reserveBytes) {

  public enum Fsync {
    /// Before each acknowledgement: survives power loss.
    ALWAYS,
    /// In the background: a power cut may take the last interval, a crash of the process nothing.
    INTERVAL,
    /// When a file is full: a power cut may take what the operating system had not written.
    NEVER
  }

  public WalOptions {
    if (fileBytes < 1 << 12 || maxBytes < fileBytes) {
      throw new IllegalArgumentException("file of " + fileBytes + " in " + maxBytes + " bytes");
    }
  }
}
