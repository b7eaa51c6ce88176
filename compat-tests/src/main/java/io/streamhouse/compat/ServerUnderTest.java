package io.streamhouse.compat;

import java.nio.file.Path;

/// A Kafka-speaking server in its own process on loopback, with its data in one directory.
///
/// `start` returns when it accepts connections, or throws with the end of its log. A server that
/// was started keeps its port: stopping or killing and starting again gives the same address and
/// the same data. `close` ends the process; it leaves the data.
public interface ServerUnderTest extends AutoCloseable {

  /// For messages: which server this is.
  String name();

  void start();

  /// SIGTERM, and waits for the end.
  ///
  /// @return the exit code
  int stop();

  /// SIGKILL: no warning, nothing flushed.
  void kill();

  boolean isAlive();

  /// `127.0.0.1:PORT`, for `bootstrap.servers`.
  String bootstrap();

  int port();

  Path data();

  /// CPU and memory of the process that runs now.
  Figures figures();

  /// The end of its log, for failure messages.
  String tail();

  @Override
  void close();
}
