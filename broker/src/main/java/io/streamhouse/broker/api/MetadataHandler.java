package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataRequestData.MetadataRequestTopic;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseBroker;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponsePartition;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// Metadata: agents, topics, and where their partitions are, from the image alone.
///
/// It also creates topics that a client names and that do not exist, where both the client and
/// `auto.create.topics.enable` allow it. The answer then waits for the new topic, so a client finds
/// a leader at once instead of asking again; a creation that takes too long is answered with
/// `LEADER_NOT_AVAILABLE`, on which every client asks again.
final class MetadataHandler implements ApiHandler<MetadataRequestData> {

  /// How long a client waits for a topic made on the way; below what clients give a request.
  private static final Duration CREATION_WAIT = Duration.ofSeconds(5);

  private final Catalog catalog;
  private final SerialLoop timers;
  private final TopicRules rules;

  MetadataHandler(Catalog catalog, SerialLoop timers, TopicRules rules) {
    this.catalog = catalog;
    this.timers = timers;
    this.rules = rules;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.METADATA;
  }

  @Override
  public CompletionStage<Reply> handle(Request<MetadataRequestData> request) {
    var asked = request.body().topics();
    var image = catalog.image();
    if (asked == null || (asked.isEmpty() && request.version() == 0)) {
      var answer = new Answer(request, image);
      image.topics().forEach(answer::add);
      return CompletableFuture.completedFuture(Reply.of(answer.message));
    }
    if (!wellFormed(asked, request.version())) {
      return CompletableFuture.completedFuture(Reply.of(failure(request, Errors.INVALID_REQUEST)));
    }
    var absent = absent(image, asked);
    if (absent.isEmpty() || !request.body().allowAutoTopicCreation() || !rules.autoCreate()) {
      return CompletableFuture.completedFuture(Reply.of(answer(request, image, Map.of())));
    }
    return create(image, absent)
        .thenApply(errors -> Reply.of(answer(request, catalog.image(), errors)));
  }

  /// Names can be null and ids set from version 12 on only, though both are in the schema earlier.
  private static boolean wellFormed(List<MetadataRequestTopic> asked, short version) {
    for (var topic : asked) {
      boolean byId = !topic.topicId().equals(Uuid.ZERO_UUID);
      if ((topic.name() == null && !byId) || (version < 12 && (byId || topic.name() == null))) {
        return false;
      }
    }
    return true;
  }

  private static Set<String> absent(Image image, List<MetadataRequestTopic> asked) {
    var names = new LinkedHashSet<String>();
    for (var topic : asked) {
      if (topic.topicId().equals(Uuid.ZERO_UUID) && image.topic(topic.name()) == null) {
        names.add(topic.name());
      }
    }
    return names;
  }

  /// Creates what may be created of `names`, as many as one request may, and returns the error of
  /// each that is still missing.
  private CompletableFuture<Map<String, Errors>> create(Image image, Set<String> names) {
    var errors = new LinkedHashMap<String, Errors>();
    var creatable = new ArrayList<String>();
    var topicNames = new TopicNames(image);
    int partitions = rules.defaultPartitions();
    int most = TopicRules.MOST_PARTITIONS_PER_REQUEST / partitions;
    for (String name : names) {
      var refusal = topicNames.refuses(name);
      if (refusal != null) {
        errors.put(name, refusal.error());
      } else if (!TopicNames.internal(name)
          && !TopicNames.reserved(name)
          && creatable.size() < most) {
        creatable.add(name);
      }
    }
    return Batch.<String, Errors>run(
            creatable,
            CREATION_WAIT,
            timers,
            name -> catalog.create(name, partitions, Map.of()).thenApply(_ -> Errors.NONE),
            (_, _) -> Errors.LEADER_NOT_AVAILABLE)
        .thenApply(outcomes -> {
          for (int i = 0; i < creatable.size(); i++) {
            errors.put(creatable.get(i), outcomes.get(i));
          }
          return errors;
        });
  }

