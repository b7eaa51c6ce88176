package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.AlterReplicaLogDirsRequestData;
import org.apache.kafka.common.message.AlterReplicaLogDirsResponseData;
import org.apache.kafka.common.message.AlterReplicaLogDirsResponseData.AlterReplicaLogDirPartitionResult;
import org.apache.kafka.common.message.AlterReplicaLogDirsResponseData.AlterReplicaLogDirTopicResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// AlterReplicaLogDirs: there is one directory, so what is led here is where it is told to go, or
/// told to go where there is nothing.
final class AlterReplicaLogDirsHandler implements ApiHandler<AlterReplicaLogDirsRequestData> {

  private final Catalog catalog;
  private final Logs logs;
  private final String path;

  /// @param path of the one directory
  AlterReplicaLogDirsHandler(Catalog catalog, Logs logs, String path) {
    this.catalog = catalog;
    this.logs = logs;
    this.path = path;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.ALTER_REPLICA_LOG_DIRS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<AlterReplicaLogDirsRequestData> request) {
    var image = catalog.image();
    return CompletableFuture.completedFuture(
        Reply.of(
            answer(
                request.body(),
                (directory, topic, partition) -> outcome(image, directory, topic, partition))));
  }

  private Errors outcome(Image image, String directory, String topic, int partition) {
    if (!directory.equals(path)) {
      return Errors.LOG_DIR_NOT_FOUND;
    }
    return switch (Target.byName(image, logs, topic, partition)) {
      case Target.Led _ -> Errors.NONE;
      case Target.Failed(var _, var failure) -> KafkaErrors.of(failure);
    };
  }

  /// What becomes of one partition.
  private interface Outcome {
    Errors of(String directory, String topic, int partition);
  }

  /// By topic, whichever directory a topic's partitions are to go to. Of a partition named twice
  /// the last place counts, as in Kafka.
  private static AlterReplicaLogDirsResponseData answer(
      AlterReplicaLogDirsRequestData body, Outcome outcome) {
    var errors = new LinkedHashMap<String, Map<Integer, Errors>>();
    for (var directory : body.dirs()) {
      for (var topic : directory.topics()) {
        var partitions = errors.computeIfAbsent(topic.name(), _ -> new LinkedHashMap<>());
        for (int partition : topic.partitions()) {
          partitions.put(partition, outcome.of(directory.path(), topic.name(), partition));
        }
      }
    }
    var response = new AlterReplicaLogDirsResponseData();
    errors.forEach((topic, partitions) -> {
      var result = new AlterReplicaLogDirTopicResult().setTopicName(topic);
      partitions.forEach((partition, error) ->
          result
              .partitions()
              .add(
                  new AlterReplicaLogDirPartitionResult()
                      .setPartitionIndex(partition)
                      .setErrorCode(error.code())));
      response.results().add(result);
    });
    return response;
  }

  @Override
  public ApiMessage failure(Request<AlterReplicaLogDirsRequestData> request, Errors error) {
    return answer(request.body(), (_, _, _) -> error);
  }
}
