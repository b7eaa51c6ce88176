package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog.AddPartitions;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.CreatePartitionsRequestData;
import org.apache.kafka.common.message.CreatePartitionsRequestData.CreatePartitionsTopic;
import org.apache.kafka.common.message.CreatePartitionsResponseData;
import org.apache.kafka.common.message.CreatePartitionsResponseData.CreatePartitionsTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// CreatePartitions: raises the number of partitions of topics. A manual assignment is checked and
/// then ignored, as in CreateTopics.
final class CreatePartitionsHandler implements ApiHandler<CreatePartitionsRequestData> {

  private final Catalog catalog;
  private final SerialLoop timers;

  CreatePartitionsHandler(Catalog catalog, SerialLoop timers) {
    this.catalog = catalog;
    this.timers = timers;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.CREATE_PARTITIONS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<CreatePartitionsRequestData> request) {
    var body = request.body();
    var image = catalog.image();
    var answers = new HashMap<String, CreatePartitionsTopicResult>();
    var wanted = new ArrayList<Wanted>();
    var repeated = repeated(body);
    long added = 0;
    for (var topic : body.topics()) {
      if (repeated.contains(topic.name())) {
        answers.put(topic.name(), result(topic.name(), Refusal.invalid("Duplicate topic name.")));
        continue;
      }
      var existing = image.topic(topic.name());
      var refusal = refuses(image, existing, topic, added);
      if (refusal == null && existing != null) {
        added += topic.count() - existing.partitions();
        wanted.add(new Wanted(existing, topic.count()));
        answers.put(topic.name(), result(topic.name(), null));
      } else {
        answers.put(topic.name(), result(topic.name(), refusal));
      }
    }
    if (body.validateOnly()) {
      return CompletableFuture.completedFuture(Reply.of(answer(body, answers)));
    }
    return Batch.run(
            wanted,
            Duration.ofMillis(body.timeoutMs()),
            timers,
            this::add,
            (topic, why) -> result(topic.topic().name(), why))
        .thenApply(results -> {
          results.forEach(result -> answers.put(result.name(), result));
          return Reply.of(answer(body, answers));
        });
  }

  private record Wanted(Topic topic, int total) {}

  private static Set<String> repeated(CreatePartitionsRequestData body) {
    var seen = new HashSet<String>();
    var repeated = new HashSet<String>();
    for (var topic : body.topics()) {
      if (!seen.add(topic.name())) {
        repeated.add(topic.name());
      }
    }
    return repeated;
  }

  /// @param added partitions that earlier topics of this request add
  private static @Nullable Refusal refuses(
      Image image, @Nullable Topic existing, CreatePartitionsTopic topic, long added) {
    if (existing == null) {
      return new Refusal(Errors.UNKNOWN_TOPIC_OR_PARTITION, null);
    }
    int current = existing.partitions();
    if (topic.count() <= current) {
      return notMore(topic.name(), current, topic.count());
    }
    int more = topic.count() - current;
    if (topic.assignments() != null) {
      if (topic.assignments().size() != more) {
        return Refusal.of(
            Errors.INVALID_REPLICA_ASSIGNMENT,
            "Attempted to add "
                + more
                + " additional partition(s), but only "
                + topic.assignments().size()
                + " assignment(s) were specified.");
      }
      var assignments = new Assignments(image);
      for (var assignment : topic.assignments()) {
        var refusal = assignments.refuses(assignment.brokerIds());
        if (refusal != null) {
          return refusal;
        }
      }
    }
    if (added + more > TopicRules.MOST_PARTITIONS_PER_REQUEST) {
      return Refusal.of(
          Errors.POLICY_VIOLATION,
          "Attempted to add "
              + (added + more)
              + " partitions in one request; the limit is "
              + TopicRules.MOST_PARTITIONS_PER_REQUEST
              + ".");
    }
    return null;
  }

  private static Refusal notMore(String name, int current, int asked) {
    return Refusal.of(
        Errors.INVALID_PARTITIONS,
        asked == current
            ? "Topic already has " + current + " partition(s)."
            : "The topic "
                + name
                + " currently has "
                + current
                + " partition(s); "
                + asked
                + " would not be an increase.");
  }

  private CompletableFuture<CreatePartitionsTopicResult> add(Wanted wanted) {
    String name = wanted.topic().name();
    return catalog
        .addPartitions(wanted.topic().id(), wanted.total())
        .thenApply(outcome ->
            switch (outcome) {
              case AddPartitions.Added _ -> result(name, null);
              case AddPartitions.NotMore(int current) ->
                  result(name, notMore(name, current, wanted.total()));
              case AddPartitions.NoSuchTopic _ ->
                  result(name, new Refusal(Errors.UNKNOWN_TOPIC_OR_PARTITION, null));
            });
  }

  private static CreatePartitionsTopicResult result(String name, @Nullable Refusal why) {
    // The message's default in the schema is empty, not null as everywhere else.
    var result = new CreatePartitionsTopicResult().setName(name).setErrorMessage(null);
    return why == null
        ? result
        : result.setErrorCode(why.error().code()).setErrorMessage(why.message());
  }

  /// One answer per name, in the order of the request.
  private static CreatePartitionsResponseData answer(
      CreatePartitionsRequestData body, Map<String, CreatePartitionsTopicResult> answers) {
    var response = new CreatePartitionsResponseData();
    for (var topic : body.topics()) {
      var result = answers.remove(topic.name());
      if (result != null) {
        response.results().add(result);
      }
    }
    return response;
  }

  @Override
  public ApiMessage failure(Request<CreatePartitionsRequestData> request, Errors error) {
    var response = new CreatePartitionsResponseData();
    for (var topic : request.body().topics()) {
      response
          .results()
          .add(
              new CreatePartitionsTopicResult()
                  .setName(topic.name())
                  .setErrorCode(error.code())
                  .setErrorMessage(null));
    }
    return response;
  }
}
