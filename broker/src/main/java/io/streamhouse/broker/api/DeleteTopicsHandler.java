package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.metadata.Topic;
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
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.DeleteTopicsRequestData;
import org.apache.kafka.common.message.DeleteTopicsRequestData.DeleteTopicState;
import org.apache.kafka.common.message.DeleteTopicsResponseData;
import org.apache.kafka.common.message.DeleteTopicsResponseData.DeletableTopicResult;
import org.apache.kafka.common.message.DeleteTopicsResponseData.DeletableTopicResultCollection;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// DeleteTopics: by name, and from version 6 on by name or id, each topic named once.
final class DeleteTopicsHandler implements ApiHandler<DeleteTopicsRequestData> {

  private final Catalog catalog;
  private final SerialLoop timers;
  private final TopicRules rules;

  DeleteTopicsHandler(Catalog catalog, SerialLoop timers, TopicRules rules) {
    this.catalog = catalog;
    this.timers = timers;
    this.rules = rules;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DELETE_TOPICS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DeleteTopicsRequestData> request) {
    if (!rules.deletionAllowed()) {
      // Version 3 brought the error that says so.
      var error = request.version() < 3 ? Errors.INVALID_REQUEST : Errors.TOPIC_DELETION_DISABLED;
      return CompletableFuture.completedFuture(Reply.of(failure(request, error)));
    }
    var resolved = new Resolved(catalog.image(), asked(request));
    return Batch.run(
            resolved.topics,
            Duration.ofMillis(request.body().timeoutMs()),
            timers,
            named ->
                catalog
                    .delete(named.topic.id())
                    .thenApply(deleted ->
                        deleted.isPresent()
                            ? named.result()
                            : named.refused(Refusal.of(Errors.UNKNOWN_TOPIC_ID))),
            Named::refused)
        .thenApply(results -> {
          var responses = new DeletableTopicResultCollection();
          responses.addAll(resolved.refused);
          responses.addAll(results);
          return Reply.of(new DeleteTopicsResponseData().setResponses(responses));
        });
  }

  private static List<DeleteTopicState> asked(Request<DeleteTopicsRequestData> request) {
    if (request.version() >= 6) {
      return request.body().topics();
    }
    var topics = new ArrayList<DeleteTopicState>();
    for (String name : request.body().topicNames()) {
      topics.add(new DeleteTopicState().setName(name));
    }
    return topics;
  }

  @Override
  public ApiMessage failure(Request<DeleteTopicsRequestData> request, Errors error) {
    var response = new DeleteTopicsResponseData();
    for (var topic : asked(request)) {
      response
          .responses()
          .add(
              new DeletableTopicResult()
                  .setName(topic.name())
                  .setTopicId(topic.topicId())
                  .setErrorCode(error.code()));
    }
    return response;
  }

  /// A topic to delete.
  private record Named(Topic topic) {

    DeletableTopicResult result() {
      return DeleteTopicsHandler.result(topic.name(), TopicIds.toWire(topic.id()), null);
    }

    DeletableTopicResult refused(Refusal refusal) {
      return DeleteTopicsHandler.result(topic.name(), TopicIds.toWire(topic.id()), refusal);
    }
  }

  private static DeletableTopicResult result(
      @Nullable String name, Uuid id, @Nullable Refusal refusal) {
    var result = new DeletableTopicResult().setName(name).setTopicId(id);
    return refusal == null
        ? result
        : result.setErrorCode(refusal.error().code()).setErrorMessage(refusal.message());
  }

  /// What a request names, found in an image: topics to delete, and answers to what is none.
  private static final class Resolved {

    final List<Named> topics = new ArrayList<>();
    final List<DeletableTopicResult> refused = new ArrayList<>();

    Resolved(Image image, List<DeleteTopicState> asked) {
      var names = new HashMap<String, Integer>();
      var ids = new HashMap<Uuid, Integer>();
      for (var topic : asked) {
        boolean byId = !topic.topicId().equals(Uuid.ZERO_UUID);
        if (topic.name() != null && !byId) {
          names.merge(topic.name(), 1, Integer::sum);
        } else if (topic.name() == null && byId) {
          ids.merge(topic.topicId(), 1, Integer::sum);
        }
      }
      var twice = namedAndIdentified(image, names, ids);
      var done = new HashSet<Object>();
      for (var topic : asked) {
        boolean byId = !topic.topicId().equals(Uuid.ZERO_UUID);
        if (topic.name() == null) {
          if (!byId) {
            refuse(null, Uuid.ZERO_UUID, "Neither topic name nor id were specified.");
          } else if (done.add(topic.topicId())) {
            byId(image, topic.topicId(), ids, twice);
          }
        } else if (byId) {
          refuse(
              topic.name(), topic.topicId(), "You may not specify both topic name and topic id.");
        } else if (done.add(topic.name())) {
          byName(image, topic.name(), names, twice);
        }
      }
    }

    /// Topics given once by name and again by id: neither is done.
    private static Set<UUID> namedAndIdentified(
        Image image, Map<String, Integer> names, Map<Uuid, Integer> ids) {
      var twice = new HashSet<UUID>();
      for (var name : names.entrySet()) {
        var topic = image.topic(name.getKey());
        if (topic != null && name.getValue() == 1 && ids.containsKey(TopicIds.toWire(topic.id()))) {
          twice.add(topic.id());
        }
      }
      return twice;
    }

    private void byId(Image image, Uuid id, Map<Uuid, Integer> ids, Set<UUID> twice) {
      var topic = image.topic(TopicIds.fromWire(id));
      if (ids.getOrDefault(id, 0) > 1) {
        refuse(null, id, "Duplicate topic id.");
      } else if (topic == null) {
        refused.add(result(null, id, Refusal.of(Errors.UNKNOWN_TOPIC_ID)));
      } else if (!twice.contains(topic.id())) {
        topics.add(new Named(topic));
      }
    }

    private void byName(Image image, String name, Map<String, Integer> names, Set<UUID> twice) {
      var topic = image.topic(name);
      if (names.getOrDefault(name, 0) > 1) {
        refuse(name, Uuid.ZERO_UUID, "Duplicate topic name.");
      } else if (topic == null) {
        refused.add(result(name, Uuid.ZERO_UUID, Refusal.of(Errors.UNKNOWN_TOPIC_OR_PARTITION)));
      } else if (twice.contains(topic.id())) {
        refuse(
            name,
            TopicIds.toWire(topic.id()),
            "The provided topic name maps to an ID that was already supplied.");
      } else {
        topics.add(new Named(topic));
      }
    }

    private void refuse(@Nullable String name, Uuid id, String why) {
      refused.add(result(name, id, Refusal.invalid(why)));
    }
  }
}
