package io.streamhouse.protocol;

import static io.streamhouse.protocol.Eventually.assertEventually;
import static io.streamhouse.protocol.WireClient.frame;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.util.AbstractReferenceCounted;
import io.netty.util.ReferenceCounted;
import io.streamhouse.protocol.ServerCounters.Fault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/// Connections over real sockets: what is answered in which order, and that nothing is lost when
/// either side ends at an awkward moment.
@ExtendWith(NoLeaks.class)
@Timeout(120)
final class ConnectionTest {

  private static final String L = "L";

  private final ParkingHandler<MetadataRequestData> metadata =
      new ParkingHandler<>(ApiKeys.METADATA);
  private final ParkingHandler<ProduceRequestData> produce = new ParkingHandler<>(ApiKeys.PRODUCE);
  private final ParkingHandler<FetchRequestData> fetch = new ParkingHandler<>(ApiKeys.FETCH);

  @SuppressWarnings("NullAway.Init") // every test starts it
  private KafkaServer server;

  @AfterEach
  void nothingIsHeldOnceTheServerIsClosed() {
    server.close();
    assertEventually("all bytes given back", () -> server.queuedRequestBytesNow() == 0);
    assertEventually("no answer unsent", () -> server.counters().unsentBytesNow() == 0);
    assertEventually("no request in flight", () -> server.counters().requestsInFlightNow() == 0);
    assertEventually("no connection", () -> server.counters().connectionsNow() == 0);
  }

  // What ends while something is half-way.

  @Test
  void connectionCutInTheMiddleOfAFrameGivesItsMemoryBack() throws Exception {
    start();
    try (var client = client()) {
      var large = produceFrame(1, 1, 30_000);
      client.send(Arrays.copyOf(large, large.length / 2));
      assertEventually("frame claimed", () -> server.queuedRequestBytesNow() == large.length - 4);
      client.reset();
      assertEventually("frame released", () -> server.queuedRequestBytesNow() == 0);
    }
  }

  @Test
  void requestOfAClientThatLeftIsToldAndKeepsItsMemoryUntilDone() throws Exception {
    start();
    var told = new CountDownLatch(1);
    var records = new CountedRecords(1000);
    try (var client = client()) {
      client.send(fetchFrame(1), metadataFrame(2));
      var parked = fetch.next();
      parked.request().onClose(told::countDown);
      client.reset();
      assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
      assertEventually("only the running one", () -> server.counters().requestsInFlightNow() == 1);
      assertThat(server.queuedRequestBytesNow()).isPositive();
      parked.complete(records.answer());
      assertEventually("frame released", () -> server.queuedRequestBytesNow() == 0);
      assertThat(records.refCnt()).isZero();
      assertThat(metadata.noneStarted()).isTrue();
    }
  }

  @Test
  void closeTaskGivenAfterTheClientLeftRunsAtOnce() throws Exception {
    start();
    try (var client = client()) {
      client.send(fetchFrame(1));
      var parked = fetch.next();
      client.reset();
      assertEventually("connection gone", () -> server.counters().connectionsNow() == 0);
      var told = new CountDownLatch(1);
      parked.request().onClose(told::countDown);
      assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
      parked.answer().complete(Reply.none());
    }
  }

  @Test
  void connectionCutWhileAnAnswerIsHalfSentReleasesItsRecordsOnce() throws Exception {
    start();
    var sending = new CountedRecords(32 << 20);
    var behind = new CountedRecords(1000);
    try (var client = client()) {
      client.send(fetchFrame(1), fetchFrame(2));
      var parked = fetch.next(2);
      parked.get(1).complete(behind.answer());
      parked.get(0).complete(sending.answer());
      client.read(100_000);
      assertThat(sending.refCnt()).isOne();
      client.reset();
      assertEventually("both released", () -> sending.refCnt() == 0 && behind.refCnt() == 0);
    }
  }

