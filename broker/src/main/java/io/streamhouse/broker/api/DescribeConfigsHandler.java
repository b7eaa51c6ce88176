package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.config.ConfigSource;
import io.streamhouse.broker.config.DescribedConfig;
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
import org.jspecify.annotations.Nullable;

/// DescribeConfigs: of topics, of groups, of this agent, of what was altered for all agents (the
/// agent with the empty name), and of this process's loggers.
final class DescribeConfigsHandler implements ApiHandler<DescribeConfigsRequestData> {

  /// The source of a logger's level, as the wire has it.
  private static final byte LOGGER = 6;

  /// The most resources one request may ask for: the answer has some forty entries for each, all in
  /// memory at once, and names can repeat.
  static final int MOST_RESOURCES = 10_000;

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
    if (body.resources().size() > MOST_RESOURCES) {
      return failure(request, Errors.INVALID_REQUEST);
    }
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
      switch (find(image, resource, new Wish(body, resource))) {
        case Missing(Refusal why) ->
            result
                .setErrorCode(why.error().code())
                .setErrorMessage(why.message() == null ? "" : why.message());
        case Found(List<DescribeConfigsResourceResult> configs) -> result.setConfigs(configs);
      }
      response.results().add(result);
    }
    return response;
  }

  private sealed interface Lookup permits Found, Missing {}

  private record Found(List<DescribeConfigsResourceResult> configs) implements Lookup {}

  private record Missing(Refusal why) implements Lookup {}

  private Lookup find(Image image, DescribeConfigsResource resource, Wish wish) {
    String name = resource.resourceName();
    return switch (ConfigResource.Type.forId(resource.resourceType())) {
      case TOPIC -> topic(image, name, wish);
      case BROKER -> agent(image, name, wish);
      case BROKER_LOGGER -> loggers(name, wish);
      case GROUP ->
          name.isEmpty()
              ? new Missing(Refusal.invalid("Group name must not be empty"))
              : new Found(wish.of(rules.group(image.groupConfigs(name))));
      case CLIENT_METRICS, UNKNOWN ->
          new Missing(
              Refusal.invalid(
                  "Unsupported resource type: "
                      + ConfigResource.Type.forId(resource.resourceType())));
    };
  }

  private Lookup topic(Image image, String name, Wish wish) {
    var malformed = TopicNames.malformed(name);
    if (malformed != null) {
      return new Missing(malformed);
    }
    var topic = image.topic(name);
    return topic == null
        ? new Missing(new Refusal(Errors.UNKNOWN_TOPIC_OR_PARTITION, null))
        : new Found(wish.of(rules.topic(image, topic.configs())));
  }

  private Lookup agent(Image image, String name, Wish wish) {
    if (name.isEmpty()) {
      return new Found(wish.of(alteredForAll(image)));
    }
    var wrong = notThisNode(name, " or empty string,");
    return wrong != null ? new Missing(wrong) : new Found(wish.of(rules.agent(image)));
  }

  /// What was altered for all agents, and nothing else.
  private List<DescribedConfig> alteredForAll(Image image) {
    var altered = new ArrayList<DescribedConfig>();
    for (var config : rules.agent(image)) {
      for (var synonym : config.synonyms()) {
        if (synonym.source() == ConfigSource.DYNAMIC_DEFAULT) {
          altered.add(
              new DescribedConfig(
                  config.name(),
                  synonym.value(),
                  ConfigSource.DYNAMIC_DEFAULT,
                  config.type(),
                  config.readOnly(),
                  config.sensitive(),
                  List.of(synonym),
                  config.documentation()));
        }
      }
    }
    return altered;
  }

  private Lookup loggers(String name, Wish wish) {
    if (name.isEmpty()) {
      return new Missing(Refusal.invalid("Broker id must not be empty"));
    }
    var wrong = notThisNode(name, "");
    if (wrong != null) {
      return new Missing(wrong);
    }
    var levels = new ArrayList<DescribeConfigsResourceResult>();
    for (var level : loggers.levels().entrySet()) {
      if (wish.names(level.getKey())) {
        levels.add(
            new DescribeConfigsResourceResult()
                .setName(level.getKey())
                .setValue(level.getValue())
                .setConfigSource(LOGGER));
      }
    }
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

  /// What a request wants to know of one resource.
  private record Wish(Set<String> names, boolean synonyms, boolean documentation) {

    Wish(DescribeConfigsRequestData request, DescribeConfigsResource resource) {
      this(
          resource.configurationKeys() == null
              ? Set.of()
              : new HashSet<>(resource.configurationKeys()),
          request.includeSynonyms(),
          request.includeDocumentation());
    }

    /// No names means all.
    boolean names(String config) {
      return names.isEmpty() || names.contains(config);
    }

    List<DescribeConfigsResourceResult> of(List<DescribedConfig> configs) {
      var entries = new ArrayList<DescribeConfigsResourceResult>();
      for (var config : configs) {
        if (names(config.name())) {
          entries.add(entry(config));
        }
      }
      return entries;
    }

    private DescribeConfigsResourceResult entry(DescribedConfig config) {
      var entry =
          new DescribeConfigsResourceResult()
              .setName(config.name())
              .setValue(config.value())
              .setReadOnly(config.readOnly())
              .setIsSensitive(config.sensitive())
              .setConfigSource(config.source().code())
              .setConfigType(config.type().code())
              .setDocumentation(documentation ? config.documentation() : null);
      if (synonyms) {
        for (var synonym : config.synonyms()) {
          entry
              .synonyms()
              .add(
                  new DescribeConfigsSynonym()
                      .setName(synonym.name())
                      .setValue(synonym.value())
                      .setSource(synonym.source().code()));
        }
      }
      return entry;
    }
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
