package io.streamhouse.broker.api;

import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.ListGroupsRequestData;
import org.apache.kafka.common.message.ListGroupsResponseData;
import org.apache.kafka.common.message.ListGroupsResponseData.ListedGroup;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// ListGroups: the groups this agent coordinates. Stateless.
final class ListGroupsHandler implements ApiHandler<ListGroupsRequestData> {

  private final GroupCoordinator groups;

  ListGroupsHandler(GroupCoordinator groups) {
    this.groups = groups;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.LIST_GROUPS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<ListGroupsRequestData> request) {
    var body = request.body();
    return groups
        .list()
        .thenApply(listing -> {
          var response = new ListGroupsResponseData();
          if (listing.loading()) {
            response.setErrorCode(Errors.COORDINATOR_LOAD_IN_PROGRESS.code());
          }
          for (var group : listing.groups()) {
            if (matches(body.statesFilter(), group.state())
                && matches(body.typesFilter(), group.type())) {
              response
                  .groups()
                  .add(
                      new ListedGroup()
                          .setGroupId(group.group())
                          .setProtocolType(group.protocolType())
                          .setGroupState(group.state())
                          .setGroupType(group.type()));
            }
          }
          return Reply.of(response);
        });
  }

  private static boolean matches(List<String> filter, String value) {
    return filter.isEmpty() || filter.stream().anyMatch(value::equalsIgnoreCase);
  }

  @Override
  public ListGroupsResponseData failure(Request<ListGroupsRequestData> request, Errors error) {
    return new ListGroupsResponseData().setErrorCode(error.code());
  }
}
