package io.streamhouse.protocol;

/// Where the server listens.
///
/// @param name as configured, such as `PLAINTEXT`; unique among the listeners of a server
/// @param host address or name to bind; empty or `0.0.0.0` means every interface
/// @param port 0 lets the system pick a free one
public record Listener(String name, String host, int port) {
  public Listener {
    if (name.isEmpty()) {
      throw new IllegalArgumentException("a listener needs a name");
    }
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("port " + port + " of listener " + name);
    }
  }
}
