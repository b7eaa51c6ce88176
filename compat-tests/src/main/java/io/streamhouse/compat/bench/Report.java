package io.streamhouse.compat.bench;

import io.streamhouse.compat.bench.Run.Measure;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/// All pairs of runs, as a table for people and as raw figures.
final class Report {

  /// With more of the processors in other hands, a pair says little.
  private static final double FOREIGN_LIMIT = 0.25;

  private final String one;
  private final String other;
  private final List<Pair> pairs = new ArrayList<>();

  /// Two runs of the same minutes.
  private record Pair(Case of, int number, Run one, Run other) {

    boolean clean() {
      return Math.max(one.foreign(), other.foreign()) <= FOREIGN_LIMIT;
    }

    boolean has(Measure measure) {
      return one.value(measure).isPresent() && other.value(measure).isPresent();
    }

    double ratio(Measure measure) {
      return one.value(measure).orElseThrow() / other.value(measure).orElseThrow();
    }
  }

  Report(String one, String other) {
    this.one = one;
    this.other = other;
  }

  void add(Case of, int number, Run first, Run second) {
    pairs.add(new Pair(of, number, first, second));
  }

  static String header(String one, String other) {
    return """
    | case | measure | %s | %s | ratio | clean pairs | ratio, all pairs | foreign CPU |
    |---|---|---|---|---|---|---|---|
    """
        .formatted(one, other);
  }

  /// The rows of a case, one for each measure: medians with their range over the clean pairs, or
  /// over all if none is clean, and the medians of the pairs' ratios.
  String rows(Case of) {
    var all = pairs.stream().filter(pair -> pair.of().equals(of)).toList();
    var rows = new StringBuilder();
    for (var measure : of.measures()) {
      var measured = all.stream().filter(pair -> pair.has(measure)).toList();
      if (measured.isEmpty()) {
        continue;
      }
      var clean = measured.stream().filter(Pair::clean).toList();
      var shown = clean.isEmpty() ? measured : clean;
      int digits = measure.digits();
      rows.append(
          "| %s | %s | %s | %s | %s | %d of %d | %s | %.0f %% |%n"
              .formatted(
                  of.name(),
                  measure.label(),
                  spread(shown, pair -> pair.one().value(measure).orElseThrow(), digits),
                  spread(shown, pair -> pair.other().value(measure).orElseThrow(), digits),
                  clean.isEmpty() ? "–" : spread(clean, pair -> pair.ratio(measure), 2),
                  clean.size(),
                  measured.size(),
                  spread(measured, pair -> pair.ratio(measure), 2),
                  100 * median(measured, Report::foreign)));
    }
    return rows.toString();
  }

  String table() {
    return header(one, other)
        + pairs.stream().map(Pair::of).distinct().map(this::rows).collect(Collectors.joining());
  }

  /// One line for each figure.
  String csv() {
    var csv = new StringBuilder("case,pair,server,foreign,measure,value\n");
    for (var pair : pairs) {
      csv(csv, pair, one, pair.one());
      csv(csv, pair, other, pair.other());
    }
    return csv.toString();
  }

  private static void csv(StringBuilder csv, Pair pair, String server, Run run) {
    for (var measure : pair.of().measures()) {
      run.value(measure)
          .ifPresent(value ->
              csv.append(
                  String.format(
                      Locale.ROOT,
                      "%s,%d,%s,%.3f,%s,%.4f%n",
                      pair.of().name(),
                      pair.number(),
                      server,
                      run.foreign(),
                      measure.label(),
                      value)));
    }
  }

  private static double foreign(Pair pair) {
    return Math.max(pair.one().foreign(), pair.other().foreign());
  }

  private static String spread(List<Pair> pairs, ToDoubleFunction<Pair> figure, int digits) {
    double[] sorted = pairs.stream().mapToDouble(figure).sorted().toArray();
    String number = "%." + digits + "f";
    return String.format(
        Locale.ROOT,
        number + " (" + number + "–" + number + ")",
        median(pairs, figure),
        sorted[0],
        sorted[sorted.length - 1]);
  }

  private static double median(List<Pair> pairs, ToDoubleFunction<Pair> figure) {
    double[] sorted = pairs.stream().mapToDouble(figure).sorted().toArray();
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
