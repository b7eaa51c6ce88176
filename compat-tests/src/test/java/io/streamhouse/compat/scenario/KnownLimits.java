package io.streamhouse.compat.scenario;

import java.util.List;
import java.util.Optional;

/// What clients do not manage, against Apache Kafka either, and why. One that they do manage after
/// all is a mistake here.
final class KnownLimits {

  /// @param reason a sentence for the table of results
  record Limit(Client client, String scenario, String reason) {}

  static final List<Limit> LIST =
      List.of(
          new Limit(
              Client.KAFKA_PYTHON,
              "cooperative",
              "two members with its cooperative assignor join again without end"),
          new Limit(
              Client.FRANZ_GO,
              "recreate",
              "its producer keeps the id of the topic that was deleted, and asks no more"),
          new Limit(
              Client.FRANZ_GO_CONSUMER,
              "recreate",
              "its producer keeps the id of the topic that was deleted, and asks no more"),
          new Limit(
              Client.FRANZ_GO_CONSUMER,
              "static",
              "it leaves without naming its instance, so the server must refuse it"),
          new Limit(
              Client.KAFKAJS,
              "many-partitions",
              "it hands over each partition's records by themselves, two thousand take longer than"
                  + " a minute"));

  private KnownLimits() {}

  static Optional<Limit> of(Client client, String scenario) {
    return LIST.stream()
        .filter(one -> one.client() == client && one.scenario().equals(scenario))
        .findFirst();
  }
}
