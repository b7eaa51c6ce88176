package io.streamhouse.broker.api;

import ch.qos.logback.classic.LoggerContext;
import io.streamhouse.broker.catalog.FakeCatalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.config.AgentConfig.Reading;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Features;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// The admin handlers of one agent, node 1, over a catalogue in memory. Requests and answers go
/// through bytes, as between processes.
final class FakeAgent implements AdminCall {

  /// One feature, whose version 1 of 0 to 1 is in force.
  static final Features FEATURES =
      new Features(
          Map.of("some.version", new Features.Range((short) 0, (short) 1)),
          Map.of("some.version", (short) 1),
          1);

  final FakeCatalog catalog = new FakeCatalog();
  final LoggerContext logging = new LoggerContext();
  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedLoop timers = new SimulatedLoop(time);
  private final Map<ApiKeys, ApiHandler<?>> handlers = new HashMap<>();
  private String listener = "PLAINTEXT";

  /// An agent with these properties, the only one of its cluster.
  static FakeAgent with(String... properties) {
    var agent = new FakeAgent(properties);
    agent.catalog.agent(1, Map.of("PLAINTEXT", "127.0.0.1:9092", "INSIDE", "[::1]:9093"));
    return agent;
  }

  /// An agent whose catalogue knows no agents yet.
  FakeAgent(String... properties) {
    var map = new HashMap<>(Map.of("node.id", "1"));
    for (int i = 0; i < properties.length; i += 2) {
      map.put(properties[i], properties[i + 1]);
    }
    var config =
        switch (AgentConfig.read(map)) {
          case Reading.Valid(var valid) -> valid;
          case Reading.Invalid(var errors) -> throw new AssertionError(errors);
        };
    for (var handler : AdminApis.handlers(catalog, timers, time, config, logging, FEATURES)) {
      handlers.put(handler.api(), handler);
    }
  }

  List<ApiHandler<?>> handlers() {
    return List.copyOf(handlers.values());
  }

  /// Requests come in on this listener from now on.
  FakeAgent on(String name) {
    this.listener = name;
    return this;
  }

  void pass(Duration elapsed) {
    time.pass(elapsed);
    timers.drain();
  }

  @Override
  public ApiMessage send(ApiKeys api, short version, ApiMessage request) {
    var answer = begin(api, version, request);
    try {
      return answer.get(0, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new AssertionError("no answer yet", e);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /// Sends a request whose answer may take time.
  CompletableFuture<ApiMessage> begin(ApiKeys api, int version, ApiMessage request) {
    return begin(handler(api), (short) version, request);
  }

  private <Q extends ApiMessage> CompletableFuture<ApiMessage> begin(
      ApiHandler<Q> handler, short version, ApiMessage request) {
    return handler
        .handle(received(handler.api(), version, request))
        .thenApply(reply ->
            switch (reply) {
              case Reply.Message(ApiMessage body) -> answered(handler.api(), version, body);
              case Reply.None _ -> throw new AssertionError("no answer");
            })
        .toCompletableFuture();
  }

  /// The answer that reports one error for all of a request.
  ApiMessage failure(ApiKeys api, short version, ApiMessage request, Errors error) {
    return failure(handler(api), version, request, error);
  }

  private <Q extends ApiMessage> ApiMessage failure(
      ApiHandler<Q> handler, short version, ApiMessage request, Errors error) {
    return answered(
        handler.api(), version, handler.failure(received(handler.api(), version, request), error));
  }

  private ApiHandler<?> handler(ApiKeys api) {
    var handler = handlers.get(api);
    if (handler == null) {
      throw new AssertionError("no handler for " + api);
    }
    return handler;
  }

  @SuppressWarnings("unchecked") // a handler's request type follows from its api
  private <Q extends ApiMessage> Request<Q> received(
      ApiKeys api, short version, ApiMessage request) {
    var body = AdminCall.request(api, version, AdminCall.encode(request, version));
    return new FakeRequest<>((Q) body, version, listener);
  }

  private static ApiMessage answered(ApiKeys api, short version, ApiMessage body) {
    return AdminCall.response(api, version, AdminCall.encode(body, version));
  }
}
