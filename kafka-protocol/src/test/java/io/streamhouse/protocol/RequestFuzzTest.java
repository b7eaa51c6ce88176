package io.streamhouse.protocol;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.streamhouse.protocol.ServerCounters.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// Whatever bytes a client sends, its connection answers or closes: nothing else is thrown, no byte
/// of the budget and no buffer stays behind.
///
/// A longer run: `JAZZER_FUZZ=1 mvn -pl kafka-protocol test -Dtest=RequestFuzzTest#stream`
class RequestFuzzTest {

  private static final int MAX_FRAME_BYTES = 1 << 20;

  private static final RequestDecoder DECODER = new RequestDecoder(handlers());

  /// As they come from the socket, in pieces of the size the first byte says.
  @FuzzTest(maxDuration = "15m")
  void stream(byte[] bytes) {
    if (bytes.length > 1) {
      serve(bytes, 1, 1 + (bytes[0] & 0xff));
    }
  }

  /// As one frame, its length put in front.
  @FuzzTest(maxDuration = "15m")
  void frame(byte[] bytes) {
    var framed = new byte[Integer.BYTES + bytes.length];
    java.nio.ByteBuffer.wrap(framed).putInt(bytes.length).put(bytes);
    serve(framed, 0, framed.length);
  }

  private static void serve(byte[] bytes, int from, int pieceBytes) {
    var budget = new ByteBudget(10L * MAX_FRAME_BYTES);
    var counters = new ServerCounters();
    var frames = new FrameReader(MAX_FRAME_BYTES, budget, counters);
    var alloc = new UnpooledByteBufAllocator(false, true);
    var channel = new EmbeddedChannel();
    channel.config().setAllocator(alloc);
    var connection =
        new Connection("L", DECODER, frames, budget, ServerOptions.defaults(), counters);
    channel.pipeline().addLast(frames, connection);
    channel.pipeline().fireChannelActive();
    for (int at = from; at < bytes.length && channel.isOpen(); at += pieceBytes) {
      int size = Math.min(pieceBytes, bytes.length - at);
      channel.writeInbound(alloc.buffer(size).writeBytes(bytes, at, size));
      channel.runPendingTasks();
    }
    channel.checkException();
    check(counters.faults(Fault.TRANSPORT) == 0, "an exception reached the connection");
    check(counters.faults(Fault.HANDLER_FAILED) == 0, "an exception reached a handler");
    channel.finishAndReleaseAll();
    channel.runPendingTasks();
    check(budget.used() == 0, "bytes of the budget were kept");
    check(counters.requestsInFlightNow() == 0, "a request never ended");
    long lost = alloc.metric().usedDirectMemory() + alloc.metric().usedHeapMemory();
    check(lost == 0, "buffers were lost");
  }

  private static void check(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  private static List<ApiHandler<?>> handlers() {
    var handlers = new ArrayList<ApiHandler<?>>();
    for (var api : ApiKeys.values()) {
      if (api != ApiKeys.API_VERSIONS) {
        handlers.add(new Stub(api));
      }
    }
    handlers.add(new ApiVersionsHandler(List.copyOf(handlers), Features.NONE));
    return handlers;
  }

  /// Looks at the request as a log would, and answers with nothing in it.
  private record Stub(ApiKeys api) implements ApiHandler<ApiMessage> {

    @Override
    public boolean overlaps() {
      return api == ApiKeys.PRODUCE || api == ApiKeys.FETCH;
    }

    @Override
    public CompletableFuture<Reply> handle(Request<ApiMessage> request) {
      if (request.body() instanceof ProduceRequestData produce) {
        for (var topic : produce.topicData()) {
          for (var partition : topic.partitionData()) {
            var defect = request.batches(partition.records()).defect();
            check(defect.isPresent() || partition.records() != null, "no records, no defect");
          }
        }
        if (produce.acks() == 0) {
          return CompletableFuture.completedFuture(Reply.none());
        }
      }
      return CompletableFuture.completedFuture(Reply.of(api.messageType.newResponse()));
    }

    @Override
    public ApiMessage failure(Request<ApiMessage> request, Errors error) {
      return api.messageType.newResponse();
    }
  }
}
