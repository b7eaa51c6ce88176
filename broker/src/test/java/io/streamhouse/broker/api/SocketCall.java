package io.streamhouse.broker.api;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;

/// Sends requests to a server on this machine.
final class SocketCall implements AdminCall, AutoCloseable {

  private final Socket socket;
  private int correlation;

  SocketCall(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(30_000);
  }

  @Override
  public ApiMessage send(ApiKeys api, short version, ApiMessage request) {
    var header =
        AdminCall.encode(
            new RequestHeaderData()
                .setRequestApiKey(api.id)
                .setRequestApiVersion(version)
                .setCorrelationId(++correlation)
                .setClientId("cases"),
            api.requestHeaderVersion(version));
    var body = AdminCall.encode(request, version);
    var frame = ByteBuffer.allocate(4 + header.remaining() + body.remaining());
    frame.putInt(header.remaining() + body.remaining()).put(header).put(body);
    try {
      socket.getOutputStream().write(frame.array());
      var in = new DataInputStream(socket.getInputStream());
      var answer = ByteBuffer.wrap(in.readNBytes(in.readInt()));
      new ResponseHeaderData()
          .read(new ByteBufferAccessor(answer), api.responseHeaderVersion(version));
      return AdminCall.response(api, version, answer);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
