package io.streamhouse.broker.http;

import java.util.Locale;
import java.util.function.UnaryOperator;

/// `/metrics`: what Prometheus reads, in OpenMetrics' form for those who accept it.
public final class MetricsPage implements Page {

  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
  private static final String OPEN_METRICS =
      "application/openmetrics-text; version=1.0.0; charset=utf-8";

  private final UnaryOperator<String> scrape;

  /// @param scrape all metrics in the form of a content type
  public MetricsPage(UnaryOperator<String> scrape) {
    this.scrape = scrape;
  }

  @Override
  public Content content(String accept) {
    boolean open = accept.toLowerCase(Locale.ROOT).contains("application/openmetrics-text");
    String type = open ? OPEN_METRICS : PROMETHEUS;
    return new Content(200, type, scrape.apply(type));
  }
}
