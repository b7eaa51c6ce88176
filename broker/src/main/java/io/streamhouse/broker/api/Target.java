package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Appends;
import io.streamhouse.broker.read.LogReader;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Topic;
import org.apache.kafka.common.Uuid;
import org.jspecify.annotations.Nullable;

/// The log a partition named in a request means, or why there is none here.
sealed interface Target {

  record Led(PartitionId id, LogReader reader, Appends appends) implements Target {}

  /// @param id absent where the topic or partition does not exist
  record Failed(@Nullable PartitionId id, Failure failure) implements Target {}

  /// By topic name. What does not exist is [Failure.UnknownTopic], never an unknown id the client
  /// did not mention.
  static Target byName(Image image, Logs logs, String topic, int partition) {
    return find(image.topic(topic), new Failure.UnknownTopic(), logs, partition);
  }

  /// By topic id.
  static Target byId(Image image, Logs logs, Uuid topic, int partition) {
    return find(
        image.topic(TopicIds.fromWire(topic)), new Failure.UnknownTopicId(), logs, partition);
  }

  private static Target find(@Nullable Topic topic, Failure unknown, Logs logs, int partition) {
    if (topic == null) {
      return new Failed(null, unknown);
    }
    if (partition < 0 || partition >= topic.partitions()) {
      return new Failed(null, new Failure.UnknownTopic());
    }
    var id = new PartitionId(topic.id(), partition);
    return switch (logs.find(id)) {
      case Logs.Lookup.Led(var reader, var appends) -> new Led(id, reader, appends);
      case Logs.Lookup.NotLed(Failure.UnknownTopicId _) -> new Failed(id, unknown);
      case Logs.Lookup.NotLed(var failure) -> new Failed(id, failure);
    };
  }

  /// What is wrong with the leader epoch a client believes in (KIP-320).
  ///
  /// @param claimed -1 where the client claims none
  static @Nullable Failure epochMismatch(int claimed, int current) {
    if (claimed < 0 || claimed == current) {
      return null;
    }
    return claimed < current
        ? new Failure.FencedLeaderEpoch(current)
        : new Failure.UnknownLeaderEpoch(current);
  }
}
