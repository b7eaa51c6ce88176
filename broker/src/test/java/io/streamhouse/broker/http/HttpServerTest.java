package io.streamhouse.broker.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.http.Page.Content;
import io.streamhouse.broker.runtime.Health;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class HttpServerTest {

  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private @Nullable HttpServer server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private HttpServer serve(Map<String, Page> pages, Duration patience) throws IOException {
    var started = HttpServer.start("127.0.0.1", 0, pages, patience);
    server = started;
    return started;
  }

  /// Sends `text` as it is and reads until the server closes.
  private String exchange(String text) throws IOException {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), serverPort())) {
      socket.getOutputStream().write(text.getBytes(UTF_8));
      return new String(socket.getInputStream().readAllBytes(), UTF_8);
    }
  }

  private int serverPort() {
    assertThat(server).isNotNull();
    return server.port();
  }

  private static String request(String method, String path, String... headers) {
    return "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n"
        .formatted(method, path, String.join("", List.of(headers)));
  }

  @Test
  void healthNamesWhatIsWrongAndIsThen503() throws Exception {
    var health = new Health();
    health.add("log", List::of);
    serve(Map.of("/health", new HealthPage(health)), PATIENCE);
    assertThat(exchange(request("GET", "/health")))
        .startsWith("HTTP/1.1 200 OK\r\n")
        .contains("content-type: application/json\r\n")
        .endsWith(
            """
            \r
            {"status":"ok","checks":[{"name":"log","status":"ok","problems":[]}]}
            """);

    health.add("store", () -> List.of("bucket \"b\" is\naway"));
    assertThat(exchange(request("GET", "/health?verbose")))
        .startsWith("HTTP/1.1 503 ")
        .contains("\"status\":\"failing\",\"checks\":[{\"name\":\"log\",\"status\":\"ok\"")
        .contains("\"problems\":[\"bucket \\\"b\\\" is\\u000aaway\"]");
  }

  @Test
  void aCheckThatFailsItselfIsAProblemAndHidesNoOther() throws Exception {
    var health = new Health();
    health.add(
        "broken",
        () -> {
          throw new IllegalStateException("oops");
        });
    health.add("many", () -> IntStream.range(0, 30).mapToObj(i -> "p-" + i).toList());
    serve(Map.of("/health", new HealthPage(health)), PATIENCE);
    assertThat(exchange(request("GET", "/health")))
        .contains("oops")
        .contains("\"p-19\",\"and 10 more\"]")
        .doesNotContain("p-20");
  }

  @Test
  void readySaysWhatItWaitsFor() throws Exception {
    var why = new String[] {"starting"};
    serve(Map.of("/ready", new ReadyPage(() -> why[0])), PATIENCE);
    assertThat(exchange(request("GET", "/ready")))
        .startsWith("HTTP/1.1 503 ")
        .endsWith("\r\n\r\nstarting\n");
    assertThat(exchange(request("HEAD", "/ready")))
        .startsWith("HTTP/1.1 503 ")
        .contains("content-length: 9\r\n")
        .endsWith("\r\n\r\n");
  }

  @Test
  void metricsComeInTheFormThatIsAccepted() throws Exception {
    serve(Map.of("/metrics", new MetricsPage(type -> "form " + type)), PATIENCE);
    assertThat(exchange(request("GET", "/metrics")))
        .contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n")
        .endsWith("form text/plain; version=0.0.4; charset=utf-8");
    assertThat(
            exchange(
                request(
                    "GET",
                    "/metrics",
                    "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n")))
        .contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
  }

  @Test
  void whatIsNoSimpleGetIsRefused() throws Exception {
    serve(Map.of("/ready", _ -> Content.text(200, "ready")), PATIENCE);
    assertThat(exchange(request("GET", "/nothing"))).startsWith("HTTP/1.1 404 ").contains("/ready");
    assertThat(exchange(request("POST", "/ready")))
        .startsWith("HTTP/1.1 405 ")
        .contains("allow: GET, HEAD");
    assertThat(exchange(request("GET", "/ready", "Content-Length: 5\r\n") + "hello"))
        .startsWith("HTTP/1.1 413 ");
    assertThat(exchange("GET /" + "x".repeat(5000) + " HTTP/1.1\r\n\r\n"))
        .startsWith("HTTP/1.1 400 ");
    assertThat(exchange(request("GET", "/ready", "X: " + "x".repeat(9000) + "\r\n")))
        .startsWith("HTTP/1.1 400 ");
    assertThat(exchange("\u0000\u0001\u0002\r\n\r\n")).startsWith("HTTP/1.1 400 ");
  }

  @Test
  void aPageThatFailsIs500AndTheNextRequestIsServed() throws Exception {
    serve(
        Map.of(
            "/bad",
            _ -> {
              throw new IllegalStateException("oops");
            },
            "/good",
            _ -> Content.text(200, "good")),
        PATIENCE);
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), serverPort())) {
      socket.getOutputStream().write("GET /bad HTTP/1.1\r\nHost: h\r\n\r\n".getBytes(UTF_8));
      var first = new byte[12];
      assertThat(socket.getInputStream().readNBytes(first, 0, 12)).isEqualTo(12);
      assertThat(new String(first, UTF_8)).isEqualTo("HTTP/1.1 500");
      long rest = 0;
      while (rest < 4) {
        rest = socket.getInputStream().read() == '\n' ? rest + 1 : rest;
        if (socket.getInputStream().available() == 0) {
          break;
        }
      }
      socket.getOutputStream().write(request("GET", "/good").getBytes(UTF_8));
      assertThat(new String(socket.getInputStream().readAllBytes(), UTF_8)).contains("good\n");
    }
  }

  @Test
  void whoSendsNothingIsCutOff() throws Exception {
    serve(Map.of(), Duration.ofMillis(50));
    assertThat(exchange("GET /ready HTTP/1.1\r\n")).isEmpty();
  }

  @Test
  void connectionsAboveTheLimitAreClosedAndRoomIsUsedAgain() throws Exception {
    serve(Map.of("/ready", _ -> Content.text(200, "ready")), PATIENCE);
    var sockets = new java.util.ArrayList<Socket>();
    try {
      for (int i = 0; i < 64; i++) {
        sockets.add(new Socket(InetAddress.getLoopbackAddress(), serverPort()));
      }
      assertThat(exchange("")).isEmpty();
    } finally {
      for (var socket : sockets) {
        socket.close();
      }
    }
    String answer = "";
    for (int i = 0; i < 1000 && answer.isEmpty(); i++) {
      try {
        answer = exchange(request("GET", "/ready"));
      } catch (IOException reset) {
        // The room is not free yet.
      }
    }
    assertThat(answer).startsWith("HTTP/1.1 200 ");
  }

  @Test
  void aTakenPortIsNamed() throws Exception {
    var first = serve(Map.of(), PATIENCE);
    assertThatThrownBy(() -> HttpServer.start("127.0.0.1", first.port(), Map.of(), PATIENCE))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("streamhouse.http.listener")
        .hasMessageContaining(String.valueOf(first.port()));
  }
}