  private static MetadataResponseData answer(
      Request<MetadataRequestData> request, Image image, Map<String, Errors> errors) {
    var answer = new Answer(request, image);
    var names = new LinkedHashSet<String>();
    var ids = new LinkedHashSet<Uuid>();
    for (var asked : request.body().topics()) {
      if (!asked.topicId().equals(Uuid.ZERO_UUID)) {
        if (ids.add(asked.topicId())) {
          answer.add(image.topic(TopicIds.fromWire(asked.topicId())), asked.topicId());
        }
      } else if (names.add(asked.name())) {
        answer.add(image.topic(asked.name()), asked.name(), errors.get(asked.name()));
      }
    }
    return answer.message;
  }

  @Override
  public ApiMessage failure(Request<MetadataRequestData> request, Errors error) {
    var response = new MetadataResponseData().setErrorCode(error.code());
    var asked = request.body().topics();
    if (asked != null) {
      for (var topic : asked) {
        response
            .topics()
            .add(
                new MetadataResponseTopic()
                    .setName(topic.name() == null ? "" : topic.name())
                    .setTopicId(topic.topicId())
                    .setErrorCode(error.code()));
      }
    }
    return response;
  }

  /// One answer in the making: the agents, then topic after topic.
  private static final class Answer {

    private final MetadataResponseData message = new MetadataResponseData();
    private final Leaders leaders;
    private final short version;
    private final int topicOperations;

    Answer(Request<MetadataRequestData> request, Image image) {
      this.leaders = new Leaders(image, request.listener());
      this.version = request.version();
      this.topicOperations =
          request.body().includeTopicAuthorizedOperations()
              ? Permissions.ON_TOPIC
              : Permissions.NOT_ASKED;
      message.setClusterId(image.clusterId()).setControllerId(leaders.controllerId());
      if (request.body().includeClusterAuthorizedOperations()) {
        message.setClusterAuthorizedOperations(Permissions.ON_CLUSTER);
      }
      for (var endpoint : leaders.endpoints()) {
        message
            .brokers()
            .add(
                new MetadataResponseBroker()
                    .setNodeId(endpoint.nodeId())
                    .setHost(endpoint.host())
                    .setPort(endpoint.port())
                    .setRack(endpoint.rack()));
      }
    }

    void add(@Nullable Topic topic, Uuid id) {
      if (topic != null) {
        add(topic);
      } else {
        message
            .topics()
            .add(
                new MetadataResponseTopic()
                    .setName(null)
                    .setTopicId(id)
                    .setErrorCode(Errors.UNKNOWN_TOPIC_ID.code()));
      }
    }

    void add(@Nullable Topic topic, String name, @Nullable Errors error) {
      if (topic != null) {
        add(topic);
        return;
      }
      // A topic that was just created and is gone again is missing like any other.
      var shown = error == null || error == Errors.NONE ? TopicNames.missing(name) : error;
      message
          .topics()
          .add(
              new MetadataResponseTopic()
                  .setName(name)
                  .setIsInternal(TopicNames.internal(name))
                  .setErrorCode(shown.code())
                  .setTopicAuthorizedOperations(topicOperations));
    }

    void add(Topic topic) {
      var partitions = new ArrayList<MetadataResponsePartition>(topic.partitions());
      for (int i = 0; i < topic.partitions(); i++) {
        partitions.add(partition(new PartitionId(topic.id(), i)));
      }
      message
          .topics()
          .add(
              new MetadataResponseTopic()
                  .setName(topic.name())
                  .setTopicId(TopicIds.toWire(topic.id()))
                  .setIsInternal(TopicNames.internal(topic.name()))
                  .setPartitions(partitions)
                  .setTopicAuthorizedOperations(topicOperations));
    }

    private MetadataResponsePartition partition(PartitionId partition) {
      var leader = leaders.of(partition);
      // Clients below version 6 do not know LISTENER_NOT_FOUND.
      var error =
          leader.error() == Errors.LISTENER_NOT_FOUND && version < 6
              ? Errors.LEADER_NOT_AVAILABLE
              : leader.error();
      return new MetadataResponsePartition()
          .setErrorCode(error.code())
          .setPartitionIndex(partition.partition())
          .setLeaderId(leader.nodeId())
          .setLeaderEpoch(leader.epoch())
          .setReplicaNodes(leader.replicas())
          .setIsrNodes(leader.replicas())
          .setOfflineReplicas(List.of());
    }
  }
}
