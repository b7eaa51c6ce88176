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
              "two members with its cooperative assignor join again without end"));

  private KnownLimits() {}

  static Optional<Limit> of(Client client, String scenario) {
    return LIST.stream()
        .filter(one -> one.client() == client && one.scenario().equals(scenario))
        .findFirst();
  }
}
