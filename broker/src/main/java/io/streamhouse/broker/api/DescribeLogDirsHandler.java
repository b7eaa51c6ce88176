package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.read.LogDirectory;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.DescribeLogDirsRequestData;
import org.apache.kafka.common.message.DescribeLogDirsResponseData;
import org.apache.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsPartition;
import org.apache.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsResult;
import org.apache.kafka.common.message.DescribeLogDirsResponseData.DescribeLogDirsTopic;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// DescribeLogDirs: one directory, with the partitions led here and how many bytes each takes,
/// though most of those are in the object store. What is asked for and not led here is left out, as
/// in Kafka.
final class DescribeLogDirsHandler implements ApiHandler<DescribeLogDirsRequestData> {

  /// The oldest version with an error for the whole request.
  private static final short FIRST_WITH_ERROR = 3;

  private final Catalog catalog;
  private final LogDirectory directory;

  DescribeLogDirsHandler(Catalog catalog, LogDirectory directory) {
    this.catalog = catalog;
    this.directory = directory;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DESCRIBE_LOG_DIRS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DescribeLogDirsRequestData> request) {
    var image = catalog.image();
    var asked = asked(image, request.body());
    return directory
        .usage(asked == null ? null : asked.keySet())
        .handle((usage, thrown) ->
            Reply.of(
                thrown == null
                    ? described(image, asked, usage)
                    : failure(request, KafkaErrors.of(thrown))));
  }

  /// Partitions by topic, of topics that exist; null for all there are.
  private static @Nullable Map<UUID, Set<Integer>> asked(
      Image image, DescribeLogDirsRequestData body) {
    if (body.topics() == null) {
      return null;
    }
    var asked = new HashMap<UUID, Set<Integer>>();
    for (var named : body.topics()) {
      var topic = image.topic(named.topic());
      if (topic != null) {
        asked.computeIfAbsent(topic.id(), _ -> new HashSet<>()).addAll(named.partitions());
      }
    }
    return asked;
  }

  private DescribeLogDirsResponseData described(
      Image image, @Nullable Map<UUID, Set<Integer>> asked, LogDirectory.Usage usage) {
    var topics = new HashMap<UUID, DescribeLogDirsTopic>();
    usage
        .sizes()
        .forEach((id, bytes) -> {
          var topic = image.topic(id.topicId());
          if (topic == null
              || (asked != null
                  && !asked.getOrDefault(id.topicId(), Set.of()).contains(id.partition()))) {
            return;
          }
          topics
              .computeIfAbsent(id.topicId(), _ -> new DescribeLogDirsTopic().setName(topic.name()))
              .partitions()
              .add(
                  new DescribeLogDirsPartition()
                      .setPartitionIndex(id.partition())
                      .setPartitionSize(bytes));
        });
    return new DescribeLogDirsResponseData()
        .setResults(
            List.of(
                new DescribeLogDirsResult()
                    .setLogDir(directory.path())
                    .setTopics(List.copyOf(topics.values()))
                    .setTotalBytes(usage.totalBytes())
                    .setUsableBytes(usage.usableBytes())));
  }

  /// The directory has the error too: older versions know no other place for it.
  @Override
  public ApiMessage failure(Request<DescribeLogDirsRequestData> request, Errors error) {
    var response =
        new DescribeLogDirsResponseData()
            .setResults(
                List.of(
                    new DescribeLogDirsResult()
                        .setLogDir(directory.path())
                        .setErrorCode(error.code())));
    return request.version() < FIRST_WITH_ERROR ? response : response.setErrorCode(error.code());
  }
}
