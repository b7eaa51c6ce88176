package io.streamhouse.broker.config;

/// An address clients connect to.
///
/// @param name as in `listeners=NAME://host:port`; in capitals
/// @param host empty for all interfaces
/// @param port 0 for any free one
public record Listener(String name, String host, int port) {

  /// Reads `NAME://host:port`; an IPv6 host stands in brackets, which [#host] has not.
  static Listener parse(String text) throws BadValue {
    int scheme = text.indexOf("://");
    int colon = text.lastIndexOf(':');
    if (scheme < 1 || colon < scheme + 3) {
      throw new BadValue("'" + text + "' is not NAME://host:port");
    }
    String host = text.substring(scheme + 3, colon);
    boolean bracketed = host.startsWith("[") && host.endsWith("]");
    if (bracketed) {
      host = host.substring(1, host.length() - 1);
    }
    if ((!bracketed && host.indexOf(':') >= 0) || host.indexOf('/') >= 0) {
      throw new BadValue("'" + text + "' is not NAME://host:port");
    }
    int port;
    try {
      port = Integer.parseInt(text.substring(colon + 1));
    } catch (NumberFormatException e) {
      throw new BadValue("'" + text + "' has no port number");
    }
    if (port < 0 || port > 65535) {
      throw new BadValue("port " + port + " is not from 0 to 65535");
    }
    return new Listener(text.substring(0, scheme).toUpperCase(java.util.Locale.ROOT), host, port);
  }

  public Listener withPort(int newPort) {
    return new Listener(name, host, newPort);
  }

  /// Whether the host means every interface, so that it says nothing to a client.
  public boolean anyHost() {
    return host.isEmpty() || host.equals("0.0.0.0") || host.equals("::");
  }

  /// `host:port`, with an IPv6 host in brackets.
  public String address() {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }

  @Override
  public String toString() {
    return name + "://" + address();
  }
}
