package io.streamhouse.broker.api;

import io.streamhouse.broker.group.GroupCoordinator;
import io.streamhouse.broker.group.GroupRequest;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.DeleteGroupsRequestData;
import org.apache.kafka.common.message.DeleteGroupsResponseData;
import org.apache.kafka.common.message.DeleteGroupsResponseData.DeletableGroupResult;
import org.apache.kafka.common.message.DeleteGroupsResponseData.DeletableGroupResultCollection;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// DeleteGroups: removes groups without members, and their offsets. Stateless.
final class DeleteGroupsHandler implements ApiHandler<DeleteGroupsRequestData> {

  private final GroupCoordinator groups;

  DeleteGroupsHandler(GroupCoordinator groups) {
    this.groups = groups;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DELETE_GROUPS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DeleteGroupsRequestData> request) {
    var results = new DeletableGroupResultCollection();
    var all = new ArrayList<CompletableFuture<Void>>();
    for (var group : new LinkedHashSet<>(request.body().groupsNames())) {
      var result = new DeletableGroupResult().setGroupId(group);
      results.add(result);
      all.add(
          groups
              .handle(group, new GroupRequest.Delete())
              .thenAccept(answer -> result.setErrorCode(GroupErrors.of(answer).code())));
    }
    return CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
        .thenApply(_ -> Reply.of(new DeleteGroupsResponseData().setResults(results)));
  }

  @Override
  public DeleteGroupsResponseData failure(Request<DeleteGroupsRequestData> request, Errors error) {
    var results = new DeletableGroupResultCollection();
    for (var group : new LinkedHashSet<>(request.body().groupsNames())) {
      results.add(new DeletableGroupResult().setGroupId(group).setErrorCode(error.code()));
    }
    return new DeleteGroupsResponseData().setResults(results);
  }
}
