package io.streamhouse.compat.wire;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.requests.RequestUtils;
import org.apache.kafka.common.requests.ResponseHeader;

/// One plain socket that speaks frames, and nothing a client library would refuse to send.
public final class RawConnection implements AutoCloseable {

  private static final int READ_TIMEOUT_MILLIS = 20_000;

  private final Socket socket;
  private final DataInputStream in;
  private int correlation = 100;

  public RawConnection(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(READ_TIMEOUT_MILLIS);
    in = new DataInputStream(socket.getInputStream());
  }

  /// Sends a request and returns its response's body, or nothing when the server closed the
  /// connection instead.
  public Optional<ByteBuffer> exchange(ApiKeys api, short version, ApiMessage body)
      throws IOException {
    send(api, version, body);
    return receive()
        .map(frame -> {
          // Unsupported ApiVersions are answered in version 0, whose header is always version 0.
          var header = ResponseHeader.parse(frame, api.responseHeaderVersion(version));
          if (header.correlationId() != correlation) {
            throw new AssertionError("answer to " + header.correlationId());
          }
          return frame;
        });
  }

  void send(ApiKeys api, short version, ApiMessage body) throws IOException {
    var header =
        new RequestHeaderData()
            .setRequestApiKey(api.id)
            .setRequestApiVersion(version)
            .setCorrelationId(++correlation)
            .setClientId("raw");
    sendFrame(RequestUtils.serialize(header, api.requestHeaderVersion(version), body, version));
  }

  void sendFrame(ByteBuffer frame) throws IOException {
    var whole = ByteBuffer.allocate(4 + frame.remaining());
    whole.putInt(frame.remaining()).put(frame.duplicate());
    sendBytes(whole.array());
  }

  void sendBytes(byte[] bytes) throws IOException {
    try {
      socket.getOutputStream().write(bytes);
    } catch (SocketException closed) {
      // The server may close before it has read everything; receive() then says so.
    }
  }

  /// The next frame without its length, or nothing at the end of the connection.
  Optional<ByteBuffer> receive() throws IOException {
    try {
      byte[] frame = new byte[in.readInt()];
      in.readFully(frame);
      return Optional.of(ByteBuffer.wrap(frame));
    } catch (EOFException | SocketException closed) {
      return Optional.empty();
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
