package io.streamhouse.compat.groups;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.requests.RequestUtils;
import org.apache.kafka.common.requests.ResponseHeader;
import org.jspecify.annotations.Nullable;

/// A member's connection, made when it is needed: one request at a time, since a server answers the
/// requests of a connection in their order, and a member that waits for others holds up the rest.
/// Confined to its loop.
final class Link implements EventLoop.Channel {

  private final EventLoop loop;
  private final String clientId;
  private final int port;
  private @Nullable SocketChannel channel;
  private @Nullable SelectionKey key;
  private @Nullable ByteBuffer out;
  private ByteBuffer in = ByteBuffer.allocate(512);
  private int correlation;

  /// How many there were: answers of an earlier one are not looked for in a later one.
  private int connections;

  private @Nullable Call call;
  private EventLoop.@Nullable Timer timeout;

  private record Call(ApiKeys api, short version, int correlation, Answer answer) {}

  /// What becomes of a request: one of the two, once.
  interface Answer {

    /// @param body of the response, without its header
    void arrived(ByteBuffer body);

    /// Nobody knows whether it was handled.
    void lost(String why);
  }

  Link(EventLoop loop, String clientId, int port) {
    this.loop = loop;
    this.clientId = clientId;
    this.port = port;
  }

  void call(ApiKeys api, int version, ApiMessage body, long timeoutMillis, Answer answer) {
    if (call != null) {
      throw new IllegalStateException(clientId + " has asked " + call.api + " already");
    }
    short number = (short) version;
    var header =
        new RequestHeaderData()
            .setRequestApiKey(api.id)
            .setRequestApiVersion(number)
            .setCorrelationId(++correlation)
            .setClientId(clientId);
    var frame = RequestUtils.serialize(header, api.requestHeaderVersion(number), body, number);
    var whole = ByteBuffer.allocate(4 + frame.remaining());
    out = whole.putInt(frame.remaining()).put(frame).flip();
    call = new Call(api, number, correlation, answer);
    timeout = loop.after(timeoutMillis, () -> lose("no answer in time"));
    try {
      if (channel == null) {
        connect();
      } else {
        write();
      }
    } catch (IOException e) {
      loop.execute(() -> lose("" + e.getMessage()));
    }
  }

  private void connect() throws IOException {
    var opened = SocketChannel.open();
    channel = opened;
    opened.configureBlocking(false);
    opened.setOption(StandardSocketOptions.TCP_NODELAY, true);
    key = opened.register(loop.selector(), SelectionKey.OP_CONNECT, this);
    if (opened.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))) {
      key.interestOps(SelectionKey.OP_READ);
      write();
    }
  }

  private void write() throws IOException {
    if (out == null || channel == null || key == null || !channel.isConnected()) {
      return;
    }
    channel.write(out);
    if (out.hasRemaining()) {
      key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
    } else {
      out = null;
      key.interestOps(SelectionKey.OP_READ);
    }
  }

  @Override
  public void ready(SelectionKey ready, ByteBuffer buffer) {
    try {
      if (ready.isConnectable() && channel != null && channel.finishConnect()) {
        ready.interestOps(SelectionKey.OP_READ);
      }
      if (ready.isValid() && ready.isReadable()) {
        read(buffer);
      }
      if (channel != null) {
        write();
      }
    } catch (IOException e) {
      lose("" + e.getMessage());
    }
  }

  private void read(ByteBuffer buffer) throws IOException {
    var from = channel;
    if (from == null) {
      return;
    }
    buffer.clear();
    int count = from.read(buffer);
    if (count < 0) {
      lose("closed by the server");
      return;
    }
    buffer.flip();
    if (in.remaining() < buffer.remaining()) {
      int wanted = Math.max(in.capacity() * 2, in.position() + buffer.remaining());
      in = ByteBuffer.allocate(wanted).put(in.flip());
    }
    in.put(buffer);
    int connection = connections;
    while (connection == connections && in.position() >= 4 && in.position() >= 4 + in.getInt(0)) {
      int length = in.getInt(0);
      var frame = ByteBuffer.wrap(Arrays.copyOfRange(in.array(), 4, 4 + length));
      in.flip().position(4 + length);
      in.compact();
      if (in.position() == 0 && in.capacity() > 1 << 14) {
        in = ByteBuffer.allocate(512);
      }
      arrived(frame);
    }
  }

  private void arrived(ByteBuffer frame) {
    var asked = call;
    if (asked == null) {
      throw new AssertionError(clientId + " got an answer to nothing");
    }
    var header = ResponseHeader.parse(frame, asked.api.responseHeaderVersion(asked.version));
    if (header.correlationId() != asked.correlation) {
      throw new AssertionError(clientId + " got the answer to " + header.correlationId());
    }
    done();
    asked.answer.arrived(frame);
  }

  private void done() {
    call = null;
    out = null;
    if (timeout != null) {
      timeout.cancel();
      timeout = null;
    }
  }

  private void lose(String why) {
    close();
    var asked = call;
    done();
    if (asked != null) {
      asked.answer.lost(asked.api + ": " + why);
    }
  }

  /// Forgets the connection; what was asked is not told.
  private void close() {
    connections++;
    in.clear();
    if (key != null) {
      key.cancel();
      key = null;
    }
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        // It is gone either way.
      }
      channel = null;
    }
  }
}
