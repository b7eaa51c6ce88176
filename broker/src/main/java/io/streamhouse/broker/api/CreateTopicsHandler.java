package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsResponseData;
import org.apache.kafka.common.message.CreateTopicsResponseData.CreatableTopicConfigs;
import org.apache.kafka.common.message.CreateTopicsResponseData.CreatableTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// CreateTopics: checks each topic as Apache Kafka's controller does, then creates those that pass.
///
/// Any replication factor is accepted and repeated in the answer, since the object store
/// replicates; a manual assignment is checked and then means only its number of partitions.
final class CreateTopicsHandler implements ApiHandler<CreateTopicsRequestData> {

  private final Catalog catalog;
  private final SerialLoop timers;
  private final TopicRules rules;
  private final ConfigRules configs;

  CreateTopicsHandler(Catalog catalog, SerialLoop timers, TopicRules rules, ConfigRules configs) {
    this.catalog = catalog;
    this.timers = timers;
    this.rules = rules;
    this.configs = configs;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.CREATE_TOPICS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<CreateTopicsRequestData> request) {
    var body = request.body();
    var image = catalog.image();
    var once = new ArrayList<CreatableTopic>();
    var repeated = split(body, once);
    if (partitions(once) > TopicRules.MOST_PARTITIONS_PER_REQUEST) {
      return CompletableFuture.completedFuture(Reply.of(tooMany(request)));
    }
    var answers = new HashMap<String, CreatableTopicResult>();
    var wanted = new ArrayList<Wanted>();
    var names = new TopicNames(image);
    for (var topic : once) {
      switch (check(image, names, topic)) {
        case Wanted passed -> wanted.add(passed);
        case Refused refused -> answers.put(topic.name(), result(topic.name(), refused.why()));
      }
    }
    for (String name : repeated) {
      answers.put(name, result(name, Refusal.invalid("Duplicate topic name.")));
    }
    if (body.validateOnly()) {
      for (var topic : wanted) {
        answers.put(topic.name(), created(topic, Uuid.ZERO_UUID, image, request.version()));
      }
      return CompletableFuture.completedFuture(Reply.of(answer(body, answers)));
    }
    return Batch.run(
            wanted,
            Duration.ofMillis(body.timeoutMs()),
            timers,
            topic -> create(topic, request.version()),
            this::refused)
        .thenApply(created -> {
          created.forEach(topic -> answers.put(topic.name(), topic));
          return Reply.of(answer(body, answers));
        });
  }

  /// Puts topics named once into `once`, and returns the names that occur more often.
  private static Set<String> split(CreateTopicsRequestData body, List<CreatableTopic> once) {
    var seen = new HashSet<String>();
    var repeated = new HashSet<String>();
    for (var topic : body.topics()) {
      if (!seen.add(topic.name())) {
        repeated.add(topic.name());
      }
    }
    for (var topic : body.topics()) {
      if (!repeated.contains(topic.name())) {
        once.add(topic);
      }
    }
    return repeated;
  }

  private long partitions(List<CreatableTopic> topics) {
    long total = 0;
    for (var topic : topics) {
      if (!topic.assignments().isEmpty()) {
        total += topic.assignments().size();
      } else if (topic.numPartitions() > 0) {
        total += topic.numPartitions();
      } else {
        total += rules.defaultPartitions();
      }
    }
    return total;
  }

  private static CreateTopicsResponseData tooMany(Request<CreateTopicsRequestData> request) {
    var response = new CreateTopicsResponseData();
    for (var topic : request.body().topics()) {
      response
          .topics()
          .add(
              result(
                  topic.name(),
                  Refusal.of(
                      Errors.POLICY_VIOLATION,
                      "Excessively large number of partitions per request.")));
    }
    return response;
  }

  /// A topic of a request after its checks.
  private sealed interface Checked permits Wanted, Refused {}

  private record Refused(Refusal why) implements Checked {}

  private record Wanted(String name, int partitions, short replication, Map<String, String> configs)
      implements Checked {}

