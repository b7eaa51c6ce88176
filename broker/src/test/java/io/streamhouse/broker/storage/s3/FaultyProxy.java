package io.streamhouse.broker.storage.s3;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Stands between a client and an HTTP server on this machine, passes requests on one by one, and
/// breaks those it is told to break: planned ones, or any by chance until told otherwise. Knows of
/// HTTP what S3 clients and servers use of it: bodies with a length, or until the connection ends,
/// or in chunks in answers.
public final class FaultyProxy implements AutoCloseable {

  private static final Pattern LENGTH = Pattern.compile("(?im)^content-length: *(\\d+) *$");
  private static final Pattern RANGE = Pattern.compile("(?im)^range: *bytes=");
  private static final Pattern CHUNKED = Pattern.compile("(?im)^transfer-encoding: *chunked *$");

  private final URI upstream;
  private final ServerSocket listener;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();

  // Guarded by this.
  private final List<Planned> plan = new ArrayList<>();
  private final List<String> seen = new ArrayList<>();
  private @Nullable Affliction affliction;
  private long struck;

  /// What goes wrong with a request.
  public enum Fault {
    /// Read, and answered with 503 SlowDown; the server never sees it.
    SLOW_DOWN,
    /// Read, and answered with 500 InternalError; the server never sees it.
    INTERNAL_ERROR,
    /// Answered with 404 NoSuchUpload; the server never sees it.
    NO_SUCH_UPLOAD,
    /// Answered with 409 ConditionalRequestConflict; the server never sees it.
    CONFLICT,
    /// Read, and never answered; the server never sees it.
    SILENCE,
    /// The connection ends in the middle of its body; the server never sees it.
    CUT_REQUEST,
    /// Done, but the connection ends before the answer.
    LOST_ANSWER,
    /// Done, but the connection ends in the middle of the answer.
    CUT_ANSWER,
    /// Done, and one byte in the middle of the answer's body is another one.
    DAMAGED_ANSWER;

    /// Whether it can go wrong so with a request that begins with `head`.
    private boolean fits(String head) {
      return switch (this) {
        case SLOW_DOWN, INTERNAL_ERROR, SILENCE, LOST_ANSWER -> true;
        case CUT_REQUEST -> length(head) > 0;
        case CUT_ANSWER -> head.startsWith("GET ");
        // What is not a range may be a list, which nothing protects.
        case DAMAGED_ANSWER -> head.startsWith("GET ") && RANGE.matcher(head).find();
        // Answers to certain requests, which no others get.
        case NO_SUCH_UPLOAD, CONFLICT -> false;
      };
    }
  }

  private record Planned(String method, String inTarget, Fault fault) {}

  private record Affliction(double probability, List<Fault> faults, RandomGenerator chance) {}

  private static final class Message {

    final String head;
    final byte[] body;

    Message(String head, byte[] body) {
      this.head = head;
      this.body = body;
    }

    String method() {
      return head.substring(0, head.indexOf(' '));
    }
  }

