package io.streamhouse.protocol;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// A handler made of a function.
record FakeHandler<Q extends ApiMessage>(
    ApiKeys api, boolean overlaps, Function<Request<Q>, CompletionStage<Reply>> does)
    implements ApiHandler<Q> {

  static <Q extends ApiMessage> FakeHandler<Q> answering(
      ApiKeys api, Function<Request<Q>, ApiMessage> answer) {
    return new FakeHandler<>(
        api, false, request -> CompletableFuture.completedFuture(Reply.of(answer.apply(request))));
  }

  @Override
  public CompletionStage<Reply> handle(Request<Q> request) {
    return does.apply(request);
  }

  @Override
  public ApiMessage failure(Request<Q> request, Errors error) {
    return api.messageType.newResponse();
  }
}