  /// Kafka's checks in Kafka's order: the first that fails is the one told.
  private Checked check(Image image, TopicNames names, CreatableTopic topic) {
    String name = topic.name();
    if (TopicNames.reserved(name)) {
      return new Refused(Refusal.invalid("Creation of internal topic " + name + " is prohibited."));
    }
    if (image.topic(name) != null) {
      return new Refused(exists(name));
    }
    var badName = names.refuses(name);
    if (badName != null) {
      return new Refused(badName);
    }
    var set = new HashMap<String, String>();
    var nulls = new ArrayList<String>();
    for (var config : topic.configs()) {
      if (config.value() == null) {
        nulls.add(config.name());
      } else {
        set.put(config.name(), config.value());
      }
    }
    if (!nulls.isEmpty()) {
      return new Refused(
          Refusal.of(
              Errors.INVALID_CONFIG,
              "Null value not supported for topic configs: " + String.join(",", nulls)));
    }
    var badConfig = configs.refusesTopic(set);
    if (badConfig != null) {
      return new Refused(badConfig);
    }
    if (!topic.assignments().isEmpty()) {
      return assigned(image, topic, set);
    }
    if (topic.replicationFactor() < -1 || topic.replicationFactor() == 0) {
      return new Refused(
          Refusal.of(
              Errors.INVALID_REPLICATION_FACTOR,
              "Replication factor must be larger than 0, or -1 to use the default value."));
    }
    if (topic.numPartitions() < -1 || topic.numPartitions() == 0) {
      return new Refused(
          Refusal.of(
              Errors.INVALID_PARTITIONS,
              "Number of partitions was set to an invalid non-positive value."));
    }
    return new Wanted(
        name,
        topic.numPartitions() == -1 ? rules.defaultPartitions() : topic.numPartitions(),
        topic.replicationFactor() == -1 ? rules.defaultReplication() : topic.replicationFactor(),
        set);
  }

  private static Checked assigned(Image image, CreatableTopic topic, Map<String, String> set) {
    if (topic.replicationFactor() != -1) {
      return new Refused(
          Refusal.invalid(
              "A manual partition assignment was specified, but replication factor was not set to"
                  + " -1."));
    }
    if (topic.numPartitions() != -1) {
      return new Refused(
          Refusal.invalid(
              "A manual partition assignment was specified, but numPartitions was not set to -1."));
    }
    var assignments = new Assignments(image);
    var partitions = new HashSet<Integer>();
    for (var assignment : topic.assignments()) {
      var refusal =
          partitions.add(assignment.partitionIndex())
              ? assignments.refuses(assignment.brokerIds())
              : Refusal.of(
                  Errors.INVALID_REPLICA_ASSIGNMENT,
                  "Found multiple manual partition assignments for partition "
                      + assignment.partitionIndex());
      if (refusal != null) {
        return new Refused(refusal);
      }
    }
    for (int i = 0; i < partitions.size(); i++) {
      if (!partitions.contains(i)) {
        return new Refused(
            Refusal.of(
                Errors.INVALID_REPLICA_ASSIGNMENT,
                "partitions should be a consecutive 0-based integer sequence"));
      }
    }
    return new Wanted(topic.name(), partitions.size(), assignments.replication(), set);
  }

  private CreatableTopicResult created(Wanted wanted, Uuid id, Image image, short version) {
    var result =
        new CreatableTopicResult()
            .setName(wanted.name())
            .setTopicId(id)
            // Empty unless told otherwise, where Kafka has none.
            .setErrorMessage(null)
            .setNumPartitions(wanted.partitions())
            .setReplicationFactor(wanted.replication());
    if (version < 5) {
      return result;
    }
    for (var config : configs.topic(image, wanted.configs())) {
      result
          .configs()
          .add(
              new CreatableTopicConfigs()
                  .setName(config.name())
                  .setValue(config.value())
                  .setReadOnly(config.readOnly())
                  .setConfigSource(config.source().code())
                  .setIsSensitive(config.sensitive()));
    }
    return result;
  }

  private CompletableFuture<CreatableTopicResult> create(Wanted wanted, short version) {
    return catalog
        .create(wanted.name(), wanted.partitions(), wanted.configs())
        .thenApply(outcome ->
            switch (outcome) {
              case CreateTopic.Created(Topic topic) ->
                  created(wanted, TopicIds.toWire(topic.id()), catalog.image(), version);
              case CreateTopic.Exists _ -> result(wanted.name(), exists(wanted.name()));
            });
  }

  private CreatableTopicResult refused(Wanted wanted, Refusal why) {
    return result(wanted.name(), why);
  }

  private static Refusal exists(String name) {
    return Refusal.of(Errors.TOPIC_ALREADY_EXISTS, "Topic '" + name + "' already exists.");
  }

  private static CreatableTopicResult result(String name, Refusal why) {
    return new CreatableTopicResult()
        .setName(name)
        .setErrorCode(why.error().code())
        .setErrorMessage(why.message());
  }

  /// One answer per name, in the order of the request.
  private static CreateTopicsResponseData answer(
      CreateTopicsRequestData body, Map<String, CreatableTopicResult> answers) {
    var response = new CreateTopicsResponseData();
    for (var topic : body.topics()) {
      @Nullable CreatableTopicResult result = answers.remove(topic.name());
      if (result != null) {
        response.topics().add(result);
      }
    }
    return response;
  }

  @Override
  public ApiMessage failure(Request<CreateTopicsRequestData> request, Errors error) {
    var response = new CreateTopicsResponseData();
    for (var topic : request.body().topics()) {
      response
          .topics()
          .add(new CreatableTopicResult().setName(topic.name()).setErrorCode(error.code()));
    }
    return response;
  }
}
