package io.streamhouse.compat.bench;

import java.util.EnumMap;
import java.util.Map;
import java.util.OptionalDouble;

/// What one run of one case against one server measured.
///
/// @param values only those the case measures
/// @param foreign the part of the processors others had meanwhile, from 0 to 1
record Run(Map<Measure, Double> values, double foreign) {

  /// What can be measured, each with the unit it is shown in.
  enum Measure {
    RECORDS_PER_SECOND("records/s", true, 0),
    MB_PER_SECOND("MB/s", true, 1),
    P50_MILLIS("p50 ms", false, 2),
    P99_MILLIS("p99 ms", false, 2),
    P999_MILLIS("p99.9 ms", false, 2),
    CPU_PER_MILLION("CPU s/M records", false, 2),
    ADDED_CPU_PER_MILLION("CPU s/M records (consumer's part)", false, 2),
    RESIDENT_MB("RSS MB", false, 0),
    START_MILLIS("ms to first ack", false, 0);

    private final String label;
    private final boolean moreIsBetter;
    private final int digits;

    Measure(String label, boolean moreIsBetter, int digits) {
      this.label = label;
      this.moreIsBetter = moreIsBetter;
      this.digits = digits;
    }

    String label() {
      return label;
    }

    boolean moreIsBetter() {
      return moreIsBetter;
    }

    int digits() {
      return digits;
    }
  }

  Run {
    values = Map.copyOf(values);
  }

  OptionalDouble value(Measure measure) {
    var value = values.get(measure);
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }

  /// Collects what is measured on the way.
  static final class Builder {

    private final Map<Measure, Double> values = new EnumMap<>(Measure.class);

    Builder put(Measure measure, double value) {
      values.put(measure, value);
      return this;
    }

    Run build(double foreign) {
      return new Run(values, foreign);
    }
  }
}
