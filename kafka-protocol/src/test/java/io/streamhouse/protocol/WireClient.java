package io.streamhouse.protocol;

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
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/// A client that sends and reads bare bytes.
final class WireClient implements AutoCloseable {

  private final Socket socket;
  private final DataInputStream in;

  WireClient(KafkaServer server, String listener) throws IOException {
    this(server, listener, 0);
  }

  /// @param receiveBytes the socket's receive buffer, 0 for the system's default
  WireClient(KafkaServer server, String listener, int receiveBytes) throws IOException {
    socket = new Socket();
    if (receiveBytes > 0) {
      socket.setReceiveBufferSize(receiveBytes);
    }
    socket.connect(
        new java.net.InetSocketAddress(InetAddress.getLoopbackAddress(), server.port(listener)));
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(20_000);
    in = new DataInputStream(socket.getInputStream());
  }

  /// A request with its length, header and body.
  static byte[] frame(ApiKeys api, int version, int correlationId, ApiMessage body) {
    short apiVersion = (short) version;
    short headerVersion = api.requestHeaderVersion(apiVersion);
    var header =
        new RequestHeaderData()
            .setRequestApiKey(api.id)
            .setRequestApiVersion(apiVersion)
            .setCorrelationId(correlationId)
            .setClientId("bare");
    var cache = new ObjectSerializationCache();
    int size = header.size(cache, headerVersion) + body.size(cache, apiVersion);
    var buffer = ByteBuffer.allocate(Integer.BYTES + size).putInt(size);
    var writable = new ByteBufferAccessor(buffer);
    header.write(writable, cache, headerVersion);
    body.write(writable, cache, apiVersion);
    return buffer.array();
  }

  static byte[] concat(byte[]... frames) {
    var all = new java.io.ByteArrayOutputStream();
    for (var frame : frames) {
      all.writeBytes(frame);
    }
    return all.toByteArray();
  }

  void send(byte[]... frames) throws IOException {
    socket.getOutputStream().write(concat(frames));
  }

  void sendNothingMore() throws IOException {
    socket.shutdownOutput();
  }

  /// The next answer from its correlation id on; empty if the server closed the connection.
  Optional<ByteBuffer> answer() throws IOException {
    try {
      return Optional.of(ByteBuffer.wrap(in.readNBytes(in.readInt())));
    } catch (EOFException | SocketException closed) {
      return Optional.empty();
    }
  }

  /// The correlation id of the next answer, -1 if the server closed the connection.
  int answered() throws IOException {
    return answer().map(ByteBuffer::getInt).orElse(-1);
  }

  /// Reads some bytes of an answer.
  void read(int bytes) throws IOException {
    in.readNBytes(bytes);
  }

  /// Cuts the connection with a reset.
  void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
