package io.streamhouse.broker.api;

import ch.qos.logback.classic.LoggerContext;
import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Features;
import java.util.List;

/// The APIs that read and change the catalogue (metadata, topics, partitions, configs), and those
/// that ask for what Kafka's controllers do and leases do here.
public final class AdminApis {

  private AdminApis() {}

  /// The handlers of one agent.
  ///
  /// @param timers ends requests whose time is over; a task on it answers requests, so it must not
  ///   be a loop that is busy for long
  /// @param logging whose loggers clients may read and set
  /// @param features as ApiVersions reports them
  public static List<ApiHandler<?>> handlers(
      Catalog catalog,
      SerialLoop timers,
      TimeSource time,
      AgentConfig config,
      LoggerContext logging,
      Features features) {
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
        new AlterConfigsHandler(catalog, timers, edits),
        new ListConfigResourcesHandler(catalog),
        new ElectLeadersHandler(catalog),
        new AlterPartitionReassignmentsHandler(catalog),
        new ListPartitionReassignmentsHandler(),
        new DescribeQuorumHandler(catalog, time),
        new UpdateFeaturesHandler(features, nodeId));
  }
}
