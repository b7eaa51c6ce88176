package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Image;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.internals.Topic;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// Kafka's rules for names of new topics.
final class TopicNames {

  private final Image image;

  /// Names with `.` or `_` by what they become in metric names; made when first needed, since it
  /// reads every topic.
  private @Nullable Map<String, String> collisions;

  /// Judges names against the topics of `image`.
  TopicNames(Image image) {
    this.image = image;
  }

  /// Why no topic may have this name; null if one may, or already does.
  @Nullable Refusal refuses(String name) {
    Refusal malformed = malformed(name);
    if (malformed != null || !Topic.hasCollisionChars(name) || image.topic(name) != null) {
      return malformed;
    }
    String other = collisions().get(Topic.unifyCollisionChars(name));
    return other == null
        ? null
        : Refusal.of(
            Errors.INVALID_TOPIC_EXCEPTION,
            "Topic '" + name + "' collides with existing topic: " + other);
  }

  /// Why this is no topic name, whatever topics exist; null if it is one.
  static @Nullable Refusal malformed(String name) {
    try {
      Topic.validate(name);
      return null;
    } catch (InvalidTopicException e) {
      return new Refusal(Errors.INVALID_TOPIC_EXCEPTION, e.getMessage());
    }
  }

  /// The error of a topic that was asked for and does not exist.
  static Errors missing(String name) {
    return malformed(name) == null
        ? Errors.UNKNOWN_TOPIC_OR_PARTITION
        : Errors.INVALID_TOPIC_EXCEPTION;
  }

  /// Topics Kafka keeps its own state in. Their state is in the metadata store here, so they exist
  /// only where somebody created them.
  static boolean internal(String name) {
    return Topic.isInternal(name);
  }

  /// The controllers' own log in Kafka, which nobody may create.
  static boolean reserved(String name) {
    return name.equals(Topic.CLUSTER_METADATA_TOPIC_NAME);
  }

  private Map<String, String> collisions() {
    var known = collisions;
    if (known == null) {
      known = new HashMap<>();
      for (var topic : image.topics()) {
        if (Topic.hasCollisionChars(topic.name())) {
          known.put(Topic.unifyCollisionChars(topic.name()), topic.name());
        }
      }
      collisions = known;
    }
    return known;
  }
}
