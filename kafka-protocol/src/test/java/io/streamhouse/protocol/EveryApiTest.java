package io.streamhouse.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.streamhouse.protocol.ConnectionRequest.Peers;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every API in every version Apache Kafka's classes know, between brokers and controllers too:
/// what those classes write is what the decoder reads, and the other way round.
final class EveryApiTest {

  private static final Peers PEERS =
      new Peers(
          "L",
          InetSocketAddress.createUnresolved("l", 9092),
          InetSocketAddress.createUnresolved("p", 1),
          Runnable::run);

  static Stream<ApiKeys> apis() {
    return Stream.of(ApiKeys.values());
  }

  @ParameterizedTest
  @MethodSource("apis")
  void requestsDecodeToWhatWasSent(ApiKeys api) {
    var decoder = new RequestDecoder(List.of(handler(api)));
    for (short version : versions(api)) {
      for (var sent : List.of(api.messageType.newRequest(), filledRequest(api, version))) {
        var frame = ByteBufAllocator.DEFAULT.directBuffer();
        var bytes = WireClient.frame(api, version, 42, sent);
        frame.writeBytes(bytes, Integer.BYTES, bytes.length - Integer.BYTES);
        var request = decoder.decode(frame, PEERS);
        try {
          assertThat(request.version()).isEqualTo(version);
          assertThat(request.correlationId()).isEqualTo(42);
          assertThat(request.clientId()).isEqualTo("bare");
          assertThat(request.body()).as("%s v%d", api, version).isEqualTo(sent);
          assertThat(Samples.bytes(request.body(), version))
              .isEqualTo(Samples.bytes(sent, version));
        } finally {
          request.releaseFrame();
        }
        assertThat(frame.refCnt()).isZero();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("apis")
  void requestsCutAnywhereAreRefused(ApiKeys api) {
    var decoder = new RequestDecoder(List.of(handler(api)));
    // Old and new encoding; all versions in between would only take longer.
    var versions = versions(api);
    versions.retainAll(List.of(api.oldestVersion(), api.latestVersion(true)));
    for (short version : versions) {
      var bytes = WireClient.frame(api, version, 42, filledRequest(api, version));
      for (int cut = 1; cut < bytes.length - Integer.BYTES; cut++) {
        var frame =
            Unpooled.wrappedBuffer(bytes, Integer.BYTES, bytes.length - Integer.BYTES - cut);
        assertThat(refused(decoder, frame)).as("%s v%d less %d", api, version, cut).isTrue();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("apis")
  void answersParseToWhatWasAnswered(ApiKeys api) {
    for (short version : versions(api)) {
      for (var answer : List.of(api.messageType.newResponse(), filledResponse(api, version))) {
        var encoded = AnswerEncoder.encode(ByteBufAllocator.DEFAULT, api, version, 42, answer);
        var bytes = Unpooled.wrappedBuffer(encoded.parts().toArray(ByteBuf[]::new));
        try {
          var buffer = bytes.nioBuffer();
          assertThat(buffer.getInt()).isEqualTo(buffer.remaining());
          var readable = new ByteBufferAccessor(buffer);
          var header = new ResponseHeaderData(readable, api.responseHeaderVersion(version));
          assertThat(header.correlationId()).isEqualTo(42);
          var parsed = api.messageType.newResponse();
          parsed.read(readable, version);
          assertThat(buffer.hasRemaining()).isFalse();
          assertThat(parsed).as("%s v%d", api, version).isEqualTo(answer);
        } finally {
          bytes.release();
        }
      }
    }
  }

  @Test
  void samplesAreNotDefaults() {
    var same = new ArrayList<String>();
    for (var api : ApiKeys.values()) {
      for (short version : versions(api)) {
        if (filledRequest(api, version).equals(api.messageType.newRequest())) {
          same.add(api + " v" + version);
        }
      }
    }
    // Those without a field.
    assertThat(same)
        .containsExactly(
            "LIST_GROUPS v0",
            "LIST_GROUPS v1",
            "LIST_GROUPS v2",
            "LIST_GROUPS v3",
            "API_VERSIONS v0",
            "API_VERSIONS v1",
            "API_VERSIONS v2",
            "LIST_CONFIG_RESOURCES v0");
  }

  private static boolean refused(RequestDecoder decoder, ByteBuf frame) {
    try {
      decoder.decode(frame, PEERS);
      return false;
    } catch (BadRequest e) {
      return true;
    }
  }

  private static ApiMessage filledRequest(ApiKeys api, short version) {
    return Samples.fill(api.messageType.newRequest(), version);
  }

  private static ApiMessage filledResponse(ApiKeys api, short version) {
    return Samples.fill(api.messageType.newResponse(), version);
  }

  private static List<Short> versions(ApiKeys api) {
    var versions = new ArrayList<Short>();
    for (short version = api.oldestVersion(); version <= api.latestVersion(true); version++) {
      versions.add(version);
    }
    return versions;
  }

  private static ApiHandler<ApiMessage> handler(ApiKeys api) {
    return new ApiHandler<>() {
      @Override
      public ApiKeys api() {
        return api;
      }

      @Override
      public short latestVersion() {
        return api.latestVersion(true);
      }

      @Override
      public java.util.concurrent.CompletionStage<Reply> handle(Request<ApiMessage> request) {
        throw new UnsupportedOperationException();
      }

      @Override
      public ApiMessage failure(
          Request<ApiMessage> request, org.apache.kafka.common.protocol.Errors error) {
        return new FetchResponseData();
      }
    };
  }
}
