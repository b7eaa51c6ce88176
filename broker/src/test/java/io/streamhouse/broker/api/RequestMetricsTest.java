package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

class RequestMetricsTest {

  /// Answers each heartbeat with what it is told to.
  private static final class Heartbeats implements ApiHandler<HeartbeatRequestData> {

    private CompletableFuture<Reply> next = new CompletableFuture<>();

    @Override
    public ApiKeys api() {
      return ApiKeys.HEARTBEAT;
    }

    @Override
    public short oldestVersion() {
      return 1;
    }

    @Override
    public short latestVersion() {
      return 2;
    }

    @Override
    public boolean overlaps() {
      return true;
    }

    @Override
    public CompletionStage<Reply> handle(Request<HeartbeatRequestData> request) {
      return next;
    }

    @Override
    public ApiMessage failure(Request<HeartbeatRequestData> request, Errors error) {
      return new HeartbeatResponseData().setErrorCode(error.code());
    }
  }

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final Heartbeats heartbeats = new Heartbeats();

  @SuppressWarnings("unchecked") // it wraps the only handler there is
  private final ApiHandler<HeartbeatRequestData> measured =
      (ApiHandler<HeartbeatRequestData>)
          RequestMetrics.around(List.of(heartbeats), meters, TimeSource.system()).getFirst();

  private final FakeRequest<HeartbeatRequestData> request =
      new FakeRequest<>(new HeartbeatRequestData(), (short) 2, "PLAINTEXT");

  @Test
  void aMeasuredHandlerIsWhatItWas() {
    assertThat(measured.api()).isEqualTo(ApiKeys.HEARTBEAT);
    assertThat(measured.oldestVersion()).isEqualTo((short) 1);
    assertThat(measured.latestVersion()).isEqualTo((short) 2);
    assertThat(measured.overlaps()).isTrue();
  }

  @Test
  void aRequestIsTimedOnceItIsAnsweredAndItsErrorIsNamed() {
    var stage = measured.handle(request).toCompletableFuture();
    assertThat(meters.find("streamhouse.request.duration").timer()).isNull();
    var answer = new HeartbeatResponseData().setErrorCode(Errors.UNKNOWN_MEMBER_ID.code());
    heartbeats.next.complete(Reply.of(answer));
    assertThat(stage.join()).isEqualTo(Reply.of(answer));
    assertThat(
            meters
                .get("streamhouse.request.duration")
                .tag("api", ApiKeys.HEARTBEAT.name)
                .timer()
                .count())
        .isOne();
    assertThat(errors("UNKNOWN_MEMBER_ID")).isOne();
  }

  @Test
  void aFailedHandlerIsTimedAndWhatItIsAnsweredWithIsCounted() {
    heartbeats.next.completeExceptionally(new IllegalStateException("oops"));
    assertThat(measured.handle(request).toCompletableFuture()).isCompletedExceptionally();
    var _ = measured.failure(request, Errors.UNKNOWN_SERVER_ERROR);
    assertThat(meters.get("streamhouse.request.duration").timer().count()).isOne();
    assertThat(errors("UNKNOWN_SERVER_ERROR")).isOne();
  }

  private double errors(String error) {
    return meters.get("streamhouse.request.errors").tag("error", error).counter().count();
  }
}
