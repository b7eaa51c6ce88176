package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.protocol.ApiHandler;
import java.util.List;

/// The APIs of consumer groups: finding a coordinator, membership, offsets, and their upkeep.
public final class GroupApis {

  private GroupApis() {}

  /// @param time for the times of commits
  public static List<ApiHandler<?>> handlers(
      Catalog catalog, GroupCoordinator groups, TimeSource time, AgentConfig.Groups config) {
    return List.of(
        new FindCoordinatorHandler(groups, catalog),
        new JoinGroupHandler(groups),
        new SyncGroupHandler(groups),
        new HeartbeatHandler(groups),
        new LeaveGroupHandler(groups),
        new ConsumerGroupHeartbeatHandler(groups, config.consumers().assignors()),
        new ConsumerGroupDescribeHandler(groups, catalog),
        new OffsetCommitHandler(groups, catalog, time, config.offsetMetadataMaxBytes()),
        new OffsetFetchHandler(groups, catalog),
        new ListGroupsHandler(groups),
        new DescribeGroupsHandler(groups),
        new DeleteGroupsHandler(groups),
        new OffsetDeleteHandler(groups, catalog));
  }
}