  @Test
  void answerThatIsNotYetDueWhenTheClientLeavesReleasesItsRecords() throws Exception {
    start();
    var second = new CountedRecords(1000);
    try (var client = client()) {
      client.send(fetchFrame(1), fetchFrame(2));
      var parked = fetch.next(2);
      parked.get(1).complete(second.answer());
      assertEventually("answer waits", () -> server.counters().unsentBytesNow() > 1000);
      client.reset();
      assertEventually("records released", () -> second.refCnt() == 0);
      parked.get(0).answer().complete(Reply.none());
    }
  }

  @Test
  void clientThatClosesItsHalfIsClosedAfterItsRequestsStarted() throws Exception {
    start();
    try (var client = client()) {
      client.send(produceFrame(1, 0, 1), produceFrame(2, 0, 1));
      client.sendNothingMore();
      for (var parked : produce.next(2)) {
        parked.answer().complete(Reply.none());
      }
      assertThat(client.answered()).isEqualTo(-1);
    }
  }

  // Order.

  @Test
  void overlappingRequestsStartAtOnceAndAreAnsweredInArrivalOrder() throws Exception {
    start();
    try (var client = client()) {
      client.send(produceFrame(1, 1, 1), fetchFrame(2), metadataFrame(3), produceFrame(4, 1, 1));
      var first = produce.next();
      fetch.next().complete(new FetchResponseData());
      assertThat(metadata.noneStarted()).isTrue();
      first.complete(new ProduceResponseData());
      assertThat(client.answered()).isEqualTo(1);
      assertThat(client.answered()).isEqualTo(2);
      var exclusive = metadata.next();
      assertThat(produce.noneStarted()).isTrue();
      exclusive.complete(new MetadataResponseData());
      assertThat(client.answered()).isEqualTo(3);
      produce.next().complete(new ProduceResponseData());
      assertThat(client.answered()).isEqualTo(4);
    }
  }

  @Test
  void requestWithoutAnswerKeepsItsPlaceInTheOrder() throws Exception {
    start();
    try (var client = client()) {
      client.send(produceFrame(1, 0, 1), metadataFrame(2), produceFrame(3, 0, 1), fetchFrame(4));
      var silent = produce.next();
      assertThat(metadata.noneStarted()).isTrue();
      silent.answer().complete(Reply.none());
      metadata.next().complete(new MetadataResponseData());
      assertThat(client.answered()).isEqualTo(2);
      fetch.next().complete(new FetchResponseData());
      produce.next().answer().complete(Reply.none());
      assertThat(client.answered()).isEqualTo(4);
    }
  }

  @Test
  void requestsReceivedWhilePausedAreAnsweredWithoutFurtherBytes() throws Exception {
    // One at a time: all others wait in memory for the answer before.
    start(options -> options.withConnectionBytes(1));
    try (var client = client()) {
      var all = new byte[20][];
      for (int i = 0; i < all.length; i++) {
        all[i] = produceFrame(i, 1, 1);
      }
      client.send(all);
      for (int i = 0; i < all.length; i++) {
        var parked = produce.next();
        assertThat(produce.noneStarted()).isTrue();
        parked.complete(new ProduceResponseData());
        assertThat(client.answered()).isEqualTo(i);
      }
    }
  }

  @Test
  void requestsReceivedWhileOthersHoldTheBudgetAreAnsweredWithoutFurtherBytes() throws Exception {
    start(options -> options.withQueuedRequestBytes(1));
    try (var holder = client();
        var client = client()) {
      holder.send(produceFrame(1, 1, 1));
      var held = produce.next();
      client.send(metadataFrame(2));
      assertEventually("waits for the budget", () -> server.counters().readPauses() > 0);
      held.complete(new ProduceResponseData());
      metadata.next().complete(new MetadataResponseData());
      assertThat(client.answered()).isEqualTo(2);
      assertThat(holder.answered()).isEqualTo(1);
    }
  }

  // Back-pressure.