  public FaultyProxy(URI upstream) throws IOException {
    this.upstream = upstream;
    this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::accept);
  }

  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + listener.getLocalPort());
  }

  /// The next requests of `method` whose target contains `inTarget` fail so, one fault each.
  synchronized void next(String method, String inTarget, Fault... faults) {
    for (var fault : faults) {
      plan.add(new Planned(method, inTarget, fault));
    }
  }

  /// Every request that comes from now on fails with this probability, in one of these ways that
  /// fits it, until [#mend].
  public synchronized void afflict(double probability, RandomGenerator chance, Fault... faults) {
    affliction = new Affliction(probability, List.of(faults), chance);
    struck = 0;
  }

  /// Breaks nothing more by chance.
  public synchronized void mend() {
    affliction = null;
  }

  /// Requests broken by chance since [#afflict].
  public synchronized long struck() {
    return struck;
  }

  /// Request lines that begin with `method` and contain `inTarget`, so far.
  synchronized long seen(String method, String inTarget) {
    return seen.stream()
        .filter(line -> line.startsWith(method + " ") && line.contains(inTarget))
        .count();
  }

  /// Faults that did not happen yet.
  synchronized int left() {
    return plan.size();
  }

  private synchronized @Nullable Fault fault(String head) {
    var line = head.substring(0, head.indexOf("\r\n"));
    if (affliction != null) {
      return byChance(affliction, head);
    }
    seen.add(line);
    for (var planned : plan) {
      if (line.startsWith(planned.method + " ") && line.contains(planned.inTarget)) {
        plan.remove(planned);
        return planned.fault;
      }
    }
    return null;
  }

  private @Nullable Fault byChance(Affliction by, String head) {
    var fitting = by.faults.stream().filter(fault -> fault.fits(head)).toList();
    if (fitting.isEmpty() || by.chance.nextDouble() >= by.probability) {
      return null;
    }
    struck++;
    return fitting.get(by.chance.nextInt(fitting.size()));
  }

  private void accept() {
    try {
      while (true) {
        var client = listener.accept();
        open.add(client);
        Thread.ofVirtual().start(() -> serve(client));
      }
    } catch (IOException closed) {
      // The test is over.
    }
  }

  private void serve(Socket client) {
    try (client) {
      // Else the second of two writes waits for the peer's delayed acknowledgement of the first.
      client.setTcpNoDelay(true);
      var in = new BufferedInputStream(client.getInputStream());
      while (one(client, in)) {}
    } catch (IOException gone) {
      // Either side may go at any time; that is what this is for.
    } finally {
      open.remove(client);
    }
  }

  private boolean one(Socket client, InputStream in) throws IOException {
    var head = head(in);
    if (head.isEmpty()) {
      return false;
    }
    var fault = fault(head);
    if (head.toLowerCase(Locale.ROOT).contains("expect: 100-continue")) {
      client.getOutputStream().write("HTTP/1.1 100 Continue\r\n\r\n".getBytes(ISO_8859_1));
      head = head.replaceAll("(?i)expect: *100-continue\r\n", "");
    }
    int length = length(head);
    if (fault == Fault.CUT_REQUEST) {
      in.readNBytes(length / 2);
      return false;
    }
    var request = new Message(head, in.readNBytes(length));
    if (fault == null) {
      send(client, forward(request), Integer.MAX_VALUE);
      return true;
    }
    switch (fault) {
      case SLOW_DOWN -> send(client, error(503, "SlowDown"), Integer.MAX_VALUE);
      case INTERNAL_ERROR -> send(client, error(500, "InternalError"), Integer.MAX_VALUE);
      case NO_SUCH_UPLOAD -> send(client, error(404, "NoSuchUpload"), Integer.MAX_VALUE);
      case CONFLICT -> send(client, error(409, "ConditionalRequestConflict"), Integer.MAX_VALUE);
      case SILENCE -> {
        // Until the client has had enough.
        var _ = in.read();
        return false;
      }
      case CUT_REQUEST -> throw new AssertionError("handled above");
      case LOST_ANSWER -> {
        var _ = forward(request);
        return false;
      }
      case CUT_ANSWER -> {
        var answer = forward(request);
        send(client, answer, answer.body.length / 2);
        return false;
      }
      case DAMAGED_ANSWER -> {
        var answer = forward(request);
        if (answer.body.length > 0) {
          answer.body[answer.body.length / 2] ^= 0x10;
        }
        send(client, answer, Integer.MAX_VALUE);
      }
    }
    return true;
  }

  private Message forward(Message request) throws IOException {
    try (var server = new Socket(upstream.getHost(), upstream.getPort())) {
      server.setTcpNoDelay(true);
      var out = server.getOutputStream();
      var head = request.head.substring(0, request.head.length() - 2) + "Connection: close\r\n\r\n";
      out.write(head.getBytes(ISO_8859_1));
      out.write(request.body);
      out.flush();
      var in = new BufferedInputStream(server.getInputStream());
      var answer = head(in);
      if (request.method().equals("HEAD") || answer.contains(" 204 ")) {
        return new Message(keptOpen(answer), new byte[0]);
      }
      if (LENGTH.matcher(answer).find()) {
        return new Message(keptOpen(answer), in.readNBytes(length(answer)));
      }
      boolean chunked = CHUNKED.matcher(answer).find();
      var body = chunked ? chunks(in) : in.readAllBytes();
      answer =
          answer.replaceAll("(?i)transfer-encoding: *chunked\r\n", "").stripTrailing()
              + "\r\nContent-Length: "
              + body.length
              + "\r\n\r\n";
      return new Message(keptOpen(answer), body);
    }
  }

  private static String keptOpen(String head) {
    return head.replaceAll("(?i)connection: *close\r\n", "");
  }

  private static byte[] chunks(InputStream in) throws IOException {
    var body = new ByteArrayOutputStream();
    while (true) {
      int size = Integer.parseInt(line(in).strip(), 16);
      if (size == 0) {
        return body.toByteArray();
      }
      body.write(in.readNBytes(size));
      var _ = line(in);
    }
  }

  private static Message error(int status, String code) {
    var body =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>%s</Code><Message>injected</Message></Error>"
            .formatted(code)
            .getBytes(ISO_8859_1);
    return new Message(
        "HTTP/1.1 %d %s\r\nx-amz-request-id: injected-1\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"
            .formatted(status, code, body.length),
        body);
  }

  private static void send(Socket client, Message answer, int most) throws IOException {
    var out = client.getOutputStream();
    out.write(answer.head.getBytes(ISO_8859_1));
    out.write(answer.body, 0, Math.min(most, answer.body.length));
    out.flush();
  }

  private static int length(String head) {
    var found = LENGTH.matcher(head);
    return found.find() ? Integer.parseInt(found.group(1)) : 0;
  }

  /// Up to and with the empty line; empty at the end of the stream.
  private static String head(InputStream in) throws IOException {
    var head = new StringBuilder();
    while (true) {
      var line = line(in);
      if (line.isEmpty()) {
        return "";
      }
      head.append(line);
      if (line.equals("\r\n")) {
        return head.toString();
      }
    }
  }

  private static String line(InputStream in) throws IOException {
    var line = new StringBuilder();
    int next;
    while ((next = in.read()) >= 0) {
      line.append((char) next);
      if (next == '\n') {
        break;
      }
    }
    return line.toString();
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (var socket : open) {
      socket.close();
    }
  }
}
