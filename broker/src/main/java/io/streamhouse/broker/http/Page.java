package io.streamhouse.broker.http;

/// What is served under one path. Made anew for every request, on the server's one thread, so it
/// must not block.
public interface Page {

  Content content(String accept);

  /// @param status of the response, such as 200
  record Content(int status, String type, String body) {

    static Content text(int status, String text) {
      return new Content(status, "text/plain; charset=utf-8", text + "\n");
    }
  }
}
