package io.streamhouse.broker.api;

import ch.qos.logback.classic.LoggerContext;
import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.protocol.ApiHandler;
import java.util.List;

/// The APIs that read and change the catalogue: metadata, topics, partitions, configs.
public final class AdminApis {

  private AdminApis() {}

  /// The handlers of one agent.
  ///
  /// @param timers ends requests whose time is over; a task on it answers requests, so it must not
  ///   be a loop that is busy for long
  /// @param logging whose loggers clients may read and set
  public static List<ApiHandler<?>> handlers(
      Catalog catalog, SerialLoop timers, AgentConfig config, LoggerContext logging) {
    int nodeId = config.nodeId();
    var topics = TopicRules.of(config);
    var configs = new ConfigRules(config);
    var loggers = new Loggers(logging);
    var edits = new ConfigEdits(catalog, configs, loggers, nodeId);
    return List.of(
        new MetadataHandler(catalog, timers, topics),
        new DescribeClusterHandler(catalog),
        new DescribeTopicPartitionsHandler(catalog, topics),
        new CreateTopicsHandler(catalog, timers, topics, configs),
        new DeleteTopicsHandler(catalog, timers, topics),
        new CreatePartitionsHandler(catalog, timers),
        new DescribeConfigsHandler(catalog, configs, loggers, nodeId),
        new IncrementalAlterConfigsHandler(catalog, timers, edits),
        new AlterConfigsHandler(catalog, timers, edits));
  }
}
