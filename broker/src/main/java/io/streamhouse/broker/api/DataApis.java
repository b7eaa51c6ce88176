package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.read.LogDirectory;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.broker.read.ResponseBudget;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.protocol.ApiHandler;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.random.RandomGenerator;

/// The data plane: the handlers that read and write logs, and tell about them.
public final class DataApis {

  private DataApis() {}

  /// The handlers of one agent.
  ///
  /// @param directory where `logs` are, as far as clients are concerned
  /// @param timers runs time-outs; any one loop of the agent
  /// @param unsentBytes of answers that wait for their sockets, or that these keep in memory, now
  /// @param random safe for concurrent use; producer ids and fetch session ids come from it
  public static List<ApiHandler<?>> handlers(
      Catalog catalog,
      Logs logs,
      LogDirectory directory,
      SerialLoop timers,
      TimeSource time,
      RandomGenerator random,
      AgentConfig.Fetching fetching,
      LongSupplier unsentBytes) {
    var sessions = new FetchSessions(fetching.sessions(), time, random);
    var budget = new ResponseBudget(fetching.unsentBytes(), unsentBytes);
    return List.of(
        new ProduceHandler(catalog, logs, timers),
        new FetchHandler(catalog, logs, timers, sessions, fetching.maxBytes(), budget),
        new ListOffsetsHandler(catalog, logs, timers),
        new OffsetForLeaderEpochHandler(catalog, logs, timers),
        new DeleteRecordsHandler(catalog, logs, timers),
        new InitProducerIdHandler(random),
        new DescribeProducersHandler(catalog, logs),
        new DescribeLogDirsHandler(catalog, directory),
        new AlterReplicaLogDirsHandler(catalog, logs, directory.path()));
  }
}
