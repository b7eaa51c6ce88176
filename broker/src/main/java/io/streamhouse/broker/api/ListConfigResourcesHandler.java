package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.ListConfigResourcesRequestData;
import org.apache.kafka.common.message.ListConfigResourcesResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// ListConfigResources: what can be named in DescribeConfigs. Groups are listed where they have
/// configs, as are client metrics, which cannot have them here.
final class ListConfigResourcesHandler implements ApiHandler<ListConfigResourcesRequestData> {

  /// Version 0 was ListClientMetricsResources and could ask for nothing else.
  private static final short FIRST_WITH_TYPES = 1;

  private final Catalog catalog;

  ListConfigResourcesHandler(Catalog catalog) {
    this.catalog = catalog;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.LIST_CONFIG_RESOURCES;
  }

  @Override
  public CompletionStage<Reply> handle(Request<ListConfigResourcesRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private ListConfigResourcesResponseData answer(Request<ListConfigResourcesRequestData> request) {
    var response = new ListConfigResourcesResponseData();
    if (request.version() < FIRST_WITH_TYPES) {
      return response;
    }
    var types = types(request.body().resourceTypes());
    if (types == null) {
      return response.setErrorCode(Errors.UNSUPPORTED_VERSION.code());
    }
    var image = catalog.image();
    var agents = new Leaders(image, request.listener()).endpoints();
    if (types.contains(ConfigResource.Type.GROUP)) {
      image.configuredGroups().forEach(group -> add(response, ConfigResource.Type.GROUP, group));
    }
    if (types.contains(ConfigResource.Type.BROKER_LOGGER)) {
      agents.forEach(agent ->
          add(response, ConfigResource.Type.BROKER_LOGGER, Integer.toString(agent.nodeId())));
    }
    if (types.contains(ConfigResource.Type.BROKER)) {
      agents.forEach(
          agent -> add(response, ConfigResource.Type.BROKER, Integer.toString(agent.nodeId())));
    }
    if (types.contains(ConfigResource.Type.TOPIC)) {
      image.topics().forEach(topic -> add(response, ConfigResource.Type.TOPIC, topic.name()));
    }
    return response;
  }

  /// The types asked for, all if none is named; null where one does not exist.
  private static @Nullable Set<ConfigResource.Type> types(List<Byte> asked) {
    var types = EnumSet.noneOf(ConfigResource.Type.class);
    for (byte type : asked) {
      types.add(ConfigResource.Type.forId(type));
    }
    if (types.contains(ConfigResource.Type.UNKNOWN)) {
      return null;
    }
    return types.isEmpty() ? EnumSet.allOf(ConfigResource.Type.class) : types;
  }

  private static void add(
      ListConfigResourcesResponseData response, ConfigResource.Type type, String name) {
    response
        .configResources()
        .add(
            new ListConfigResourcesResponseData.ConfigResource()
                .setResourceType(type.id())
                .setResourceName(name));
  }

  @Override
  public ApiMessage failure(Request<ListConfigResourcesRequestData> request, Errors error) {
    return new ListConfigResourcesResponseData().setErrorCode(error.code());
  }
}
