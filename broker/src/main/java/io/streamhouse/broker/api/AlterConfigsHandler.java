package io.streamhouse.broker.api;

import io.streamhouse.broker.api.ConfigEdits.Plan;
import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.AlterConfigsRequestData;
import org.apache.kafka.common.message.AlterConfigsRequestData.AlterConfigsResource;
import org.apache.kafka.common.message.AlterConfigsResponseData;
import org.apache.kafka.common.message.AlterConfigsResponseData.AlterConfigsResourceResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// AlterConfigs, the older of the two: the configs given replace all that a resource had.
final class AlterConfigsHandler implements ApiHandler<AlterConfigsRequestData> {

  private final Catalog catalog;
  private final SerialLoop timers;
  private final ConfigEdits edits;

  AlterConfigsHandler(Catalog catalog, SerialLoop timers, ConfigEdits edits) {
    this.catalog = catalog;
    this.timers = timers;
    this.edits = edits;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.ALTER_CONFIGS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<AlterConfigsRequestData> request) {
    var body = request.body();
    var image = catalog.image();
    var times = new HashMap<AlteredResource.Key, Integer>();
    for (var resource : body.resources()) {
      times.merge(
          new AlteredResource.Key(resource.resourceType(), resource.resourceName()),
          1,
          Integer::sum);
    }
    var resources = new ArrayList<AlteredResource>();
    for (var resource : body.resources()) {
      var key = new AlteredResource.Key(resource.resourceType(), resource.resourceName());
      resources.add(
          new AlteredResource(
              resource.resourceType(),
              resource.resourceName(),
              times.getOrDefault(key, 0) > 1 ? AlteredResource.REPEATED : plan(image, resource)));
    }
    return AlteredResource.carryOut(resources, body.validateOnly(), timers)
        .thenApply(outcomes -> {
          var response = new AlterConfigsResponseData();
          for (int i = 0; i < resources.size(); i++) {
            response.responses().add(response(resources.get(i), outcomes.get(i)));
          }
          return Reply.of(response);
        });
  }

  private Plan plan(Image image, AlterConfigsResource resource) {
    var names = new HashSet<String>();
    var nulls = new ArrayList<String>();
    var given = new HashMap<String, String>();
    for (var config : resource.configs()) {
      if (!names.add(config.name())) {
        return new Plan.Refused(AlteredResource.repeatedKeys());
      }
      if (config.value() == null) {
        nulls.add(config.name());
      } else {
        given.put(config.name(), config.value());
      }
    }
    if (!nulls.isEmpty()) {
      return new Plan.Refused(AlteredResource.nullValues(nulls));
    }
    byte type = resource.resourceType();
    String name = resource.resourceName();
    return edits.plan(image, type, name, edits.replacing(image, type, name, given), true);
  }

  private static AlterConfigsResourceResponse response(
      AlteredResource resource, Optional<Refusal> refusal) {
    var response =
        new AlterConfigsResourceResponse()
            .setResourceType(resource.type())
            .setResourceName(resource.name())
            .setErrorMessage(null);
    refusal.ifPresent(
        why -> response.setErrorCode(why.error().code()).setErrorMessage(why.message()));
    return response;
  }

  @Override
  public ApiMessage failure(Request<AlterConfigsRequestData> request, Errors error) {
    var response = new AlterConfigsResponseData();
    for (var resource : request.body().resources()) {
      response
          .responses()
          .add(
              new AlterConfigsResourceResponse()
                  .setResourceType(resource.resourceType())
                  .setResourceName(resource.resourceName())
                  .setErrorCode(error.code())
                  .setErrorMessage(null));
    }
    return response;
  }
}
