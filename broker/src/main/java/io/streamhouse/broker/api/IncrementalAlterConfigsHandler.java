package io.streamhouse.broker.api;

import io.streamhouse.broker.api.ConfigEdits.Edit;
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
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData;
import org.apache.kafka.common.message.IncrementalAlterConfigsRequestData.AlterConfigsResource;
import org.apache.kafka.common.message.IncrementalAlterConfigsResponseData;
import org.apache.kafka.common.message.IncrementalAlterConfigsResponseData.AlterConfigsResourceResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// IncrementalAlterConfigs: set, delete, append and subtract, each resource as a whole or not at
/// all.
final class IncrementalAlterConfigsHandler
    implements ApiHandler<IncrementalAlterConfigsRequestData> {

  // Operations, as KIP-339 numbers them.
  private static final byte SET = 0;
  private static final byte DELETE = 1;
  private static final byte APPEND = 2;
  private static final byte SUBTRACT = 3;

  private final Catalog catalog;
  private final SerialLoop timers;
  private final ConfigEdits edits;

  IncrementalAlterConfigsHandler(Catalog catalog, SerialLoop timers, ConfigEdits edits) {
    this.catalog = catalog;
    this.timers = timers;
    this.edits = edits;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.INCREMENTAL_ALTER_CONFIGS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<IncrementalAlterConfigsRequestData> request) {
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
          var response = new IncrementalAlterConfigsResponseData();
          for (int i = 0; i < resources.size(); i++) {
            response.responses().add(response(resources.get(i), outcomes.get(i)));
          }
          return Reply.of(response);
        });
  }

  private Plan plan(Image image, AlterConfigsResource resource) {
    var names = new HashSet<String>();
    var nulls = new ArrayList<String>();
    var asked = new ArrayList<Edit>();
    for (var config : resource.configs()) {
      if (!names.add(config.name())) {
        return new Plan.Refused(AlteredResource.repeatedKeys());
      }
      if (config.value() == null && config.configOperation() != DELETE) {
        nulls.add(config.name());
      }
    }
    if (!nulls.isEmpty()) {
      return new Plan.Refused(AlteredResource.nullValues(nulls));
    }
    for (var config : resource.configs()) {
      var edit =
          switch (config.configOperation()) {
            case SET -> new Edit.Put(config.name(), config.value());
            case DELETE -> new Edit.Delete(config.name());
            case APPEND -> new Edit.Append(config.name(), config.value());
            case SUBTRACT -> new Edit.Subtract(config.name(), config.value());
            default -> null;
          };
      if (edit == null) {
        return new Plan.Refused(
            Refusal.invalid("Unknown operations type " + config.configOperation()));
      }
      asked.add(edit);
    }
    return edits.plan(image, resource.resourceType(), resource.resourceName(), asked, false);
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
  public ApiMessage failure(Request<IncrementalAlterConfigsRequestData> request, Errors error) {
    var response = new IncrementalAlterConfigsResponseData();
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
