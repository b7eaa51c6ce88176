package io.streamhouse.compat.cluster;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;

/// The partitions under load, each of which has a number in histories: its place in this list.
///
/// @param topics their names
/// @param perTopic partitions of each
record Layout(List<String> topics, int perTopic) {

  Layout {
    topics = List.copyOf(topics);
  }

  static Layout of(int topics, int perTopic) {
    var names = new ArrayList<String>();
    for (int topic = 0; topic < topics; topic++) {
      names.add("load-" + topic);
    }
    return new Layout(names, perTopic);
  }

  int size() {
    return topics.size() * perTopic;
  }

  List<TopicPartition> partitions() {
    var partitions = new ArrayList<TopicPartition>();
    for (String topic : topics) {
      for (int partition = 0; partition < perTopic; partition++) {
        partitions.add(new TopicPartition(topic, partition));
      }
    }
    return List.copyOf(partitions);
  }

  /// The number of each.
  Map<TopicPartition, Integer> numbers() {
    var numbers = new HashMap<TopicPartition, Integer>();
    partitions().forEach(partition -> numbers.put(partition, numbers.size()));
    return Map.copyOf(numbers);
  }
}
