package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.protocol.ApiHandler;
import java.util.List;

/// The APIs that read and change the catalogue: metadata, topics, partitions, configs.
public final class AdminApis {

  private AdminApis() {}

  /// The handlers of one agent.
  ///
  /// @param nodeId this agent's, the only one whose own configs it describes and alters
  /// @param timers ends requests whose time is over
  static List<ApiHandler<?>> handlers(
      Catalog catalog,
      SerialLoop timers,
      int nodeId,
      TopicRules topics,
      ConfigRules configs,
      Loggers loggers) {
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
