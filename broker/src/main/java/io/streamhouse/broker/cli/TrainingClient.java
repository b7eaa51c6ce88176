package io.streamhouse.broker.cli;

import io.streamhouse.broker.runtime.TimeSource;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/// A client of a few fixed requests, so that a training run shows the JVM what a first producer and
/// a first consumer set in motion, and not the classes of a client.
///
/// Requests are written field by field as Kafka's protocol guide gives them, in versions old enough
/// to have no tagged fields. Responses are read whole and, but for one error code, not looked at.
final class TrainingClient {

  private static final String TOPIC = "training";
  private static final int ROUNDS = 300;
  private static final int ATTEMPTS = 100;
  private static final int PATIENCE_MILLIS = 10_000;

  private final Socket socket;
  private final DataInputStream in;
  private int correlation;

  private TrainingClient(Socket socket) throws IOException {
    this.socket = socket;
    this.in = new DataInputStream(socket.getInputStream());
  }

  /// Creates a topic at `address` (`host:port`), produces to it and reads it back, a few hundred
  /// times.
  static void use(String address) throws IOException {
    int colon = address.lastIndexOf(':');
    String host = address.substring(0, colon);
    int port = Integer.parseInt(address.substring(colon + 1));
    try (var socket = new Socket()) {
      socket.connect(new InetSocketAddress(host, port), PATIENCE_MILLIS);
      socket.setSoTimeout(PATIENCE_MILLIS);
      socket.setTcpNoDelay(true);
      new TrainingClient(socket).use();
    }
  }

  private void use() throws IOException {
    call(18, 0, body -> {});
    call(19, 4, TrainingClient::createTopic);
    call(3, 8, TrainingClient::metadata);
    var batch = batch(TimeSource.system().wallMillis());
    int attempts = 0;
    while (produce(batch) != 0) {
      if (++attempts == ATTEMPTS) {
        throw new IOException("the agent takes no records");
      }
    }
    call(2, 1, TrainingClient::listOffsets);
    for (int round = 0; round < ROUNDS; round++) {
      produce(batch);
      long offset = round;
      call(1, 4, body -> fetch(body, offset));
    }
  }

  /// @return the partition's error code
  private int produce(ByteBuffer batch) throws IOException {
    var response = call(0, 8, body -> produce(body, batch.duplicate()));
    // Correlation, one topic, its name, one partition, its index.
    return response.getShort(4 + 4 + 2 + TOPIC.length() + 4 + 4);
  }

  private ByteBuffer call(int key, int version, Consumer<ByteBuffer> body) throws IOException {
    var frame = ByteBuffer.allocate(1024);
    frame.position(4).putShort((short) key).putShort((short) version).putInt(correlation++);
    string(frame, "training");
    body.accept(frame);
    frame.flip().putInt(0, frame.limit() - 4);
    socket.getOutputStream().write(frame.array(), 0, frame.limit());
    int length = in.readInt();
    if (length < 4 || length > 16 << 20) {
      throw new IOException("a response of " + length + " bytes");
    }
    var response = new byte[length];
    in.readFully(response);
    return ByteBuffer.wrap(response);
  }

  private static void createTopic(ByteBuffer body) {
    body.putInt(1);
    string(body, TOPIC);
    body.putInt(1).putShort((short) 1).putInt(0).putInt(0);
    body.putInt(PATIENCE_MILLIS).put((byte) 0);
  }

  private static void metadata(ByteBuffer body) {
    body.putInt(1);
    string(body, TOPIC);
    body.put((byte) 1).put((byte) 0).put((byte) 0);
  }

  private static void produce(ByteBuffer body, ByteBuffer batch) {
    body.putShort((short) -1).putShort((short) -1).putInt(PATIENCE_MILLIS).putInt(1);
    string(body, TOPIC);
    body.putInt(1).putInt(0).putInt(batch.remaining()).put(batch);
  }

  private static void listOffsets(ByteBuffer body) {
    body.putInt(-1).putInt(1);
    string(body, TOPIC);
    body.putInt(1).putInt(0).putLong(-2);
  }

  private static void fetch(ByteBuffer body, long offset) {
    body.putInt(-1).putInt(500).putInt(1).putInt(1 << 20).put((byte) 0).putInt(1);
    string(body, TOPIC);
    body.putInt(1).putInt(0).putLong(offset).putInt(1 << 20);
  }

  private static void string(ByteBuffer to, String text) {
    var bytes = text.getBytes(StandardCharsets.UTF_8);
    to.putShort((short) bytes.length).put(bytes);
  }

  /// One batch of one record without key. Its varints are all below 64, hence a byte each, doubled
  /// by zigzag.
  private static ByteBuffer batch(long timestamp) {
    var value = "hello".getBytes(StandardCharsets.UTF_8);
    var batch = ByteBuffer.allocate(128);
    batch.position(21);
    batch.putShort((short) 0).putInt(0).putLong(timestamp).putLong(timestamp);
    batch.putLong(-1).putShort((short) -1).putInt(-1).putInt(1);
    int recordBytes = 6 + value.length;
    batch.put((byte) (2 * recordBytes)).put(new byte[3]);
    batch.put((byte) 1).put((byte) (2 * value.length)).put(value).put((byte) 0);
    batch.flip();
    var crc = new CRC32C();
    crc.update(batch.slice(21, batch.limit() - 21));
    batch.putLong(0, 0).putInt(8, batch.limit() - 12).putInt(12, -1).put(16, (byte) 2);
    return batch.putInt(17, (int) crc.getValue());
  }
}
