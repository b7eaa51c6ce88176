package io.streamhouse.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.protocol.ServerCounters.Fault;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What a client gets for bytes that make no sense, over a real socket.
final class BadInputTest {

  @SuppressWarnings("NullAway.Init") // set before each test
  private KafkaServer server;

  @BeforeEach
  void start() throws IOException {
    server =
        KafkaServer.start(
            List.of(new Listener("L", "127.0.0.1", 0)),
            List.of(
                FakeHandler.<MetadataRequestData>answering(
                    ApiKeys.METADATA, _ -> new MetadataResponseData())),
            Features.NONE,
            ServerOptions.defaults().withEventLoops(1).withMaxRequestBytes(1000));
  }

  @AfterEach
  void stop() {
    server.close();
    assertThat(server.queuedRequestBytesNow()).isZero();
  }

  @Test
  void lengthNegativeZeroOrTooLargeCloses() throws IOException {
    for (int length : new int[] {-1, 0, 1001, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      assertThat(answer(ByteBuffer.allocate(4).putInt(length).flip())).isNull();
    }
    assertThat(server.counters().faults(Fault.FRAME_LENGTH)).isEqualTo(5);
  }

  @Test
  void unknownApiCloses() throws IOException {
    assertThat(answer(request(999, 0))).isNull();
    assertThat(answer(request(ApiKeys.PRODUCE.id, 9))).isNull();
    assertThat(server.counters().faults(Fault.UNKNOWN_API)).isEqualTo(2);
  }

  @Test
  void unsupportedVersionCloses() throws IOException {
    assertThat(answer(request(ApiKeys.METADATA.id, 99))).isNull();
    assertThat(server.counters().faults(Fault.UNSUPPORTED_VERSION)).isOne();
  }

  @Test
  void undecodableBodyAndTrailingBytesClose() throws IOException {
    assertThat(answer(request(ApiKeys.METADATA.id, 1, 0x7f, 0xff, 0xff, 0xff))).isNull();
    assertThat(answer(request(ApiKeys.METADATA.id, 1, 0, 0, 0, 0, 1))).isNull();
    assertThat(server.counters().faults(Fault.UNDECODABLE)).isEqualTo(2);
  }

  @Test
  void goodRequestIsAnsweredWithItsCorrelationId() throws IOException {
    var body = answer(request(ApiKeys.METADATA.id, 1, 0, 0, 0, 0));
    assertThat(body).isNotNull();
    assertThat(body.getInt()).isEqualTo(77);
  }

  @Test
  void apiVersionsFromTheFutureIsAnsweredInVersionZero() throws IOException {
    var body = answer(request(ApiKeys.API_VERSIONS.id, 99, 0, 0));
    assertThat(body).isNotNull();
    assertThat(body.getInt()).isEqualTo(77);
    var message = new ApiVersionsResponseData(new ByteBufferAccessor(body), (short) 0);
    assertThat(message.errorCode()).isEqualTo(Errors.UNSUPPORTED_VERSION.code());
    assertThat(message.apiKeys()).hasSize(1);
    assertThat(body.hasRemaining()).isFalse();
  }

  private static ByteBuffer request(int api, int version, int... body) {
    var frame = ByteBuffer.allocate(4 + 10 + body.length);
    frame.putInt(10 + body.length).putShort((short) api).putShort((short) version);
    frame.putInt(77).putShort((short) -1);
    for (int next : body) {
      frame.put((byte) next);
    }
    return frame.flip();
  }

  /// Null if the server closed the connection.
  @SuppressWarnings("NullAway") // tests may answer null
  private ByteBuffer answer(ByteBuffer request) throws IOException {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), server.port("L"))) {
      socket.setSoTimeout(10_000);
      var bytes = new byte[request.remaining()];
      request.get(bytes);
      socket.getOutputStream().write(bytes);
      var in = new DataInputStream(socket.getInputStream());
      int length;
      try {
        length = in.readInt();
      } catch (IOException closed) {
        return null;
      }
      return ByteBuffer.wrap(in.readNBytes(length));
    }
  }
}
