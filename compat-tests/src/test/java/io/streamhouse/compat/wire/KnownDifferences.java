package io.streamhouse.compat.wire;

import io.streamhouse.compat.wire.OracleComparisonTest.Difference;
import java.util.List;

/// Where StreamHouse answers otherwise than Apache Kafka 4.3.1, and why.
final class KnownDifferences {

  static final List<Difference> LIST = List.of();

  private KnownDifferences() {}
}
