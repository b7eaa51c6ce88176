package io.streamhouse.compat.scale;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What an agent's `/metrics` said at one moment: the value of each series, by its name with its
/// tags.
record AgentMetrics(Map<String, Double> series) {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Pattern BUCKET = Pattern.compile("le=\"([^\"]+)\"");

  static AgentMetrics of(HttpClient http, URI page) throws IOException, InterruptedException {
    var request = HttpRequest.newBuilder(page).timeout(PATIENCE).build();
    var series = new HashMap<String, Double>();
    for (String line : http.send(request, BodyHandlers.ofString()).body().lines().toList()) {
      int space = line.lastIndexOf(' ');
      if (!line.startsWith("#") && space > 0) {
        series.put(line.substring(0, space), Double.parseDouble(line.substring(space + 1)));
      }
    }
    return new AgentMetrics(series);
  }

  /// What was added to each series since `before`.
  AgentMetrics since(AgentMetrics before) {
    var added = new HashMap<String, Double>();
    series.forEach((name, value) -> added.put(name, value - before.series.getOrDefault(name, 0.0)));
    return new AgentMetrics(added);
  }

  /// The sum over all tags of a name.
  double sum(String name) {
    return series.entrySet().stream()
        .filter(one -> one.getKey().equals(name) || one.getKey().startsWith(name + "{"))
        .mapToDouble(Map.Entry::getValue)
        .sum();
  }

  /// Of the series of a name with one tag, where that has this value.
  double tagged(String name, String tag, String value) {
    return series.getOrDefault("%s{%s=\"%s\"}".formatted(name, tag, value), 0.0);
  }

  /// The values of a tag of a name.
  Set<String> values(String name, String tag) {
    var values = new TreeSet<String>();
    var pattern = Pattern.compile(Pattern.quote(name) + "\\{" + tag + "=\"([^\"]+)\"}");
    for (String one : series.keySet()) {
      Matcher matcher = pattern.matcher(one);
      if (matcher.matches()) {
        values.add(matcher.group(1));
      }
    }
    return values;
  }

  /// A quantile of a histogram in milliseconds, taken to lie evenly in its bucket.
  double quantile(String name, String tag, String value, double quantile) {
    var buckets = new TreeMap<Double, Double>();
    series.forEach((series, count) -> {
      Matcher le = BUCKET.matcher(series);
      if (series.startsWith(name + "_bucket{")
          && series.contains("%s=\"%s\"".formatted(tag, value))
          && le.find()) {
        String bound = le.group(1);
        double seconds =
            bound.equals("+Inf") ? Double.POSITIVE_INFINITY : Double.parseDouble(bound);
        buckets.put(seconds, count);
      }
    });
    if (buckets.isEmpty()) {
      return Double.NaN;
    }
    double wanted = quantile * buckets.lastEntry().getValue();
    double below = 0;
    double from = 0;
    for (var bucket : buckets.entrySet()) {
      if (bucket.getValue() >= wanted) {
        double part = (wanted - below) / Math.max(1, bucket.getValue() - below);
        return Double.isInfinite(bucket.getKey())
            ? bucket.getKey()
            : 1000 * (from + (bucket.getKey() - from) * part);
      }
      below = bucket.getValue();
      from = bucket.getKey();
    }
    return Double.NaN;
  }
}