  @Test
  void clientThatDoesNotReadIsNotReadAndResumesInOrder() throws Exception {
    int answerBytes = 100_000;
    int budget = 500_000;
    int count = 1000;
    var started = new AtomicInteger();
    var mostUnsent = new AtomicInteger();
    start(
        options -> options.withConnectionBytes(budget),
        FakeHandler.<MetadataRequestData>answering(
            ApiKeys.METADATA,
            _ -> {
              started.incrementAndGet();
              mostUnsent.accumulateAndGet((int) server.counters().unsentBytesNow(), Math::max);
              return new MetadataResponseData().setClusterId("x".repeat(answerBytes / 4));
            }));
    try (var client = new WireClient(server, L, 4096)) {
      var sender =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  for (int i = 0; i < count; i++) {
                    client.send(metadataFrame(i));
                  }
                } catch (IOException e) {
                  throw new java.io.UncheckedIOException(e);
                }
              });
      assertEventually("paused", () -> server.counters().readPauses() > 0);
      for (int i = 0; i < count; i++) {
        assertThat(client.answered()).isEqualTo(i);
      }
      sender.join();
      assertThat(started.get()).isEqualTo(count);
      assertThat(mostUnsent.get()).isLessThan(budget + answerBytes);
    }
  }

  // Handlers that fail.

  @Test
  void handlerThatThrowsIsAnsweredWithItsFailure() throws Exception {
    start(
        UnaryOperator.identity(),
        failing(() -> new MetadataResponseData().setClusterId("failure")),
        produce);
    try (var client = client()) {
      client.send(metadataFrame(1));
      assertThat(client.answered()).isEqualTo(1);
      assertThat(server.counters().faults(Fault.HANDLER_FAILED)).isOne();
    }
  }

  @Test
  void stageThatFailsIsAnsweredWithItsFailureInOrder() throws Exception {
    start();
    try (var client = client()) {
      client.send(produceFrame(1, 1, 1), produceFrame(2, 1, 1));
      var parked = produce.next(2);
      parked.get(1).answer().completeExceptionally(new IllegalStateException("on purpose"));
      parked.get(0).complete(new ProduceResponseData());
      assertThat(client.answered()).isEqualTo(1);
      assertThat(client.answered()).isEqualTo(2);
    }
  }

  @Test
  void handlerWhoseFailureThrowsTooClosesTheConnection() throws Exception {
    start(
        UnaryOperator.identity(),
        failing(() -> {
          throw new IllegalStateException("on purpose, again");
        }));
    try (var client = client()) {
      client.send(metadataFrame(1));
      assertThat(client.answered()).isEqualTo(-1);
    }
    assertEventually("request ended", () -> server.counters().requestsInFlightNow() == 0);
  }

  @Test
  void handlerWithoutStageIsAnsweredWithItsFailure() throws Exception {
    start(UnaryOperator.identity(), new FakeHandler<>(ApiKeys.METADATA, false, _ -> noStage()));
    try (var client = client()) {
      client.send(metadataFrame(1));
      assertThat(client.answered()).isEqualTo(1);
      assertThat(server.counters().faults(Fault.HANDLER_FAILED)).isOne();
    }
  }

  @Test
  void handlerThatFailsWithAnErrorIsAnsweredWithItsFailure() throws Exception {
    start(
        UnaryOperator.identity(),
        new FakeHandler<>(
            ApiKeys.METADATA,
            false,
            _ -> {
              throw new StackOverflowError("on purpose");
            }));
    try (var client = client()) {
      client.send(metadataFrame(1));
      assertThat(client.answered()).isEqualTo(1);
    }
  }

  @Test
  void answerItsVersionCannotCarryBecomesTheFailureAndReleasesItsRecords() throws Exception {
    start();
    var records = new CountedRecords(1000);
    try (var client = client()) {
      client.send(fetchFrame(1));
      var answer = records.answer();
      answer.responses().getFirst().setTopic(null);
      fetch.next().complete(answer);
      assertThat(client.answered()).isEqualTo(1);
      assertThat(records.refCnt()).isZero();
      assertThat(server.counters().faults(Fault.UNENCODABLE)).isOne();
    }
  }

  @Test
  void closeAskedForByAHandlerLetsEarlierAnswersOut() throws Exception {
    start();
    var large = new CountedRecords(8 << 20);
    try (var client = new WireClient(server, L, 4096)) {
      client.send(fetchFrame(1), produceFrame(2, 0, 1), produceFrame(3, 1, 1));
      produce.next().answer().completeExceptionally(new CloseConnection("on purpose"));
      var third = produce.next();
      fetch.next().complete(large.answer());
      assertEventually(
          "close was due", () -> server.counters().faults(Fault.CLOSED_BY_HANDLER) == 1);
      assertThat(client.answer().orElseThrow().remaining()).isGreaterThan(8 << 20);
      assertThat(client.answered()).isEqualTo(-1);
      third.complete(new ProduceResponseData());
    }
    assertThat(large.refCnt()).isZero();
  }

  @Test
  void answersBeforeABadRequestAreSent() throws Exception {
    start(
        UnaryOperator.identity(),
        FakeHandler.<MetadataRequestData>answering(
            ApiKeys.METADATA, _ -> new MetadataResponseData()));
    try (var client = client()) {
      client.send(metadataFrame(1), new byte[] {-1, -1, -1, -1});
      assertThat(client.answered()).isEqualTo(1);
      assertThat(client.answered()).isEqualTo(-1);
    }
  }

  @Test
  void answerToAcksZeroClosesInsteadOfConfusingTheClient() throws Exception {
    start();
    try (var client = client()) {
      client.send(produceFrame(1, 0, 1));
      produce.next().complete(new ProduceResponseData());
      assertThat(client.answered()).isEqualTo(-1);
    }
  }

  // Limits of the server.

  @Test
  void idleConnectionIsClosed() throws Exception {
    start(options -> options.withIdle(Duration.ofMillis(50)));
    try (var client = client()) {
      client.send(metadataFrame(1));
      metadata.next().complete(new MetadataResponseData());
      assertThat(client.answered()).isEqualTo(1);
      assertThat(client.answered()).isEqualTo(-1);
      assertThat(server.counters().faults(Fault.IDLE)).isOne();
    }
  }

  @Test
  void connectionBeyondTheMostAllowedIsClosedAndTheirPlaceIsFreedAgain() throws Exception {
    start(options -> options.withMaxConnections(2));
    try (var first = client();
        var second = client()) {
      first.send(metadataFrame(1));
      metadata.next().complete(new MetadataResponseData());
      assertThat(first.answered()).isEqualTo(1);
      second.send(metadataFrame(2));
      metadata.next().complete(new MetadataResponseData());
      assertThat(second.answered()).isEqualTo(2);
      try (var third = client()) {
        assertThat(third.answered()).isEqualTo(-1);
      }
      assertThat(server.counters().faults(Fault.TOO_MANY_CONNECTIONS)).isOne();
      first.reset();
      assertEventually("one left", () -> server.counters().connectionsNow() == 1);
      try (var fourth = client()) {
        fourth.send(metadataFrame(4));
        metadata.next().complete(new MetadataResponseData());
        assertThat(fourth.answered()).isEqualTo(4);
      }
    }
  }

  @Test
  void closeAnswersWhatIsInFlightAndTakesNothingNew() throws Exception {
    start();
    try (var client = client()) {
      client.send(produceFrame(1, 1, 1), metadataFrame(2));
      var first = produce.next();
      var closing = CompletableFuture.runAsync(server::close);
      assertEventually("no longer read", () -> server.counters().readPauses() > 0);
      client.send(metadataFrame(3));
      first.complete(new ProduceResponseData());
      assertThat(client.answered()).isEqualTo(1);
      metadata.next().complete(new MetadataResponseData());
      assertThat(client.answered()).isEqualTo(2);
      assertThat(client.answered()).isEqualTo(-1);
      closing.get(20, TimeUnit.SECONDS);
      assertThat(metadata.noneStarted()).isTrue();
    }
  }

  @Test
  void closeCutsHandlersThatNeverFinishAndTheirLateAnswersAreReleased() throws Exception {
    start(options -> options.withDrain(Duration.ofMillis(50)));
    var told = new CountDownLatch(1);
    var records = new CountedRecords(1000);
    try (var client = client()) {
      client.send(fetchFrame(1), fetchFrame(2), metadataFrame(3));
      var parked = fetch.next(2);
      parked.get(0).request().onClose(told::countDown);
      server.close();
      assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
      assertThat(client.answered()).isEqualTo(-1);
      parked.get(0).complete(records.answer());
      assertThat(records.refCnt()).isZero();
      // The event loops are gone by now.
      var late = new CountDownLatch(1);
      parked.get(1).request().onClose(late::countDown);
      assertThat(late.await(20, TimeUnit.SECONDS)).isTrue();
      parked.get(1).answer().completeExceptionally(new IllegalStateException("late"));
    }
    assertThat(server.queuedRequestBytesNow()).isZero();
  }

  @Test
  void serverClosesWhileClientsKeepConnecting() throws Exception {
    start(options -> options.withDrain(Duration.ofMillis(200)));
    int port = server.port(L);
    var connecting =
        CompletableFuture.supplyAsync(() -> {
          int connected = 0;
          for (int i = 0; i < 10_000; i++) {
            try (var socket = new java.net.Socket(server.address(L).getAddress(), port)) {
              connected++;
              socket.getOutputStream().write(metadataFrame(i));
            } catch (java.net.ConnectException closed) {
              return connected;
            } catch (IOException reset) {
              connected++;
            }
          }
          return connected;
        });
    assertEventually("clients come", () -> server.counters().connectionsOpened() > 20);
    server.close();
    assertThat(connecting.get(20, TimeUnit.SECONDS)).isPositive();
    while (!metadata.noneStarted()) {
      metadata.next().answer().complete(Reply.none());
    }
  }

  private void start() throws IOException {
    start(UnaryOperator.identity());
  }

  private void start(UnaryOperator<ServerOptions> change) throws IOException {
    start(change, metadata, produce, fetch);
  }

  private void start(UnaryOperator<ServerOptions> change, ApiHandler<?>... handlers)
      throws IOException {
    server =
        KafkaServer.start(
            List.of(new Listener(L, "127.0.0.1", 0)),
            List.of(handlers),
            Features.NONE,
            change.apply(ServerOptions.defaults().withEventLoops(2)));
  }

  private WireClient client() throws IOException {
    return new WireClient(server, L);
  }

  private static byte[] metadataFrame(int correlationId) {
    return frame(ApiKeys.METADATA, 9, correlationId, new MetadataRequestData());
  }

  private static byte[] fetchFrame(int correlationId) {
    return frame(ApiKeys.FETCH, 12, correlationId, new FetchRequestData());
  }

  private static byte[] produceFrame(int correlationId, int acks, int padding) {
    var body = new ProduceRequestData().setAcks((short) acks);
    return frame(ApiKeys.PRODUCE, 9, correlationId, body.setTransactionalId("x".repeat(padding)));
  }

  private static ApiHandler<?> failing(java.util.function.Supplier<MetadataResponseData> failure) {
    return new ApiHandler<MetadataRequestData>() {
      @Override
      public ApiKeys api() {
        return ApiKeys.METADATA;
      }

      @Override
      public java.util.concurrent.CompletionStage<Reply> handle(
          Request<MetadataRequestData> request) {
        throw new IllegalStateException("on purpose");
      }

      @Override
      public MetadataResponseData failure(
          Request<MetadataRequestData> request, org.apache.kafka.common.protocol.Errors error) {
        return failure.get();
      }
    };
  }

  @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // breaks the contract on purpose
  private static <T> T noStage() {
    return null;
  }

  /// Records that know whether they were released.
  private static final class CountedRecords extends AbstractReferenceCounted {
    private final ByteBuffer bytes;

    CountedRecords(int size) {
      bytes = ByteBuffer.allocate(size);
    }

    /// A fetch response that owns the only reference.
    FetchResponseData answer() {
      var partition =
          new FetchResponseData.PartitionData()
              .setRecords(new FetchedRecords(List.of(new RecordBatches(bytes, this))));
      return new FetchResponseData()
          .setResponses(
              List.of(
                  new FetchResponseData.FetchableTopicResponse()
                      .setTopic("t")
                      .setPartitions(List.of(partition))));
    }

    @Override
    protected void deallocate() {}

    @Override
    public ReferenceCounted touch(Object hint) {
      return this;
    }
  }
}
