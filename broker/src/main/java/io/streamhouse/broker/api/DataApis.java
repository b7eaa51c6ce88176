package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.protocol.ApiHandler;
import java.util.List;
import java.util.random.RandomGenerator;

/// The data plane: the handlers that read and write logs.
public final class DataApis {

  private DataApis() {}

  /// The handlers of one agent.
  ///
  /// @param timers runs time-outs; any one loop of the agent
  /// @param random safe for concurrent use; producer ids and fetch session ids come from it
  public static List<ApiHandler<?>> handlers(
      Catalog catalog,
      Logs logs,
      SerialLoop timers,
      TimeSource time,
      RandomGenerator random,
      AgentConfig.Fetching fetching) {
    var sessions = new FetchSessions(fetching.sessions(), time, random);
    return List.of(
        new ProduceHandler(catalog, logs, timers),
        new FetchHandler(catalog, logs, timers, sessions, fetching.maxBytes()),
        new ListOffsetsHandler(catalog, logs, timers),
        new OffsetForLeaderEpochHandler(catalog, logs, timers),
        new DeleteRecordsHandler(catalog, logs, timers),
        new InitProducerIdHandler(random));
  }
}
