package io.streamhouse.broker.group;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.metadata.Topic;
import java.util.Collection;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// The topics there are, as of one moment: what a coordinator that assigns partitions must know.
/// Immutable.
public interface Topics {

  /// Differs from that of any other moment at which other topics were there, or other partitions.
  long version();

  /// The names of all of them, in any order.
  Collection<String> names();

  /// The name of the topic with this id, null if there is none.
  @Nullable String name(UUID id);

  /// Whether there is a topic with this id.
  default boolean has(UUID id) {
    return name(id) != null;
  }

  /// A topic as it is now, null if there is none of this name.
  @Nullable Shape shape(String topic);

  static Topics of(Image image) {
    return new Topics() {
      @Override
      public long version() {
        return image.changes();
      }

      @Override
      public Collection<String> names() {
        return image.topics().stream().map(Topic::name).toList();
      }

      @Override
      public @Nullable String name(UUID id) {
        var topic = image.topic(id);
        return topic == null ? null : topic.name();
      }

      @Override
      public @Nullable Shape shape(String name) {
        var topic = image.topic(name);
        return topic == null ? null : new Shape(topic.id(), topic.partitions());
      }
    };
  }

  /// @param partitions how many there are, numbered from 0
  record Shape(UUID id, int partitions) {

    public Shape {
      if (partitions < 0) {
        throw new IllegalArgumentException(partitions + " partitions");
      }
    }
  }
}
