package io.streamhouse.broker.api;

import io.streamhouse.broker.api.ConfigRules.Described;
import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.DescribeConfigsRequestData;
import org.apache.kafka.common.message.DescribeConfigsRequestData.DescribeConfigsResource;
import org.apache.kafka.common.message.DescribeConfigsResponseData;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResourceResult;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResult;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsSynonym;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.DescribeConfigsResponse.ConfigSource;
import org.jspecify.annotations.Nullable;

/// DescribeConfigs: of topics, of this agent, of what was altered for all agents (the agent with
/// the empty name), and of this process's loggers.
final class DescribeConfigsHandler implements ApiHandler<DescribeConfigsRequestData> {

  private final Catalog catalog;
  private final ConfigRules rules;
  private final Loggers loggers;
  private final int nodeId;

  DescribeConfigsHandler(Catalog catalog, ConfigRules rules, Loggers loggers, int nodeId) {
    this.catalog = catalog;
    this.rules = rules;
    this.loggers = loggers;
    this.nodeId = nodeId;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DESCRIBE_CONFIGS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DescribeConfigsRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private ApiMessage answer(Request<DescribeConfigsRequestData> request) {
    var body = request.body();
    var image = catalog.image();
    var response = new DescribeConfigsResponseData();
    for (var resource : body.resources()) {
      if (ConfigResource.Type.forId(resource.resourceType()) == ConfigResource.Type.UNKNOWN) {
        // In Kafka one resource of an unknown type fails the whole request.
        return failure(request, Errors.INVALID_REQUEST);
      }
      var result =
          new DescribeConfigsResult()
              .setResourceType(resource.resourceType())
              .setResourceName(resource.resourceName());
      switch (find(image, resource)) {
        case Missing(Refusal why) ->
            result
                .setErrorCode(why.error().code())
                .setErrorMessage(why.message() == null ? "" : why.message());
        case Found(List<Described> configs) -> {
          var wanted = wanted(resource);
          for (var config : configs) {
            if (wanted.isEmpty() || wanted.contains(config.name())) {
              result.configs().add(entry(config, body));
            }
          }
        }
      }
      response.results().add(result);
    }
    return response;
  }

  private sealed interface Lookup permits Found, Missing {}

  private record Found(List<Described> configs) implements Lookup {}

  private record Missing(Refusal why) implements Lookup {}

  private Lookup find(Image image, DescribeConfigsResource resource) {
    String name = resource.resourceName();
    return switch (ConfigResource.Type.forId(resource.resourceType())) {
      case TOPIC -> topic(image, name);
      case BROKER -> agent(image, name);
      case BROKER_LOGGER -> loggers(name);
      case CLIENT_METRICS, GROUP, UNKNOWN ->
          new Missing(
              Refusal.invalid(
                  "Unsupported resource type: "
                      + ConfigResource.Type.forId(resource.resourceType())));
    };
  }

  private Lookup topic(Image image, String name) {
    var malformed = TopicNames.malformed(name);
    if (malformed != null) {
      return new Missing(malformed);
    }
    var topic = image.topic(name);
    return topic == null
        ? new Missing(new Refusal(Errors.UNKNOWN_TOPIC_OR_PARTITION, null))
        : new Found(rules.topic(image, topic.configs()));
  }

  private Lookup agent(Image image, String name) {
    if (name.isEmpty()) {
      return new Found(alteredForAll(image));
    }
    var wrong = notThisNode(name, " or empty string,");
    return wrong != null ? new Missing(wrong) : new Found(rules.agent(image));
  }

  /// What was altered for all agents, and nothing else.
  private List<Described> alteredForAll(Image image) {
    byte source = ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG.id();
    var altered = new ArrayList<Described>();
    for (var config : rules.agent(image)) {
      for (var synonym : config.synonyms()) {
        if (synonym.source() == source && synonym.name().equals(config.name())) {
          altered.add(
              new Described(
                  config.name(),
                  synonym.value(),
                  config.readOnly(),
                  config.sensitive(),
                  source,
                  List.of(synonym),
                  config.type(),
                  config.documentation()));
        }
      }
    }
    return altered;
  }

  private Lookup loggers(String name) {
    if (name.isEmpty()) {
      return new Missing(Refusal.invalid("Broker id must not be empty"));
    }
    var wrong = notThisNode(name, "");
    if (wrong != null) {
      return new Missing(wrong);
    }
    var levels = new ArrayList<Described>();
    loggers
        .levels()
        .forEach((logger, level) ->
            levels.add(
                new Described(
                    logger,
                    level,
                    false,
                    false,
                    ConfigSource.DYNAMIC_BROKER_LOGGER_CONFIG.id(),
                    List.of(),
                    (byte) 0,
                    "")));
    return new Found(levels);
  }

  private @Nullable Refusal notThisNode(String name, String orElse) {
    try {
      return Integer.parseInt(name) == nodeId
          ? null
          : Refusal.invalid(
              "Unexpected broker id, expected " + nodeId + orElse + " but received " + name);
    } catch (NumberFormatException e) {
      return Refusal.invalid("Broker id must be an integer, but it is: " + name);
    }
  }

  /// The configs asked for; empty for all.
  private static Set<String> wanted(DescribeConfigsResource resource) {
    return resource.configurationKeys() == null
        ? Set.of()
        : new HashSet<>(resource.configurationKeys());
  }

  private static DescribeConfigsResourceResult entry(
      Described config, DescribeConfigsRequestData body) {
    var entry =
        new DescribeConfigsResourceResult()
            .setName(config.name())
            .setValue(config.value())
            .setReadOnly(config.readOnly())
            .setIsSensitive(config.sensitive())
            .setConfigSource(config.source())
            .setConfigType(config.type())
            .setDocumentation(body.includeDocumentation() ? config.documentation() : null);
    if (body.includeSynonyms()) {
      for (var synonym : config.synonyms()) {
        entry
            .synonyms()
            .add(
                new DescribeConfigsSynonym()
                    .setName(synonym.name())
                    .setValue(synonym.value())
                    .setSource(synonym.source()));
      }
    }
    return entry;
  }

  @Override
  public ApiMessage failure(Request<DescribeConfigsRequestData> request, Errors error) {
    var response = new DescribeConfigsResponseData();
    for (var resource : request.body().resources()) {
      response
          .results()
          .add(
              new DescribeConfigsResult()
                  .setResourceType(resource.resourceType())
                  .setResourceName(resource.resourceName())
                  .setErrorCode(error.code())
                  .setErrorMessage(error.message()));
    }
    return response;
  }
}
