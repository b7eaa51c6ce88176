package io.streamhouse.protocol;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// A handler whose requests wait until the test answers them.
final class ParkingHandler<Q extends ApiMessage> implements ApiHandler<Q> {

  /// A request that started.
  record Parked<Q extends ApiMessage>(Request<Q> request, CompletableFuture<Reply> answer) {

    void complete(ApiMessage body) {
      answer.complete(Reply.of(body));
    }
  }

  private final ApiKeys api;
  private final LinkedBlockingQueue<Parked<Q>> parked = new LinkedBlockingQueue<>();

  ParkingHandler(ApiKeys api) {
    this.api = api;
  }

  Parked<Q> next() throws InterruptedException {
    var next = parked.poll(20, TimeUnit.SECONDS);
    if (next == null) {
      throw new AssertionError("no " + api + " started");
    }
    return next;
  }

  List<Parked<Q>> next(int count) throws InterruptedException {
    var all = new ArrayList<Parked<Q>>();
    while (all.size() < count) {
      all.add(next());
    }
    return all;
  }

  boolean noneStarted() {
    return parked.isEmpty();
  }

  @Override
  public ApiKeys api() {
    return api;
  }

  @Override
  public boolean overlaps() {
    return api == ApiKeys.PRODUCE || api == ApiKeys.FETCH;
  }

  @Override
  public CompletionStage<Reply> handle(Request<Q> request) {
    var answer = new CompletableFuture<Reply>();
    parked.add(new Parked<>(request, answer));
    return answer;
  }

  @Override
  public ApiMessage failure(Request<Q> request, Errors error) {
    return api.messageType.newResponse();
  }
}
